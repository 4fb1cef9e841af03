//! What is read in an envelope, held against samples whose meaning was written down beside them.

mod fixtures;
mod garbage;
mod guide;
mod plain;
mod readers;
mod samples;

use serde_json::Value;
use stadspuls::model::Format;

use crate::support::{Home, Message, Mosquitto, TestApp, publish};
use samples::{Sample, differences, samples};

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
    let mut samples = samples();
    samples.retain(|sample| sample.format == Format::ChirpStackV4Json);
    assert!(samples.len() >= 15, "only {} samples", samples.len());
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
            let pairs = [
                (sample.uplinks.first(), &detail["uplink"]),
                (sample.event.as_ref(), &detail["event"]),
            ];
            for (wanted, got) in pairs {
                match wanted {
                    None => assert_eq!(*got, Value::Null, "{what}"),
                    Some(wanted) => {
                        let mut got = got.as_object().unwrap().clone();
                        // What a log says in words is for people, and in no index.
                        got.remove("description");
                        // The index counts gateways and names the best: those named are among them.
                        let gateways = got.remove("gateways").unwrap_or_default();
                        let named = gateways.as_array().map_or(&[][..], Vec::as_slice);
                        let count =
                            wanted.get("gateway_count").and_then(Value::as_u64).unwrap_or(0);
                        assert!(named.len() as u64 <= count, "{what}: {gateways}");
                        let best = wanted.get("best_gateway").unwrap_or(&Value::Null);
                        assert!(best.is_null() || named.contains(best), "{what}: {gateways}");
                        assert_eq!(differences(wanted, &got), [""; 0], "{what}");
                    }
                }
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
