//! Which sensor models the commands that ask for some know.

use std::path::PathBuf;

use clap::Args;

use crate::app::data_folder;
use crate::catalog::Catalog;
use crate::config::Config;
use crate::document::Faults;
use crate::model::ProfileId;

/// The catalogue's folders.
#[derive(Args)]
pub struct Sensors {
    /// The configuration file; its catalogue folders are read beside the built-in one.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// A further catalogue folder; as often as needed.
    #[arg(long = "catalog", value_name = "DIR", global = true)]
    catalogs: Vec<PathBuf>,
}

impl Sensors {
    pub fn load(&self, faults: &Faults) -> Catalog {
        let mut folders = vec![data_folder("decoders")];
        if let Some(file) = &self.config {
            folders.extend(Config::load(file, faults).catalog_paths);
        }
        folders.extend(self.catalogs.iter().cloned());
        Catalog::load(&folders, faults)
    }

    /// What to say of a profile that is not there.
    pub fn unknown(&self, profile: &ProfileId, catalog: &Catalog) -> String {
        let wanted = catalog.wanted_profile(&profile.0);
        let is_built_in = self.config.is_none() && self.catalogs.is_empty();
        let hint = match is_built_in && !wanted.ends_with('?') {
            true => "; one of your own is found with --config FILE",
            false => "",
        };
        format!("{profile} is not in the catalogue, want {wanted}{hint}")
    }
}
