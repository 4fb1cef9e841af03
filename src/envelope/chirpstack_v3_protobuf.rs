//! `ChirpStack` v3 with `marshaler = "protobuf"`.
//!
//! ```text
//! 22 08 0e7a11fffe51a0c4   dev_eui
//! 5a 01 00                 data: 00
//! ```
//!
//! The topic says which message it is; nothing in the bytes does. DevEUI, device address and
//! gateway ids are bytes. Field numbers are those of chirpstack-api 3.12, and other than those
//! of v4 throughout. Bandwidths are in kHz.

use std::borrow::Cow;

use prost::Message;

use super::fields::{Reception, aside, best_reception, last_level, unfit};
use super::protobuf::{Location, Timestamp, byte, decimal, finite, parse};
use super::{Content, EnvelopeError};
use crate::model::{DevEui, DeviceEvent, EventDetail, Radio, Uplink};

const FORMAT: &str = "chirpstack-v3-protobuf";

pub fn unwrap(topic: &str, body: &[u8]) -> Result<Vec<Content>, EnvelopeError> {
    let content = match last_level(topic) {
        // An operator may change the topic; uplinks are then what is most likely to come.
        kind if matches!(kind, "up" | "rx") || !topic.contains("/event/") => {
            Content::Uplink(parse::<UplinkEvent>(FORMAT, body)?.into_uplink()?)
        }
        kind => event(kind, body)?,
    };
    Ok(vec![content])
}

/// The device that a message names, if it can be read at all.
pub fn device(_topic: &str, body: &[u8]) -> Option<DevEui> {
    AnyEvent::decode(body).ok()?.dev_eui().ok()
}

/// What all events have in common. The application's number is read only because version 4 has
/// a text in that place: its messages are then refused instead of read as other devices'.
#[derive(Clone, PartialEq, Message)]
struct AnyEvent {
    #[prost(uint64, tag = "1")]
    application_id: u64,
    #[prost(bytes = "vec", tag = "4")]
    dev_eui: Vec<u8>,
}

impl AnyEvent {
    fn dev_eui(&self) -> Result<DevEui, EnvelopeError> {
        eui("dev_eui", &self.dev_eui)
    }
}

#[derive(Clone, PartialEq, Message)]
struct UplinkEvent {
    #[prost(uint64, tag = "1")]
    application_id: u64,
    #[prost(string, tag = "3")]
    device_name: String,
    #[prost(bytes = "vec", tag = "4")]
    dev_eui: Vec<u8>,
    #[prost(message, repeated, tag = "5")]
    rx_info: Vec<RxInfo>,
    #[prost(message, tag = "6")]
    tx_info: Option<TxInfo>,
    #[prost(uint32, tag = "8")]
    dr: u32,
    #[prost(uint32, tag = "9")]
    f_cnt: u32,
    #[prost(uint32, tag = "10")]
    f_port: u32,
    #[prost(bytes = "vec", tag = "11")]
    data: Vec<u8>,
    #[prost(bool, tag = "14")]
    confirmed_uplink: bool,
    #[prost(bytes = "vec", tag = "15")]
    dev_addr: Vec<u8>,
    #[prost(message, tag = "16")]
    published_at: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Message)]
struct RxInfo {
    #[prost(bytes = "vec", tag = "1")]
    gateway_id: Vec<u8>,
    #[prost(message, tag = "2")]
    time: Option<Timestamp>,
    #[prost(int32, tag = "5")]
    rssi: i32,
    #[prost(double, tag = "6")]
    lora_snr: f64,
}

#[derive(Clone, PartialEq, Message)]
struct TxInfo {
    #[prost(uint32, tag = "1")]
    frequency: u32,
    #[prost(message, tag = "3")]
    lora: Option<Lora>,
}

#[derive(Clone, PartialEq, Message)]
struct Lora {
    #[prost(uint32, tag = "1")]
    bandwidth_khz: u32,
    #[prost(uint32, tag = "2")]
    spreading_factor: u32,
}

impl UplinkEvent {
    fn into_uplink(self) -> Result<Uplink, EnvelopeError> {
        let times: Vec<_> = self
            .published_at
            .iter()
            .map(|time| time.time("published_at"))
            .chain(self.rx_info.iter().filter_map(|copy| Some(copy.time.as_ref()?.time("time"))))
            .collect::<Result<_, _>>()?;
        let server_time = match &self.published_at {
            Some(_) => times.first().copied(),
            None => times.into_iter().min(),
        };
        Ok(Uplink {
            f_port: Some(byte("f_port", self.f_port)?),
            f_cnt: Some(self.f_cnt),
            server_time,
            radio: self.radio()?,
            confirmed: Some(self.confirmed_uplink),
            dev_addr: address(&self.dev_addr)?,
            device_name: Some(self.device_name).filter(|name| !name.is_empty()),
            ..Uplink::new(eui("dev_eui", &self.dev_eui)?, self.data)
        })
    }

    fn radio(&self) -> Result<Radio, EnvelopeError> {
        let lora = self.tx_info.as_ref().and_then(|tx| tx.lora.as_ref());
        let heard: Vec<Reception<'_>> = self
            .rx_info
            .iter()
            .map(|copy| {
                let snr = finite("rx_info.lora_snr", copy.lora_snr)?;
                Ok(Reception {
                    gateway: Cow::Owned(hex::encode(&copy.gateway_id)),
                    rssi: Some(f64::from(copy.rssi)),
                    snr: lora.map(|_| snr),
                })
            })
            .collect::<Result<_, EnvelopeError>>()?;
        Ok(Radio {
            dr: Some(byte("dr", self.dr)?),
            sf: lora.map(|lora| byte("spreading_factor", lora.spreading_factor)).transpose()?,
            bandwidth_hz: lora.and_then(|lora| lora.bandwidth_khz.checked_mul(1000)),
            frequency_hz: self.tx_info.as_ref().map(|tx| tx.frequency),
            ..best_reception(&heard)
        })
    }
}

#[derive(Clone, PartialEq, Message)]
struct JoinEvent {
    #[prost(bytes = "vec", tag = "5")]
    dev_addr: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct AckEvent {
    #[prost(bool, tag = "5")]
    acknowledged: bool,
}

#[derive(Clone, PartialEq, Message)]
struct ErrorEvent {
    #[prost(int32, tag = "5")]
    kind: i32,
    #[prost(string, tag = "6")]
    error: String,
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
    #[prost(message, tag = "5")]
    location: Option<Location>,
}

fn event(kind: &str, body: &[u8]) -> Result<Content, EnvelopeError> {
    let dev_eui = parse::<AnyEvent>(FORMAT, body)?.dev_eui()?;
    let detail = match kind {
        "join" => {
            let join: JoinEvent = parse(FORMAT, body)?;
            EventDetail::Join { dev_addr: address(&join.dev_addr)?, session_id: None }
        }
        "status" => parse::<StatusEvent>(FORMAT, body)?.detail()?,
        "ack" => EventDetail::Ack { acknowledged: parse::<AckEvent>(FORMAT, body)?.acknowledged },
        "txack" => EventDetail::Txack,
        "error" => {
            let event: ErrorEvent = parse(FORMAT, body)?;
            let known = usize::try_from(event.kind).ok().and_then(|index| ERRORS.get(index));
            let code = known.map_or_else(|| event.kind.to_string(), |name| (*name).to_owned());
            EventDetail::Log {
                level: None,
                code: Some(code),
                description: Some(event.error).filter(|text| !text.is_empty()),
            }
        }
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
    Ok(Content::Event(DeviceEvent { dev_eui, at: None, dedup_id: None, detail }))
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

const ERRORS: [&str; 10] = [
    "UNKNOWN",
    "DOWNLINK_PAYLOAD_SIZE",
    "DOWNLINK_FCNT",
    "UPLINK_CODEC",
    "DOWNLINK_CODEC",
    "OTAA",
    "UPLINK_FCNT_RESET",
    "UPLINK_MIC",
    "UPLINK_FCNT_RETRANSMISSION",
    "DOWNLINK_GATEWAY",
];

fn eui(field: &'static str, bytes: &[u8]) -> Result<DevEui, EnvelopeError> {
    let bytes = bytes.try_into().map_err(|_| unfit(field, &hex::encode(bytes), "8 bytes"))?;
    Ok(DevEui(u64::from_be_bytes(bytes)))
}

fn address(bytes: &[u8]) -> Result<Option<String>, EnvelopeError> {
    match bytes.len() {
        0 => Ok(None),
        4 => Ok(Some(hex::encode(bytes))),
        _ => Err(unfit("dev_addr", &hex::encode(bytes), "4 bytes")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages one after the other are one message with the fields of both.
    fn detail_of(kind: &str, rest: &impl Message) -> EventDetail {
        let head = AnyEvent { application_id: 102, dev_eui: vec![1, 2, 3, 4, 5, 6, 7, 8] };
        let body = [head.encode_to_vec(), rest.encode_to_vec()].concat();
        let topic = format!("application/102/device/0102030405060708/event/{kind}");
        match unwrap(&topic, &body).unwrap().pop() {
            Some(Content::Event(event)) => {
                assert_eq!(event.dev_eui, DevEui(0x0102_0304_0506_0708));
                event.detail
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_event_is_told_by_its_topic() {
        let join = detail_of("join", &JoinEvent { dev_addr: vec![0, 0xf1, 0xd2, 0xc3] });
        let dev_addr = Some("00f1d2c3".to_owned());
        assert_eq!(join, EventDetail::Join { dev_addr, session_id: None });

        let status = StatusEvent { margin: 29, battery_level: 95.67, ..StatusEvent::default() };
        let expected = EventDetail::Status {
            margin_db: Some(29),
            battery_percent: Some(95.67),
            external_power: Some(false),
            battery_raw: None,
        };
        assert_eq!(detail_of("status", &status), expected);

        let error = detail_of("error", &ErrorEvent { kind: 8, error: "again".to_owned() });
        let expected = EventDetail::Log {
            level: None,
            code: Some("UPLINK_FCNT_RETRANSMISSION".to_owned()),
            description: Some("again".to_owned()),
        };
        assert_eq!(error, expected);

        let ack = detail_of("ack", &AckEvent { acknowledged: true });
        assert_eq!(ack, EventDetail::Ack { acknowledged: true });
        assert_eq!(detail_of("txack", &AckEvent::default()), EventDetail::Txack);
    }
}
