//! Tries to make stadspuls lose or double an acknowledged uplink, and reports whether it could.
//!
//! The real `stadspuls run`, a real Mosquitto, and between them and the senders a network of our
//! own that can break. What was acknowledged is written down, and the store is held to it.
//!
//! - `plan`, `envelope`: what is sent, from the seed alone
//! - `schedule`: which fault happens when, from the seed alone
//! - `book`: what was sent and acknowledged
//! - `publish`, `post`: the senders
//! - `ground`, `proxy`: what can break
//! - `strike`, `lives`: how it breaks
//! - `run`: one run from beginning to end
//! - `check`, `report`: what the store says afterwards
//!
//! What another program tries too lies in `src/bin/common/`.

#[path = "../common/address.rs"]
mod address;
mod book;
#[path = "../common/broker.rs"]
mod broker;
mod check;
#[path = "../common/chirpstack.rs"]
mod chirpstack;
#[path = "../common/command.rs"]
mod command;
mod envelope;
mod ground;
#[path = "../common/http.rs"]
mod http;
mod lives;
#[path = "../common/mqtt.rs"]
mod mqtt;
mod plan;
mod post;
mod proxy;
mod publish;
mod random;
mod report;
mod run;
mod schedule;
#[path = "../common/service.rs"]
mod service;
mod strike;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use plan::Way;

/// Tries to make stadspuls lose or double an acknowledged uplink, and reports whether it could.
#[derive(Clone, Parser)]
#[command(max_term_width = 100)]
pub struct Options {
    /// How many uplinks are sent, copies and poison among them.
    #[arg(long, default_value_t = 20_000)]
    uplinks: u32,
    /// How many faults happen; without it 25 a minute, or 26 where no minutes are given.
    #[arg(long)]
    faults: Option<usize>,
    /// The same seed sends the same uplinks and makes the same schedule.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How uplinks reach the service.
    #[arg(long, value_delimiter = ',', default_value = "mosquitto,listener,http")]
    ways: Vec<Way>,
    /// How long faults go on; the rest of the run comes on top.
    #[arg(long)]
    minutes: Option<f64>,
    /// Parks all uplinks in the broker while the service is away, then drains them; no faults.
    #[arg(long)]
    parked: bool,
    /// The folder of the run, made if there is none; it goes away after a good run.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// The program to try; the one beside this one if not given.
    #[arg(long)]
    program: Option<PathBuf>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let done = runtime.map_err(anyhow::Error::from).and_then(|runtime| {
        let done = runtime.block_on(run::run(&options));
        runtime.shutdown_background();
        done
    });
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("faults: {error:#}");
            ExitCode::FAILURE
        }
    }
}
