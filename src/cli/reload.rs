use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::bail;
use clap::Args;
use rustix::process::{Pid, Signal, kill_process};

use super::folder::several;
use super::print_faults;
use crate::app::{self, check_examples};
use crate::config::Config;
use crate::document::Faults;
use crate::store::{Store, holder};

/// How long the service may take: it finishes the batch that it is at.
const WAIT_MAX: Duration = Duration::from_secs(60);

const LOOK: Duration = Duration::from_millis(100);

/// Has the running service take in a changed catalogue and fleet.
///
/// Everything is checked first, all examples of all profiles too. With any fault nothing happens and the
/// service goes on with what it has. The same is done on SIGHUP. What else the configuration says holds from
/// the next start.
#[derive(Args)]
pub struct Reload {
    /// The configuration file that the service runs with.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

impl Reload {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let faults = Faults::default();
        let prepared = match app::prepare(Config::load(&self.config, &faults), faults) {
            Ok(prepared) => prepared,
            Err(faults) => return Ok(refused(&faults)),
        };
        let limits = &prepared.config.limits.pipeline.codec;
        let (_, faults) = check_examples(&prepared.catalog, limits);
        if !faults.is_empty() {
            return Ok(refused(&faults));
        }
        let store = &prepared.config.store;
        let holder = holder(&store.dir)?.and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let Some(service) = holder else {
            bail!("no service runs on {}; it reads its files when it starts", store.dir.display());
        };
        let writer = Store::beside(store)?;
        let before = writer.reloads()?;
        kill_process(service, Signal::HUP)?;
        let asked = Instant::now();
        while writer.reloads()? == before {
            if asked.elapsed() > WAIT_MAX {
                bail!("the service has not taken it in; its log says why");
            }
            thread::sleep(LOOK);
        }
        let profiles = prepared.catalog.profiles().count();
        println!(
            "taken in: {}, {}, {}",
            several(profiles, "profile", "profiles"),
            several(prepared.fleet.sites.len(), "site", "sites"),
            several(prepared.fleet.devices.len(), "device", "devices"),
        );
        Ok(ExitCode::SUCCESS)
    }
}

fn refused<F: std::fmt::Display>(faults: &[F]) -> ExitCode {
    print_faults(faults);
    eprintln!("the service goes on with what it has");
    ExitCode::FAILURE
}
