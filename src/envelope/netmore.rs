//! Netmore: LoRaWAN Portal (once Blink) and Netmore Connect, by MQTT or HTTP push.
//!
//! ```json
//! [{"devEui": "0e7a11fffe70c0e3", "timestamp": "2026-03-11T06:46:02.931Z",
//!   "payload": "0100d5022c070e1f", "fPort": "5"}]
//! ```
//!
//! The body is an array and each element an uplink. Numbers are texts. The short exports have
//! neither frame counter nor frequency. `rssi`, `snr` and `gatewayIdentifier` beside the list of
//! gateways are those of the best of them. `batteryLevel` is the raw byte of DevStatusAns, not
//! per cent. What `ack` means is not documented, so it is not read as "confirmed". The exports
//! named "Decoding v2" leave the payload out.

use std::borrow::Cow;

use serde::Deserialize;

use super::fields::{AnyCase, Reception, Scalar, aside, best_reception, gateway, json};
use super::{Content, EnvelopeError};
use crate::model::{EventDetail, Radio, Uplink};

const FORMAT: &str = "netmore";

pub fn unwrap(_topic: &str, body: &[u8]) -> Result<Vec<Content>, EnvelopeError> {
    // Whether answers to downlinks come as an array too is not documented.
    if body.trim_ascii_start().first() == Some(&b'{') {
        return Ok(vec![json::<Element<'_>>(FORMAT, body)?.content()?]);
    }
    let elements: Vec<AnyCase<Element<'_>>> = serde_json::from_slice(body)
        .map_err(|error| EnvelopeError::Json { format: FORMAT, error: error.to_string() })?;
    elements.iter().map(|AnyCase(element)| element.content()).collect()
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Element<'b> {
    #[serde(borrow)]
    dev_eui: Scalar<'b>,
    #[serde(borrow)]
    timestamp: Scalar<'b>,
    #[serde(borrow)]
    payload: Scalar<'b>,
    #[serde(borrow)]
    f_port: Scalar<'b>,
    #[serde(borrow)]
    f_cnt_up: Scalar<'b>,
    #[serde(borrow)]
    freq: Scalar<'b>,
    #[serde(borrow)]
    dr: Scalar<'b>,
    #[serde(borrow)]
    spreading_factor: Scalar<'b>,
    #[serde(borrow)]
    battery_level: Scalar<'b>,
    #[serde(borrow)]
    rssi: Scalar<'b>,
    #[serde(borrow)]
    snr: Scalar<'b>,
    #[serde(borrow)]
    gateway_identifier: Scalar<'b>,
    #[serde(borrow)]
    gateways: Option<Vec<Gateway<'b>>>,
    #[serde(borrow)]
    delivery_status: Scalar<'b>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Gateway<'b> {
    #[serde(borrow)]
    rssi: Scalar<'b>,
    #[serde(borrow)]
    snr: Scalar<'b>,
    #[serde(borrow)]
    gw_eui: Scalar<'b>,
    #[serde(borrow)]
    gateway_identifier: Scalar<'b>,
    #[serde(borrow)]
    mac: Scalar<'b>,
}

impl Element<'_> {
    fn content(&self) -> Result<Content, EnvelopeError> {
        let dev_eui = self.dev_eui.dev_eui("devEui")?;
        if !self.delivery_status.is_absent() {
            return Ok(aside(dev_eui, EventDetail::Downlink));
        }
        if self.payload.is_absent() {
            return Err(EnvelopeError::DecodedOnly {
                format: FORMAT,
                remedy: "at Netmore, choose the export format Default (All) or Connect (All) \
                         instead of Decoding v2",
            });
        }
        Ok(Content::Uplink(Uplink {
            f_port: self.f_port.byte("fPort")?,
            f_cnt: self.f_cnt_up.count("fCntUp")?,
            server_time: self.timestamp.time("timestamp")?,
            radio: self.radio()?,
            battery_raw: self.battery_level.byte("batteryLevel")?,
            ..Uplink::new(dev_eui, self.payload.hex("payload")?)
        }))
    }

    fn radio(&self) -> Result<Radio, EnvelopeError> {
        let gateways = self.gateways.as_deref().unwrap_or_default();
        let listed: Vec<Reception<'_>> =
            gateways.iter().map(Gateway::reception).collect::<Result<_, _>>()?;
        let radio = if listed.is_empty() {
            let best_gateway = self.gateway_identifier.name("gatewayIdentifier")?;
            Radio {
                rssi: self.rssi.number("rssi")?,
                snr: self.snr.number("snr")?,
                gateway_count: best_gateway.as_ref().map(|_| 1),
                gateways: best_gateway.iter().cloned().collect(),
                best_gateway,
                ..Radio::default()
            }
        } else {
            best_reception(&listed)
        };
        Ok(Radio {
            dr: self.dr.byte("dr")?,
            sf: self.spreading_factor.byte("spreadingFactor")?,
            frequency_hz: self.freq.count("freq")?,
            ..radio
        })
    }
}

impl Gateway<'_> {
    fn reception(&self) -> Result<Reception<'_>, EnvelopeError> {
        let eui = self.gw_eui.text("gateways.gwEui")?.map(gateway);
        let id = match eui {
            Some(eui) => Some(eui),
            None => match self.gateway_identifier.name("gateways.gatewayIdentifier")? {
                Some(number) => Some(Cow::Owned(number)),
                None => self.mac.text("gateways.mac")?.map(gateway),
            },
        };
        Ok(Reception {
            gateway: id.unwrap_or_default(),
            rssi: self.rssi.number("gateways.rssi")?,
            snr: self.snr.number("gateways.snr")?,
        })
    }
}
