//! What `ChirpStack` v3, LoRa Server before it, and the gateways of RAK and Milesight, which
//! carry a descendant of it inside, have in common.
//!
//! They never name the device alike in value, but always in key: `devEUI`. Each format is this
//! body with other parts of it filled in, so one struct reads all.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::fields::{
    Reception, Scalar, aside, best_reception, eu868, gateway, json, kilohertz, last_level,
};
use super::{Content, EnvelopeError};
use crate::model::{DevEui, DeviceEvent, EventDetail, Radio, Uplink};

/// How a format writes identities.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Identities {
    Hex,
    Base64,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Body<'b> {
    #[serde(borrow, rename = "devEUI")]
    pub dev_eui: Scalar<'b>,
    #[serde(borrow)]
    device_name: Scalar<'b>,
    #[serde(borrow)]
    rx_info: Option<Vec<RxInfo<'b>>>,
    #[serde(borrow)]
    tx_info: Option<TxInfo<'b>>,
    #[serde(borrow)]
    dr: Scalar<'b>,
    #[serde(borrow)]
    f_cnt: Scalar<'b>,
    #[serde(borrow)]
    f_port: Scalar<'b>,
    #[serde(borrow)]
    pub data: Scalar<'b>,
    /// RAK's: `base64` or `hexstring`.
    #[serde(borrow, rename = "data_encode")]
    data_encode: Scalar<'b>,
    #[serde(borrow)]
    confirmed_uplink: Scalar<'b>,
    #[serde(borrow)]
    dev_addr: Scalar<'b>,
    #[serde(borrow)]
    published_at: Scalar<'b>,
    /// Milesight's, the gateway being the server.
    #[serde(borrow)]
    time: Scalar<'b>,
    #[serde(borrow)]
    margin: Scalar<'b>,
    #[serde(borrow)]
    external_power_source: Scalar<'b>,
    #[serde(borrow)]
    battery_level: Scalar<'b>,
    #[serde(borrow)]
    battery_level_unavailable: Scalar<'b>,
    #[serde(borrow, rename = "type")]
    kind: Scalar<'b>,
    #[serde(borrow)]
    error: Scalar<'b>,
    #[serde(borrow)]
    acknowledged: Scalar<'b>,
    location: Option<Location<'b>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RxInfo<'b> {
    #[serde(borrow, rename = "gatewayID")]
    gateway_id: Scalar<'b>,
    /// The gateway's id before version 3.
    #[serde(borrow)]
    mac: Scalar<'b>,
    #[serde(borrow)]
    time: Scalar<'b>,
    #[serde(borrow)]
    rssi: Scalar<'b>,
    #[serde(borrow, rename = "loRaSNR")]
    snr: Scalar<'b>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct TxInfo<'b> {
    #[serde(borrow)]
    frequency: Scalar<'b>,
    #[serde(borrow)]
    dr: Scalar<'b>,
    #[serde(borrow)]
    modulation: Scalar<'b>,
    #[serde(borrow, rename = "loRaModulationInfo")]
    lora: Option<Modulation<'b>>,
    #[serde(borrow)]
    data_rate: Option<Modulation<'b>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Modulation<'b> {
    #[serde(borrow)]
    modulation: Scalar<'b>,
    /// kHz.
    #[serde(borrow)]
    bandwidth: Scalar<'b>,
    #[serde(borrow, alias = "spreadFactor")]
    spreading_factor: Scalar<'b>,
}

#[derive(Deserialize)]
struct Location<'b> {
    #[serde(borrow, default)]
    latitude: Scalar<'b>,
    #[serde(borrow, default)]
    longitude: Scalar<'b>,
}

/// Reads a message of which the topic says what it is.
pub fn unwrap(
    format: &'static str,
    identities: Identities,
    topic: &str,
    body: &[u8],
) -> Result<Vec<Content>, EnvelopeError> {
    let read: Body<'_> = json(format, body)?;
    let content = match read.kind_of(topic) {
        "up" => Content::Uplink(read.uplink(identities)?),
        kind => read.event(kind, identities)?,
    };
    Ok(vec![content])
}

impl Body<'_> {
    /// The last level of the topic; where an operator has changed the topic, the body must tell.
    fn kind_of<'t>(&self, topic: &'t str) -> &'t str {
        const KNOWN: [&str; 8] =
            ["up", "join", "ack", "txack", "error", "status", "location", "integration"];
        let last = last_level(topic);
        if KNOWN.contains(&last) || topic.contains("/event/") {
            last
        } else if last == "rx" || !self.data.is_absent() {
            "up"
        } else if !self.margin.is_absent() {
            "status"
        } else if !self.error.is_absent() {
            "error"
        } else if !self.acknowledged.is_absent() {
            "ack"
        } else if self.location.is_some() {
            "location"
        } else if !self.dev_addr.is_absent() {
            "join"
        } else {
            "up"
        }
    }

    pub fn uplink(&self, identities: Identities) -> Result<Uplink, EnvelopeError> {
        let payload = match self.data_encode.text("data_encode")? {
            None | Some("base64") => self.data.base64("data")?,
            Some("hexstring") => self.data.hex("data")?,
            Some(_) => return Err(self.data_encode.unfit("data_encode", "base64 or hexstring")),
        };
        Ok(Uplink {
            f_port: self.f_port.byte("fPort")?,
            f_cnt: self.f_cnt.count("fCnt")?,
            server_time: self.server_time()?,
            radio: self.radio()?,
            confirmed: self.confirmed_uplink.flag("confirmedUplink")?,
            dev_addr: self.dev_addr(identities)?,
            device_name: self.device_name.owned("deviceName")?,
            ..Uplink::new(self.dev_eui(identities)?, payload)
        })
    }

    fn dev_eui(&self, identities: Identities) -> Result<DevEui, EnvelopeError> {
        const FIELD: &str = "devEUI";
        match identities {
            Identities::Hex => self.dev_eui.dev_eui(FIELD),
            Identities::Base64 => {
                let bytes = self.dev_eui.base64(FIELD)?;
                let bytes: [u8; 8] =
                    bytes.try_into().map_err(|_| self.dev_eui.unfit(FIELD, "8 bytes as base64"))?;
                Ok(DevEui(u64::from_be_bytes(bytes)))
            }
        }
    }

    fn dev_addr(&self, identities: Identities) -> Result<Option<String>, EnvelopeError> {
        const FIELD: &str = "devAddr";
        if identities == Identities::Hex || self.dev_addr.is_absent() {
            return self.dev_addr.dev_addr(FIELD);
        }
        let bytes = self.dev_addr.base64(FIELD)?;
        match bytes.len() {
            0 => Ok(None),
            4 => Ok(Some(hex::encode(bytes))),
            _ => Err(self.dev_addr.unfit(FIELD, "4 bytes as base64")),
        }
    }

    /// The server's own time where it gives one, else that of the first gateway with a clock.
    fn server_time(&self) -> Result<Option<DateTime<Utc>>, EnvelopeError> {
        if let Some(time) = self.published_at.time("publishedAt")? {
            return Ok(Some(time));
        }
        if let Some(time) = self.time.time("time")? {
            return Ok(Some(time));
        }
        let copies = self.rx_info.iter().flatten();
        let times: Vec<Option<DateTime<Utc>>> =
            copies.map(|copy| copy.time.time("rxInfo.time")).collect::<Result<_, _>>()?;
        Ok(times.into_iter().flatten().min())
    }

    fn radio(&self) -> Result<Radio, EnvelopeError> {
        let tx = self.tx_info.as_ref();
        let radio = match &self.rx_info {
            None => Radio::default(),
            Some(copies) => {
                let heard: Vec<Reception<'_>> =
                    copies.iter().map(RxInfo::reception).collect::<Result<_, _>>()?;
                best_reception(&heard)
            }
        };
        let Some(tx) = tx else {
            return Ok(Radio { dr: self.dr.byte("dr")?, ..radio });
        };
        let dr = match tx.dr.byte("txInfo.dr")? {
            None => self.dr.byte("dr")?,
            dr => dr,
        };
        let modulation = tx.lora.as_ref().or(tx.data_rate.as_ref());
        let (sf, bandwidth_hz) = match modulation {
            Some(modulation) => (
                modulation.spreading_factor.byte("spreadingFactor")?.filter(|&sf| sf != 0),
                kilohertz("bandwidth", &modulation.bandwidth)?,
            ),
            // `json_v3` gives only the index.
            None => dr.and_then(eu868).unzip(),
        };
        let is_fsk = tx.is_fsk(dr)?;
        Ok(Radio {
            dr,
            sf: sf.filter(|_| !is_fsk),
            bandwidth_hz: bandwidth_hz.filter(|_| !is_fsk),
            frequency_hz: tx.frequency.count("txInfo.frequency")?,
            // The key is always written, but FSK has no such value.
            snr: radio.snr.filter(|_| !is_fsk),
            ..radio
        })
    }

    fn event(&self, kind: &str, identities: Identities) -> Result<Content, EnvelopeError> {
        let dev_eui = self.dev_eui(identities)?;
        let detail = match kind {
            "join" => EventDetail::Join { dev_addr: self.dev_addr(identities)?, session_id: None },
            "status" => self.status()?,
            "ack" => EventDetail::Ack {
                acknowledged: self.acknowledged.flag("acknowledged")?.unwrap_or(false),
            },
            "txack" => EventDetail::Txack,
            "error" => EventDetail::Log {
                level: None,
                code: self.kind.owned("type")?,
                description: self.error.owned("error")?,
            },
            "location" => {
                let location =
                    self.location.as_ref().ok_or(EnvelopeError::Missing { field: "location" })?;
                EventDetail::Location {
                    latitude_deg: location.latitude.number("location.latitude")?.unwrap_or(0.0),
                    longitude_deg: location.longitude.number("location.longitude")?.unwrap_or(0.0),
                }
            }
            other => return Ok(aside(dev_eui, EventDetail::Other(other.to_owned()))),
        };
        let at = self.server_time()?;
        Ok(Content::Event(DeviceEvent { dev_eui, at, dedup_id: None, detail }))
    }

    fn status(&self) -> Result<EventDetail, EnvelopeError> {
        let unavailable = self.battery_level_unavailable.flag("batteryLevelUnavailable")?;
        let external = self.external_power_source.flag("externalPowerSource")?.unwrap_or(false);
        let known = !unavailable.unwrap_or(false) && !external;
        Ok(EventDetail::Status {
            margin_db: self.margin.signed("margin")?,
            battery_percent: self.battery_level.number("batteryLevel")?.filter(|_| known),
            external_power: Some(external),
            battery_raw: None,
        })
    }
}

impl RxInfo<'_> {
    fn reception(&self) -> Result<Reception<'_>, EnvelopeError> {
        let id = match self.gateway_id.text("rxInfo.gatewayID")? {
            None => self.mac.text("rxInfo.mac")?,
            id => id,
        };
        Ok(Reception {
            gateway: id.map_or(Cow::Borrowed(""), gateway),
            rssi: self.rssi.number("rxInfo.rssi")?,
            snr: self.snr.number("rxInfo.loRaSNR")?,
        })
    }
}

impl TxInfo<'_> {
    fn is_fsk(&self, dr: Option<u8>) -> Result<bool, EnvelopeError> {
        const EU868_FSK: u8 = 7;
        let within = self.data_rate.as_ref().map(|rate| &rate.modulation);
        let said = match self.modulation.text("txInfo.modulation")? {
            None => within.map_or(Ok(None), |text| text.text("txInfo.dataRate.modulation"))?,
            said => said,
        };
        Ok(said.map_or(dr == Some(EU868_FSK), |said| said.eq_ignore_ascii_case("FSK")))
    }
}
