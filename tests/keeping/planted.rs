//! Verify finds nothing in a store that the pipeline filled, and everything that is wrong with one.

use std::fs;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::Connection;
use stadspuls::model::{Outcome, Site};
use stadspuls::store::{Check, HourSpan, backup};
use stadspuls::verify::Scope;
use tempfile::TempDir;

use super::city::{City, at, catalog_and_fleet, messages, pipeline_of, verify_all, verify_with};

fn noon() -> DateTime<Utc> {
    at("2026-07-14T12:00:00Z")
}

/// A copy of a store of some hours, as a plain file to be tampered with.
fn store_file(dir: &Path) {
    let city = City::with(noon() - TimeDelta::hours(5), noon());
    let copy = dir.join("copy");
    backup(city.dir.path(), &copy, noon, &mut |_| std::ops::ControlFlow::Continue(())).unwrap();
    fs::rename(copy.join("stadspuls.sqlite"), dir.join("stadspuls.sqlite")).unwrap();
    fs::remove_dir_all(copy).unwrap();
}

#[test]
fn a_store_that_the_pipeline_filled_is_clean() {
    let mut city = City::with(at("2026-07-12T00:00:00Z"), noon());
    let (report, lines) = city.verify();
    assert_eq!(lines, Vec::<String>::new());
    assert!(report.is_clean());
    assert_eq!(report.ledger_rows, report.outcomes.values().sum::<u64>());
    for outcome in [Outcome::Stored, Outcome::Duplicate, Outcome::UnknownDevice] {
        assert!(report.outcomes[&outcome] > 0, "{outcome:?}");
    }
    assert!(report.observations > 1000 && report.aggregates > 1000 && report.series > 100);
    assert_eq!(report.changes, report.observations);
    // And so it is while aggregates wait, or one part of it is looked at.
    city.take(&messages(noon(), noon() + TimeDelta::hours(2)));
    assert_eq!(city.verify().1, Vec::<String>::new());
    let span = HourSpan::new(Some(at("2026-07-13T06:00:00Z")), Some(at("2026-07-13T18:00:00Z")));
    let (part, lines) = verify_with(city.dir.path(), Scope { span, decode: None });
    assert_eq!(lines, Vec::<String>::new());
    assert!(part.ledger_rows > 100 && part.ledger_rows < report.ledger_rows / 2);
    assert!(part.observations > 100 && part.observations < report.observations / 2);
}

#[test]
fn an_empty_store_is_clean() {
    let city = City::new();
    let (report, lines) = city.verify();
    assert_eq!((report.ledger_rows, lines), (0, Vec::<String>::new()));
}

/// What is done to a store, and which check has to say so.
const PLANTED: &[(&str, Check)] = &[
    ("delete from uplink where id = (select uplink from observation limit 1)", Check::Observation),
    ("delete from uplink where id = 1", Check::Ledger),
    ("delete from uplink where id between 50 and 60", Check::Ledger),
    ("update uplink set outcome = 99 where id = 20", Check::Ledger),
    (
        "update uplink set outcome = 5 where id = (select min(uplink) from observation)",
        Check::Observation,
    ),
    (
        "update uplink set outcome = 5 where id = (select min(uplink) from observation)",
        Check::UplinkOfOutcome,
    ),
    ("update uplink set message = x'' where id = 7", Check::Message),
    (
        "update uplink set message = substr(message, 1, length(message) - 9) where id = 7",
        Check::Message,
    ),
    (
        "update uplink set message = (select message from uplink where id = 8) where id = 7",
        Check::Message,
    ),
    ("update uplink set body_bytes = body_bytes + 1 where id = 7", Check::Message),
    ("update uplink set disposal = 1 where id = 7", Check::Message),
    ("delete from dictionary", Check::Message),
    ("delete from message_hour where hour = (select min(hour) from message_hour)", Check::Message),
    ("delete from uplink_of_device where uplink = 30", Check::UplinkOfDevice),
    ("update uplink_of_device set device = device + 1 where uplink = 30", Check::UplinkOfDevice),
    (
        "insert into uplink_of_device select hour, device, 999999 from uplink_of_device limit 1",
        Check::UplinkOfDevice,
    ),
    ("delete from uplink_of_outcome where outcome = 1", Check::UplinkOfOutcome),
    (
        "insert into uplink_of_outcome select hour, 1, 31 from uplink_of_device limit 1",
        Check::UplinkOfOutcome,
    ),
    ("delete from seen where uplink = 40", Check::Seen),
    ("update seen set hash = hash + 1 where uplink = 40", Check::Seen),
    ("update seen set hour = hour + 2 where uplink = 40", Check::Seen),
    ("insert into seen select hour, hash, 999999 from seen limit 1", Check::Seen),
    (
        "update observation set uplink = 999999 where uplink = (select max(uplink) from observation)",
        Check::Observation,
    ),
    ("update observation set series = 999999 where rowid_of = 1", Check::Observation),
    (
        "update observation set hour = hour - 1 where time = (select max(time) from observation)",
        Check::Observation,
    ),
    (
        "update observation set value = value + 1 where time = (select min(time) from observation)",
        Check::Hourly,
    ),
    ("delete from observation where time = (select min(time) from observation)", Check::Change),
    ("update hourly set max = max + 1 where hour = (select min(hour) from hourly)", Check::Hourly),
    (
        "update hourly set sum = sum * 1.001 + 1 where hour = (select min(hour) from hourly)",
        Check::Hourly,
    ),
    (
        "update hourly set count = count + 1 where hour = (select min(hour) from hourly)",
        Check::Hourly,
    ),
    ("delete from hourly where hour = (select min(hour) from hourly)", Check::Hourly),
    ("insert into hourly select day, 999999, hour, 1, 1, 1, 1 from hourly limit 1", Check::Hourly),
    ("update latest set value = value + 1 where series = 3", Check::Latest),
    ("delete from latest where series = 3", Check::Latest),
    (
        "update latest set (time, value, quality, reason, uplink) =
             (select time, value, quality, reason, uplink from observation
              where series = latest.series and quality <> 2 order by time limit 1)
         where series = (select series from observation where quality <> 2
             group by series order by count(*) desc limit 1)",
        Check::Latest,
    ),
    ("insert into change (series, time) values (3, 1)", Check::Change),
    ("update device_state set uplinks = uplinks + 1 where device = 2", Check::DeviceState),
    ("update device_state set uplinks = uplinks - 1 where device = 2", Check::DeviceState),
    ("update device_state set lost = -1 where device = 2", Check::DeviceState),
    ("update device_state set last_uplink = last_uplink + 1 where device = 2", Check::DeviceState),
    (
        "update device_state set first_heard_at = last_heard_at + 1 where device = 2",
        Check::DeviceState,
    ),
    ("update device_state set battery_percent = 101 where device = 2", Check::DeviceState),
    ("delete from device_state where device = 2", Check::DeviceState),
];

#[test]
fn every_planted_disagreement_is_found() {
    let dir = TempDir::new().unwrap();
    store_file(dir.path());
    assert_eq!(verify_all(dir.path()).1, Vec::<String>::new());
    let path = dir.path().join("stadspuls.sqlite");
    let good = fs::read(&path).unwrap();
    for (sql, check) in PLANTED {
        let sql = sql.replace(
            "rowid_of = 1",
            "(hour, series, time) = (select hour, series, time from observation limit 1)",
        );
        let connection = Connection::open(&path).unwrap();
        assert!(connection.execute(&sql, []).unwrap() > 0, "{sql} changes nothing");
        drop(connection);
        let (report, lines) = verify_all(dir.path());
        assert!(!report.is_clean(), "{sql} was not found");
        assert!(report.findings.contains_key(check), "{sql}: want {check:?} among {lines:#?}");
        assert_eq!(lines.len() as u64, report.disagreements());
        fs::write(&path, &good).unwrap();
    }
}

#[test]
fn damage_to_the_file_itself_is_told_and_not_fatal() {
    let dir = TempDir::new().unwrap();
    store_file(dir.path());
    let path = dir.path().join("stadspuls.sqlite");
    let good = fs::read(&path).unwrap();
    let pages = good.len() / 8192;
    for page in (2..pages).step_by(pages / 12) {
        let mut torn = good.clone();
        torn[page * 8192..(page + 1) * 8192].fill(0xa5);
        fs::write(&path, torn).unwrap();
        let (report, lines) = verify_all(dir.path());
        assert!(report.findings.contains_key(&Check::Structure), "page {page}: {lines:#?}");
    }
}

#[test]
fn decoding_again_says_what_would_differ_and_writes_nothing() {
    let city = City::with(noon() - TimeDelta::hours(10), noon());
    let verify = |fleet| {
        let (catalog, _) = catalog_and_fleet();
        let scope = Scope { span: HourSpan::ALL, decode: Some(pipeline_of(fleet, catalog)) };
        let (report, lines) = verify_with(city.dir.path(), scope);
        assert_eq!(lines, Vec::<String>::new());
        report.differences.unwrap()
    };
    let (_, fleet) = catalog_and_fleet();
    let same = verify(fleet.clone());
    assert_eq!((same.total(), same.same), (0, city.verify().0.observations));

    // Without one of the deployments its observations would be gone; at another site they would be new.
    let site = "playa-mjorn";
    let held = city.count(
        "select count(*) from observation o join series s on s.id = o.series
         where s.site = 'playa-mjorn'",
    );
    let held = held.unsigned_abs();
    assert!(held > 10);
    let mut without = fleet.clone();
    without.deployments.retain(|deployment| &*deployment.site.0 != site);
    let gone = verify(without);
    assert_eq!((gone.changed, gone.new, gone.gone), (0, 0, held));
    let mut moved = fleet;
    let another = moved.sites.iter().find(|one| &*one.id.0 == site).cloned().unwrap();
    moved.sites.push(Site { id: "another-site".into(), ..another });
    for deployment in &mut moved.deployments {
        if &*deployment.site.0 == site {
            deployment.site = "another-site".into();
        }
    }
    let moved = verify(moved);
    assert_eq!((moved.changed, moved.new, moved.gone), (0, held, held));
}
