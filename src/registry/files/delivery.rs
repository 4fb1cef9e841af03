//! Devices as a spreadsheet lists them, a row each, with where each stands.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::{Known, installation};
use crate::catalog::{Catalog, VariableType};
use crate::document::{Columns, Entry, Faults, Row, read_rows, with_point};
use crate::model::{
    Deployment, DevEui, Device, Installation, Position, ProfileId, Site, SiteId, SiteKind,
};
use crate::store::Fleet;

const VARIABLE: &str = "variable.";

const COLUMNS: Columns<'static> = Columns {
    required: &["dev_eui", "profile"],
    optional: &[
        "name",
        "site",
        "kind",
        "site_name",
        "longitude",
        "latitude",
        "from",
        "until",
        "height",
        "tilt",
        "ground_distance",
        "empty_distance",
        "full_distance",
    ],
    prefix: VARIABLE,
};

/// The columns that say nothing of how a device stands somewhere; all other optional ones do.
const NOT_OF_SITE: [&str; 2] = ["name", "site"];

/// Adds the devices of every list in a folder, the sites that they make and the deployments.
pub(super) fn read_deliveries(
    folder: &Path,
    catalog: &Catalog,
    faults: &Faults,
    known: &mut Known,
    fleet: &mut Fleet,
) {
    let sites = (0..).zip(&fleet.sites).map(|(at, site)| (site.id.clone(), at)).collect();
    let mut list = List { catalog, known, fleet, sites };
    for path in lists_in(folder) {
        read_rows(&path, faults, &COLUMNS, |row| list.read(row));
    }
}

/// In order of their names. A folder that cannot be read is a fault of the files that have to be in it.
fn lists_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let is_list = |path: &PathBuf| path.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv"));
    let mut paths: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_list).collect();
    paths.sort();
    paths
}

struct List<'l> {
    catalog: &'l Catalog,
    known: &'l mut Known,
    fleet: &'l mut Fleet,
    /// Where in the fleet a site is.
    sites: BTreeMap<SiteId, usize>,
}

impl List<'_> {
    fn read(&mut self, row: &Row<'_>) {
        // Of a device that is there already, nothing that follows from that is said.
        let dev_eui: Option<DevEui> =
            row.required("dev_eui").filter(|&dev_eui| self.known.note_device(row, dev_eui));
        let profile: Option<String> = row.required("profile");
        let profile = profile.map(|profile| ProfileId::from(&*profile));
        let variables = profile.as_ref().map(|profile| self.variables(row, profile));
        let site = self.site(row);
        let deployment = site.and_then(|site| deployment(row, dev_eui, site));
        if let Some(((dev_eui, profile), variables)) = dev_eui.zip(profile).zip(variables) {
            let name = row.optional("name");
            self.fleet.devices.push(Device { dev_eui, profile, name, variables });
        }
        if let Some(deployment) = deployment {
            self.known.note_deployment(row, &deployment);
            self.fleet.deployments.push(deployment);
        }
    }

    fn variables(&self, row: &Row<'_>, id: &ProfileId) -> BTreeMap<String, String> {
        let Some(profile) = self.catalog.profile(id) else {
            if !self.catalog.is_faulty(id) {
                row.refuse("profile", &self.catalog.wanted_profile(&id.0));
            }
            return BTreeMap::new();
        };
        let is_number = |name: &str| {
            let variable = profile.variables.iter().find(|variable| variable.name == name);
            variable.is_some_and(|variable| variable.kind == VariableType::Number)
        };
        let given = row.cells_of(VARIABLE).map(|(name, text)| {
            let text = if is_number(name) { with_point(text) } else { text.to_owned() };
            (name.to_owned(), text)
        });
        let variables = given.collect();
        for (name, wanted) in profile.variable_faults(&variables) {
            row.refuse(&format!("{VARIABLE}{name}"), &wanted);
        }
        variables
    }

    /// The site where the device stands, which the row may make. `None` where it stands nowhere, or with a fault.
    fn site(&mut self, row: &Row<'_>) -> Option<SiteId> {
        if row.cell("site").is_none() {
            let mut of_site =
                COLUMNS.optional.iter().filter(|column| !NOT_OF_SITE.contains(column));
            if let Some(column) = of_site.find(|column| row.cell(column).is_some()) {
                row.refuse("site", &format!("the id of a site, since this row has a {column}"));
            }
            return None;
        }
        let id: SiteId = row.optional("site")?;
        let kind: Option<SiteKind> = row.optional("kind");
        let name = row.cell("site_name");
        let position = position(row);
        if let Some(site) = self.sites.get(&id).and_then(|&at| self.fleet.sites.get(at)) {
            refuse_other(row, site, kind, name, position);
        } else if !self.known.sites.contains(&id) {
            match kind {
                Some(kind) => {
                    refuse_kind(row, kind);
                    let name = name.map_or_else(|| id.to_string(), str::to_owned);
                    self.sites.insert(id.clone(), self.fleet.sites.len());
                    self.known.sites.insert(id.clone());
                    let new = Site { position, ..Site::new(id.clone(), kind, name) };
                    self.fleet.sites.push(new);
                }
                None if row.cell("kind").is_none() => {
                    let wanted = "a site of sites.toml, or a kind in this row, which makes it one";
                    row.refuse("site", &self.known.wanted_site(&id, wanted));
                }
                None => {}
            }
        }
        Some(id)
    }
}

/// Some kinds have more to say than a row has room for.
fn refuse_kind(row: &Row<'_>, kind: SiteKind) {
    if matches!(kind, SiteKind::BathingPlace | SiteKind::ParkingLot) {
        let name = kind.name();
        row.refuse("kind", &format!("none, and the site in sites.toml: a {name} has more to say"));
    }
}

/// Several rows may tell of one site, but not different things.
fn refuse_other(
    row: &Row<'_>,
    site: &Site,
    kind: Option<SiteKind>,
    name: Option<&str>,
    position: Option<Position>,
) {
    let Site { id, kind: of_site, name: name_of_site, position: position_of_site, .. } = site;
    if kind.is_some_and(|kind| kind != *of_site) {
        row.refuse("kind", &format!("{}, as {id} is known already", of_site.name()));
    }
    if name.is_some_and(|name| name != name_of_site) {
        row.refuse("site_name", &format!("{name_of_site:?}, as {id} is known already"));
    }
    if position.is_some() && position != *position_of_site {
        row.refuse("longitude", &format!("the position that {id} is known to have, or none"));
    }
}

fn position(row: &Row<'_>) -> Option<Position> {
    let both = [("longitude", 180.0), ("latitude", 90.0)];
    let [longitude, latitude] = both.map(|(column, max): (_, f64)| {
        let degrees = row.number(column);
        if degrees.is_some_and(|degrees| degrees.abs() > max) {
            row.refuse(column, &format!("degrees from -{max} to {max}, WGS 84"));
        }
        degrees
    });
    for (column, other) in [("longitude", "latitude"), ("latitude", "longitude")] {
        if row.cell(column).is_none() && row.cell(other).is_some() {
            row.refuse(column, &format!("degrees, since {other} is there"));
        }
    }
    Some(Position { longitude_deg: longitude?, latitude_deg: latitude? })
}

fn deployment(row: &Row<'_>, dev_eui: Option<DevEui>, site: SiteId) -> Option<Deployment> {
    if row.cell("from").is_none() {
        row.refuse("from", "since when it stands there, such as 2026-05-01 or 2026-05-01 13:30");
    }
    let (from, until) = (row.time("from"), row.time("until"));
    let installation = installation(row, from.unwrap_or_default());
    Some(Deployment {
        dev_eui: dev_eui?,
        site,
        from: from?,
        until,
        installations: installation.into_iter().collect(),
    })
}

/// How the device is installed, where the row says something of that.
fn installation(row: &Row<'_>, from: DateTime<Utc>) -> Option<Installation> {
    let unknown = Installation::unknown(from);
    let installation = Installation {
        height_m: row.number("height"),
        tilt_deg: row.number("tilt"),
        ground_distance_m: row.number("ground_distance"),
        empty_distance_m: row.number("empty_distance"),
        full_distance_m: row.number("full_distance"),
        ..unknown.clone()
    };
    installation::check(row, &installation);
    (installation != unknown).then_some(installation)
}
