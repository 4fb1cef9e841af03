use std::path::PathBuf;
use std::process::ExitCode;

use chrono::{DateTime, SecondsFormat, Utc};
use clap::Args;

use super::folder::{Bar, counted};
use crate::clock;
use crate::store::{Holdings, restore};

/// Makes the store of a backup the one in a folder.
///
/// The copy is compared with its manifest and checked before anything changes. A folder on which a
/// service runs is refused, and so is one that holds a store, unless --replace says that it may be
/// moved aside.
#[derive(Args)]
pub struct Restore {
    /// A folder made by stadspuls backup.
    #[arg(value_name = "BACKUP_DIR")]
    backup: PathBuf,
    /// The store's folder, made if there is none.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Move a store that is there aside, under a name with the time.
    #[arg(long)]
    replace: bool,
}

impl Restore {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let bar = Bar::new()?;
        let (now, mut watch) = (clock::now(), |progress| bar.show(progress));
        let restored = restore(&self.backup, &self.to, self.replace, now, &mut watch);
        bar.clear();
        let restored = restored?;
        println!("{}: {}", self.to.display(), holdings(&restored.holdings));
        println!("It is the store as it was at {}.", instant(restored.manifest.made_at));
        if let Some(replaced) = restored.replaced {
            println!("The store that was there is now {}.", replaced.display());
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn holdings(holdings: &Holdings) -> String {
    let mut text = format!(
        "{} of the ledger, {} in {}, {}",
        counted(holdings.ledger_rows, "row", "rows"),
        counted(holdings.observations, "observation", "observations"),
        counted(holdings.series, "series", "series"),
        counted(holdings.devices_heard, "device heard", "devices heard"),
    );
    if let (Some(first), Some(last)) = (holdings.first_arrival, holdings.last_arrival) {
        text.push_str(&format!(", from {} to {}", instant(first), instant(last)));
    }
    text
}

fn instant(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}
