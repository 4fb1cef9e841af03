//! What is read in an envelope and told to staff, held against samples whose meaning was written
//! down beside them.

mod plain;

use std::fs;
use std::path::Path;

use chrono::DateTime;
use serde_json::{Value, json};

use crate::support::{Home, Message, Mosquitto, TestApp, publish};

struct Sample {
    file: String,
    topic: String,
    body: Vec<u8>,
    uplinks: Vec<Value>,
    event: Option<Value>,
}

/// The samples of `ChirpStack` v4, as the index beside them says.
fn samples() -> Vec<Sample> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/envelopes");
    let read = |file: &str| fs::read(folder.join(file)).unwrap();
    let index: Value = serde_json::from_slice(&read("index.json")).unwrap();
    let samples: Vec<Sample> = index["files"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["format"] == "chirpstack-v4-json")
        .map(|entry| {
            let file = entry["file"].as_str().unwrap().to_owned();
            Sample {
                topic: entry["topic"].as_str().unwrap().to_owned(),
                body: read(&file),
                uplinks: entry["uplinks"].as_array().unwrap().clone(),
                event: entry.get("event").cloned(),
                file,
            }
        })
        .collect();
    assert!(samples.len() >= 15, "only {} samples", samples.len());
    samples
}

/// Numbers as one type and times as instants, so that `6.5` and `-97` compare by value and
/// `…00.200Z` is `…00.2Z`.
fn plainly(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64().unwrap()),
        Value::String(text) => match DateTime::parse_from_rfc3339(text) {
            Ok(time) => json!(time.to_utc().timestamp_nanos_opt().unwrap().to_string()),
            Err(_) => value.clone(),
        },
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), plainly(value))).collect()
        }
        other => other.clone(),
    }
}

fn assert_uplink(got: &Value, wanted: &Value, what: &str) {
    assert_eq!(plainly(got), plainly(wanted), "{what}");
}

/// An event says at least what the index says; what a kind carries beside that is its own.
fn assert_event(got: &Value, wanted: &Value, what: &str) {
    for (name, wanted) in wanted.as_object().unwrap() {
        assert_eq!(plainly(&got[name]), plainly(wanted), "{what}: {name} of {got}");
    }
}

#[test]
fn every_sample_reads_back_from_the_ledger_as_its_index_says() {
    let broker = Mosquitto::start();
    let home = Home::new();
    let port = broker.port();
    home.configure(&format!(
        r#"
        [source.named]
        broker = "mqtt://127.0.0.1:{port}"
        format = "chirpstack-v4-json"
        client_id = "named"
        filters = ["application/#"]
        [source.recognised]
        broker = "mqtt://127.0.0.1:{port}"
        format = "auto"
        client_id = "recognised"
        filters = ["application/#"]
        "#
    ));
    let app = TestApp::start(&home);
    app.api.connected("named");
    app.api.connected("recognised");
    let samples = samples();
    let messages: Vec<Message> =
        samples.iter().map(|sample| Message::new(&sample.topic, sample.body.clone())).collect();
    publish(broker.addr(), &messages);
    app.api.received(2 * samples.len());

    let rows = app.api.ledger();
    let details: Vec<Value> =
        rows.iter().map(|row| app.api.staff(&format!("uplinks/{}", row["id"]))).collect();
    for source in ["named", "recognised"] {
        for sample in &samples {
            let what = format!("{} from source {source}", sample.file);
            let body = String::from_utf8(sample.body.clone()).unwrap();
            let mut same = details.iter().filter(|detail| {
                detail["source"] == source
                    && detail["raw"]["topic"] == sample.topic
                    && detail["raw"]["body"] == body
            });
            let detail = same.next().unwrap_or_else(|| panic!("{what} is not in the ledger"));
            assert!(same.next().is_none(), "{what} is there twice");
            match sample.uplinks.first() {
                Some(wanted) => assert_uplink(&detail["uplink"], wanted, &what),
                None => assert_eq!(detail["uplink"], Value::Null, "{what}"),
            }
            match &sample.event {
                Some(wanted) => assert_event(&detail["event"], wanted, &what),
                None => assert_eq!(detail["event"], Value::Null, "{what}"),
            }
            let wanted = outcome_without_registration(sample);
            assert_eq!(detail["outcome"], wanted, "{what}");
        }
    }
}

/// No device of the samples is registered.
fn outcome_without_registration(sample: &Sample) -> &'static str {
    match sample.event.as_ref().and_then(|event| event["kind"].as_str()) {
        None => "unknown_device",
        Some("ack" | "txack" | "integration") => "ignored",
        Some(_) => "event",
    }
}
