#![no_main]

use libfuzzer_sys::fuzz_target;
use stadspuls::{envelope::check, model::Format};

fuzz_target!(|body: &[u8]| check(Format::MilesightGateway, body).unwrap());
