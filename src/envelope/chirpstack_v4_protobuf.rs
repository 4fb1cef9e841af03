//! `ChirpStack` v4 with `json = false`: the binary form of `chirpstack-v4-json`.
//!
//! ```text
//! 1a 12 42 10 30653761313166666665346332643931   device_info { dev_eui: "0e7a11fffe4c2d91" }
//! 52 01 00                                       data: 00
//! ```
//!
//! The topic, which ends in `/event/<type>`, says which message it is; nothing in the bytes does.
//! Protobuf leaves out all zero values, so an absent number is 0. Field numbers are those of
//! chirpstack-api 4.20, `integration.proto`. The decoded `object` is not read.

use std::borrow::Cow;

use prost::Message;

use super::fields::{Reception, aside, best_reception, dev_addr, dev_eui, last_level};
use super::protobuf::{Location, Timestamp, byte, decimal, finite, parse};
use super::{Content, EnvelopeError};
use crate::model::{DevEui, DeviceEvent, EventDetail, Radio, Relay, Uplink};

const FORMAT: &str = "chirpstack-v4-protobuf";

pub fn unwrap(topic: &str, body: &[u8]) -> Result<Vec<Content>, EnvelopeError> {
    let content = match last_level(topic) {
        "log" => parse::<LogEvent>(FORMAT, body)?.content()?,
        // An operator may change the topic; uplinks are then what is most likely to come.
        kind if kind == "up" || !topic.contains("/event/") => {
            Content::Uplink(parse::<UplinkEvent>(FORMAT, body)?.into_uplink()?)
        }
        kind => event(kind, body)?,
    };
    Ok(vec![content])
}

/// The device that a message names, if it can be read at all.
pub fn device(topic: &str, body: &[u8]) -> Option<DevEui> {
    let info = match last_level(topic) {
        "log" => LogEvent::decode(body).ok()?.device_info,
        _ => TxAckEvent::decode(body).ok()?.device_info,
    };
    info?.dev_eui.parse().ok()
}

#[derive(Clone, PartialEq, Message)]
struct DeviceInfo {
    #[prost(string, tag = "7")]
    device_name: String,
    #[prost(string, tag = "8")]
    dev_eui: String,
}

#[derive(Clone, PartialEq, Message)]
struct UplinkEvent {
    #[prost(string, tag = "1")]
    deduplication_id: String,
    #[prost(message, tag = "2")]
    time: Option<Timestamp>,
    #[prost(message, tag = "3")]
    device_info: Option<DeviceInfo>,
    #[prost(string, tag = "4")]
    dev_addr: String,
    #[prost(uint32, tag = "6")]
    dr: u32,
    #[prost(uint32, tag = "7")]
    f_cnt: u32,
    #[prost(uint32, tag = "8")]
    f_port: u32,
    #[prost(bool, tag = "9")]
    confirmed: bool,
    #[prost(bytes = "vec", tag = "10")]
    data: Vec<u8>,
    #[prost(message, repeated, tag = "12")]
    rx_info: Vec<RxInfo>,
    #[prost(message, tag = "13")]
    tx_info: Option<TxInfo>,
    #[prost(message, tag = "14")]
    relay_rx_info: Option<RelayRxInfo>,
    #[prost(message, tag = "15")]
    join_server_context: Option<JoinServerContext>,
}

#[derive(Clone, PartialEq, Message)]
struct RxInfo {
    #[prost(string, tag = "1")]
    gateway_id: String,
    #[prost(int32, tag = "6")]
    rssi: i32,
    #[prost(float, tag = "7")]
    snr: f32,
}

#[derive(Clone, PartialEq, Message)]
struct TxInfo {
    #[prost(uint32, tag = "1")]
    frequency: u32,
    #[prost(message, tag = "2")]
    modulation: Option<Modulation>,
}

#[derive(Clone, PartialEq, Message)]
struct Modulation {
    #[prost(message, tag = "3")]
    lora: Option<Lora>,
}

#[derive(Clone, PartialEq, Message)]
struct Lora {
    #[prost(uint32, tag = "1")]
    bandwidth: u32,
    #[prost(uint32, tag = "2")]
    spreading_factor: u32,
}

#[derive(Clone, PartialEq, Message)]
struct RelayRxInfo {
    #[prost(string, tag = "1")]
    dev_eui: String,
    #[prost(int32, tag = "4")]
    snr: i32,
    #[prost(int32, tag = "5")]
    rssi: i32,
}

/// Its presence alone says that the payload is still encrypted.
#[derive(Clone, PartialEq, Message)]
struct JoinServerContext {}

impl UplinkEvent {
    fn into_uplink(self) -> Result<Uplink, EnvelopeError> {
        let (dev_eui, device_name) = named(self.device_info.as_ref())?;
        let relay = self.relay_rx_info.as_ref().map(RelayRxInfo::relay).transpose()?;
        Ok(Uplink {
            f_port: Some(byte("f_port", self.f_port)?),
            f_cnt: Some(self.f_cnt),
            server_time: self.time.as_ref().map(|time| time.time("time")).transpose()?,
            radio: self.radio()?,
            confirmed: Some(self.confirmed),
            dev_addr: dev_addr("dev_addr", &self.dev_addr)?,
            dedup_id: Some(self.deduplication_id).filter(|id| !id.is_empty()),
            device_name,
            encrypted: self.join_server_context.is_some(),
            relay,
            ..Uplink::new(dev_eui, self.data)
        })
    }

    fn radio(&self) -> Result<Radio, EnvelopeError> {
        let modulation = self.tx_info.as_ref().and_then(|tx| tx.modulation.as_ref());
        let lora = modulation.and_then(|modulation| modulation.lora.as_ref());
        let heard: Vec<Reception<'_>> = self
            .rx_info
            .iter()
            .map(|copy| {
                let snr = decimal("rx_info.snr", copy.snr)?;
                Ok(Reception {
                    gateway: Cow::Borrowed(&copy.gateway_id),
                    rssi: Some(f64::from(copy.rssi)),
                    // FSK has no SNR; protobuf cannot leave it out in another way than LoRa's 0.
                    snr: lora.map(|_| snr),
                })
            })
            .collect::<Result<_, EnvelopeError>>()?;
        Ok(Radio {
            dr: Some(byte("dr", self.dr)?),
            sf: lora.map(|lora| byte("spreading_factor", lora.spreading_factor)).transpose()?,
            bandwidth_hz: lora.map(|lora| lora.bandwidth),
            frequency_hz: self.tx_info.as_ref().map(|tx| tx.frequency),
            ..best_reception(&heard)
        })
    }
}

impl RelayRxInfo {
    fn relay(&self) -> Result<Relay, EnvelopeError> {
        Ok(Relay {
            dev_eui: dev_eui("relay_rx_info.dev_eui", &self.dev_eui)?,
            rssi: Some(f64::from(self.rssi)),
            snr: Some(f64::from(self.snr)),
        })
    }
}

/// What all events but the log begin with.
#[derive(Clone, PartialEq, Message)]
struct AnyEvent {
    #[prost(string, tag = "1")]
    deduplication_id: String,
    #[prost(message, tag = "2")]
    time: Option<Timestamp>,
    #[prost(message, tag = "3")]
    device_info: Option<DeviceInfo>,
}

/// A downlink has an id of its own, which is a number where others have a text.
#[derive(Clone, PartialEq, Message)]
struct TxAckEvent {
    #[prost(message, tag = "2")]
    time: Option<Timestamp>,
    #[prost(message, tag = "3")]
    device_info: Option<DeviceInfo>,
}

#[derive(Clone, PartialEq, Message)]
struct JoinEvent {
    #[prost(string, tag = "4")]
    dev_addr: String,
}

#[derive(Clone, PartialEq, Message)]
struct AckEvent {
    #[prost(bool, tag = "5")]
    acknowledged: bool,
}

#[derive(Clone, PartialEq, Message)]
struct StatusEvent {
    #[prost(int32, tag = "5")]
    margin: i32,
    #[prost(bool, tag = "6")]
    external_power_source: bool,
    #[prost(bool, tag = "7")]
    battery_level_unavailable: bool,
    #[prost(float, tag = "8")]
    battery_level: f32,
}

#[derive(Clone, PartialEq, Message)]
struct LocationEvent {
    #[prost(message, tag = "4")]
    location: Option<Location>,
}

#[derive(Clone, PartialEq, Message)]
struct LogEvent {
    #[prost(message, tag = "1")]
    time: Option<Timestamp>,
    #[prost(message, tag = "2")]
    device_info: Option<DeviceInfo>,
    #[prost(int32, tag = "3")]
    level: i32,
    #[prost(int32, tag = "4")]
    code: i32,
    #[prost(string, tag = "5")]
    description: String,
}

fn event(kind: &str, body: &[u8]) -> Result<Content, EnvelopeError> {
    let (head, id) = if kind == "txack" {
        let TxAckEvent { time, device_info } = parse(FORMAT, body)?;
        ((time, device_info), String::new())
    } else {
        let AnyEvent { deduplication_id, time, device_info } = parse(FORMAT, body)?;
        ((time, device_info), deduplication_id)
    };
    let (time, device_info) = head;
    let (dev_eui, _) = named(device_info.as_ref())?;
    let detail = match kind {
        "join" => {
            let join: JoinEvent = parse(FORMAT, body)?;
            EventDetail::Join { dev_addr: dev_addr("dev_addr", &join.dev_addr)?, session_id: None }
        }
        "status" => parse::<StatusEvent>(FORMAT, body)?.detail()?,
        "ack" => EventDetail::Ack { acknowledged: parse::<AckEvent>(FORMAT, body)?.acknowledged },
        "txack" => EventDetail::Txack,
        "location" => {
            let event: LocationEvent = parse(FORMAT, body)?;
            let location = event.location.ok_or(EnvelopeError::Missing { field: "location" })?;
            EventDetail::Location {
                latitude_deg: finite("location.latitude", location.latitude)?,
                longitude_deg: finite("location.longitude", location.longitude)?,
            }
        }
        other => return Ok(aside(dev_eui, EventDetail::Other(other.to_owned()))),
    };
    Ok(Content::Event(DeviceEvent {
        dev_eui,
        at: time.as_ref().map(|time| time.time("time")).transpose()?,
        dedup_id: Some(id).filter(|id| !id.is_empty()),
        detail,
    }))
}

impl StatusEvent {
    fn detail(&self) -> Result<EventDetail, EnvelopeError> {
        let percent = decimal("battery_level", self.battery_level)?;
        let known = !self.battery_level_unavailable && !self.external_power_source;
        Ok(EventDetail::Status {
            margin_db: Some(self.margin),
            battery_percent: known.then_some(percent),
            external_power: Some(self.external_power_source),
            battery_raw: None,
        })
    }
}

impl LogEvent {
    fn content(self) -> Result<Content, EnvelopeError> {
        let (dev_eui, _) = named(self.device_info.as_ref())?;
        Ok(Content::Event(DeviceEvent {
            dev_eui,
            at: self.time.as_ref().map(|time| time.time("time")).transpose()?,
            dedup_id: None,
            detail: EventDetail::Log {
                level: name(&LEVELS, self.level),
                code: name(&CODES, self.code),
                description: Some(self.description).filter(|text| !text.is_empty()),
            },
        }))
    }
}

const LEVELS: [&str; 3] = ["INFO", "WARNING", "ERROR"];

const CODES: [&str; 12] = [
    "UNKNOWN",
    "DOWNLINK_PAYLOAD_SIZE",
    "UPLINK_CODEC",
    "DOWNLINK_CODEC",
    "OTAA",
    "UPLINK_F_CNT_RESET",
    "UPLINK_MIC",
    "UPLINK_F_CNT_RETRANSMISSION",
    "DOWNLINK_GATEWAY",
    "RELAY_NEW_END_DEVICE",
    "F_CNT_DOWN",
    "EXPIRED",
];

/// A number that a later version gave a name is given as it is.
fn name(names: &[&str], number: i32) -> Option<String> {
    let known = usize::try_from(number).ok().and_then(|index| names.get(index));
    Some(known.map_or_else(|| number.to_string(), |name| (*name).to_owned()))
}

fn named(info: Option<&DeviceInfo>) -> Result<(DevEui, Option<String>), EnvelopeError> {
    let info = info.ok_or(EnvelopeError::Missing { field: "device_info" })?;
    let name = Some(info.device_name.clone()).filter(|name| !name.is_empty());
    Ok((dev_eui("device_info.dev_eui", &info.dev_eui)?, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages one after the other are one message with the fields of all.
    fn event_of(kind: &str, head: &impl Message, rest: &impl Message) -> DeviceEvent {
        let body = [head.encode_to_vec(), rest.encode_to_vec()].concat();
        let topic = format!("application/1/device/0e7a11fffe4c2d91/event/{kind}");
        match unwrap(&topic, &body).unwrap().pop() {
            Some(Content::Event(event)) => event,
            other => panic!("{other:?}"),
        }
    }

    fn info() -> Option<DeviceInfo> {
        Some(DeviceInfo { device_name: "a".to_owned(), dev_eui: "0e7a11fffe4c2d91".to_owned() })
    }

    #[test]
    fn every_event_is_told_by_its_topic() {
        let time = Some(Timestamp { seconds: 1_773_211_338, nanos: 500_000_000 });
        let head =
            AnyEvent { deduplication_id: "id".to_owned(), time: time.clone(), device_info: info() };
        let status = StatusEvent { margin: -3, battery_level: 78.74016, ..StatusEvent::default() };
        let event = event_of("status", &head, &status);
        assert_eq!(event.dedup_id.as_deref(), Some("id"));
        assert_eq!(event.at.unwrap().to_rfc3339(), "2026-03-11T06:42:18.500+00:00");
        let expected = EventDetail::Status {
            margin_db: Some(-3),
            battery_percent: Some(78.74016),
            external_power: Some(false),
            battery_raw: None,
        };
        assert_eq!(event.detail, expected);

        let ack = event_of("ack", &head, &AckEvent { acknowledged: true });
        assert_eq!(ack.detail, EventDetail::Ack { acknowledged: true });

        let location = Location { latitude: 62.3911, longitude: 17.3102 };
        let location = event_of("location", &head, &LocationEvent { location: Some(location) });
        let expected = EventDetail::Location { latitude_deg: 62.3911, longitude_deg: 17.3102 };
        assert_eq!(location.detail, expected);

        let txack = TxAckEvent { time: time.clone(), device_info: info() };
        let downlink_id = b"\x08\xba\xb5\x8c\xef\x0a";
        let body = [downlink_id.as_slice(), &txack.encode_to_vec()].concat();
        let event = unwrap("application/1/device/0e7a11fffe4c2d91/event/txack", &body).unwrap();
        assert!(
            matches!(&event[..], [Content::Event(event)] if event.detail == EventDetail::Txack)
        );

        let log = LogEvent {
            time,
            device_info: info(),
            level: 1,
            code: 7,
            description: "again".to_owned(),
        };
        let log = event_of("log", &log, &JoinServerContext {});
        let expected = EventDetail::Log {
            level: Some("WARNING".to_owned()),
            code: Some("UPLINK_F_CNT_RETRANSMISSION".to_owned()),
            description: Some("again".to_owned()),
        };
        assert_eq!(log.detail, expected);

        let other = event_of("integration", &head, &JoinServerContext {});
        assert_eq!(other.detail, EventDetail::Other("integration".to_owned()));
    }

    #[test]
    fn a_frame_heard_by_fsk_has_no_snr_and_an_encrypted_one_says_so() {
        let up = UplinkEvent {
            device_info: info(),
            rx_info: vec![RxInfo { gateway_id: "gw".to_owned(), rssi: -71, snr: 0.0 }],
            tx_info: Some(TxInfo { frequency: 868_800_000, modulation: None }),
            join_server_context: Some(JoinServerContext {}),
            ..UplinkEvent::default()
        };
        let uplink = up.into_uplink().unwrap();
        assert_eq!((uplink.radio.rssi, uplink.radio.snr), (Some(-71.0), None));
        assert!(uplink.encrypted);
    }
}
