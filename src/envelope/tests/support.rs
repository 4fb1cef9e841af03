use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::envelope::Content;
use crate::model::{DeviceEvent, EventDetail, Format, Uplink};

/// One sample of `tests/fixtures/envelopes`, with its line of the index.
pub struct Sample {
    pub file: String,
    pub format: Format,
    pub topic: String,
    pub body: Vec<u8>,
    pub uplinks: Vec<Map<String, Value>>,
    pub event: Option<Map<String, Value>>,
}

pub fn samples() -> Vec<Sample> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/envelopes");
    let read = |file: &str| {
        std::fs::read(folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    };
    let index: Value = serde_json::from_slice(&read("index.json")).unwrap();
    let samples = index["files"].as_array().unwrap().iter().map(|line| {
        let text = |key: &str| line[key].as_str().unwrap().to_owned();
        let file = text("file");
        let mut body = read(&file);
        if text("wire") == "protobuf_hex" {
            let wrapped: Value = serde_json::from_slice(&body).unwrap();
            body = hex::decode(wrapped["protobuf_hex"].as_str().unwrap()).unwrap();
        }
        let uplinks = line["uplinks"].as_array().unwrap();
        Sample {
            format: Format::from_name(&text("format"))
                .unwrap_or_else(|| panic!("{file}: unknown format {}", text("format"))),
            topic: text("topic"),
            uplinks: uplinks.iter().map(|uplink| uplink.as_object().unwrap().clone()).collect(),
            event: line.get("event").map(|event| event.as_object().unwrap().clone()),
            file,
            body,
        }
    });
    samples.collect()
}

/// The sample of this name.
pub fn sample(file: &str) -> Sample {
    let found = samples().into_iter().find(|sample| sample.file == file);
    found.unwrap_or_else(|| panic!("no sample {file}"))
}

/// An uplink with the names of the index.
pub fn uplink_fields(uplink: &Uplink) -> Map<String, Value> {
    let (radio, relay) = (&uplink.radio, uplink.relay.as_ref());
    fields(json!({
        "dev_eui": uplink.dev_eui.to_string(),
        "f_port": uplink.f_port,
        "f_cnt": uplink.f_cnt,
        "payload_hex": hex::encode(&uplink.payload),
        "received_at": uplink.server_time.map(|time| time.to_rfc3339()),
        "rssi": radio.rssi,
        "snr": radio.snr,
        "gateway_count": radio.gateway_count,
        "best_gateway": radio.best_gateway,
        "confirmed": uplink.confirmed,
        "dr": radio.dr,
        "sf": radio.sf,
        "bandwidth_hz": radio.bandwidth_hz,
        "frequency_hz": radio.frequency_hz,
        "dev_addr": uplink.dev_addr,
        "dedup_id": uplink.dedup_id,
        "device_name": uplink.device_name,
        "battery_raw": uplink.battery_raw,
        "encrypted": uplink.encrypted.then_some(true),
        "simulated": uplink.simulated.then_some(true),
        "late": uplink.late.then_some(true),
        "session_id": uplink.session_id,
        "via_relay": relay.map(|relay| relay.dev_eui.to_string()),
        "relay_rssi": relay.and_then(|relay| relay.rssi),
        "relay_snr": relay.and_then(|relay| relay.snr),
    }))
}

/// An event with the names of the index. What a log says in words is for people, and in no index.
pub fn event_fields(event: &DeviceEvent) -> Map<String, Value> {
    let mut all = fields(json!({
        "kind": event.detail.kind(),
        "dev_eui": event.dev_eui.to_string(),
        "at": event.at.map(|time| time.to_rfc3339()),
    }));
    all.extend(fields(match &event.detail {
        EventDetail::Join { dev_addr, session_id } => {
            json!({ "dev_addr": dev_addr, "session_id": session_id })
        }
        EventDetail::Status { margin_db, battery_percent, external_power, battery_raw } => json!({
            "margin_db": margin_db, "battery_percent": battery_percent,
            "external_power": external_power, "battery_raw": battery_raw,
        }),
        EventDetail::Ack { acknowledged } => json!({ "acknowledged": acknowledged }),
        EventDetail::Location { latitude_deg, longitude_deg } => {
            json!({ "lat": latitude_deg, "lon": longitude_deg })
        }
        EventDetail::Log { level, code, description: _ } => {
            json!({ "level": level, "code": code })
        }
        EventDetail::JoinRequest
        | EventDetail::Txack
        | EventDetail::Downlink
        | EventDetail::CopyOfUplink
        | EventDetail::Other(_) => json!({}),
    }));
    all
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        other => panic!("{other} is no object"),
    }
}

/// Every field in which two sides differ, as `field: want …, got …`. A field that one side leaves
/// out is null.
pub fn differences(want: &Map<String, Value>, got: &Map<String, Value>) -> Vec<String> {
    let mut names: Vec<&String> = want.keys().chain(got.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let of = |side: &Map<String, Value>, name: &str| {
        side.get(name).cloned().map_or(Value::Null, |value| comparable(name, value))
    };
    let differing = names.into_iter().filter(|name| of(want, name) != of(got, name));
    differing
        .map(|name| format!("{name}: want {}, got {}", of(want, name), of(got, name)))
        .collect()
}

/// One spelling for each time, and one kind of number.
fn comparable(name: &str, value: Value) -> Value {
    match (name, &value) {
        ("received_at" | "at", Value::String(text)) => {
            let time = chrono::DateTime::parse_from_rfc3339(text).unwrap();
            json!(time.timestamp_nanos_opt())
        }
        (_, Value::Number(number)) => json!(number.as_f64()),
        _ => value,
    }
}

/// Every difference between what a sample must yield and what was read.
pub fn faults(sample: &Sample, got: &[Content]) -> Vec<String> {
    let uplinks: Vec<_> = got
        .iter()
        .filter_map(|content| match content {
            Content::Uplink(uplink) => Some(uplink_fields(uplink)),
            Content::Event(_) => None,
        })
        .collect();
    let events: Vec<_> = got
        .iter()
        .filter_map(|content| match content {
            Content::Event(event) => Some(event_fields(event)),
            Content::Uplink(_) => None,
        })
        .collect();
    let mut faults = Vec::new();
    if uplinks.len() != sample.uplinks.len() {
        faults.push(format!("want {} uplinks, got {}", sample.uplinks.len(), uplinks.len()));
    }
    if events.len() != usize::from(sample.event.is_some()) {
        faults.push(format!("want {:?}, got {events:?}", sample.event));
    }
    let pairs = sample.uplinks.iter().zip(&uplinks).chain(sample.event.iter().zip(&events));
    faults.extend(pairs.flat_map(|(want, got)| differences(want, got)));
    faults.iter().map(|fault| format!("{}: {fault}", sample.file)).collect()
}
