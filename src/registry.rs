//! Which device stands where and when.

mod changes;
mod files;

pub use changes::{Touched, touched};
pub use files::read_fleet;

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

use crate::model::{Deployment, DevEui, Device, Site, SiteId};
use crate::store::{Fleet, HourSpan, RedecodeScope, StoreError, Writer};

/// Makes a fleet the one in force, and has decoded again what of the past it makes otherwise: a late
/// registration, a corrected height. The registry of it is then [`Registry::of`] the writer.
///
/// # Errors
///
/// As the store's; what has been done of it by then can be done again.
pub fn take_fleet(
    writer: &mut Writer,
    fleet: &Fleet,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let before = writer.fleet()?;
    writer.replace_fleet(fleet)?;
    let touched = touched(&before, fleet);
    if let Some(Touched { devices, from }) = touched {
        let scope = RedecodeScope {
            devices: Some(devices.into_iter().collect()),
            span: HourSpan::new(Some(from), None),
            cause: "the fleet has changed".to_owned(),
        };
        let run: Result<_, StoreError> = writer.batch(|batch| batch.begin_redecode(&scope, now));
        if run?.is_some() {
            tracing::info!(%from, "the fleet has changed: what it touches is decoded again");
        }
    }
    Ok(())
}

/// The fleet in force, arranged for the questions that each uplink asks.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    devices: HashMap<DevEui, Registered>,
    /// By id.
    sites: Vec<Site>,
    place_of_site: HashMap<SiteId, usize>,
    /// When a device began to stand at a site, in order of time.
    arrivals: BTreeMap<SiteId, Vec<DateTime<Utc>>>,
}

#[derive(Clone, Debug)]
struct Registered {
    device: Device,
    /// In order of time.
    deployments: Vec<Deployment>,
}

impl Registry {
    /// The fleet that is in force in a store.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn of(writer: &Writer) -> Result<Self, StoreError> {
        Ok(Self::new(writer.fleet()?))
    }

    #[must_use]
    pub fn new(fleet: Fleet) -> Self {
        let mut devices: HashMap<_, _> = fleet
            .devices
            .into_iter()
            .map(|device| (device.dev_eui, Registered { device, deployments: Vec::new() }))
            .collect();
        let mut arrivals: BTreeMap<SiteId, Vec<DateTime<Utc>>> = BTreeMap::new();
        for deployment in fleet.deployments {
            arrivals.entry(deployment.site.clone()).or_default().push(deployment.from);
            if let Some(registered) = devices.get_mut(&deployment.dev_eui) {
                registered.deployments.push(deployment);
            }
        }
        for registered in devices.values_mut() {
            registered.deployments.sort_by_key(|deployment| deployment.from);
        }
        for times in arrivals.values_mut() {
            times.sort_unstable();
        }
        let mut sites = fleet.sites;
        sites.sort_by(|one, other| one.id.cmp(&other.id));
        sites.shrink_to_fit();
        let place_of_site =
            sites.iter().zip(0..).map(|(site, place)| (site.id.clone(), place)).collect();
        Self { devices, sites, place_of_site, arrivals }
    }

    #[must_use]
    pub fn device(&self, dev_eui: DevEui) -> Option<&Device> {
        self.devices.get(&dev_eui).map(|registered| &registered.device)
    }

    /// All devices, in no order.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.devices.values().map(|registered| &registered.device)
    }

    /// All deployments of a device, in order of time.
    #[must_use]
    pub fn deployments(&self, dev_eui: DevEui) -> &[Deployment] {
        self.devices.get(&dev_eui).map_or(&[], |registered| &registered.deployments)
    }

    /// Where a device stood at a time. Deployments of one device do not overlap.
    #[must_use]
    pub fn deployment_at(&self, dev_eui: DevEui, time: DateTime<Utc>) -> Option<&Deployment> {
        self.deployments(dev_eui).iter().rev().find(|deployment| deployment.covers(time))
    }

    #[must_use]
    pub fn site(&self, id: &SiteId) -> Option<&Site> {
        self.sites.get(*self.place_of_site.get(id)?)
    }

    /// When each of the devices that have stood at a site began to, in order of time.
    #[must_use]
    pub fn arrivals(&self, site: &SiteId) -> &[DateTime<Utc>] {
        self.arrivals.get(site).map_or(&[], Vec::as_slice)
    }

    /// All sites, by id.
    #[must_use]
    pub fn sites(&self) -> &[Site] {
        &self.sites
    }
}
