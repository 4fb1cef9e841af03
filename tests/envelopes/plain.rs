//! The plain JSON, by a table of bodies that are read and one of bodies that are refused.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use stadspuls::envelope::{self, Content, EnvelopeError};
use stadspuls::model::{Format, Uplink};

use super::plainly;

fn unwrap(format: Format, body: &str) -> Result<Uplink, EnvelopeError> {
    let mut contents = envelope::unwrap(format, "sensors/any", body.as_bytes())?;
    match (contents.pop(), contents.is_empty()) {
        (Some(Content::Uplink(uplink)), true) => Ok(uplink),
        other => panic!("{body} holds {other:?}"),
    }
}

#[test]
fn a_plain_body_is_read_field_by_field() {
    let cases = [
        (
            "no more than needed",
            r#"{"dev_eui": "0e7a11fffe4c2d91", "payload_hex": "070d8a0c00c1"}"#,
            json!({"dev_eui": "0e7a11fffe4c2d91", "payload_hex": "070d8a0c00c1", "f_port": 1}),
        ),
        (
            "all there is",
            r#"{"dev_eui": "0E-7A-11-FF-FE-4C-2D-91", "f_port": 5, "f_cnt": 4294967295,
                "payload_hex": "0C00C1", "time": "2026-07-14T12:00:12.5+02:00", "id": "7",
                "name": "Åkerö 3", "rssi": -97.5, "snr": -3, "gateway": "e45f01fffe7a3c11",
                "dev_addr": "01a4c39e", "unknown": {"nested": [1e400]}}"#,
            json!({"dev_eui": "0e7a11fffe4c2d91", "f_port": 5, "f_cnt": 4_294_967_295_u32,
                "payload_hex": "0c00c1", "received_at": "2026-07-14T10:00:12.5Z", "dedup_id": "7",
                "device_name": "Åkerö 3", "rssi": -97.5, "snr": -3,
                "best_gateway": "e45f01fffe7a3c11", "gateway_count": 1, "dev_addr": "01a4c39e"}),
        ),
        (
            "an IMEI with a leading digit",
            r#"{"dev_eui": "0861234567890123", "payload_hex": "00"}"#,
            json!({"dev_eui": "0861234567890123", "payload_hex": "00", "f_port": 1}),
        ),
        (
            "base64 with padding",
            r#"{"dev_eui": "0e7a11fffe4c2d91", "payload_base64": "++//AA=="}"#,
            json!({"dev_eui": "0e7a11fffe4c2d91", "payload_hex": "fbefff00", "f_port": 1}),
        ),
        (
            "base64 for addresses, without padding",
            r#"{"dev_eui": "0e7a11fffe4c2d91", "payload_base64": "--__AA"}"#,
            json!({"dev_eui": "0e7a11fffe4c2d91", "payload_hex": "fbefff00", "f_port": 1}),
        ),
        (
            "a sign of life",
            r#"{"dev_eui": "0e7a11fffe4c2d91", "payload_hex": "", "f_port": 0, "f_cnt": 0}"#,
            json!({"dev_eui": "0e7a11fffe4c2d91", "payload_hex": "", "f_port": 0, "f_cnt": 0}),
        ),
        (
            "null is absent",
            r#"{"dev_eui": "0e7a11fffe4c2d91", "payload_hex": "00", "payload_base64": null,
                "f_port": null, "time": null, "gateway": null}"#,
            json!({"dev_eui": "0e7a11fffe4c2d91", "payload_hex": "00", "f_port": 1}),
        ),
    ];
    for (case, body, wanted) in cases {
        for format in [Format::PlainJson, Format::Auto] {
            let uplink = unwrap(format, body).unwrap_or_else(|error| panic!("{case}: {error}"));
            let got = uplink_json(&uplink);
            for (name, got) in got.as_object().unwrap() {
                let wanted = wanted.get(name).unwrap_or(&Value::Null);
                assert_eq!(plainly(got), plainly(wanted), "{case}: {name}");
            }
        }
    }
}

#[test]
fn a_plain_body_that_cannot_be_read_is_refused_with_the_field_at_fault() {
    const DEVICE: &str = r#""dev_eui": "0e7a11fffe4c2d91""#;
    let cases = [
        (r#"{"payload_hex": "00"}"#.to_owned(), "dev_eui is missing"),
        (r#"{"dev_eui": "0e7a11fffe4c2d9", "payload_hex": "00"}"#.to_owned(), "dev_eui is"),
        (
            r#"{"dev_eui": 1043, "payload_hex": "00"}"#.to_owned(),
            "dev_eui is \"1043\", want a text",
        ),
        (r#"{"dev_eui": null, "payload_hex": "00"}"#.to_owned(), "dev_eui is missing"),
        (format!("{{{DEVICE}}}"), "payload_hex or payload_base64 is missing"),
        (
            format!(r#"{{{DEVICE}, "payload_hex": "00", "payload_base64": "AA=="}}"#),
            "want only one of payload_hex and payload_base64",
        ),
        (format!(r#"{{{DEVICE}, "payload_hex": "0"}}"#), "payload_hex is \"0\", want hexadecimal"),
        (format!(r#"{{{DEVICE}, "payload_hex": "0g"}}"#), "payload_hex is \"0g\""),
        (format!(r#"{{{DEVICE}, "payload_hex": [0]}}"#), "payload_hex is \"an object or array\""),
        (format!(r#"{{{DEVICE}, "payload_base64": "!"}}"#), "payload_base64 is \"!\", want base64"),
        (format!(r#"{{{DEVICE}, "payload_hex": "00", "f_port": 256}}"#), "f_port is \"256\", want"),
        (format!(r#"{{{DEVICE}, "payload_hex": "00", "f_port": -1}}"#), "f_port is \"-1\", want"),
        (format!(r#"{{{DEVICE}, "payload_hex": "00", "f_port": "5a"}}"#), "f_port is \"5a\", want"),
        (
            format!(r#"{{{DEVICE}, "payload_hex": "00", "f_cnt": 4294967296}}"#),
            "from 0 to 4294967295",
        ),
        (format!(r#"{{{DEVICE}, "payload_hex": "00", "f_cnt": 1.5}}"#), "f_cnt is \"1.5\", want"),
        (format!(r#"{{{DEVICE}, "payload_hex": "00", "rssi": 1e400}}"#), "out of range"),
        (
            format!(r#"{{{DEVICE}, "payload_hex": "00", "time": "yesterday"}}"#),
            "time is \"yesterday\", want an RFC 3339 time",
        ),
        (
            format!(r#"{{{DEVICE}, "payload_hex": "00", "time": "2026-07-14 10:00"}}"#),
            "want an RFC 3339 time",
        ),
        (format!(r#"{{{DEVICE}, "payload_hex": "00", "payload_hex": "01"}}"#), "duplicate field"),
        (format!(r#"{{{DEVICE}, "payload_hex": "00"}} and more"#), "trailing characters"),
        (format!(r#"[{{{DEVICE}, "payload_hex": "00"}}]"#), "is missing"),
        ("null".to_owned(), "not the JSON of plain-json"),
        (String::new(), "not the JSON of plain-json"),
    ];
    for (body, wanted) in cases {
        let error = unwrap(Format::PlainJson, &body).expect_err(&body).to_string();
        assert!(error.contains(wanted), "{body} is refused with {error:?}, want {wanted:?}");
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
