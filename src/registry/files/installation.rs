//! How a device is installed: `[[deployment.installation]]`.

use chrono::{DateTime, Utc};

use crate::catalog::Catalog;
use crate::document::{Entry, Section};
use crate::model::{Correction, Installation, QuantityName};

/// Reads the installations of a deployment, in order of time. What one does not name stays as the one before
/// it has it.
pub fn read_installations(
    deployment: &Section<'_>,
    from: DateTime<Utc>,
    until: Option<DateTime<Utc>>,
    catalog: &Catalog,
) -> Vec<Installation> {
    let mut all: Vec<Installation> = Vec::new();
    deployment.tables("installation", |section| {
        let before = all.last();
        let given: Option<DateTime<Utc>> = section.optional("from");
        match given {
            Some(begins) => check_begin(section, begins, before, from, until),
            None if before.is_some() => section.refuse("from", "the time from which it holds"),
            None => {}
        }
        let begins = given.unwrap_or(from);
        let next = read_installation(section, begins, before, catalog);
        all.push(next);
    });
    all
}

fn check_begin(
    section: &Section<'_>,
    begins: DateTime<Utc>,
    before: Option<&Installation>,
    from: DateTime<Utc>,
    until: Option<DateTime<Utc>>,
) {
    if begins < from || until.is_some_and(|until| begins >= until) {
        section.refuse("from", "a time while the device stands there");
    }
    if before.is_some_and(|before| begins <= before.from) {
        section.refuse("from", "a time after that of the installation before it");
    }
}

fn read_installation(
    section: &Section<'_>,
    from: DateTime<Utc>,
    before: Option<&Installation>,
    catalog: &Catalog,
) -> Installation {
    let before = before.cloned().unwrap_or_else(|| Installation::unknown(from));
    let number = |key: &str, before: Option<f64>| section.optional(key).or(before);
    let next = Installation {
        from,
        height_m: number("height", before.height_m),
        tilt_deg: number("tilt", before.tilt_deg),
        ground_distance_m: number("ground_distance", before.ground_distance_m),
        empty_distance_m: number("empty_distance", before.empty_distance_m),
        full_distance_m: number("full_distance", before.full_distance_m),
        corrections: read_corrections(section, before.corrections, catalog),
    };
    check(section, &next);
    next
}

/// Says what cannot be of an installation.
pub fn check(entry: &impl Entry, next: &Installation) {
    let (ground, empty) = (next.ground_distance_m, next.empty_distance_m);
    for (key, distance) in [("ground_distance", ground), ("empty_distance", empty)] {
        if distance.is_some_and(|distance| distance <= 0.0) {
            entry.refuse(key, "a distance in m above 0");
        }
    }
    if next.tilt_deg.is_some_and(|tilt| !(0.0..90.0).contains(&tilt)) {
        entry.refuse("tilt", "degrees from 0 to less than 90");
    }
    if next
        .full_distance_m
        .is_some_and(|full| full < 0.0 || empty.is_none_or(|empty| full >= empty))
    {
        entry.refuse("full_distance", "a distance in m less than empty_distance");
    }
    if empty.is_some() && next.full_distance_m.is_none() {
        entry.refuse("full_distance", "a distance in m, since empty_distance is there");
    }
}

fn read_corrections(
    section: &Section<'_>,
    mut corrections: Vec<Correction>,
    catalog: &Catalog,
) -> Vec<Correction> {
    section.named_tables("correction", |name, table| {
        let quantity = QuantityName::from(name);
        let (gain, offset) = (table.or("gain", 1.0), table.or("offset", 0.0));
        if catalog.quantity(&quantity).is_none() {
            table.refuse_name(&catalog.wanted_quantity(name));
        }
        if gain == 0.0 {
            table.refuse("gain", "a number other than 0");
        }
        corrections.retain(|known| known.quantity != quantity);
        corrections.push(Correction { quantity, gain, offset });
    });
    corrections.sort_by(|a, b| a.quantity.cmp(&b.quantity));
    corrections
}
