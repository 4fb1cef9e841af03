//! Retention drops whole days that a decision covers, writes them down, and touches nothing else.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use stadspuls::model::{DevEui, Observation, Outcome, Quality, QuantityName, SiteId};
use stadspuls::store::{
    Dropped, HourAggregate, Range, RetainedKind, Retention, Rule, StoreError, UplinkFilter,
    UplinkId,
};

use super::city::{City, at, messages};

const DAY: Duration = Duration::from_secs(86_400);

/// Five days of a smaller city: 12 July is the oldest.
fn city() -> City {
    let mut city = City::new();
    for day in 12..17 {
        let midnight = at(&format!("2026-07-{day}T00:00:00Z"));
        for hour in [0, 9, 23] {
            let from = midnight + TimeDelta::hours(hour);
            city.take(&messages(from, from + TimeDelta::hours(1)));
        }
    }
    city.roll_up(now());
    city
}

fn now() -> DateTime<Utc> {
    at("2026-07-17T10:00:00Z")
}

fn rule(days: u32) -> Option<Rule> {
    Some(Rule { keep: DAY * days, decision: "KS 2026/123".to_owned() })
}

/// Drops all there is to drop; what each step dropped.
fn dispose(city: &mut City, retention: &Retention) -> Vec<Dropped> {
    std::iter::from_fn(|| city.store.writer.dispose(retention, now()).unwrap()).collect()
}

/// Everything in a store but what it notes of its disposals, row by row.
fn contents(city: &City, tables: &[&str]) -> Vec<String> {
    let tables: Vec<String> = tables.iter().map(|&table| table.to_owned()).collect();
    let read = |connection: &rusqlite::Connection| -> Result<Vec<String>, StoreError> {
        let mut rows = Vec::new();
        for table in tables {
            let mut statement = connection.prepare(&format!("select * from {table}"))?;
            let columns = statement.column_count();
            let found = statement.query_map([], |row| {
                (0..columns)
                    .map(|column| row.get::<_, rusqlite::types::Value>(column))
                    .collect::<Result<Vec<_>, _>>()
            })?;
            for row in found {
                rows.push(format!("{table} {:?}", row?));
            }
        }
        Ok(rows)
    };
    city.store.reader.ask_blocking(read).unwrap()
}

const ALL: &[&str] = &[
    "uplink",
    "uplink_of_device",
    "uplink_of_outcome",
    "seen",
    "observation",
    "hourly",
    "latest",
    "change",
    "device_state",
    "disposal",
    "message_hour",
    "stale_hour",
];

fn journal(city: &City) -> Vec<String> {
    contents(
        city,
        &[
            "(select kind, date(day * 86400, 'unixepoch'), decision, rows, finished_at is not null from disposal)",
        ],
    )
}

#[test]
fn nothing_is_dropped_when_retention_is_off() {
    let mut city = city();
    let before = contents(&city, ALL);
    assert!(before.len() > 3000);
    assert_eq!(dispose(&mut city, &Retention::default()), []);
    assert_eq!(contents(&city, ALL), before);
}

#[tokio::test]
async fn raw_messages_go_by_whole_days_and_their_rows_stay() {
    let mut city = city();
    let others = [
        "uplink_of_device",
        "uplink_of_outcome",
        "seen",
        "observation",
        "hourly",
        "latest",
        "change",
        "device_state",
    ];
    let before = contents(&city, &others);
    let of_row = "(select id, source, part, arrived_at, device, kind, outcome, reason, body_bytes from uplink)";
    let rows = contents(&city, &[of_row]);
    // The border lies on 14 July at 10 o'clock: that day is not yet over, so it stays whole.
    let dropped = dispose(&mut city, &Retention { raw: rule(3), ..Retention::default() });
    let of_day = |day: &str| {
        city.count(&format!(
            "select count(*) from uplink where date(arrived_at / 1000000, 'unixepoch') = '{day}'"
        ))
    };
    let expected: Vec<String> = ["2026-07-12", "2026-07-13"]
        .iter()
        .map(|day| {
            format!(
                "(select kind, date(day * 86400, 'unixepoch'), decision, rows, finished_at is not null from disposal) \
                 [Text(\"raw\"), Text(\"{day}\"), Text(\"KS 2026/123\"), Integer({}), Integer(1)]",
                of_day(day)
            )
        })
        .collect();
    assert_eq!(journal(&city), expected);
    let sum: usize = dropped.iter().map(|step| step.rows).sum();
    assert_eq!(i64::try_from(sum).unwrap(), of_day("2026-07-12") + of_day("2026-07-13"));
    assert_eq!(contents(&city, &others), before, "what the decision does not cover");
    assert_eq!(contents(&city, &[of_row]), rows, "the ledger's own words");

    let border = at("2026-07-14T00:00:00Z");
    let all = UplinkFilter { limit: 10_000, ..UplinkFilter::default() };
    let mut seen = (0, 0);
    for row in city.store.reader.uplinks(all).await.unwrap() {
        let (row, message) = city.store.reader.uplink(row.id).await.unwrap().unwrap();
        if row.arrived_at < border {
            let disposed = row.disposed.unwrap();
            assert_eq!((disposed.decision.as_str(), disposed.at), ("KS 2026/123", now()));
            assert_eq!(message, None);
            seen.0 += 1;
        } else {
            assert_eq!(row.disposed, None);
            assert_eq!(message.unwrap().body.len(), row.body_bytes);
            seen.1 += 1;
        }
    }
    assert_eq!(seen.0, sum);
    assert!(seen.1 > 0);
    let (report, lines) = city.verify();
    assert_eq!(lines, Vec::<String>::new());
    assert_eq!(report.messages_disposed, sum as u64);
}

#[tokio::test]
async fn aggregates_outlive_their_observations_and_answers_go_on_across_the_border() {
    let mut city = city();
    let series = || (SiteId::from("playa-mjorn"), QuantityName::from("water_temperature"));
    let range = Range { from: at("2026-07-12T00:00:00Z"), until: now() };
    let reader = city.store.reader.clone();
    let hourly = || async {
        let (site, quantity) = series();
        reader.hourly(site, quantity, range).await.unwrap()
    };
    let before: Vec<HourAggregate> = hourly().await;
    assert_eq!(before.len(), 15);
    dispose(&mut city, &Retention { observations: rule(3), ..Retention::default() });
    assert_eq!(hourly().await, before);
    let (site, quantity) = series();
    let left = reader.observations(site, quantity, range, 0, 1000).await.unwrap();
    assert!(left.iter().all(|observation| observation.time >= at("2026-07-14T00:00:00Z")));
    assert!(left.len() > 10);
    assert_eq!(city.count("select count(*) from latest where time < 1783987200000000"), 0);
    assert_eq!(city.verify().1, Vec::<String>::new());

    // One that comes late for such a day does not put its own value in place of the day's.
    let (site, quantity) = series();
    let late =
        Observation { site, quantity, time: before[0].start, value: 99.0, quality: Quality::Good };
    let uplink = UplinkId(city.count("select min(id) from uplink where outcome = 0"));
    let observed: Result<bool, StoreError> =
        city.store.writer.batch(|batch| batch.observe(uplink, &late));
    assert!(observed.unwrap());
    city.roll_up(now());
    assert_eq!(hourly().await, before);
    assert_eq!(city.verify().1, Vec::<String>::new());
    dispose(&mut city, &Retention { observations: rule(3), ..Retention::default() });
    assert_eq!(hourly().await, before);

    dispose(
        &mut city,
        &Retention { observations: rule(3), hourly: rule(3), ..Retention::default() },
    );
    assert_eq!(hourly().await, before[6..]);
    assert_eq!(city.verify().1, Vec::<String>::new());
}

#[test]
fn a_stop_between_any_two_steps_changes_nothing_in_the_end() {
    let retention =
        Retention { raw: rule(3), observations: rule(3), hourly: rule(4), seen: Some(DAY * 3) };
    let mut at_once = city();
    let steps = dispose(&mut at_once, &retention).len();
    assert!(steps > 7, "{steps} steps");
    let mut stopped = city();
    let mut made = 0;
    while stopped.store.writer.dispose(&retention, now()).unwrap().is_some() {
        made += 1;
        stopped = stopped.reopen();
        assert_eq!(stopped.verify().1, Vec::<String>::new(), "after step {made}");
    }
    assert_eq!(made, steps);
    assert_eq!(contents(&stopped, ALL), contents(&at_once, ALL));
}

#[test]
fn a_big_day_goes_in_bounded_steps_and_each_decision_names_its_own_rows() {
    let mut city = City::with(at("2026-07-12T00:00:00Z"), at("2026-07-13T12:00:00Z"));
    let retention = Retention { raw: rule(3), ..Retention::default() };
    let first = city.store.writer.dispose(&retention, now()).unwrap().unwrap();
    assert_eq!((first.kind, first.rows, first.finished), (RetainedKind::Raw, 2000, false));
    // Turned off in the middle, nothing more goes; by another decision, the rest does.
    assert_eq!(dispose(&mut city, &Retention::default()), []);
    let other = Rule { keep: DAY * 3, decision: "KS 2026/200".to_owned() };
    dispose(&mut city, &Retention { raw: Some(other), ..Retention::default() });
    assert_eq!(city.count("select count(*) from uplink where disposal is null"), 0);
    let total = city.count("select sum(rows) from disposal where kind = 'raw'");
    assert_eq!(total, city.count("select count(*) from uplink"));
    let by_first = "select rows from disposal where decision = 'KS 2026/123'";
    assert_eq!(city.count(by_first), 2000);
    assert_eq!(city.count("select count(*) from disposal where finished_at is null"), 0);
    assert_eq!(city.verify().1, Vec::<String>::new());
}

#[test]
fn what_is_disposed_of_is_not_in_the_file_any_more() {
    let mut city = city();
    let packed = |city: &City| -> Vec<u8> {
        let ask = |connection: &rusqlite::Connection| -> Result<Vec<u8>, StoreError> {
            let sql = "select message from uplink where id = 5";
            Ok(connection.query_row(sql, [], |row| row.get(0))?)
        };
        city.store.reader.ask_blocking(ask).unwrap()
    };
    let message = packed(&city);
    assert!(message.len() > 50);
    let holds = |city: &City| {
        let file = std::fs::read(city.dir.path().join("stadspuls.sqlite")).unwrap();
        file.windows(40).any(|window| window == &message[message.len() - 40..])
    };
    city = city.reopen();
    assert!(holds(&city));
    dispose(&mut city, &Retention { raw: rule(3), ..Retention::default() });
    assert_eq!(packed(&city), b"");
    city = city.reopen();
    assert!(!holds(&city));
}

#[test]
fn a_redelivery_within_the_limit_is_still_a_duplicate_whatever_its_clock_says() {
    let mut city = City::new();
    // A gateway without a clock sends 1970, and its hash lies there.
    let mut today = messages(now() - TimeDelta::hours(1), now());
    for message in &mut today {
        let text =
            std::str::from_utf8(&message.body).unwrap().replace("2026-07-17T", "1970-01-01T");
        message.body = text.into_bytes().into();
    }
    let long_ago = messages(at("2026-07-10T00:00:00Z"), at("2026-07-10T01:00:00Z"));
    city.take(&long_ago);
    city.take(&today);
    let first = city.count("select count(*) from seen where hour < 1000");
    assert!(first > 50);
    let dropped = dispose(&mut city, &Retention { seen: Some(DAY * 3), ..Retention::default() });
    assert!(dropped.iter().all(|step| step.decision.is_none()));
    assert_eq!(city.count("select count(*) from seen where hour < 1000"), first);
    assert_eq!(city.count("select count(*) from seen where hour >= 1000"), 0);
    let (rows, duplicates) =
        ("select count(*) from uplink", "select count(*) from uplink where outcome = 1");
    let before = (city.count(rows), city.count(duplicates));
    city.take(&today);
    let came = city.count(rows) - before.0;
    assert_eq!(city.count(duplicates) - before.1, came);
    assert_eq!(city.verify().1, Vec::<String>::new());
}

#[tokio::test]
async fn a_device_and_its_troubles_are_found_on_both_sides_of_the_border() {
    let mut city = city();
    let reader = city.store.reader.clone();
    let ask = |dev_eui: Option<DevEui>, outcome| {
        let reader = reader.clone();
        async move {
            let filter = UplinkFilter { dev_eui, outcome, limit: 10_000 };
            let rows = reader.uplinks(filter).await.unwrap();
            rows.into_iter().map(|row| (row.id, row.outcome, row.reason)).collect::<Vec<_>>()
        }
    };
    let device: DevEui = "0e7a11fffe0d0101".parse().unwrap();
    let before = (ask(Some(device), None).await, ask(None, Some(Outcome::UnknownDevice)).await);
    assert!(!before.0.is_empty() && !before.1.is_empty());
    let retention = Retention { raw: rule(3), observations: rule(3), ..Retention::default() };
    dispose(&mut city, &retention);
    let after = (ask(Some(device), None).await, ask(None, Some(Outcome::UnknownDevice)).await);
    assert_eq!(after, before);
}
