use serde_json::json;

use crate::support::{Home, Message, Mosquitto, STRANGER, TestApp, Up, WATER, ago, now, publish};

const FORMATS: [&str; 3] = ["auto", "chirpstack-v4-json", "plain-json"];

/// A source of each format, all of which get every message.
fn with_every_format(broker: &Mosquitto) -> Home {
    let home = Home::new();
    let sources: String = FORMATS
        .iter()
        .map(|format| {
            format!(
                "[source.{format}]\nbroker = \"mqtt://127.0.0.1:{}\"\nformat = \"{format}\"\n\
                 client_id = \"{format}\"\nfilters = [\"#\"]\n",
                broker.port()
            )
        })
        .collect();
    home.configure(&sources);
    home
}

/// Bodies that nobody can make sense of.
fn poison() -> Vec<(&'static str, Vec<u8>)> {
    let good = Up::water(WATER, 1, 100).body();
    let nested = |depth: usize, open: &str, close: &str| {
        format!("{{\"deviceInfo\":{}{}}}", open.repeat(depth), close.repeat(depth)).into_bytes()
    };
    let mut invalid_utf8 = good.clone();
    let at = invalid_utf8.windows(4).position(|four| four == b"prov").unwrap();
    invalid_utf8[at] = 0xff;
    let with = |name: &str, value: serde_json::Value| {
        let mut body: serde_json::Value = serde_json::from_slice(&good).unwrap();
        body[name] = value;
        body["dev_eui"] = json!(WATER);
        body["payload_hex"] = json!("not hex");
        serde_json::to_vec(&body).unwrap()
    };
    let huge = br#"{"deviceInfo":{"devEui":"0e7a11fffe000001"},"fCnt":1e999999,"dev_eui":1e400}"#;
    vec![
        ("empty", Vec::new()),
        ("a NUL", vec![0]),
        ("many NULs", vec![0; 10_000]),
        ("binary", (0..=255).collect()),
        ("not JSON", b"hello".to_vec()),
        ("cut short", good[..good.len() / 2].to_vec()),
        ("cut by one byte", good[..good.len() - 1].to_vec()),
        ("two in one", [good.clone(), good.clone()].concat()),
        ("invalid UTF-8", invalid_utf8),
        ("a list", b"[]".to_vec()),
        ("a number", b"5".to_vec()),
        ("null", b"null".to_vec()),
        ("an empty object", b"{}".to_vec()),
        ("deep objects", nested(25_000, "{\"a\":", "1}")),
        ("deep lists", nested(100_000, "[", "]")),
        ("deep and never closed", nested(100_000, "[", "")),
        ("huge numbers", huge.to_vec()),
        ("a number for a text", with("deviceInfo", json!({"devEui": 5}))),
        ("no DevEUI", with("deviceInfo", json!({"devEui": "sixteen letters!"}))),
        ("a counter beyond 32 bits", with("fCnt", json!(4_294_967_296_u64))),
        ("a negative counter", with("fCnt", json!(-1))),
        ("half a counter", with("fCnt", json!(1.5))),
        ("a port beyond 255", with("fPort", json!(256))),
        ("no base64", with("data", json!("!!!"))),
        ("a list for a time", with("time", json!([2026]))),
        ("no time", with("time", json!("2026-02-30T00:00:00Z"))),
        ("an object for receptions", with("rxInfo", json!({}))),
    ]
}

#[test]
fn whatever_cannot_be_read_is_one_rejected_row_with_a_reason_and_blocks_nothing() {
    let broker = Mosquitto::start();
    let app = TestApp::start(&with_every_format(&broker));
    for format in FORMATS {
        app.api.connected(format);
    }
    let poison = poison();
    let good = Up::water(WATER, 1000, 211);
    let mut messages: Vec<Message> =
        poison.iter().map(|(_, body)| Message::new(&good.topic(), body.clone())).collect();
    messages.push(good.message());
    publish(broker.addr(), &messages);

    let per_source = u32::try_from(messages.len()).unwrap();
    for format in FORMATS {
        let source = [("source", format)];
        app.api.reaches("uplinks_received_total", &source, f64::from(per_source));
        let rows = app.api.ledger();
        let rows: Vec<_> = rows.iter().filter(|row| row["source"] == format).collect();
        assert_eq!(rows.len(), messages.len(), "{format}");
        for ((case, body), row) in poison.iter().zip(&rows) {
            assert_eq!(row["outcome"], "rejected", "{case} as {format}: {row}");
            let reason = row["reason"].as_str().unwrap_or_default();
            assert!(!reason.is_empty() && reason.len() < 500, "{case} as {format}: {reason:?}");
            assert_eq!(row["body_bytes"], body.len(), "{case} as {format}");
        }
        // The very next message is taken as if nothing had been.
        let wanted = if format == "plain-json" { "rejected" } else { "stored" };
        assert_eq!(rows.last().unwrap()["outcome"], wanted, "{format}");
    }
    for source in FORMATS {
        let source = [("source", source)];
        let received = app.api.metric("uplinks_received_total", &source);
        assert_eq!(app.api.metric("uplink_outcomes_total", &source), received);
        assert_eq!(app.api.metric("source_connections_total", &source), 1.0, "nobody was cut off");
    }
    assert_eq!(app.api.values("badplatsen", "water_temperature"), [21.1]);
    // All is acknowledged: a session that is taken up again brings nothing back.
    app.api.ready();
}

#[test]
fn a_rejected_message_is_acknowledged_and_does_not_come_back() {
    let mut broker = Mosquitto::start();
    let app = TestApp::start(&with_every_format(&broker));
    for format in FORMATS {
        app.api.connected(format);
    }
    publish(broker.addr(), &[Message::new("application/1/device/2/event/up", "poison")]);
    app.api.received(3);
    broker.stop();
    for format in FORMATS {
        let down = [("source", format)];
        crate::support::eventually("the source sees that the broker has gone", || {
            (app.api.metric("source_connected", &down) == 0.0).then_some(())
        });
    }
    broker.restart();
    for format in FORMATS {
        app.api.connected(format);
    }
    publish(broker.addr(), &[Up::water(WATER, 1, 100).message()]);
    app.api.received(6);
    assert_eq!(app.api.metric("uplinks_received_total", &[]), 6.0);
}

#[test]
fn a_body_over_the_limit_is_an_outcome_and_its_beginning_is_kept() {
    let broker = Mosquitto::start();
    let app = TestApp::start(&with_every_format(&broker));
    for format in FORMATS {
        app.api.connected(format);
    }
    let good = Up::water(WATER, 1, 100);
    let mut body = good.body();
    body.resize(300_000, b' ');
    publish(broker.addr(), &[Message::new(&good.topic(), body), good.message()]);
    app.api.reaches("uplinks_received_total", &[("source", "auto")], 2.0);
    let rows = app.api.ledger();
    let row = rows.iter().find(|row| row["source"] == "auto").unwrap();
    assert_eq!((&row["outcome"], &row["body_bytes"]), (&json!("too_large"), &json!(300_000)));
    assert!(row["reason"].as_str().unwrap().contains("300000 bytes, more than 262144"), "{row}");
    let detail = app.api.staff(&format!("uplinks/{}", row["id"]));
    assert!(detail["raw"]["body"].as_str().unwrap().len() > 4000);
    assert_eq!(app.api.values("badplatsen", "water_temperature"), [10.0]);
}

#[test]
fn topics_of_all_kinds_are_kept_as_they_are() {
    let broker = Mosquitto::start();
    let app = TestApp::start(&with_every_format(&broker));
    app.api.connected("auto");
    let topics = [
        "application/å ä ö/device/\u{1f30a}/event/up".to_owned(),
        "//".to_owned(),
        " ".to_owned(),
        "application/'; drop table uplink; --/event/up".to_owned(),
        "a\"b\\c".to_owned(),
        format!("application/{}/event/up", "x".repeat(30_000)),
    ];
    let messages: Vec<Message> = (0..)
        .zip(&topics)
        .map(|(f_cnt, topic)| Message::new(topic, Up::water(WATER, f_cnt, 100).body()))
        .collect();
    publish(broker.addr(), &messages);
    let wanted = f64::from(u32::try_from(topics.len()).unwrap());
    app.api.reaches("uplinks_received_total", &[("source", "auto")], wanted);
    let rows = app.api.ledger();
    let mut rows = rows.iter().filter(|row| row["source"] == "auto");
    for topic in &topics {
        let row = rows.next().unwrap();
        let detail = app.api.staff(&format!("uplinks/{}", row["id"]));
        assert_eq!(detail["raw"]["topic"], *topic);
        assert_eq!(detail["outcome"], "stored", "{topic}: {}", detail["reason"]);
    }
}

#[test]
fn each_message_has_one_outcome_and_their_sum_is_what_was_received() {
    const FUTURE: &str = "0e7a11fffe000020";
    let home = super::with_listener();
    home.add_device(FUTURE, "elsys/elt-2");
    let tomorrow = now() + chrono::TimeDelta::days(1);
    let from = tomorrow.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    home.add_deployment(FUTURE, "bron", &from, None);
    let app = TestApp::start(&home);

    let up = Up::water(WATER, 1, 100).at(ago(9));
    let encrypted = {
        let mut body: serde_json::Value =
            serde_json::from_slice(&Up::water(WATER, 2, 100).body()).unwrap();
        body["joinServerContext"] = json!({"sessionKeyId": "AQ==", "appSKey": "AQ=="});
        Message::new(&up.topic(), body.to_string())
    };
    let event = |kind: &str| {
        let body = json!({"time": now(), "deviceInfo": {"devEui": WATER}, "deduplicationId": kind});
        Message::new(&format!("application/1/device/{WATER}/event/{kind}"), body.to_string())
    };
    let cases = [
        (up.message(), "stored"),
        (up.message(), "duplicate"),
        (Up::water(STRANGER, 1, 100).message(), "unknown_device"),
        (Up::water(FUTURE, 1, 100).message(), "not_deployed"),
        (Up::of(WATER, 3, &[0x07, 0x0d]).message(), "codec_error"),
        (encrypted, "encrypted"),
        (Up { f_port: 0, ..Up::of(WATER, 4, &[]) }.message(), "nothing_measured"),
        (Up { f_port: 0, ..Up::of(WATER, 5, &[0x0c, 0, 0xc1]) }.message(), "nothing_measured"),
        (event("join"), "event"),
        (event("status"), "event"),
        (event("log"), "event"),
        (event("ack"), "ignored"),
        (event("txack"), "ignored"),
        (event("integration"), "ignored"),
        (event("location"), "rejected"),
        (Message::new(&up.topic(), "{}"), "rejected"),
        (Up::water(WATER, 6, 110).message(), "stored"),
    ];
    let messages: Vec<Message> = cases.iter().map(|(message, _)| message.clone()).collect();
    publish(app.listener("inside"), &messages);
    app.api.received(cases.len());

    let wanted: Vec<&str> = cases.iter().map(|(_, outcome)| *outcome).collect();
    assert_eq!(app.api.outcomes(), wanted);
    for outcome in stadspuls::model::Outcome::ALL.map(stadspuls::model::Outcome::name) {
        let count = wanted.iter().filter(|wanted| **wanted == outcome).count();
        let told = app.api.metric("uplink_outcomes_total", &[("outcome", outcome)]);
        assert_eq!(told, f64::from(u32::try_from(count).unwrap()), "{outcome}");
    }
    let received = app.api.metric("uplinks_received_total", &[]);
    assert_eq!(received, app.api.metric("uplink_outcomes_total", &[]));
    assert_eq!(received, app.api.metric("messages_arrived_total", &[]));
    let device = app.api.staff(&format!("devices/{STRANGER}"));
    assert_eq!((&device["registered"], &device["state"]["uplinks"]), (&json!(false), &json!(1)));
}
