//! The plain JSON for everything without a format of its own: 4G and NB-IoT devices, gateways
//! with a script, other systems.
//!
//! ```json
//! {"dev_eui": "0e7a11fffe4c2d91", "f_port": 5, "payload_hex": "070d8a0c00c1",
//!  "time": "2026-07-14T10:00:12Z"}
//! ```
//!
//! `dev_eui` is the device's identity, 16 hexadecimal digits; a device without a DevEUI takes
//! its IMEI with a leading digit. Exactly one of `payload_hex` and `payload_base64` holds the
//! bytes. All else may be left out: `f_port` (0–255, 1 if absent), `time` (RFC 3339, the time of
//! measurement or reception; the time of arrival if absent), `f_cnt`, `id` (identity of this
//! message, so that a repeated one is stored once), `name`, `rssi` (dBm), `snr` (dB), `gateway`,
//! `dev_addr`. Unknown keys are ignored.

use std::borrow::Cow;

use serde::Deserialize;

use super::fields::{Reception, base64, best_reception, dev_eui, hex, json, time};
use super::{Content, EnvelopeError};
use crate::model::{Radio, Uplink};

const FORMAT: &str = "plain-json";

/// Devices without ports still need one for their codec.
const F_PORT: u8 = 1;

pub fn unwrap(_topic: &str, body: &[u8]) -> Result<Vec<Content>, EnvelopeError> {
    let plain: Plain<'_> = json(FORMAT, body)?;
    Ok(vec![Content::Uplink(plain.into_uplink()?)])
}

#[derive(Deserialize)]
struct Plain<'b> {
    #[serde(borrow)]
    dev_eui: Cow<'b, str>,
    f_port: Option<u8>,
    f_cnt: Option<u32>,
    #[serde(borrow)]
    payload_hex: Option<Cow<'b, str>>,
    #[serde(borrow)]
    payload_base64: Option<Cow<'b, str>>,
    #[serde(borrow)]
    time: Option<Cow<'b, str>>,
    #[serde(borrow)]
    id: Option<Cow<'b, str>>,
    #[serde(borrow)]
    name: Option<Cow<'b, str>>,
    #[serde(borrow)]
    dev_addr: Option<Cow<'b, str>>,
    #[serde(borrow)]
    gateway: Option<Cow<'b, str>>,
    rssi: Option<f64>,
    snr: Option<f64>,
}

impl Plain<'_> {
    fn into_uplink(self) -> Result<Uplink, EnvelopeError> {
        let payload = match (&self.payload_hex, &self.payload_base64) {
            (Some(text), None) => hex("payload_hex", text)?,
            (None, Some(text)) => base64("payload_base64", text)?,
            (None, None) => {
                return Err(EnvelopeError::Missing { field: "payload_hex or payload_base64" });
            }
            (Some(_), Some(text)) => {
                return Err(EnvelopeError::Unfit {
                    field: "payload_base64",
                    value: text.to_string(),
                    wanted: "only one of payload_hex and payload_base64",
                });
            }
        };
        Ok(Uplink {
            f_port: Some(self.f_port.unwrap_or(F_PORT)),
            f_cnt: self.f_cnt,
            server_time: self.time.as_deref().map(|text| time("time", text)).transpose()?,
            radio: self.radio(),
            dev_addr: self.dev_addr.map(Cow::into_owned),
            dedup_id: self.id.map(Cow::into_owned),
            device_name: self.name.map(Cow::into_owned),
            ..Uplink::new(dev_eui("dev_eui", &self.dev_eui)?, payload)
        })
    }

    fn radio(&self) -> Radio {
        match &self.gateway {
            Some(gateway) => best_reception(&[Reception {
                gateway: Cow::Borrowed(gateway),
                rssi: self.rssi,
                snr: self.snr,
            }]),
            None => Radio { rssi: self.rssi, snr: self.snr, ..Radio::default() },
        }
    }
}
