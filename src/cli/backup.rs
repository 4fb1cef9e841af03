use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::folder::{Bar, Folder, counted, grouped};
use super::print_faults;
use crate::clock;
use crate::store::backup;

/// Copies the whole store into a new folder, while the service runs or not.
///
/// The copy is one moment of the store: it holds everything that was acknowledged before the command
/// began. It is checked and on disk when the command ends, with a manifest, backup.json, beside it.
/// Nothing is ever overwritten. Run it as the user of the service.
#[derive(Args)]
pub struct Backup {
    #[command(flatten)]
    folder: Folder,
    /// The folder to make.
    #[arg(value_name = "DIR")]
    target: PathBuf,
}

impl Backup {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let dir = match self.folder.find() {
            Ok(dir) => dir,
            Err(faults) => {
                print_faults(&faults);
                return Ok(ExitCode::FAILURE);
            }
        };
        let bar = Bar::new()?;
        let made = backup(&dir, &self.target, clock::now, &mut |progress| bar.show(progress));
        bar.clear();
        let manifest = made?;
        println!(
            "{}: {} of the ledger, {} bytes, SHA-256 {}",
            self.target.display(),
            counted(manifest.ledger_rows, "row", "rows"),
            grouped(manifest.bytes),
            manifest.sha256,
        );
        Ok(ExitCode::SUCCESS)
    }
}
