use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::model::{
    Backwater, BackwaterCause, Bathing, Correction, Deployment, DevEui, Device, Direction, Format,
    Installation, Jump, Lot, Message, MonthDay, Observation, Outcome, Position, ProfileId,
    Publication, Quality, QualityRule, QuantityName, Rating, Reason, Season, Segment, Site, SiteId,
    SiteKind, Source,
};

const DEV_EUI: DevEui = DevEui(0x0e7a_11ff_fe4c_2d91);

fn open(dir: &TempDir) -> Store {
    Store::open(&StoreConfig::in_dir(dir.path())).unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn message(topic: &str, body: &str, arrived_at: DateTime<Utc>) -> Message {
    let source = Arc::new(Source { name: "test".to_owned(), format: Format::PlainJson });
    Message {
        source,
        topic: topic.to_owned(),
        body: Bytes::copy_from_slice(body.as_bytes()),
        arrived_at,
    }
}

fn entry(message: &Message, outcome: Outcome) -> LedgerEntry<'_> {
    LedgerEntry {
        message,
        part: 0,
        body_bytes: message.body.len(),
        server_time: None,
        dev_eui: Some(DEV_EUI),
        kind: None,
        f_port: Some(1),
        f_cnt: None,
        outcome,
        reason: None,
        profile: None,
        observed: None,
    }
}

fn record(store: &mut Store, message: &Message, outcome: Outcome) -> UplinkId {
    store.writer.batch(|batch| batch.record(&entry(message, outcome))).unwrap()
}

fn observation(time: DateTime<Utc>, value: f64, quality: Quality) -> Observation {
    Observation {
        site: SiteId::from("a-site"),
        quantity: QuantityName::from("water_level"),
        time,
        value,
        quality,
    }
}

fn observe(store: &mut Store, observations: &[Observation]) -> Vec<bool> {
    let done: Result<Vec<bool>, StoreError> = store.writer.batch(|batch| {
        observations.iter().map(|observation| batch.observe(UplinkId(1), observation)).collect()
    });
    done.unwrap()
}

fn series() -> (SiteId, QuantityName) {
    (SiteId::from("a-site"), QuantityName::from("water_level"))
}

async fn latest(store: &Store) -> Option<f64> {
    let (site, quantity) = series();
    store.reader.latest(site, quantity).await.unwrap().map(|observation| observation.value)
}

#[tokio::test]
async fn a_message_comes_back_as_it_was_before_and_after_a_dictionary_is_trained() {
    let dir = TempDir::new().unwrap();
    let mut store = open(&dir);
    let body = |number: usize| {
        format!(
            r#"{{"dev_eui":"0e7a11fffe4c2d91","payload_hex":"070d8a0c00c1","number":{number},"åäö":"\u0000"}}"#
        )
    };
    let ids: Vec<UplinkId> = (0..1200)
        .map(|number| message("a/topic/åäö", &body(number), at("2026-07-14T10:00:00Z")))
        .map(|message| record(&mut store, &message, Outcome::Stored))
        .collect();
    let trained: i64 = store
        .reader
        .ask(|connection| {
            Ok(connection.query_row("select count(*) from dictionary", [], |row| row.get(0))?)
        })
        .await
        .unwrap();
    assert_eq!(trained, 1);
    for number in [0, 399, 400, 1199] {
        let (row, stored) = store.reader.uplink(ids[number]).await.unwrap().unwrap();
        let stored = stored.unwrap();
        assert_eq!(stored.body, body(number).into_bytes());
        assert_eq!(stored.topic, "a/topic/åäö");
        assert_eq!((row.source.as_str(), row.outcome), ("test", Outcome::Stored));
    }
    drop(store);
    // A writer that finds the dictionary in the file goes on using it.
    let mut store = open(&dir);
    let id =
        record(&mut store, &message("t", &body(7), at("2026-07-14T10:00:00Z")), Outcome::Stored);
    let (_, stored) = store.reader.uplink(id).await.unwrap().unwrap();
    assert_eq!(stored.unwrap().body, body(7).into_bytes());
}

#[tokio::test]
async fn latest_moves_forward_only_and_never_onto_a_bad_value() {
    let dir = TempDir::new().unwrap();
    let mut store = open(&dir);
    let bad = Quality::Bad(Reason::OutOfRange);
    let cases = [
        ("2026-07-14T10:00:00Z", 1.0, Quality::Good, Some(1.0)),
        ("2026-07-14T10:10:00Z", 2.0, Quality::Good, Some(2.0)),
        ("2026-07-14T09:50:00Z", 3.0, Quality::Good, Some(2.0)),
        ("2026-07-14T10:20:00Z", -200.0, bad, Some(2.0)),
        ("2026-07-14T10:30:00Z", 4.0, Quality::Uncertain(Reason::ClockSkew), Some(4.0)),
        // Found to be bad after all, twice; the one before it takes its place each time.
        ("2026-07-14T10:30:00Z", 4.0, bad, Some(2.0)),
        ("2026-07-14T10:10:00Z", 2.0, bad, Some(1.0)),
        ("2026-07-14T10:00:00Z", 1.5, Quality::Good, Some(1.5)),
    ];
    for (time, value, quality, wanted) in cases {
        observe(&mut store, &[observation(at(time), value, quality)]);
        assert_eq!(latest(&store).await, wanted, "after {value} at {time}");
    }
}

#[tokio::test]
async fn every_write_is_a_change_in_order_and_a_repetition_is_none() {
    let dir = TempDir::new().unwrap();
    let mut store = open(&dir);
    let (first, second) = (at("2026-07-14T10:00:00Z"), at("2026-07-14T09:00:00Z"));
    let changed = observe(
        &mut store,
        &[
            observation(first, 1.0, Quality::Good),
            observation(second, 2.0, Quality::Good),
            observation(first, 1.0, Quality::Good),
            observation(first, 1.1, Quality::Good),
        ],
    );
    assert_eq!(changed, [true, true, false, true]);
    let changes = store.reader.changes(0, 10).await.unwrap();
    let told: Vec<_> =
        changes.iter().map(|change| (change.observation.time, change.observation.value)).collect();
    assert_eq!(told, [(first, 1.1), (second, 2.0), (first, 1.1)]);
    let after_first = store.reader.changes(changes[0].seq, 1).await.unwrap();
    assert_eq!(after_first[0].seq, changes[1].seq);
    assert_eq!(after_first[0].site, SiteId::from("a-site"));
}

#[tokio::test]
async fn a_range_is_half_open_and_pages_do_not_overlap() {
    let dir = TempDir::new().unwrap();
    let mut store = open(&dir);
    let start = at("2026-07-14T22:00:00Z");
    let all: Vec<Observation> = (0..30_i32)
        .map(|number| {
            observation(start + TimeDelta::minutes(10) * number, f64::from(number), Quality::Good)
        })
        .collect();
    observe(&mut store, &all);
    let range =
        Range { from: start + TimeDelta::minutes(10), until: start + TimeDelta::minutes(290) };
    let mut read = Vec::new();
    for page in 0..4 {
        let (site, quantity) = series();
        let found = store.reader.observations(site, quantity, range, page * 10, 10).await.unwrap();
        read.extend(found.iter().map(|observation| observation.value));
    }
    assert_eq!(read, (1..29).map(f64::from).collect::<Vec<_>>());
}

/// Hours by the plainest means: all observations read back and folded here.
async fn folded(store: &Store, range: Range) -> Vec<(DateTime<Utc>, u64, f64, f64)> {
    let (site, quantity) = series();
    let mut hours: Vec<(DateTime<Utc>, u64, f64, f64)> = Vec::new();
    for observation in store.reader.observations(site, quantity, range, 0, 100_000).await.unwrap() {
        if observation.quality.is_bad() {
            continue;
        }
        let seconds = observation.time.timestamp().div_euclid(3600) * 3600;
        let start = DateTime::from_timestamp(seconds, 0).unwrap();
        let value = observation.value;
        match hours.last_mut() {
            Some(hour) if hour.0 == start => {
                *hour = (start, hour.1 + 1, hour.2.min(value), hour.3.max(value));
            }
            _ => hours.push((start, 1, value, value)),
        }
    }
    hours
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn aggregates_are_those_of_the_observations_however_late_they_come(
        writes in prop::collection::vec((0_i64..60, -5_i32..50, any::<bool>(), any::<bool>()), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let dir = TempDir::new().unwrap();
            let mut store = open(&dir);
            let start = at("2026-07-14T20:00:00Z");
            let range = Range { from: start, until: start + TimeDelta::hours(20) };
            for (step, value, is_bad, roll_up) in writes {
                let quality = if is_bad { Quality::Bad(Reason::OutOfRange) } else { Quality::Good };
                let time = start + TimeDelta::minutes(20) * i32::try_from(step).unwrap();
                observe(&mut store, &[observation(time, f64::from(value), quality)]);
                if roll_up {
                    while store.writer.roll_up(start + TimeDelta::hours(12)).unwrap() {}
                }
            }
            let (site, quantity) = series();
            let hours = store.reader.hourly(site, quantity, range).await.unwrap();
            let told: Vec<_> = hours.iter().map(|hour| (hour.start, hour.count, hour.min, hour.max)).collect();
            assert_eq!(told, folded(&store, range).await);
        });
    }
}

#[tokio::test]
async fn a_devices_uplinks_and_troubles_are_found_newest_first() {
    let dir = TempDir::new().unwrap();
    let mut store = open(&dir);
    let start = at("2026-07-01T00:00:00Z");
    let outcomes = [Outcome::Stored, Outcome::CodecError, Outcome::Stored, Outcome::Rejected];
    let ids: Vec<UplinkId> = (0..40_i32)
        .map(|number| {
            let message = message("t", "{}", start + TimeDelta::hours(5) * number);
            record(&mut store, &message, outcomes[usize::try_from(number).unwrap() % 4])
        })
        .collect();
    let ask = |dev_eui, outcome, limit| {
        let reader = store.reader.clone();
        async move {
            let rows = reader.uplinks(UplinkFilter { dev_eui, outcome, limit }).await.unwrap();
            rows.iter().map(|row| row.id).collect::<Vec<_>>()
        }
    };
    let newest: Vec<UplinkId> = ids.iter().rev().copied().collect();
    let with = |outcome: usize, most: usize| {
        let every_fourth = ids.iter().skip(outcome).step_by(4).copied();
        every_fourth.collect::<Vec<_>>().into_iter().rev().take(most).collect::<Vec<_>>()
    };
    assert_eq!(ask(None, None, 3).await, newest[..3]);
    assert_eq!(ask(Some(DEV_EUI), None, 7).await, newest[..7]);
    assert_eq!(ask(Some(DEV_EUI), None, 100).await, newest);
    assert_eq!(ask(Some(DEV_EUI), Some(Outcome::CodecError), 4).await, with(1, 4));
    assert_eq!(ask(None, Some(Outcome::Rejected), 100).await, with(3, 100));
    assert_eq!(ask(Some(DevEui(1)), None, 7).await, []);
}

fn installations() -> Vec<Installation> {
    vec![
        Installation {
            height_m: Some(52.4),
            tilt_deg: Some(2.0),
            corrections: vec![Correction {
                quantity: "water_temperature".into(),
                gain: 1.01,
                offset: -0.3,
            }],
            ..Installation::unknown(at("2026-05-15T08:00:00Z"))
        },
        Installation {
            ground_distance_m: Some(3.2),
            empty_distance_m: Some(1.4),
            full_distance_m: Some(0.2),
            ..Installation::unknown(at("2026-06-01T00:00:00Z"))
        },
    ]
}

fn ratings() -> Vec<Rating> {
    vec![Rating {
        from: at("2020-01-01T00:00:00Z"),
        until: Some(at("2030-01-01T00:00:00Z")),
        segments: vec![
            Segment { from_m: 50.9, to_m: 51.5, factor: 8.4, zero_m: 50.9, exponent: 1.6 },
            Segment { from_m: 51.5, to_m: 53.0, factor: 6.5, zero_m: 50.7, exponent: 1.7 },
        ],
    }]
}

fn quality_rules() -> Vec<QualityRule> {
    vec![
        QualityRule {
            quantity: "air_temperature".into(),
            min: None,
            max: None,
            jump: None,
            stuck_for: Some(Duration::from_secs(86_400)),
        },
        QualityRule {
            quantity: "water_temperature".into(),
            min: Some(-0.5),
            max: Some(35.0),
            jump: Some(Jump { step: 2.5, within: Duration::from_secs(900) }),
            stuck_for: None,
        },
    ]
}

#[test]
fn a_fleet_comes_back_as_it_was_and_what_is_gone_is_retired() {
    let season = |from: (u32, u32), until: (u32, u32)| Season {
        from: MonthDay::new(from.0, from.1).unwrap(),
        until: MonthDay::new(until.0, until.1).unwrap(),
    };
    let site = Site {
        id: SiteId::from("playa-mjorn"),
        kind: SiteKind::BathingPlace,
        name: "Playa Mjörn".to_owned(),
        tags: vec!["va".to_owned()],
        position: Some(Position { longitude_deg: 12.50216, latitude_deg: 57.93055 }),
        publication: Some(Publication {
            purpose: "badtemperaturer".to_owned(),
            approved_by: "Fritidschef".to_owned(),
            approved_on: "2026-04-20".parse().unwrap(),
        }),
        bathing: Some(Bathing {
            bathing_water_id: Some("SE0A21489000001700".to_owned()),
            wikidata_id: None,
            lake: Some("Mjörn".to_owned()),
            eu_bath: Some(true),
            depth_m: Some(0.5),
            measurement_season: Some(season((5, 15), (9, 15))),
            bathing_season: None,
            current_for: Duration::from_secs(3 * 3600),
            stale_for: Duration::from_secs(24 * 3600),
        }),
        ratings: ratings(),
        backwaters: vec![Backwater {
            from: at("2025-12-01T00:00:00Z"),
            until: None,
            cause: BackwaterCause::Ice,
        }],
        direction: Some(Direction::Rtl),
        lot: Some(Lot { capacity: 120, offset: 8, reset_at: "04:30:00".parse().unwrap() }),
        quality: quality_rules(),
    };
    let device = Device {
        dev_eui: DevEui(u64::MAX),
        profile: ProfileId::from("elsys/elt-2"),
        name: Some("boj 1".to_owned()),
        variables: [("range".to_owned(), "5 m".to_owned())].into(),
    };
    let deployment = Deployment {
        dev_eui: device.dev_eui,
        site: site.id.clone(),
        from: at("2026-05-15T08:00:00Z"),
        until: Some(at("2026-09-15T08:00:00Z")),
        installations: installations(),
    };
    let fleet = Fleet { sites: vec![site], devices: vec![device], deployments: vec![deployment] };

    let dir = TempDir::new().unwrap();
    let mut store = open(&dir);
    store.writer.replace_fleet(&fleet).unwrap();
    store.writer.replace_fleet(&fleet).unwrap();
    assert_eq!(store.writer.fleet().unwrap(), fleet);
    drop(store);
    let mut store = open(&dir);
    assert_eq!(store.writer.fleet().unwrap(), fleet);
    store.writer.replace_fleet(&Fleet::default()).unwrap();
    assert_eq!(store.writer.fleet().unwrap(), Fleet::default());
}

#[tokio::test]
async fn a_batch_that_fails_or_panics_leaves_nothing_behind() {
    let dir = TempDir::new().unwrap();
    let mut store = open(&dir);
    let message = message("t", "{}", at("2026-07-14T10:00:00Z"));
    let failed: Result<(), StoreError> = store.writer.batch(|batch| {
        batch.record(&entry(&message, Outcome::Stored))?;
        Err(StoreError::Foreign("x".into()))
    });
    assert!(failed.is_err());
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        store.writer.batch::<(), StoreError>(|batch| {
            batch.record(&entry(&message, Outcome::Stored))?;
            panic!("in the middle");
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(
        store.reader.uplinks(UplinkFilter { limit: 10, ..UplinkFilter::default() }).await.unwrap(),
        []
    );
    // What the caches had learned is forgotten, or this row would name a device that is not there.
    let id = record(&mut store, &message, Outcome::Stored);
    let (row, _) = store.reader.uplink(id).await.unwrap().unwrap();
    assert_eq!(row.dev_eui, Some(DEV_EUI));
}
