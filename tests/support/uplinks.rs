use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::json;

use super::Message;

/// Stands at the public bathing place.
pub const WATER: &str = "0e7a11fffe000001";

/// Stands at the gauging station.
pub const ELSEWHERE: &str = "0e7a11fffe000002";

/// Is heard, and registered nowhere.
pub const STRANGER: &str = "0e7a11fffe0000ff";

/// The time of day, to the microsecond that the store keeps.
pub fn now() -> DateTime<Utc> {
    let now = stadspuls::clock::now();
    DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap()
}

pub fn ago(minutes: i64) -> DateTime<Utc> {
    now() - TimeDelta::minutes(minutes)
}

/// An uplink as ChirpStack v4 would publish it, reduced to what it always has.
#[derive(Clone)]
pub struct Up {
    pub dev_eui: String,
    pub f_cnt: u32,
    pub f_port: u8,
    pub payload: Vec<u8>,
    pub time: DateTime<Utc>,
    /// ChirpStack always gives one.
    pub id: Option<String>,
    pub dev_addr: String,
}

impl Up {
    pub fn of(dev_eui: &str, f_cnt: u32, payload: &[u8]) -> Self {
        Self {
            dev_eui: dev_eui.to_owned(),
            f_cnt,
            f_port: 5,
            payload: payload.to_vec(),
            time: now(),
            id: Some(format!("{dev_eui}-{f_cnt}")),
            dev_addr: "01a4c39e".to_owned(),
        }
    }

    /// What an Elsys ELT-2 sends of its water probe alone.
    pub fn water(dev_eui: &str, f_cnt: u32, tenths: i16) -> Self {
        let [high, low] = tenths.to_be_bytes();
        Self::of(dev_eui, f_cnt, &[0x0c, high, low])
    }

    pub fn at(self, time: DateTime<Utc>) -> Self {
        Self { time, ..self }
    }

    pub fn topic(&self) -> String {
        format!("application/3b1d6c52/device/{}/event/up", self.dev_eui)
    }

    pub fn body(&self) -> Vec<u8> {
        let mut body = json!({
            "time": self.time.to_rfc3339_opts(SecondsFormat::AutoSi, false),
            "deviceInfo": { "devEui": self.dev_eui, "deviceName": "provgivare", "tags": {} },
            "devAddr": self.dev_addr,
            "adr": true,
            "dr": 3,
            "fCnt": self.f_cnt,
            "fPort": self.f_port,
            "confirmed": false,
            "data": BASE64_STANDARD.encode(&self.payload),
            "rxInfo": [{ "gatewayId": "e45f01fffe7a3c11", "rssi": -97, "snr": 6.5 }],
            "txInfo": {
                "frequency": 868_300_000,
                "modulation": { "lora": { "bandwidth": 125_000, "spreadingFactor": 9 } },
            },
        });
        if let Some(id) = &self.id {
            body["deduplicationId"] = json!(id);
        }
        serde_json::to_vec(&body).unwrap()
    }

    pub fn message(&self) -> Message {
        Message::new(&self.topic(), self.body())
    }
}
