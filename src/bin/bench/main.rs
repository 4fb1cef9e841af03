//! Measures what an uplink costs: in time of the processor, in memory, on disk and until it can be
//! seen. What belongs together is measured in one run and compared as a ratio, since machines differ
//! and one machine differs from hour to hour.
//!
//! - `load`: which uplinks are sent, each from its number alone
//! - `usage`: what a process or a thread has used
//! - `home`: the folder of a run, and the real service in it
//! - `send`: publishers and posters
//! - `floor`: the least that anybody can do with an uplink, which is to acknowledge it
//! - `drain`: the service beside that floor
//! - `stages`: where the time goes
//! - `watch`: what alert rules cost
//! - `latency`: how soon an uplink can be seen
//! - `flat`, `prefill`: whether fleet and history matter
//! - `profiles`: what each sensor model costs
//! - `report`: the result, for people and for programs
//!
//! What another program uses too lies in `src/bin/common/`.

#[path = "../common/address.rs"]
mod address;
#[path = "../common/broker.rs"]
mod broker;
#[path = "../common/chirpstack.rs"]
mod chirpstack;
#[path = "../common/command.rs"]
mod command;
mod drain;
mod flat;
mod floor;
mod home;
#[path = "../common/http.rs"]
mod http;
mod latency;
mod load;
#[expect(dead_code, reason = "the fault test listens in as well")]
#[path = "../common/mqtt.rs"]
mod mqtt;
mod prefill;
mod profiles;
mod report;
mod send;
#[path = "../common/service.rs"]
mod service;
mod stages;
mod usage;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};

use home::Home;
use report::Report;

/// Measures what an uplink costs, as ratios and in time of the processor.
#[derive(Clone, Parser)]
#[command(max_term_width = 100)]
pub struct Options {
    /// Uplinks that are parked, published or posted in each round.
    #[arg(long, default_value_t = 100_000)]
    uplinks: u64,
    /// Devices that send them, one uplink every ten minutes each.
    #[arg(long, default_value_t = 10_000)]
    devices: u32,
    /// How often the costs are measured; the least of them counts, since others use the machine too.
    #[arg(long, default_value_t = 2)]
    rounds: u32,
    /// Uplinks a second while latency is measured.
    #[arg(long, default_value_t = 1000)]
    rate: u32,
    /// How long latency is measured, in seconds.
    #[arg(long, default_value_t = 5)]
    seconds: u32,
    /// Observations that a store holds already when the cost with a history is measured.
    #[arg(long, default_value_t = 2_000_000)]
    history: u64,
    /// Registered devices at which the cost is measured; the first is what the others are compared to.
    #[arg(long, value_delimiter = ',', default_value = "10,10000,1000000")]
    fleets: Vec<u32>,
    /// What is measured; everything if not given.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
    /// Prints the result as JSON.
    #[arg(long)]
    json: bool,
    /// The folder of the run, made if there is none; it goes away afterwards. Its disk is measured.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Another program to measure than this one, which holds the service too.
    #[arg(long)]
    program: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    Parked,
    Listener,
    Http,
    Stages,
    Watch,
    Latency,
    Flat,
    Profiles,
}

fn main() -> ExitCode {
    // The service that is measured is this program, so that it is never older than what measures it.
    if std::env::args().nth(1).as_deref() == Some("run") {
        return match stadspuls::cli::Cli::parse().run() {
            Ok(code) => code,
            Err(error) => fail(&error),
        };
    }
    match measure(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("bench: {error:#}");
    ExitCode::FAILURE
}

fn measure(options: &Options) -> Result<()> {
    let home = Home::make(options)?;
    let report = measure_in(&home, options)
        .with_context(|| format!("the folder {} is left to be looked at", home.dir.display()))?;
    home.leave()?;
    report.print(options.json)
}

fn measure_in(home: &Home, options: &Options) -> Result<Report> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // Whoever waits for the result sees what it waits for.
    let wants = |part: Part, what: &str| {
        let wanted = options.only.is_empty() || options.only.contains(&part);
        if wanted {
            eprintln!("bench: {what}");
        }
        wanted
    };
    let mut report = Report::new(options);
    if wants(Part::Parked, "uplinks parked with a broker") {
        report.parked = Some(runtime.block_on(drain::parked(home, options))?);
    }
    if wants(Part::Listener, "uplinks to the embedded listener") {
        report.listener = Some(runtime.block_on(drain::listener(home, options))?);
    }
    if wants(Part::Http, "uplinks by HTTP") {
        report.http = Some(runtime.block_on(drain::http(home, options))?);
    }
    if wants(Part::Latency, "latency") {
        report.latency = runtime.block_on(latency::latency(home, options))?;
    }
    drop(runtime);
    if wants(Part::Stages, "stages") {
        report.stages = Some(stages::stages(home, options)?);
    }
    if wants(Part::Watch, "alert rules") {
        report.watched = watch::watched(home, options)?;
    }
    if wants(Part::Flat, "fleets and history") {
        report.flat = Some(flat::flat(home, options)?);
    }
    if wants(Part::Profiles, "sensor models") {
        report.profiles = profiles::profiles(home, options)?;
    }
    Ok(report)
}
