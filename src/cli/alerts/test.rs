use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;

use crate::cli::{print_faults, runtime};
use crate::config::Config;
use crate::document::Faults;
use crate::notify::{Channel, try_out};

/// Sends a message that says it is a test, and prints what the other side answered.
///
/// It is sent from here and once: no service need run, and nothing is written down. An Alertmanager gets an alert
/// `stadspuls_test` that is over after a minute.
#[derive(Args)]
pub struct Test {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The channel's name; may be given several times.
    #[arg(long, value_name = "NAME", required_unless_present = "all")]
    channel: Vec<String>,
    /// All channels.
    #[arg(long, conflicts_with = "channel")]
    all: bool,
}

impl Test {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let faults = Faults::default();
        let config = Config::load(&self.config, &faults);
        if !faults.is_empty() {
            print_faults(&faults.into_vec());
            return Ok(ExitCode::FAILURE);
        }
        let known = config.channels.iter().map(|channel| channel.name.as_str());
        let known = known.collect::<Vec<_>>().join(", ");
        if known.is_empty() {
            bail!("{} has no [[alert.channel]]", self.config.display());
        }
        let is_wanted = |channel: &&Channel| self.all || self.channel.contains(&channel.name);
        let wanted: Vec<&Channel> = config.channels.iter().filter(is_wanted).collect();
        for name in &self.channel {
            if !wanted.iter().any(|channel| channel.name == *name) {
                bail!("there is no channel {name}; there are {known}");
            }
        }
        let runtime = runtime()?;
        let mut code = ExitCode::SUCCESS;
        for channel in wanted {
            match runtime.block_on(try_out(channel)) {
                Ok(says) => println!("{}: delivered, {says}", channel.name),
                Err(says) => {
                    eprintln!("{}: not delivered, {says}", channel.name);
                    code = ExitCode::FAILURE;
                }
            }
        }
        Ok(code)
    }
}
