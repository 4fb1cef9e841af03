//! What can be typed, one file a command.

mod alerts;
mod backup;
mod catalog;
mod check;
mod codec;
mod decode;
mod demo;
mod folder;
mod health;
mod init;
mod lines;
mod redecode;
mod reload;
mod restore;
mod run;
mod sensors;
mod simulate;
mod sink;
mod verify;

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio_util::sync::CancellationToken;

use crate::app::{self, Prepared};
use crate::config::Config;
use crate::document::Faults;

/// A city's LoRaWAN sensors: every uplink kept, decoded, watched and served.
///
/// Start with `stadspuls demo`: it needs nothing else and shows everything.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Demo),
    Init(init::Init),
    Run(run::Run),
    Check(check::Check),
    Health(health::Health),
    Backup(backup::Backup),
    Restore(restore::Restore),
    Verify(verify::Verify),
    Redecode(redecode::Redecode),
    Reload(reload::Reload),
    #[command(visible_alias = "alert")]
    Alerts(alerts::Alerts),
    Sink(sink::Sink),
    Simulate(simulate::Simulate),
    Catalog(catalog::Catalog),
    Decode(decode::Decode),
    Codec(codec::Codec),
}

impl Cli {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// What keeps the command from doing its work, in words for the person who typed it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Demo(demo) => demo.run(),
            Command::Init(init) => init.run(),
            Command::Run(run) => run.run(),
            Command::Check(check) => check.run(),
            Command::Health(health) => health.run(),
            Command::Backup(backup) => backup.run(),
            Command::Restore(restore) => restore.run(),
            Command::Verify(verify) => verify.run(),
            Command::Redecode(redecode) => redecode.run(),
            Command::Reload(reload) => reload.run(),
            Command::Alerts(alerts) => alerts.run(),
            Command::Sink(sink) => sink.run(),
            Command::Simulate(simulate) => simulate.run(),
            Command::Catalog(catalog) => catalog.run(),
            Command::Decode(decode) => decode.run(),
            Command::Codec(codec) => codec.run(),
        }
    }
}

/// A runtime for the commands that serve. Two threads do: the work itself is the pipeline's.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

/// Cancelled by Ctrl-C or a polite kill. A second one ends the process at once.
fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let stop = CancellationToken::new();
    let cancelled = stop.clone();
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        cancelled.cancel();
        interrupt.recv().await;
        std::process::exit(130);
    });
    Ok(stop)
}

/// Prints faults, one a line, and says how many there are.
/// What a configuration names, read and without faults; none where it has some, which have then been printed.
fn prepare(config: &Path) -> Option<Prepared> {
    let faults = Faults::default();
    let prepared = app::prepare(Config::load(config, &faults), faults);
    prepared.map_err(|faults| print_faults(&faults)).ok()
}

fn print_faults<F: std::fmt::Display>(faults: &[F]) {
    for fault in faults {
        eprintln!("{fault}");
    }
    let plural = if faults.len() == 1 { "" } else { "s" };
    eprintln!("{} fault{plural}", faults.len());
}
