//! What devices that have fallen silent have in common.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::{DevEui, Subject};

/// Fewer devices have nothing in common but chance.
const TOGETHER_MIN: usize = 3;

/// Of the devices that should have been heard in the meantime at most so many have been, per hundred.
const HEARD_MAX_PERCENT: usize = 20;

/// When and how a device was heard last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastHeard {
    pub dev_eui: DevEui,
    /// None if it never was.
    pub at: Option<DateTime<Utc>>,
    /// How often it reports.
    pub rhythm: TimeDelta,
    pub source: Option<String>,
    pub gateways: Vec<String>,
}

impl LastHeard {
    /// A device that should have reported by now, and that by half its rhythm.
    fn is_overdue(&self, now: DateTime<Utc>) -> bool {
        self.at.is_some_and(|at| at + self.rhythm + self.rhythm / 2 <= now)
    }
}

/// One cause for each of the silent devices: a source before a gateway, since one source brings many
/// gateways, and a gateway before the device itself.
#[must_use]
pub fn causes(
    silent: &BTreeSet<DevEui>,
    fleet: &[LastHeard],
    now: DateTime<Utc>,
) -> BTreeMap<Subject, BTreeSet<DevEui>> {
    let mut left: BTreeMap<DevEui, &LastHeard> = fleet
        .iter()
        .filter(|one| silent.contains(&one.dev_eui))
        .map(|one| (one.dev_eui, one))
        .collect();
    let mut causes: BTreeMap<Subject, BTreeSet<DevEui>> = BTreeMap::new();
    let never: BTreeSet<DevEui> =
        left.values().filter(|one| one.at.is_none()).map(|one| one.dev_eui).collect();
    if never.len() >= TOGETHER_MIN {
        left.retain(|dev_eui, _| !never.contains(dev_eui));
        causes.insert(Subject::NeverHeard, never);
    }
    while let Some((subject, members)) = widest(&left, fleet, now) {
        left.retain(|dev_eui, _| !members.contains(dev_eui));
        causes.insert(subject, members);
    }
    for dev_eui in left.into_keys() {
        causes.insert(Subject::Device(dev_eui), BTreeSet::from([dev_eui]));
    }
    causes
}

/// The source, else the gateway, that most of the silent devices have in common and nobody else was heard
/// by since.
fn widest(
    silent: &BTreeMap<DevEui, &LastHeard>,
    fleet: &[LastHeard],
    now: DateTime<Utc>,
) -> Option<(Subject, BTreeSet<DevEui>)> {
    let mut by_source: BTreeMap<&str, BTreeSet<DevEui>> = BTreeMap::new();
    let mut by_gateway: BTreeMap<&str, BTreeSet<DevEui>> = BTreeMap::new();
    for (&dev_eui, heard) in silent {
        if let Some(source) = &heard.source {
            by_source.entry(source).or_default().insert(dev_eui);
        }
        for gateway in &heard.gateways {
            by_gateway.entry(gateway).or_default().insert(dev_eui);
        }
    }
    let most = |groups: BTreeMap<&str, BTreeSet<DevEui>>,
                is_of: &dyn Fn(&LastHeard, &str) -> bool| {
        groups
            .into_iter()
            .filter(|(name, members)| {
                let peers = fleet.iter().filter(|one| is_of(one, name));
                has_died(members, peers, now)
            })
            .max_by_key(|(_, members)| members.len())
            .map(|(name, members)| (name.to_owned(), members))
    };
    let source = most(by_source, &|one, name| one.source.as_deref() == Some(name));
    let found = source.map(|(name, members)| (Subject::Source(name), members));
    found.or_else(|| {
        let gateway = most(by_gateway, &|one, name| one.gateways.iter().any(|id| id == name));
        gateway.map(|(name, members)| (Subject::Gateway(name), members))
    })
}

/// Whether what these devices were heard by is itself at fault: enough devices are overdue behind it, and
/// hardly any has been heard since the first of the silent ones should have been.
fn has_died<'f>(
    silent: &BTreeSet<DevEui>,
    peers: impl Iterator<Item = &'f LastHeard>,
    now: DateTime<Utc>,
) -> bool {
    let peers: Vec<&LastHeard> = peers.collect();
    let due = |one: &&LastHeard| Some(one.at? + one.rhythm);
    let is_silent = |one: &&&LastHeard| silent.contains(&one.dev_eui);
    let Some(since) = peers.iter().filter(is_silent).filter_map(due).min() else { return false };
    let overdue = peers.iter().filter(|one| one.is_overdue(now)).count();
    let heard = peers.iter().filter(|one| one.at.is_some_and(|at| at > since)).count();
    overdue >= TOGETHER_MIN && heard * 100 <= (overdue + heard) * HEARD_MAX_PERCENT
}

#[cfg(test)]
mod tests {
    use super::*;

    const RHYTHM: TimeDelta = TimeDelta::minutes(15);

    fn minute(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::minutes(minutes)
    }

    fn heard(number: u64, at: Option<i64>, gateways: &[&str]) -> LastHeard {
        LastHeard {
            dev_eui: DevEui(number),
            at: at.map(minute),
            rhythm: RHYTHM,
            source: Some("chirpstack".to_owned()),
            gateways: gateways.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    /// Those that have missed three reports at minute 60.
    fn named(fleet: &[LastHeard]) -> Vec<(String, usize)> {
        let now = minute(60);
        let is_silent = |one: &&LastHeard| one.at.is_none_or(|at| at + RHYTHM * 3 <= now);
        let silent = fleet.iter().filter(is_silent).map(|one| one.dev_eui).collect();
        let causes = causes(&silent, fleet, now);
        causes.into_iter().map(|(subject, members)| (subject.to_string(), members.len())).collect()
    }

    #[test]
    fn silence_has_one_cause() {
        let well = || (100..120).map(|number| heard(number, Some(55), &["b"]));
        let with_well = |ill: Vec<LastHeard>| ill.into_iter().chain(well()).collect::<Vec<_>>();
        let behind = |first: u64, count: u64, at: i64| {
            (first..first + count).map(move |number| heard(number, Some(at), &["a"]))
        };

        assert_eq!(named(&with_well(vec![])), []);
        let one = with_well(vec![heard(1, Some(0), &["b"])]);
        assert_eq!(named(&one), [("device:0000000000000001".to_owned(), 1)], "its own battery");

        let dead_gateway = with_well(behind(1, 5, 10).collect());
        assert_eq!(named(&dead_gateway), [("gateway:a".to_owned(), 5)]);

        let first_of_five = with_well(behind(1, 1, 10).chain(behind(2, 4, 20)).collect());
        assert_eq!(named(&first_of_five), [("gateway:a".to_owned(), 1)], "the others are overdue");

        let alive = with_well(behind(1, 3, 10).chain(behind(4, 9, 58)).collect());
        assert_eq!(named(&alive).len(), 3, "others are heard by that gateway: {:?}", named(&alive));

        let also_b: Vec<LastHeard> =
            (50..60).map(|number| heard(number, Some(57), &["b"])).collect();
        let moved = with_well(behind(1, 5, 10).chain(also_b).collect());
        assert_eq!(named(&moved), [("gateway:a".to_owned(), 5)], "some are heard by another now");

        let cut_off: Vec<LastHeard> =
            behind(1, 5, 12).chain((6..30).map(|number| heard(number, Some(13), &["b"]))).collect();
        assert_eq!(named(&cut_off), [("source:chirpstack".to_owned(), 29)]);

        let box_of_sensors = with_well((1..=20).map(|number| heard(number, None, &[])).collect());
        assert_eq!(named(&box_of_sensors), [("never-heard".to_owned(), 20)]);
    }
}
