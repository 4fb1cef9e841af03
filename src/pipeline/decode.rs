use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::normalise::normalise;
use crate::catalog::{Catalog, DeviceProfile};
use crate::codec::{Codec, CodecError, CodecInput, CodecLimits};
use crate::model::{Measurement, ProfileId, Quantity, QuantityName};

/// The codecs in use, each compiled once and kept. They stay on one thread.
pub struct Codecs {
    catalog: Arc<Catalog>,
    limits: CodecLimits,
    loaded: HashMap<ProfileId, Codec>,
}

/// A payload and all that its codec may know.
#[derive(Clone, Copy, Debug)]
pub struct DecodeRequest<'r> {
    pub profile: &'r ProfileId,
    pub f_port: u8,
    pub payload: &'r [u8],
    pub recv_time: DateTime<Utc>,
    /// What the device's registration says; the profile's defaults are added.
    pub variables: &'r BTreeMap<String, String>,
}

/// What a payload means.
#[derive(Clone, Debug)]
pub struct Decoded {
    pub profile: Arc<DeviceProfile>,
    /// The fields as the codec named them.
    pub data: serde_json::Map<String, serde_json::Value>,
    pub measurements: Vec<Measurement>,
    /// Of the codec and of the mapping.
    pub warnings: Vec<String>,
}

impl Decoded {
    /// All warnings in one line.
    #[must_use]
    pub fn warnings(&self) -> Option<String> {
        (!self.warnings.is_empty()).then(|| self.warnings.join("; "))
    }
}

/// Why a payload has no meaning. The uplink is kept and can be decoded again by a better codec.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("{0} is not in the catalogue")]
    UnknownProfile(ProfileId),
    /// The script threw, broke a limit or does not load.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The script says that it cannot decode this frame.
    #[error("{}", .0.join("; "))]
    Refused(Vec<String>),
}

impl Codecs {
    #[must_use]
    pub fn new(catalog: Arc<Catalog>, limits: CodecLimits) -> Self {
        Self { catalog, limits, loaded: HashMap::new() }
    }

    /// The catalogue in force.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// A quantity of the catalogue.
    #[must_use]
    pub fn quantity(&self, name: &QuantityName) -> Option<&Quantity> {
        self.catalog.quantity(name).map(|quantity| &**quantity)
    }

    /// A profile of the catalogue.
    #[must_use]
    pub fn profile(&self, id: &ProfileId) -> Option<&Arc<DeviceProfile>> {
        self.catalog.profile(id)
    }

    /// Lets go of all codecs.
    pub fn reload(&mut self) {
        self.loaded.clear();
    }

    /// Runs the profile's codec and maps its fields to quantities.
    ///
    /// # Errors
    ///
    /// As [`DecodeError`]; the next payload of the same profile is not affected.
    pub fn decode(&mut self, request: &DecodeRequest<'_>) -> Result<Decoded, DecodeError> {
        let profile = self
            .catalog
            .profile(request.profile)
            .ok_or_else(|| DecodeError::UnknownProfile(request.profile.clone()))?;
        let profile = Arc::clone(profile);
        if !self.loaded.contains_key(&profile.id) {
            let name = profile.codec_file.to_string_lossy();
            let codec = Codec::load(&name, &profile.codec, self.limits.clone())?;
            self.loaded.insert(profile.id.clone(), codec);
        }
        let Some(codec) = self.loaded.get_mut(&profile.id) else {
            return Err(DecodeError::UnknownProfile(profile.id.clone()));
        };
        let variables = profile.codec_variables(request.variables);
        let output = codec.decode(&CodecInput {
            bytes: request.payload,
            f_port: request.f_port,
            recv_time: request.recv_time,
            variables: &variables,
        })?;
        if !output.errors.is_empty() {
            return Err(DecodeError::Refused(output.errors));
        }
        let normalised = normalise(&profile, &output.data);
        let mut warnings = output.warnings;
        warnings.extend(normalised.warnings);
        Ok(Decoded { profile, data: output.data, measurements: normalised.measurements, warnings })
    }
}
