//! Reads the fleet from the operator's files: sites, devices and deployments.

mod counter;
mod delivery;
mod installation;
mod quality;
mod rating;

use std::collections::btree_map::Entry as Place;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use toml::de::DeValue;

use crate::catalog::Catalog;
use crate::document::{self, Entry, Faults, FromToml, Section, or_near};
use crate::model::{
    Bathing, Deployment, DevEui, Device, MonthDay, Position, ProfileId, Publication, Season, Site,
    SiteId, SiteKind,
};
use crate::store::Fleet;

const SITES: &str = "sites.toml";
const DEVICES: &str = "devices.toml";
const DEPLOYMENTS: &str = "deployments.toml";

const CURRENT_FOR: Duration = Duration::from_secs(3 * 3600);
const STALE_FOR: Duration = Duration::from_secs(24 * 3600);

/// Reads `sites.toml`, `devices.toml` and `deployments.toml` of a folder, and all lists of devices in it, which are
/// `*.csv`. What is wrong is added to `faults` and left out.
#[must_use]
pub fn read_fleet(folder: &Path, catalog: &Catalog, faults: &Faults) -> Fleet {
    let mut known = Known::default();
    let sites = document::read_tables(&folder.join(SITES), faults, "site", |section| {
        read_site(section, catalog, &mut known)
    });
    let devices = document::read_tables(&folder.join(DEVICES), faults, "device", |section| {
        read_device(section, catalog, &mut known)
    });
    let mut fleet = Fleet {
        sites: sites.unwrap_or_default().into_iter().flatten().collect(),
        devices: devices.unwrap_or_default().into_iter().flatten().collect(),
        deployments: Vec::new(),
    };
    delivery::read_deliveries(folder, catalog, faults, &mut known, &mut fleet);
    let deployments =
        document::read_tables(&folder.join(DEPLOYMENTS), faults, "deployment", |section| {
            read_deployment(section, catalog, &mut known)
        });
    fleet.deployments.extend(deployments.unwrap_or_default().into_iter().flatten());
    fleet
}

/// What has been read so far, to find what is there twice or not at all.
#[derive(Default)]
struct Known {
    sites: BTreeSet<SiteId>,
    /// With where they are told of.
    devices: BTreeMap<DevEui, String>,
    deployments: BTreeMap<DevEui, Vec<Deployment>>,
}

fn read_site(section: &Section<'_>, catalog: &Catalog, known: &mut Known) -> Option<Site> {
    let id: Option<SiteId> = section.required("id");
    let kind: Option<SiteKind> = section.required("kind");
    let name = section.required("name");
    let tags = section.or("tags", Vec::new());
    let position = section.optional("position");
    let publication = section.table("public", read_publication).flatten();
    let bathing = section.table("bathing", read_bathing);
    let ratings = rating::read_ratings(section);
    let backwaters = rating::read_backwaters(section);
    let direction = counter::read_direction(section, kind);
    let lot = counter::read_lot(section, kind);
    let quality = quality::read_quality(section, catalog);
    if let Some(id) = &id
        && !known.sites.insert(id.clone())
    {
        section.refuse("id", "an id that no other site has");
    }
    if kind == Some(SiteKind::BathingPlace) && bathing.is_none() {
        section.refuse("bathing", "a table [site.bathing] for a bathing place");
    }
    if publication.is_some() && position.is_none() {
        section.refuse("position", "a position, since the site is public");
    }
    Some(Site {
        id: id?,
        kind: kind?,
        name: name?,
        tags,
        position,
        publication,
        bathing,
        ratings,
        backwaters,
        direction,
        lot,
        quality,
    })
}

fn read_publication(section: &Section<'_>) -> Option<Publication> {
    let purpose = section.required("purpose");
    let approved_by = section.required("approved_by");
    let approved_on = section.required("approved_on");
    Some(Publication { purpose: purpose?, approved_by: approved_by?, approved_on: approved_on? })
}

fn read_bathing(section: &Section<'_>) -> Bathing {
    let current_for = section.or("current_for", CURRENT_FOR);
    let stale_for = section.or("stale_for", STALE_FOR);
    if stale_for < current_for {
        section.refuse("stale_for", "at least current_for");
    }
    Bathing {
        bathing_water_id: section.optional("bathing_water_id"),
        wikidata_id: section.optional("wikidata_id"),
        lake: section.optional("lake"),
        eu_bath: section.optional("eu_bath"),
        depth_m: section.optional("depth_m"),
        measurement_season: section.optional("measurement_season"),
        bathing_season: section.optional("bathing_season"),
        current_for,
        stale_for,
    }
}

fn read_device(section: &Section<'_>, catalog: &Catalog, known: &mut Known) -> Option<Device> {
    let dev_eui: Option<DevEui> = section.required("dev_eui");
    let id: Option<String> = section.required("profile");
    let name = section.optional("name");
    let variables = section.or("variables", BTreeMap::new());
    if let Some(dev_eui) = dev_eui {
        known.note_device(section, dev_eui);
    }
    let id = ProfileId::from(id?.as_str());
    match catalog.profile(&id) {
        None if catalog.is_faulty(&id) => {}
        None => section.refuse("profile", &catalog.wanted_profile(&id.0)),
        Some(profile) => {
            for (name, wanted) in profile.variable_faults(&variables) {
                section.refuse("variables", &format!("{name} to be {wanted}"));
            }
        }
    }
    Some(Device { dev_eui: dev_eui?, profile: id, name, variables })
}

fn read_deployment(
    section: &Section<'_>,
    catalog: &Catalog,
    known: &mut Known,
) -> Option<Deployment> {
    let dev_eui: Option<DevEui> = section.required("dev_eui");
    let site: Option<SiteId> = section.required("site");
    let from: Option<DateTime<Utc>> = section.required("from");
    let until = section.optional("until");
    let installations =
        from.map(|from| installation::read_installations(section, from, until, catalog));
    if dev_eui.is_some_and(|dev_eui| !known.devices.contains_key(&dev_eui)) {
        section.refuse("dev_eui", &format!("a device of {DEVICES} or of a list *.csv beside it"));
    }
    if let Some(site) = site.as_ref().filter(|site| !known.sites.contains(*site)) {
        section.refuse("site", &known.wanted_site(site, &format!("a site of {SITES}")));
    }
    let deployment = Deployment {
        dev_eui: dev_eui?,
        site: site?,
        from: from?,
        until,
        installations: installations?,
    };
    known.note_deployment(section, &deployment);
    Some(deployment)
}

impl Known {
    /// Whether it is the first of its DevEUI.
    fn note_device(&mut self, entry: &impl Entry, dev_eui: DevEui) -> bool {
        match self.devices.entry(dev_eui) {
            Place::Vacant(place) => {
                place.insert(entry.place());
                true
            }
            Place::Occupied(other) => {
                let wanted = format!("a DevEUI that no other device has; {} has it", other.get());
                entry.refuse("dev_eui", &wanted);
                false
            }
        }
    }

    fn note_deployment(&mut self, entry: &impl Entry, deployment: &Deployment) {
        if deployment.until.is_some_and(|until| until <= deployment.from) {
            entry.refuse("until", "a time after from");
        }
        let others = self.deployments.entry(deployment.dev_eui).or_default();
        if others.iter().any(|other| overlap(other, deployment)) {
            entry.refuse("from", "a time when the device stands nowhere else");
        }
        others.push(deployment.clone());
    }

    fn wanted_site(&self, written: &SiteId, wanted: &str) -> String {
        or_near(wanted, &written.0, self.sites.iter().map(|id| &*id.0))
    }
}

fn overlap(a: &Deployment, b: &Deployment) -> bool {
    a.until.is_none_or(|until| b.from < until) && b.until.is_none_or(|until| a.from < until)
}

impl FromToml for DevEui {
    fn wanted() -> String {
        "a DevEUI of 16 hexadecimal digits".to_owned()
    }

    fn wanted_for(written: &str) -> String {
        let cause = written.parse::<Self>().err().and_then(|error| error.cause());
        match cause {
            Some(cause) => format!("{}; {cause}", Self::wanted()),
            None => Self::wanted(),
        }
    }

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        value.as_str()?.parse().ok()
    }
}

impl FromToml for SiteId {
    fn wanted() -> String {
        "an id of lower-case letters, digits and single hyphens".to_owned()
    }

    fn wanted_for(written: &str) -> String {
        let id = Self::proposed(written);
        let is_one = Self::is_valid(&id);
        if is_one { format!("{}, such as {id}", Self::wanted()) } else { Self::wanted() }
    }

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        value.as_str().filter(|text| Self::is_valid(text)).map(Self::from)
    }
}

impl FromToml for SiteKind {
    fn wanted() -> String {
        format!("one of {}", Self::ALL.map(Self::name).join(", "))
    }

    fn names() -> Vec<&'static str> {
        Self::ALL.map(Self::name).into()
    }

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        Self::from_name(value.as_str()?)
    }
}

impl FromToml for Position {
    fn wanted() -> String {
        "[longitude, latitude] in degrees, WGS 84".to_owned()
    }

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        match *Vec::<f64>::from_toml(value)? {
            [longitude_deg, latitude_deg]
                if longitude_deg.abs() <= 180.0 && latitude_deg.abs() <= 90.0 =>
            {
                Some(Self { longitude_deg, latitude_deg })
            }
            _ => None,
        }
    }
}

impl FromToml for Season {
    fn wanted() -> String {
        "first and last day such as [\"05-15\", \"09-15\"]".to_owned()
    }

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        let day = |text: &String| {
            let (month, day) = text.split_once('-')?;
            MonthDay::new(month.parse().ok()?, day.parse().ok()?)
        };
        match Vec::<String>::from_toml(value)?.as_slice() {
            [from, until] => Some(Self { from: day(from)?, until: day(until)? }),
            _ => None,
        }
    }
}
