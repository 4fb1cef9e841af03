//! What of the past a changed fleet touches.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::model::{Deployment, DevEui, Device, Installation, Site, SiteId};
use crate::store::Fleet;

/// Devices whose observations a new fleet makes others, and the first time at which it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touched {
    pub devices: BTreeSet<DevEui>,
    pub from: DateTime<Utc>,
}

/// Compares two fleets. None where nothing that has been observed could be otherwise.
#[must_use]
pub fn touched(old: &Fleet, new: &Fleet) -> Option<Touched> {
    let sites = changed_sites(old, new);
    let (old_devices, new_devices) = (by_device(old), by_device(new));
    let all: BTreeSet<DevEui> = old_devices.keys().chain(new_devices.keys()).copied().collect();
    let (mut devices, mut from) = (BTreeSet::new(), None::<DateTime<Utc>>);
    for dev_eui in all {
        let (was, is) = (old_devices.get(&dev_eui), new_devices.get(&dev_eui));
        let since = [changed_device(was, is), changed_place(was, is), of_sites(is, &sites)];
        let Some(since) = since.into_iter().flatten().min() else { continue };
        devices.insert(dev_eui);
        from = Some(from.map_or(since, |from| from.min(since)));
    }
    from.map(|from| Touched { devices, from })
}

/// A device with its deployments.
struct Registered<'f> {
    device: Option<&'f Device>,
    deployments: Vec<&'f Deployment>,
}

fn by_device(fleet: &Fleet) -> BTreeMap<DevEui, Registered<'_>> {
    let mut all: BTreeMap<DevEui, Registered<'_>> = BTreeMap::new();
    for device in &fleet.devices {
        all.insert(device.dev_eui, Registered { device: Some(device), deployments: Vec::new() });
    }
    for deployment in &fleet.deployments {
        let registered = all
            .entry(deployment.dev_eui)
            .or_insert(Registered { device: None, deployments: Vec::new() });
        registered.deployments.push(deployment);
    }
    all
}

/// Another model or other variables say something else of every uplink since the first deployment.
fn changed_device(
    was: Option<&Registered<'_>>,
    is: Option<&Registered<'_>>,
) -> Option<DateTime<Utc>> {
    let what = |registered: Option<&Registered<'_>>| {
        let device = registered?.device?;
        Some((device.profile.clone(), device.variables.clone()))
    };
    if what(was) == what(is) {
        return None;
    }
    let deployments = [was, is].into_iter().flatten().flat_map(|one| &one.deployments);
    deployments.map(|deployment| deployment.from).min()
}

/// The first time at which the device stands elsewhere, or is installed otherwise.
fn changed_place(
    was: Option<&Registered<'_>>,
    is: Option<&Registered<'_>>,
) -> Option<DateTime<Utc>> {
    let of = |registered: Option<&Registered<'_>>| -> Vec<Deployment> {
        registered.map(|one| one.deployments.iter().copied().cloned().collect()).unwrap_or_default()
    };
    let (was, is) = (of(was), of(is));
    let mut times: BTreeSet<DateTime<Utc>> = BTreeSet::new();
    for deployment in was.iter().chain(&is) {
        times.insert(deployment.from);
        times.extend(deployment.until);
        times.extend(deployment.installations.iter().map(|installation| installation.from));
    }
    times.into_iter().find(|&time| place_at(&was, time) != place_at(&is, time))
}

/// Where a device stands and how, whenever that has begun.
fn place_at(
    deployments: &[Deployment],
    time: DateTime<Utc>,
) -> Option<(SiteId, Option<Installation>)> {
    let deployment = deployments.iter().find(|deployment| deployment.covers(time))?;
    let installation = deployment.installation_at(time).cloned();
    let installation =
        installation.map(|known| Installation { from: DateTime::UNIX_EPOCH, ..known });
    Some((deployment.site.clone(), installation))
}

/// Sites at which other things are derived, and since when.
fn changed_sites(old: &Fleet, new: &Fleet) -> BTreeMap<SiteId, DateTime<Utc>> {
    let old: BTreeMap<&SiteId, &Site> = old.sites.iter().map(|site| (&site.id, site)).collect();
    let mut changed = BTreeMap::new();
    for site in &new.sites {
        let Some(was) = old.get(&site.id) else { continue };
        // What is said of a counter or a quantity here has no date: it holds for all that was measured here.
        let undated = |site: &Site| (site.kind, site.direction, site.lot, site.quality.clone());
        let since = if undated(was) == undated(site) {
            let ratings = differing(&was.ratings, &site.ratings, |rating| rating.from);
            let backwaters = differing(&was.backwaters, &site.backwaters, |one| one.from);
            [ratings, backwaters].into_iter().flatten().min()
        } else {
            Some(DateTime::UNIX_EPOCH)
        };
        changed.extend(since.map(|since| (site.id.clone(), since)));
    }
    changed
}

/// The earliest of those that are in one of two lists alone.
fn differing<T: PartialEq>(
    a: &[T],
    b: &[T],
    from: impl Fn(&T) -> DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let only =
        |these: &[T], those: &[T]| these.iter().filter(|one| !those.contains(one)).map(&from).min();
    [only(a, b), only(b, a)].into_iter().flatten().min()
}

/// Since when a device has stood at a site of which other things are derived.
fn of_sites(
    registered: Option<&Registered<'_>>,
    sites: &BTreeMap<SiteId, DateTime<Utc>>,
) -> Option<DateTime<Utc>> {
    let deployments = &registered?.deployments;
    let since = |deployment: &&Deployment| {
        let changed = *sites.get(&deployment.site)?;
        let since = changed.max(deployment.from);
        deployment.until.is_none_or(|until| since < until).then_some(since)
    };
    deployments.iter().filter_map(since).min()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::NaiveTime;

    use super::*;
    use crate::model::{Direction, Jump, Lot, ProfileId, QualityRule, Rating, SiteKind};

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn fleet() -> Fleet {
        let site = |id: &str| Site::new(id.into(), SiteKind::GaugingStation, id);
        let device = |number| Device {
            dev_eui: DevEui(number),
            profile: ProfileId::from("elsys/elt-2"),
            name: None,
            variables: BTreeMap::new(),
        };
        let deployment = |number, site: &str| Deployment {
            dev_eui: DevEui(number),
            site: site.into(),
            from: at("2026-01-01T00:00:00Z"),
            until: None,
            installations: vec![Installation::unknown(at("2026-01-01T00:00:00Z"))],
        };
        Fleet {
            sites: vec![site("a"), site("b")],
            devices: vec![device(1), device(2)],
            deployments: vec![deployment(1, "a"), deployment(2, "b")],
        }
    }

    fn check(change: impl Fn(&mut Fleet), wanted: Option<(&[u64], &str)>) {
        let (old, mut new) = (fleet(), fleet());
        change(&mut new);
        let wanted = wanted.map(|(devices, from)| Touched {
            devices: devices.iter().copied().map(DevEui).collect(),
            from: at(from),
        });
        assert_eq!(touched(&old, &new), wanted);
    }

    #[test]
    fn what_changes_nothing_that_was_observed_touches_nothing() {
        check(|_| (), None);
        check(|new| new.devices[0].name = Some("boj".to_owned()), None);
        check(|new| new.sites[0].name = "A".to_owned(), None);
    }

    #[test]
    fn a_change_touches_its_devices_from_its_date() {
        let spring = "2026-04-01T00:00:00Z";
        let begin = "2026-01-01T00:00:00Z";
        check(|new| new.devices[0].profile = "elsys/elt-3".into(), Some((&[1], begin)));
        check(|new| new.deployments[1].until = Some(at(spring)), Some((&[2], spring)));
        check(|new| new.deployments[1].from = at(spring), Some((&[2], begin)));
        check(|new| new.deployments[0].site = "b".into(), Some((&[1], begin)));
        let raised = Installation { height_m: Some(52.4), ..Installation::unknown(at(spring)) };
        check(|new| new.deployments[0].installations.push(raised.clone()), Some((&[1], spring)));
        let rating = Rating { from: at(spring), until: None, segments: Vec::new() };
        check(|new| new.sites[1].ratings.push(rating.clone()), Some((&[2], spring)));
        check(|new| new.sites[1].kind = SiteKind::SnowStation, Some((&[2], begin)));
        check(|new| new.sites[0].direction = Some(Direction::A), Some((&[1], begin)));
        let lot = Lot { capacity: 120, offset: 0, reset_at: NaiveTime::MIN };
        check(|new| new.sites[1].lot = Some(lot), Some((&[2], begin)));
        let rule = QualityRule {
            quantity: "water_level".into(),
            min: None,
            max: None,
            jump: Some(Jump { step: 0.2, within: Duration::from_secs(900) }),
            stuck_for: None,
        };
        check(|new| new.sites[0].quality.push(rule.clone()), Some((&[1], begin)));
    }

    #[test]
    fn a_late_registration_touches_what_came_before_it() {
        let mut old = fleet();
        old.devices.truncate(1);
        old.deployments.truncate(1);
        let touched = touched(&old, &fleet()).unwrap();
        assert_eq!(touched.devices, BTreeSet::from([DevEui(2)]));
        assert_eq!(touched.from, at("2026-01-01T00:00:00Z"));
    }
}
