//! What the radio may make of a frame: no codec of the catalogue throws, hangs or invents a number.

use std::cell::RefCell;
use std::collections::BTreeMap;

use chrono::DateTime;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use stadspuls::catalog::{DeviceProfile, Example};
use stadspuls::codec::CodecLimits;
use stadspuls::pipeline::{Codecs, DecodeError, DecodeRequest};

use super::sound;

const CASES: u32 = 200;

/// Bytes at random, and the bytes of an example cut short, with one of them changed, or lengthened.
fn payloads(examples: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..64);
    let spoilt =
        (prop::sample::select(examples), any::<prop::sample::Index>(), any::<u8>(), bytes());
    let spoilt = spoilt.prop_flat_map(|(example, at, byte, more)| {
        let mut changed = example.clone();
        let cut = example[..at.index(example.len() + 1)].to_vec();
        if let Some(place) = changed.len().checked_sub(1).map(|last| at.index(last + 1)) {
            changed[place] = byte;
        }
        let longer = [example, more].concat();
        prop::sample::select(vec![changed, cut, longer])
    });
    prop_oneof![1 => bytes(), 3 => spoilt]
}

fn spoil(codecs: &RefCell<Codecs>, profile: &DeviceProfile) {
    let examples: Vec<Vec<u8>> = profile.examples.iter().map(|one| one.payload.clone()).collect();
    let settings: Vec<(u8, BTreeMap<String, String>)> = profile
        .examples
        .iter()
        .map(|Example { f_port, variables, .. }| (*f_port, variables.clone()))
        .collect();
    let strategy = (payloads(examples), prop::sample::select(settings), 0_i64..4_000_000_000);
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new(config);
    let result = runner.run(&strategy, |(payload, (f_port, variables), seconds)| {
        let decoded = codecs.borrow_mut().decode(&DecodeRequest {
            profile: &profile.id,
            f_port,
            payload: &payload,
            recv_time: DateTime::from_timestamp(seconds, 0).unwrap(),
            variables: &variables,
        });
        match decoded {
            Ok(decoded) => {
                for measurement in &decoded.measurements {
                    prop_assert!(measurement.value.is_finite(), "{measurement:?}");
                }
            }
            Err(DecodeError::Refused(reasons)) => {
                prop_assert!(reasons.iter().all(|reason| reason.len() > 5), "{reasons:?}");
            }
            Err(error) => prop_assert!(false, "{error}"),
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{}: {error}", profile.id);
    }
}

#[test]
fn whatever_the_radio_makes_of_a_frame_no_codec_throws_or_invents_a_number() {
    let catalog = sound();
    let codecs = RefCell::new(Codecs::new(catalog.clone(), CodecLimits::default()));
    let mut visited = 0;
    for profile in catalog.profiles() {
        spoil(&codecs, profile);
        visited += 1;
    }
    assert!(visited >= 31, "{visited} profiles");
}
