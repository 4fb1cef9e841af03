//! What is read in an envelope, held against samples whose meaning was written down beside them.

mod plain;

use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use stadspuls::envelope::{self, Content};
use stadspuls::model::{DeviceEvent, EventDetail, Format, Uplink};

use crate::support::{Home, Message, Mosquitto, TestApp, publish};

struct Sample {
    file: String,
    topic: String,
    body: Vec<u8>,
    uplinks: Vec<Value>,
    event: Option<Value>,
}

/// All samples of the index; as many files lie beside it.
fn samples() -> Vec<Sample> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/envelopes");
    let read = |file: &str| fs::read(folder.join(file)).unwrap();
    let index: Value = serde_json::from_slice(&read("index.json")).unwrap();
    let samples: Vec<Sample> = index["files"]
        .as_array()
        .unwrap()
        .iter()
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
    let files: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|f| f.unwrap().path()).collect();
    assert_eq!(samples.len(), files.len() - 1, "each file has an entry");
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
fn every_sample_yields_exactly_what_its_index_says() {
    for sample in samples() {
        for format in [Format::ChirpStackV4Json, Format::Auto] {
            let what = format!("{} as {}", sample.file, format.name());
            let contents = envelope::unwrap(format, &sample.topic, &sample.body)
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            let uplinks: Vec<&Uplink> = contents
                .iter()
                .filter_map(|content| match content {
                    Content::Uplink(uplink) => Some(uplink),
                    Content::Event(_) => None,
                })
                .collect();
            assert_eq!(uplinks.len(), sample.uplinks.len(), "{what}");
            for (uplink, wanted) in uplinks.iter().zip(&sample.uplinks) {
                assert_uplink(&uplink_json(uplink), wanted, &what);
            }
            let events: Vec<&DeviceEvent> = contents
                .iter()
                .filter_map(|content| match content {
                    Content::Event(event) => Some(event),
                    Content::Uplink(_) => None,
                })
                .collect();
            assert_eq!(events.len(), usize::from(sample.event.is_some()), "{what}");
            for (event, wanted) in events.iter().zip(&sample.event) {
                assert_event(&event_json(event), wanted, &what);
            }
        }
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

fn uplink_json(uplink: &Uplink) -> Value {
    let time = |time: DateTime<Utc>| json!(time.to_rfc3339());
    let radio = &uplink.radio;
    let mut fields = json!({
        "dev_eui": uplink.dev_eui.to_string(),
        "f_port": uplink.f_port,
        "f_cnt": uplink.f_cnt,
        "payload_hex": hex::encode(&uplink.payload),
        "received_at": uplink.server_time.map(time),
        "rssi": radio.rssi,
        "snr": radio.snr,
        "best_gateway": radio.best_gateway,
        "gateway_count": radio.gateway_count,
        "confirmed": uplink.confirmed,
        "dr": radio.dr,
        "sf": radio.sf,
        "bandwidth_hz": radio.bandwidth_hz,
        "frequency_hz": radio.frequency_hz,
        "dev_addr": uplink.dev_addr,
        "dedup_id": uplink.dedup_id,
        "device_name": uplink.device_name,
    });
    // The index names these only where a sample has them.
    if uplink.encrypted {
        fields["encrypted"] = json!(true);
    }
    if let Some(relay) = &uplink.relay {
        fields["via_relay"] = json!(relay.dev_eui.to_string());
        fields["relay_rssi"] = json!(relay.rssi);
        fields["relay_snr"] = json!(relay.snr);
    }
    fields
}

fn event_json(event: &DeviceEvent) -> Value {
    let mut fields = Map::new();
    let mut add = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    add("kind", json!(event.detail.kind()));
    add("dev_eui", json!(event.dev_eui.to_string()));
    add("at", json!(event.at.map(|at| at.to_rfc3339())));
    match &event.detail {
        EventDetail::Join { dev_addr } => {
            add("dev_addr", json!(dev_addr));
        }
        EventDetail::Status { margin_db, battery_percent, external_power } => {
            add("margin_db", json!(margin_db));
            add("battery_percent", json!(battery_percent));
            add("external_power", json!(external_power));
        }
        EventDetail::Ack { acknowledged } => {
            add("acknowledged", json!(acknowledged));
        }
        EventDetail::Location { latitude_deg, longitude_deg } => {
            add("lat", json!(latitude_deg));
            add("lon", json!(longitude_deg));
        }
        EventDetail::Log { level, code, .. } => {
            add("level", json!(level));
            add("code", json!(code));
        }
        EventDetail::Txack | EventDetail::Other(_) => {}
    }
    Value::Object(fields)
}
