//! `ChirpStack` v4, JSON (`integration.UplinkEvent` and its siblings of chirpstack-api 4.20).
//!
//! Zero values are left out inside `rxInfo` and `txInfo` by every version, and everywhere by
//! 4.0: an absent number is 0 and an absent flag is false, never unknown. The exceptions are
//! said where they are read.

use std::borrow::Cow;

use serde::Deserialize;

use super::fields::{Reception, base64, best_reception, dev_eui, time};
use super::{Content, EnvelopeError};
use crate::model::{DeviceEvent, EventDetail, Radio, Relay, Uplink};

const FORMAT: &str = "chirpstack-v4-json";

/// `…/event/<type>`: the body does not say what kind of event it is, the topic does.
pub fn unwrap(topic: &str, body: &[u8]) -> Result<Vec<Content>, EnvelopeError> {
    let content = match event_type(topic, body) {
        "up" => Content::Uplink(parse::<Up<'_>>(body)?.into_uplink()?),
        kind => Content::Event(parse::<Event<'_>>(body)?.into_event(kind)?),
    };
    Ok(vec![content])
}

/// The last level of the topic. An operator may change the topic; a body with radio data and a
/// payload is then still an uplink.
fn event_type<'t>(topic: &'t str, body: &[u8]) -> &'t str {
    const KNOWN: [&str; 8] =
        ["up", "join", "ack", "txack", "log", "status", "location", "integration"];
    let last = topic.rsplit('/').next().unwrap_or_default();
    let looks_like_uplink = || body.windows(9).any(|window| window == b"\"rxInfo\":");
    if !topic.contains("/event/") && !KNOWN.contains(&last) && looks_like_uplink() {
        "up"
    } else {
        last
    }
}

fn parse<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Result<T, EnvelopeError> {
    serde_json::from_slice(body)
        .map_err(|error| EnvelopeError::Json { format: FORMAT, error: error.to_string() })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeviceInfo<'b> {
    #[serde(borrow)]
    dev_eui: Cow<'b, str>,
    #[serde(borrow)]
    device_name: Option<Cow<'b, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Up<'b> {
    #[serde(borrow)]
    deduplication_id: Option<Cow<'b, str>>,
    #[serde(borrow)]
    time: Option<Cow<'b, str>>,
    #[serde(borrow)]
    device_info: DeviceInfo<'b>,
    #[serde(borrow)]
    dev_addr: Option<Cow<'b, str>>,
    #[serde(default)]
    dr: u8,
    #[serde(default)]
    f_cnt: u32,
    #[serde(default)]
    f_port: u8,
    #[serde(default)]
    confirmed: bool,
    #[serde(borrow)]
    data: Option<Cow<'b, str>>,
    #[serde(borrow, default)]
    rx_info: Vec<RxInfo<'b>>,
    tx_info: Option<TxInfo>,
    #[serde(borrow)]
    relay_rx_info: Option<RelayRxInfo<'b>>,
    join_server_context: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RxInfo<'b> {
    #[serde(borrow, default)]
    gateway_id: Cow<'b, str>,
    #[serde(default)]
    rssi: f64,
    snr: Option<f64>,
}

#[derive(Deserialize)]
struct TxInfo {
    #[serde(default)]
    frequency: u32,
    modulation: Option<Modulation>,
}

#[derive(Deserialize)]
struct Modulation {
    lora: Option<Lora>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lora {
    #[serde(default)]
    bandwidth: u32,
    #[serde(default)]
    spreading_factor: u8,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RelayRxInfo<'b> {
    #[serde(borrow)]
    dev_eui: Cow<'b, str>,
    #[serde(default)]
    rssi: f64,
    #[serde(default)]
    snr: f64,
}

impl Up<'_> {
    fn into_uplink(self) -> Result<Uplink, EnvelopeError> {
        let data = self.data.unwrap_or_default();
        let relay = self.relay_rx_info.as_ref().map(RelayRxInfo::relay).transpose()?;
        Ok(Uplink {
            dev_eui: dev_eui("deviceInfo.devEui", &self.device_info.dev_eui)?,
            f_port: Some(self.f_port),
            f_cnt: Some(self.f_cnt),
            payload: base64("data", &data)?,
            server_time: self.time.as_deref().map(|text| time("time", text)).transpose()?,
            radio: radio(&self.rx_info, self.tx_info.as_ref(), self.dr),
            confirmed: Some(self.confirmed),
            dev_addr: owned(self.dev_addr),
            dedup_id: owned(self.deduplication_id),
            device_name: owned(self.device_info.device_name),
            // The join server's context comes with payloads that only the key's owner can read.
            encrypted: self.join_server_context.is_some(),
            relay,
        })
    }
}

fn radio(copies: &[RxInfo<'_>], tx: Option<&TxInfo>, dr: u8) -> Radio {
    let lora =
        tx.and_then(|tx| tx.modulation.as_ref()).and_then(|modulation| modulation.lora.as_ref());
    // A LoRa frame always has an SNR, so an absent one is 0 dB; an FSK frame has none.
    let absent_snr = lora.map(|_| 0.0);
    let receptions: Vec<Reception<'_>> = copies
        .iter()
        .map(|copy| Reception {
            gateway: Cow::Borrowed(&copy.gateway_id),
            rssi: Some(copy.rssi),
            snr: copy.snr.or(absent_snr),
        })
        .collect();
    Radio {
        dr: Some(dr),
        sf: lora.map(|lora| lora.spreading_factor),
        bandwidth_hz: lora.map(|lora| lora.bandwidth),
        frequency_hz: tx.map(|tx| tx.frequency),
        ..best_reception(&receptions)
    }
}

impl RelayRxInfo<'_> {
    fn relay(&self) -> Result<Relay, EnvelopeError> {
        Ok(Relay {
            dev_eui: dev_eui("relayRxInfo.devEui", &self.dev_eui)?,
            rssi: Some(self.rssi),
            snr: Some(self.snr),
        })
    }
}

/// The fields of all other events.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event<'b> {
    #[serde(borrow)]
    deduplication_id: Option<Cow<'b, str>>,
    #[serde(borrow)]
    time: Option<Cow<'b, str>>,
    #[serde(borrow)]
    device_info: DeviceInfo<'b>,
    #[serde(borrow)]
    dev_addr: Option<Cow<'b, str>>,
    #[serde(default)]
    margin: i32,
    #[serde(default)]
    external_power_source: bool,
    #[serde(default)]
    battery_level_unavailable: bool,
    #[serde(default)]
    battery_level: f64,
    #[serde(default)]
    acknowledged: bool,
    location: Option<Location>,
    #[serde(borrow)]
    level: Option<Cow<'b, str>>,
    #[serde(borrow)]
    code: Option<Cow<'b, str>>,
    #[serde(borrow)]
    description: Option<Cow<'b, str>>,
}

#[derive(Deserialize)]
struct Location {
    #[serde(default)]
    latitude: f64,
    #[serde(default)]
    longitude: f64,
}

impl Event<'_> {
    fn into_event(self, kind: &str) -> Result<DeviceEvent, EnvelopeError> {
        let detail = match kind {
            "join" => EventDetail::Join { dev_addr: owned(self.dev_addr) },
            "status" => EventDetail::Status {
                margin_db: Some(self.margin),
                // 0 stands for "unknown" and for "external power" here, not for an empty battery.
                battery_percent: (!self.battery_level_unavailable && !self.external_power_source)
                    .then_some(self.battery_level),
                external_power: self.external_power_source,
            },
            "ack" => EventDetail::Ack { acknowledged: self.acknowledged },
            "txack" => EventDetail::Txack,
            "location" => {
                let location = self.location.ok_or(EnvelopeError::Missing { field: "location" })?;
                EventDetail::Location {
                    latitude_deg: location.latitude,
                    longitude_deg: location.longitude,
                }
            }
            "log" => EventDetail::Log {
                level: owned(self.level),
                code: owned(self.code),
                description: owned(self.description),
            },
            other => EventDetail::Other(other.to_owned()),
        };
        Ok(DeviceEvent {
            dev_eui: dev_eui("deviceInfo.devEui", &self.device_info.dev_eui)?,
            at: self.time.as_deref().map(|text| time("time", text)).transpose()?,
            dedup_id: owned(self.deduplication_id),
            detail,
        })
    }
}

/// Protobuf's empty text means that there is none.
fn owned(text: Option<Cow<'_, str>>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(Cow::into_owned)
}
