use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{DevEui, Installation, SiteId};

/// `<vendor>/<model>`: which device profile of the catalogue describes a device.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProfileId(pub Arc<str>);

impl From<&str> for ProfileId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

impl fmt::Display for ProfileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ProfileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A registered sensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    pub dev_eui: DevEui,
    pub profile: ProfileId,
    /// What the technician calls it; never shown to the public.
    pub name: Option<String>,
    /// Settings of this very device that its codec needs, such as the range printed on a probe.
    pub variables: BTreeMap<String, String>,
}

/// A device at a site from one time until another.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployment {
    pub dev_eui: DevEui,
    pub site: SiteId,
    pub from: DateTime<Utc>,
    /// Exclusive; none while it stands there.
    pub until: Option<DateTime<Utc>>,
    /// In order of time; each holds until the next begins.
    pub installations: Vec<Installation>,
}

impl Deployment {
    #[must_use]
    pub fn covers(&self, time: DateTime<Utc>) -> bool {
        self.from <= time && self.until.is_none_or(|until| time < until)
    }

    /// How the device was installed at a time.
    #[must_use]
    pub fn installation_at(&self, time: DateTime<Utc>) -> Option<&Installation> {
        self.installations.iter().rev().find(|installation| installation.from <= time)
    }
}
