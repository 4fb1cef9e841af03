//! Everything that is read before anything starts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::alert::{self, Rules};
use crate::catalog::Catalog;
use crate::codec::CodecLimits;
use crate::config::Config;
use crate::document::{Fault, Faults};
use crate::pipeline::{Codecs, run_examples};
use crate::registry::read_fleet;
use crate::store::Fleet;

/// A configuration without faults, with the catalogue and the fleet it names.
pub struct Prepared {
    pub config: Config,
    pub catalog: Arc<Catalog>,
    pub fleet: Fleet,
    /// What is watched.
    pub alerts: Arc<Rules>,
}

/// Reads catalogue, fleet and alert rules for a configuration.
///
/// # Errors
///
/// All faults of all files, those already in `faults` among them.
pub fn prepare(config: Config, faults: Faults) -> Result<Prepared, Vec<Fault>> {
    let mut folders = vec![data_folder("decoders")];
    folders.extend(config.catalog_paths.iter().cloned());
    let catalog = Catalog::load(&folders, &faults);
    let fleet = read_fleet(&config.fleet_dir, &catalog, &faults);
    let alerts = alert::read_rules(&config.fleet_dir, &catalog, &fleet.sites, &faults);
    if faults.is_empty() {
        Ok(Prepared { config, catalog: Arc::new(catalog), fleet, alerts: Arc::new(alerts) })
    } else {
        Err(faults.into_vec())
    }
}

/// Runs every example of every profile. Returns how many were run, and what is wrong.
#[must_use]
pub fn check_examples(catalog: &Arc<Catalog>, limits: &CodecLimits) -> (usize, Vec<Fault>) {
    let mut codecs = Codecs::new(Arc::clone(catalog), limits.clone());
    let mut run = 0;
    let mut faults = Vec::new();
    for profile in catalog.profiles() {
        run += profile.examples.len();
        faults.extend(run_examples(&mut codecs, profile));
    }
    (run, faults)
}

/// A folder that comes with the program, such as `decoders`: in the working directory, beside
/// the program, where packages put it, or in the source tree it was built in.
#[must_use]
pub fn data_folder(name: &str) -> PathBuf {
    let beside = std::env::current_exe().ok();
    let program = beside.as_deref().and_then(Path::parent);
    let candidates = [
        Some(PathBuf::from(name)),
        program.map(|folder| folder.join(name)),
        program.map(|folder| folder.join("../share/stadspuls").join(name)),
        program.map(|folder| folder.join("../..").join(name)),
    ];
    let found = candidates.into_iter().flatten().find(|folder| folder.is_dir());
    found.unwrap_or_else(|| PathBuf::from(name))
}
