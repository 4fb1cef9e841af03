use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::{runtime, stop_on_signal};
use crate::clock;
use crate::secret::Secret;
use crate::simulate::{Broker, Fleet, Options, publish};
use crate::source::mqtt::BrokerUrl;
use crate::telemetry::start_logs;

/// Publishes the demonstration's fleet to any broker, as ChirpStack v4 would.
///
/// Some 40 invented sensors with genuine payload bytes: first the past, as fast as the broker
/// takes it, then live at the sensors' own times until Ctrl-C. The same sensor says the same at
/// the same time however often this runs.
#[derive(Args)]
pub struct Simulate {
    /// mqtt://[user@]host[:port], or mqtts:// for TLS.
    #[arg(long, value_name = "URL")]
    broker: BrokerUrl,
    /// File with the password of the user.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// How much of the past to publish first, such as 7d; 0s for none.
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = humantime::parse_duration)]
    backfill: Duration,
    /// Stop when the past has been published.
    #[arg(long)]
    once: bool,
}

impl Simulate {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        start_logs("info");
        let mut broker = Broker::new(self.broker);
        broker.password = self.password_file.map(|file| Secret::File(file).read()).transpose()?;
        let fleet = Fleet::demo(clock::now());
        let options = Options { backfill: self.backfill, live: !self.once, progress: true };
        runtime()?.block_on(async {
            let stop = stop_on_signal()?;
            let summary = publish(&fleet, &broker, options, stop).await?;
            println!(
                "{} messages acknowledged by {broker}, {} refused, {} repeated, {} unacknowledged",
                summary.acknowledged, summary.refused, summary.repeated, summary.unacknowledged
            );
            Ok(ExitCode::SUCCESS)
        })
    }
}
