//! The catalogue: the vocabulary of quantities and a profile for each sensor model, read from
//! folders such as `decoders/`. A sensor is data: nothing in Rust names one.

mod load;
mod profile;
mod quality;

pub use profile::{DeviceProfile, Example, Mapping, Variable, VariableType, Wanted};
pub use quality::{read_jump, read_stuck_for};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::document::{is_alike, or_near};
use crate::model::{ProfileId, Quantity, QuantityName};

/// All quantities and device profiles.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    quantities: BTreeMap<QuantityName, Arc<Quantity>>,
    profiles: BTreeMap<ProfileId, Arc<DeviceProfile>>,
    /// Those whose files are at fault.
    faulty: BTreeSet<ProfileId>,
}

impl Catalog {
    #[must_use]
    pub fn profile(&self, id: &ProfileId) -> Option<&Arc<DeviceProfile>> {
        self.profiles.get(id)
    }

    #[must_use]
    pub fn quantity(&self, name: &QuantityName) -> Option<&Arc<Quantity>> {
        self.quantities.get(name)
    }

    /// Whether a profile is there but cannot be taken, which has been said where its file is read.
    #[must_use]
    pub fn is_faulty(&self, id: &ProfileId) -> bool {
        self.faulty.contains(id)
    }

    /// What to say is wanted where a quantity is not known.
    #[must_use]
    pub fn wanted_quantity(&self, written: &str) -> String {
        let known = self.quantities.keys().map(|name| &*name.0);
        or_near("a quantity of quantities.toml", written, known)
    }

    /// What to say is wanted where a profile is not known.
    #[must_use]
    pub fn wanted_profile(&self, written: &str) -> String {
        let wanted = "a profile that `stadspuls catalog list` shows, <vendor>/<model>";
        let ids = || self.profiles.keys().map(|id| &*id.0);
        // A model is best known by what its maker calls it.
        let is_model = |id: &&str| {
            let model = id.split_once('/').map_or(*id, |(_, model)| model);
            is_alike(model, written)
        };
        match ids().filter(is_model).collect::<Vec<_>>().as_slice() {
            [] => or_near(wanted, written, ids()),
            models => format!("{wanted}; did you mean {}?", models.join(" or ")),
        }
    }

    /// All profiles, by id.
    pub fn profiles(&self) -> impl Iterator<Item = &Arc<DeviceProfile>> {
        self.profiles.values()
    }

    /// All quantities, by name.
    pub fn quantities(&self) -> impl Iterator<Item = &Arc<Quantity>> {
        self.quantities.values()
    }
}
