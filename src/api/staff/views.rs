//! The normalised uplink and event of a ledger row, with the names of the field.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::instant;
use crate::model::{DeviceEvent, EventDetail, Uplink};
use crate::store::{Disposed, LedgerRow, StoredMessage};

#[derive(Serialize)]
pub struct LedgerJson {
    id: i64,
    part: u16,
    source: String,
    arrived_at: String,
    server_time: Option<String>,
    dev_eui: Option<String>,
    kind: String,
    f_port: Option<u8>,
    f_cnt: Option<u32>,
    outcome: &'static str,
    reason: Option<String>,
    profile: Option<ProfileJson>,
    body_bytes: usize,
}

#[derive(Serialize)]
struct ProfileJson {
    id: String,
    hash: String,
}

impl From<LedgerRow> for LedgerJson {
    fn from(row: LedgerRow) -> Self {
        Self {
            id: row.id.0,
            part: row.part,
            source: row.source,
            arrived_at: instant(row.arrived_at),
            server_time: row.server_time.map(instant),
            dev_eui: row.dev_eui.map(|dev_eui| dev_eui.to_string()),
            kind: row.kind,
            f_port: row.f_port,
            f_cnt: row.f_cnt,
            outcome: row.outcome.name(),
            reason: row.reason,
            profile: row.profile.map(|(id, hash)| ProfileJson { id, hash }),
            body_bytes: row.body_bytes,
        }
    }
}

/// Why a raw message is no longer here.
#[derive(Serialize)]
pub struct DisposedJson {
    decision: String,
    at: String,
}

impl From<Disposed> for DisposedJson {
    fn from(disposed: Disposed) -> Self {
        Self { decision: disposed.decision, at: instant(disposed.at) }
    }
}

#[derive(Serialize)]
pub struct RawJson {
    source: String,
    format: &'static str,
    topic: String,
    arrived_at: String,
    encoding: &'static str,
    body: String,
}

impl From<StoredMessage> for RawJson {
    /// A body that is JSON is given as the text it is, any other as base64.
    fn from(message: StoredMessage) -> Self {
        let text = String::from_utf8(message.body);
        let is_json = |text: &String| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
        let (encoding, body) = match text {
            Ok(text) if is_json(&text) => ("utf-8", text),
            Ok(text) => ("base64", BASE64_STANDARD.encode(text)),
            Err(bytes) => ("base64", BASE64_STANDARD.encode(bytes.as_bytes())),
        };
        Self {
            source: message.source,
            format: message.format.name(),
            topic: message.topic,
            arrived_at: instant(message.arrived_at),
            encoding,
            body,
        }
    }
}

/// Null where the envelope asserts nothing; what only some frames have is left out of others.
#[derive(Serialize)]
pub struct UplinkJson {
    dev_eui: String,
    f_port: Option<u8>,
    f_cnt: Option<u32>,
    payload_hex: String,
    received_at: Option<String>,
    rssi: Option<f64>,
    snr: Option<f64>,
    best_gateway: Option<String>,
    gateway_count: Option<u32>,
    gateways: Vec<String>,
    confirmed: Option<bool>,
    dr: Option<u8>,
    sf: Option<u8>,
    bandwidth_hz: Option<u32>,
    frequency_hz: Option<u32>,
    dev_addr: Option<String>,
    dedup_id: Option<String>,
    device_name: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    encrypted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    via_relay: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    relay_rssi: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    relay_snr: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    battery_raw: Option<u8>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    simulated: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    late: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<String>,
}

impl From<Uplink> for UplinkJson {
    fn from(uplink: Uplink) -> Self {
        let relay = uplink.relay.as_ref();
        Self {
            dev_eui: uplink.dev_eui.to_string(),
            f_port: uplink.f_port,
            f_cnt: uplink.f_cnt,
            payload_hex: hex::encode(&uplink.payload),
            received_at: uplink.server_time.map(instant),
            rssi: uplink.radio.rssi,
            snr: uplink.radio.snr,
            best_gateway: uplink.radio.best_gateway,
            gateway_count: uplink.radio.gateway_count,
            gateways: uplink.radio.gateways,
            confirmed: uplink.confirmed,
            dr: uplink.radio.dr,
            sf: uplink.radio.sf,
            bandwidth_hz: uplink.radio.bandwidth_hz,
            frequency_hz: uplink.radio.frequency_hz,
            dev_addr: uplink.dev_addr,
            dedup_id: uplink.dedup_id,
            device_name: uplink.device_name,
            encrypted: uplink.encrypted,
            via_relay: relay.map(|relay| relay.dev_eui.to_string()),
            relay_rssi: relay.and_then(|relay| relay.rssi),
            relay_snr: relay.and_then(|relay| relay.snr),
            battery_raw: uplink.battery_raw,
            simulated: uplink.simulated,
            late: uplink.late,
            session_id: uplink.session_id,
        }
    }
}

/// An event: `kind`, `dev_eui`, `at`, and what its kind carries.
pub fn event(event: &DeviceEvent) -> Value {
    let mut fields = Map::new();
    fields.insert("kind".to_owned(), json!(event.detail.kind()));
    fields.insert("dev_eui".to_owned(), json!(event.dev_eui.to_string()));
    fields.insert("at".to_owned(), json!(event.at.map(instant)));
    let detail = match &event.detail {
        EventDetail::Join { dev_addr, session_id: None } => vec![("dev_addr", json!(dev_addr))],
        EventDetail::Join { dev_addr, session_id } => {
            vec![("dev_addr", json!(dev_addr)), ("session_id", json!(session_id))]
        }
        EventDetail::Status { margin_db, battery_raw: Some(raw), .. } => {
            vec![("margin_db", json!(margin_db)), ("battery_raw", json!(raw))]
        }
        EventDetail::Status { margin_db, battery_percent, external_power, .. } => vec![
            ("margin_db", json!(margin_db)),
            ("battery_percent", json!(battery_percent)),
            ("external_power", json!(external_power)),
        ],
        EventDetail::Ack { acknowledged } => vec![("acknowledged", json!(acknowledged))],
        EventDetail::Location { latitude_deg, longitude_deg } => {
            vec![("lat", json!(latitude_deg)), ("lon", json!(longitude_deg))]
        }
        EventDetail::Log { level, code, description } => vec![
            ("level", json!(level)),
            ("code", json!(code)),
            ("description", json!(description)),
        ],
        EventDetail::JoinRequest
        | EventDetail::Txack
        | EventDetail::Downlink
        | EventDetail::CopyOfUplink
        | EventDetail::Other(_) => Vec::new(),
    };
    fields.extend(detail.into_iter().map(|(name, value)| (name.to_owned(), value)));
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_some_frames_have_is_left_out_of_others() {
        let bare = Uplink::new("0e7a11fffe4c2d91".parse().unwrap(), vec![1]);
        let names = ["encrypted", "battery_raw", "simulated", "late", "session_id", "via_relay"];
        let shown = serde_json::to_value(UplinkJson::from(bare.clone())).unwrap();
        assert!(names.iter().all(|name| shown.get(name).is_none()), "{shown}");

        let full = Uplink {
            battery_raw: Some(0),
            simulated: true,
            late: true,
            session_id: Some("s".to_owned()),
            ..bare
        };
        let shown = serde_json::to_value(UplinkJson::from(full)).unwrap();
        let expected = [json!(0), json!(true), json!(true), json!("s")];
        assert_eq!(
            names[1..5].iter().map(|name| shown[name].clone()).collect::<Vec<_>>(),
            expected
        );
    }
}
