//! The copy in InfluxDB: give it the past, look at what it has refused.

mod backfill;
mod letters;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};

use super::print_faults;
use crate::config::Config;
use crate::document::Faults;
use crate::store::{Store, Writer};

/// Gives InfluxDB the past, and shows what it has refused.
#[derive(Args)]
pub struct Sink {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Backfill(backfill::Backfill),
    /// What InfluxDB has refused for good: list it, have it tried again, or give it up.
    #[command(subcommand)]
    DeadLetters(letters::DeadLetters),
}

impl Sink {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Backfill(backfill) => backfill.run(),
            Command::DeadLetters(letters) => letters.run(),
        }
    }
}

/// Which sink is meant.
#[derive(Args)]
struct Of {
    /// The configuration file; its store and its sink are meant.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// The store beside the service, and its folder.
struct Opened {
    writer: Writer,
    dir: PathBuf,
}

impl Of {
    /// Opens the store; none where the configuration has faults, which have then been printed.
    fn open(&self) -> anyhow::Result<Option<Opened>> {
        open(&self.config)
    }
}

fn open(file: &Path) -> anyhow::Result<Option<Opened>> {
    let faults = Faults::default();
    let config = Config::load(file, &faults);
    if !faults.is_empty() {
        print_faults(&faults.into_vec());
        return Ok(None);
    }
    if config.influxdb.is_none() {
        bail!("{} has no [sink.influxdb]", file.display());
    }
    let writer = Store::beside(&config.store)?;
    Ok(Some(Opened { writer, dir: config.store.dir }))
}
