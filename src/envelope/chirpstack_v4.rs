//! `ChirpStack` v4, JSON (`integration.UplinkEvent` and its siblings of chirpstack-api 4.20).
//!
//! ```json
//! {"deviceInfo": {"devEui": "0e7a11fffe4c2da7"}, "fPort": 2, "data": "AA==", "rxInfo": []}
//! ```
//!
//! Zero values are left out inside `rxInfo` and `txInfo` by every version, and everywhere by
//! 4.0: an absent number is 0 and an absent flag is false, never unknown. The exceptions are
//! said where they are read.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::fields::{Reception, Scalar, aside, best_reception, json, last_level};
use super::{Content, EnvelopeError};
use crate::model::{DevEui, DeviceEvent, EventDetail, Radio, Relay, Uplink};

const FORMAT: &str = "chirpstack-v4-json";

/// `…/event/<type>`: the body does not say what kind of event it is, the topic does.
pub fn unwrap(topic: &str, body: &[u8]) -> Result<Vec<Content>, EnvelopeError> {
    let content = match event_type(topic, body) {
        "up" => Content::Uplink(json::<Up<'_>>(FORMAT, body)?.uplink()?),
        kind => json::<Event<'_>>(FORMAT, body)?.content(kind)?,
    };
    Ok(vec![content])
}

/// The last level of the topic. An operator may change the topic; a body with radio data and a
/// payload is then still an uplink.
fn event_type<'t>(topic: &'t str, body: &[u8]) -> &'t str {
    const KNOWN: [&str; 8] =
        ["up", "join", "ack", "txack", "log", "status", "location", "integration"];
    let last = last_level(topic);
    let looks_like_uplink = || body.windows(9).any(|window| window == b"\"rxInfo\":");
    if !topic.contains("/event/") && !KNOWN.contains(&last) && looks_like_uplink() {
        "up"
    } else {
        last
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct DeviceInfo<'b> {
    #[serde(borrow)]
    dev_eui: Scalar<'b>,
    #[serde(borrow)]
    device_name: Scalar<'b>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Up<'b> {
    #[serde(borrow)]
    deduplication_id: Scalar<'b>,
    #[serde(borrow)]
    time: Scalar<'b>,
    #[serde(borrow)]
    device_info: DeviceInfo<'b>,
    #[serde(borrow)]
    dev_addr: Scalar<'b>,
    #[serde(borrow)]
    dr: Scalar<'b>,
    #[serde(borrow)]
    f_cnt: Scalar<'b>,
    #[serde(borrow)]
    f_port: Scalar<'b>,
    #[serde(borrow)]
    confirmed: Scalar<'b>,
    #[serde(borrow)]
    data: Scalar<'b>,
    #[serde(borrow)]
    rx_info: Vec<RxInfo<'b>>,
    #[serde(borrow)]
    tx_info: Option<TxInfo<'b>>,
    #[serde(borrow)]
    relay_rx_info: Option<RelayRxInfo<'b>>,
    join_server_context: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RxInfo<'b> {
    #[serde(borrow)]
    gateway_id: Scalar<'b>,
    #[serde(borrow)]
    rssi: Scalar<'b>,
    #[serde(borrow)]
    snr: Scalar<'b>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TxInfo<'b> {
    #[serde(borrow)]
    frequency: Scalar<'b>,
    #[serde(borrow)]
    modulation: Modulation<'b>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Modulation<'b> {
    #[serde(borrow)]
    lora: Option<Lora<'b>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Lora<'b> {
    #[serde(borrow)]
    bandwidth: Scalar<'b>,
    #[serde(borrow)]
    spreading_factor: Scalar<'b>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RelayRxInfo<'b> {
    #[serde(borrow)]
    dev_eui: Scalar<'b>,
    #[serde(borrow)]
    rssi: Scalar<'b>,
    #[serde(borrow)]
    snr: Scalar<'b>,
}

impl DeviceInfo<'_> {
    fn dev_eui(&self) -> Result<DevEui, EnvelopeError> {
        self.dev_eui.dev_eui("deviceInfo.devEui")
    }
}

impl Up<'_> {
    fn uplink(&self) -> Result<Uplink, EnvelopeError> {
        let payload = match &self.data {
            Scalar::Absent => Vec::new(),
            data => data.base64("data")?,
        };
        Ok(Uplink {
            f_port: Some(self.f_port.byte("fPort")?.unwrap_or(0)),
            f_cnt: Some(self.f_cnt.count("fCnt")?.unwrap_or(0)),
            server_time: self.time.time("time")?,
            radio: self.radio()?,
            confirmed: Some(self.confirmed.flag("confirmed")?.unwrap_or(false)),
            dev_addr: self.dev_addr.dev_addr("devAddr")?,
            dedup_id: self.deduplication_id.owned("deduplicationId")?,
            device_name: self.device_info.device_name.owned("deviceInfo.deviceName")?,
            // The join server's context comes with payloads that only the key's owner can read.
            encrypted: self.join_server_context.is_some(),
            relay: self.relay_rx_info.as_ref().map(RelayRxInfo::relay).transpose()?,
            ..Uplink::new(self.device_info.dev_eui()?, payload)
        })
    }

    fn radio(&self) -> Result<Radio, EnvelopeError> {
        let tx = self.tx_info.as_ref();
        let lora = tx.and_then(|tx| tx.modulation.lora.as_ref());
        // A LoRa frame always has an SNR, so an absent one is 0 dB; an FSK frame has none.
        let absent_snr = lora.map(|_| 0.0);
        let heard: Vec<Reception<'_>> = self
            .rx_info
            .iter()
            .map(|copy| {
                let id = copy.gateway_id.text("rxInfo.gatewayId")?;
                Ok(Reception {
                    gateway: Cow::Borrowed(id.unwrap_or_default()),
                    rssi: Some(copy.rssi.number("rxInfo.rssi")?.unwrap_or(0.0)),
                    snr: copy.snr.number("rxInfo.snr")?.or(absent_snr),
                })
            })
            .collect::<Result<_, EnvelopeError>>()?;
        let (sf, bandwidth_hz) = match lora {
            None => (None, None),
            Some(lora) => (
                Some(lora.spreading_factor.byte("spreadingFactor")?.unwrap_or(0)),
                Some(lora.bandwidth.count("bandwidth")?.unwrap_or(0)),
            ),
        };
        let frequency_hz = match tx {
            None => None,
            Some(tx) => Some(tx.frequency.count("txInfo.frequency")?.unwrap_or(0)),
        };
        let dr = Some(self.dr.byte("dr")?.unwrap_or(0));
        Ok(Radio { dr, sf, bandwidth_hz, frequency_hz, ..best_reception(&heard) })
    }
}

impl RelayRxInfo<'_> {
    fn relay(&self) -> Result<Relay, EnvelopeError> {
        Ok(Relay {
            dev_eui: self.dev_eui.dev_eui("relayRxInfo.devEui")?,
            rssi: Some(self.rssi.number("relayRxInfo.rssi")?.unwrap_or(0.0)),
            snr: Some(self.snr.number("relayRxInfo.snr")?.unwrap_or(0.0)),
        })
    }
}

/// The fields of all other events.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Event<'b> {
    #[serde(borrow)]
    deduplication_id: Scalar<'b>,
    #[serde(borrow)]
    time: Scalar<'b>,
    #[serde(borrow)]
    device_info: DeviceInfo<'b>,
    #[serde(borrow)]
    dev_addr: Scalar<'b>,
    #[serde(borrow)]
    margin: Scalar<'b>,
    #[serde(borrow)]
    external_power_source: Scalar<'b>,
    #[serde(borrow)]
    battery_level_unavailable: Scalar<'b>,
    #[serde(borrow)]
    battery_level: Scalar<'b>,
    #[serde(borrow)]
    acknowledged: Scalar<'b>,
    #[serde(borrow)]
    location: Option<Location<'b>>,
    #[serde(borrow)]
    level: Scalar<'b>,
    #[serde(borrow)]
    code: Scalar<'b>,
    #[serde(borrow)]
    description: Scalar<'b>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Location<'b> {
    #[serde(borrow)]
    latitude: Scalar<'b>,
    #[serde(borrow)]
    longitude: Scalar<'b>,
}

impl Event<'_> {
    fn content(&self, kind: &str) -> Result<Content, EnvelopeError> {
        let dev_eui = self.device_info.dev_eui()?;
        let detail = match kind {
            "join" => {
                EventDetail::Join { dev_addr: self.dev_addr.dev_addr("devAddr")?, session_id: None }
            }
            "status" => self.status()?,
            "ack" => EventDetail::Ack {
                acknowledged: self.acknowledged.flag("acknowledged")?.unwrap_or(false),
            },
            "txack" => EventDetail::Txack,
            "location" => {
                let location = self.location.as_ref();
                let Location { latitude, longitude } =
                    location.ok_or(EnvelopeError::Missing { field: "location" })?;
                EventDetail::Location {
                    latitude_deg: latitude.number("location.latitude")?.unwrap_or(0.0),
                    longitude_deg: longitude.number("location.longitude")?.unwrap_or(0.0),
                }
            }
            "log" => EventDetail::Log {
                level: self.level.owned("level")?,
                code: self.code.owned("code")?,
                description: self.description.owned("description")?,
            },
            other => return Ok(aside(dev_eui, EventDetail::Other(other.to_owned()))),
        };
        Ok(Content::Event(DeviceEvent {
            dev_eui,
            at: self.time.time("time")?,
            dedup_id: self.deduplication_id.owned("deduplicationId")?,
            detail,
        }))
    }

    fn status(&self) -> Result<EventDetail, EnvelopeError> {
        let unavailable = self.battery_level_unavailable.flag("batteryLevelUnavailable")?;
        let external = self.external_power_source.flag("externalPowerSource")?.unwrap_or(false);
        // 0 stands for "unknown" and for "external power" here, not for an empty battery.
        let known = !unavailable.unwrap_or(false) && !external;
        let percent = self.battery_level.number("batteryLevel")?.unwrap_or(0.0);
        Ok(EventDetail::Status {
            margin_db: Some(self.margin.signed("margin")?.unwrap_or(0)),
            battery_percent: known.then_some(percent),
            external_power: Some(external),
            battery_raw: None,
        })
    }
}
