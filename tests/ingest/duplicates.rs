use chrono::{DateTime, DurationRound, SecondsFormat, TimeDelta, Utc};
use rusqlite::Connection;
use serde_json::json;

use super::with_listener;
use crate::support::{Home, Message, TestApp, Up, WATER, ago, now, publish};

fn fixture(name: &str) -> Message {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/envelopes");
    let index: serde_json::Value =
        serde_json::from_slice(&std::fs::read(format!("{folder}/index.json")).unwrap()).unwrap();
    let files = index["files"].as_array().unwrap();
    let entry = files.iter().find(|entry| entry["file"] == name).expect("a sample of this name");
    let body = std::fs::read(format!("{folder}/{name}")).unwrap();
    Message::new(entry["topic"].as_str().unwrap(), body)
}

#[test]
fn a_redelivered_uplink_is_stored_once_also_after_a_restart() {
    let home = with_listener();
    let message = Up::water(WATER, 1, 193).message();

    let app = TestApp::start(&home);
    publish(app.listener("inside"), std::slice::from_ref(&message));
    publish(app.listener("inside"), std::slice::from_ref(&message));
    app.api.received(2);
    assert_eq!(app.api.metric("uplink_outcomes_total", &[("outcome", "duplicate")]), 1.0);
    app.stop();

    let app = TestApp::start(&home);
    publish(app.listener("inside"), &[message]);
    app.api.received(1);
    assert_eq!(app.api.metric("uplink_outcomes_total", &[("outcome", "duplicate")]), 1.0);
    assert_eq!(app.api.metric("observations_stored_total", &[]), 0.0);

    let rows = app.api.ledger();
    assert_eq!(app.api.outcomes(), ["stored", "duplicate", "duplicate"]);
    for row in &rows[1..] {
        assert_eq!(row["reason"], format!("same as uplink {}", rows[0]["id"]));
    }
    assert_eq!(app.api.observations("badplatsen", "water_temperature").len(), 1);
    assert_eq!(app.changes().len(), 1);
}

#[test]
fn two_copies_in_one_batch_are_one_uplink() {
    let home = with_listener();
    let app = TestApp::start(&home);
    let first = Up::water(WATER, 1, 100).at(ago(10)).message();
    let twice = Up::water(WATER, 2, 110).message();
    publish(app.listener("inside"), &[first]);
    app.api.received(1);

    // While the store is held the first message waits in a batch of its own, and the copies
    // gather behind it.
    let holder = Connection::open(home.store_file()).unwrap();
    holder.execute_batch("begin exclusive").unwrap();
    let to = app.listener("inside");
    let waiting = Up::water(WATER, 3, 120).at(ago(5)).message();
    let publisher = std::thread::spawn(move || publish(to, &[waiting, twice.clone(), twice]));
    app.api.reaches("messages_arrived_total", &[], 4.0);
    holder.execute_batch("rollback").unwrap();
    publisher.join().unwrap();

    app.api.received(4);
    assert_eq!(app.api.outcomes(), ["stored", "stored", "stored", "duplicate"]);
    assert!(app.api.metric("batch_size_count", &[]) < 4.0, "each message was alone in its batch");
}

#[test]
fn one_id_for_several_things_does_not_make_them_one() {
    let pairs = [
        ("chirpstack-v4-up-typical.json", "chirpstack-v4-status.json"),
        ("chirpstack-v4-up-relay-carrier.json", "chirpstack-v4-up-relayed.json"),
    ];
    for (one, other) in pairs {
        let app = TestApp::start(&with_listener());
        let (one, other) = (fixture(one), fixture(other));
        publish(app.listener("inside"), &[one.clone(), other.clone(), other, one]);
        app.api.received(4);
        let outcomes = app.api.outcomes();
        assert!(!outcomes[..2].contains(&"duplicate".to_owned()), "{outcomes:?}");
        assert_eq!(outcomes[2..], ["duplicate", "duplicate"]);
    }
}

#[test]
fn one_id_of_two_sources_is_two_uplinks() {
    let home = Home::new();
    home.configure(
        "[listener.old]\nbind = \"127.0.0.1:0\"\n[listener.new]\nbind = \"127.0.0.1:0\"\n",
    );
    let app = TestApp::start(&home);
    let message = Up::water(WATER, 1, 193).message();
    publish(app.listener("old"), std::slice::from_ref(&message));
    publish(app.listener("new"), &[message]);
    app.api.received(2);
    assert_eq!(app.api.outcomes(), ["stored", "stored"]);
    // It is the same observation all the same.
    assert_eq!(app.changes().len(), 1);
}

/// An instant within the last hours, at this minute of its hour.
fn at_minute(minute: i64) -> DateTime<Utc> {
    let hour = (now() - TimeDelta::hours(3)).duration_trunc(TimeDelta::hours(1)).unwrap();
    hour + TimeDelta::minutes(minute)
}

#[test]
fn without_an_id_session_counter_and_payload_are_one_within_a_quarter_of_an_hour() {
    let minutes = TimeDelta::minutes;
    let up = |minute| Up { id: None, ..Up::water(WATER, 8, 193).at(at_minute(minute)) };
    let later = |minute, step| up(minute).at(at_minute(minute) + step);
    let cases = [
        ("the same moment", up(5), up(5), true),
        ("14 minutes later", up(5), later(5, minutes(14)), true),
        ("14 minutes earlier", up(35), later(35, -minutes(14)), true),
        ("a quarter of an hour later", up(5), later(5, minutes(15)), true),
        ("16 minutes later", up(5), later(5, minutes(16)), false),
        ("16 minutes earlier", up(35), later(35, -minutes(16)), false),
        ("over the hour", up(55), later(55, minutes(14)), true),
        ("back over the hour", up(65), later(65, -minutes(14)), true),
        ("too far over the hour", up(55), later(55, minutes(16)), false),
        ("another counter", up(5), Up { f_cnt: 9, ..up(5) }, false),
        ("another session", up(5), Up { dev_addr: "01a4c39f".to_owned(), ..up(5) }, false),
        ("another payload", up(5), Up { payload: vec![0x0c, 0, 0xc2], ..up(5) }, false),
    ];
    for (case, first, second, same) in cases {
        let app = TestApp::start(&with_listener());
        publish(app.listener("inside"), &[first.message(), second.message()]);
        app.api.received(2);
        let wanted = if same { "duplicate" } else { "stored" };
        assert_eq!(app.api.outcomes(), ["stored", wanted], "{case}");
    }
}

#[test]
fn a_plain_message_is_a_duplicate_only_where_that_is_certain() {
    let time = |step: i64| {
        let time = ago(60) + TimeDelta::minutes(step);
        json!(time.to_rfc3339_opts(SecondsFormat::Secs, true))
    };
    let earlier = time(0);
    let cases = [
        ("nothing to tell them apart", json!({}), json!({}), false),
        ("the same id", json!({"id": "a"}), json!({"id": "a"}), true),
        ("other ids", json!({"id": "a"}), json!({"id": "b"}), false),
        ("the same counter", json!({"f_cnt": 3}), json!({"f_cnt": 3}), true),
        ("other counters", json!({"f_cnt": 3}), json!({"f_cnt": 4}), false),
        ("the same time", json!({"time": earlier}), json!({"time": earlier}), true),
        ("a minute later", json!({"time": earlier}), json!({"time": time(1)}), false),
        (
            "the same counter 16 minutes later",
            json!({"f_cnt": 3, "time": earlier}),
            json!({"f_cnt": 3, "time": time(16)}),
            false,
        ),
    ];
    for (case, first, second, same) in cases {
        let app = TestApp::start(&with_listener());
        let message = |extra: &serde_json::Value| {
            let mut body = json!({"dev_eui": WATER, "f_port": 5, "payload_hex": "0c00c1"});
            body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            Message::new("sensors/4g", body.to_string())
        };
        publish(app.listener("inside"), &[message(&first), message(&second)]);
        app.api.received(2);
        let wanted = if same { "duplicate" } else { "stored" };
        assert_eq!(app.api.outcomes(), ["stored", wanted], "{case}");
    }
}
