//! The catalogue: the vocabulary of quantities and a profile for each sensor model, read from
//! folders such as `decoders/`. A sensor is data: nothing in Rust names one.

mod load;
mod profile;
mod quality;

pub use profile::{DeviceProfile, Example, Mapping, Variable, VariableType, Wanted};
pub use quality::{read_jump, read_stuck_for};

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{ProfileId, Quantity, QuantityName};

/// All quantities and device profiles.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    quantities: BTreeMap<QuantityName, Arc<Quantity>>,
    profiles: BTreeMap<ProfileId, Arc<DeviceProfile>>,
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

    /// All profiles, by id.
    pub fn profiles(&self) -> impl Iterator<Item = &Arc<DeviceProfile>> {
        self.profiles.values()
    }

    /// All quantities, by name.
    pub fn quantities(&self) -> impl Iterator<Item = &Arc<Quantity>> {
        self.quantities.values()
    }
}
