use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::bail;
use chrono::{DateTime, Utc};
use clap::Args;

use super::{Of, Opened};
use crate::cli::folder::Bar;
use crate::cli::verify::time;
use crate::clock;
use crate::sink::influxdb::NAME;
use crate::store::{BackfillScope, HourSpan, Progress, StoreError, holder};

/// How often we look how far the service has come.
const LOOK: Duration = Duration::from_millis(300);

/// Has the service write the past to InfluxDB, for a new bucket or one that was emptied.
///
/// The service does it between what is new, and this command shows how far it is. Where no service runs, it
/// begins when one starts. Ctrl-C stops it, and asking for the same again goes on from there. To write the same
/// twice changes nothing.
#[derive(Args)]
pub struct Backfill {
    #[command(flatten)]
    of: Of,
    /// Only what was observed or heard at this time or later, by whole hours.
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<DateTime<Utc>>,
    /// Only what was observed or heard before this time, by whole hours.
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<DateTime<Utc>>,
    /// The bucket holds nothing any more: sites get the kind that they have now.
    #[arg(long)]
    emptied: bool,
}

impl Backfill {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let span = HourSpan::new(self.from, self.to);
        if span.first() > span.last() {
            bail!("--from is not before --to, so there is nothing to write");
        }
        let Some(Opened { mut writer, dir }) = self.of.open()? else {
            return Ok(ExitCode::FAILURE);
        };
        let scope = BackfillScope { span, emptied: self.emptied };
        let begun: Result<_, StoreError> =
            writer.batch(|batch| batch.begin_backfill(NAME, &scope, clock::now()));
        let Some(mut run) = begun? else { bail!("nothing is kept of what is asked for") };
        if holder(&dir)?.is_none() {
            println!("noted: the service writes it when it runs");
            return Ok(ExitCode::SUCCESS);
        }
        let bar = Bar::new()?;
        while !run.finished {
            thread::sleep(LOOK);
            run = writer.rehearse(|batch| batch.follow_backfill(&run))?;
            let (what, done, total) = run.progress();
            if bar.show(Progress { what, done, total }).is_break() {
                let stopped: Result<(), StoreError> =
                    writer.batch(|batch| batch.stop_backfill(&run));
                stopped?;
                bar.clear();
                bail!("stopped; ask for the same again to go on");
            }
            if holder(&dir)?.is_none() {
                bar.clear();
                bail!("the service has stopped; it goes on when it runs again");
            }
        }
        bar.clear();
        println!("written");
        Ok(ExitCode::SUCCESS)
    }
}
