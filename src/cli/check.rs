use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::folder::several;
use super::print_faults;
use crate::app::{self, check_examples, data_folder};
use crate::catalog::Catalog;
use crate::codec::CodecLimits;
use crate::config::Config;
use crate::document::Faults;

/// Checks configuration, fleet and catalogue, and reports every fault at once.
///
/// Each fault is one line with file, line, key, value and what was wanted. All examples of all
/// device profiles are run. A secret that cannot be read now is a warning that says what comes of it.
/// Nothing is started and nothing is changed.
#[derive(Args)]
pub struct Check {
    /// The configuration file; without one only the built-in catalogue is checked.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Check {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let faults = Faults::default();
        let (catalog, fleet) = match &self.config {
            None => {
                let catalog = Catalog::load(&[data_folder("decoders")], &faults);
                if !faults.is_empty() {
                    print_faults(&faults.into_vec());
                    return Ok(ExitCode::FAILURE);
                }
                (Arc::new(catalog), None)
            }
            Some(file) => match app::prepare(Config::load(file, &faults), faults) {
                Ok(prepared) => {
                    for warning in app::missing_secrets(&prepared.config) {
                        eprintln!("warning: {warning}");
                    }
                    let rules = prepared.alerts.of_file;
                    (prepared.catalog, Some((prepared.fleet, rules)))
                }
                Err(faults) => {
                    print_faults(&faults);
                    return Ok(ExitCode::FAILURE);
                }
            },
        };
        let (examples, faults) = check_examples(&catalog, &CodecLimits::default());
        if !faults.is_empty() {
            print_faults(&faults);
            return Ok(ExitCode::FAILURE);
        }
        println!(
            "{}, {}, {}: no faults",
            several(catalog.quantities().count(), "quantity", "quantities"),
            several(catalog.profiles().count(), "profile", "profiles"),
            several(examples, "example", "examples"),
        );
        if let Some((fleet, rules)) = fleet {
            println!(
                "{}, {}, {}, {}: no faults",
                several(fleet.sites.len(), "site", "sites"),
                several(fleet.devices.len(), "device", "devices"),
                several(fleet.deployments.len(), "deployment", "deployments"),
                several(rules, "alert rule", "alert rules"),
            );
        }
        Ok(ExitCode::SUCCESS)
    }
}
