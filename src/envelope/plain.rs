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

use super::fields::{Reception, Scalar, best_reception, json};
use super::{Content, EnvelopeError};
use crate::model::{Radio, Uplink};

const FORMAT: &str = "plain-json";

/// Devices without ports still need one for their codec.
const F_PORT: u8 = 1;

pub fn unwrap(_topic: &str, body: &[u8]) -> Result<Vec<Content>, EnvelopeError> {
    let plain: Plain<'_> = json(FORMAT, body)?;
    Ok(vec![Content::Uplink(plain.uplink()?)])
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Plain<'b> {
    #[serde(borrow)]
    dev_eui: Scalar<'b>,
    #[serde(borrow)]
    f_port: Scalar<'b>,
    #[serde(borrow)]
    f_cnt: Scalar<'b>,
    #[serde(borrow)]
    payload_hex: Scalar<'b>,
    #[serde(borrow)]
    payload_base64: Scalar<'b>,
    #[serde(borrow)]
    time: Scalar<'b>,
    #[serde(borrow)]
    id: Scalar<'b>,
    #[serde(borrow)]
    name: Scalar<'b>,
    #[serde(borrow)]
    dev_addr: Scalar<'b>,
    #[serde(borrow)]
    gateway: Scalar<'b>,
    #[serde(borrow)]
    rssi: Scalar<'b>,
    #[serde(borrow)]
    snr: Scalar<'b>,
}

impl Plain<'_> {
    fn uplink(&self) -> Result<Uplink, EnvelopeError> {
        let payload = match (&self.payload_hex, &self.payload_base64) {
            (Scalar::Absent | Scalar::Null, Scalar::Absent | Scalar::Null) => {
                return Err(EnvelopeError::Missing { field: "payload_hex or payload_base64" });
            }
            (text, Scalar::Absent | Scalar::Null) => text.hex("payload_hex")?,
            (Scalar::Absent | Scalar::Null, text) => text.base64("payload_base64")?,
            (_, text) => {
                let wanted = "only one of payload_hex and payload_base64";
                return Err(text.unfit("payload_base64", wanted));
            }
        };
        Ok(Uplink {
            f_port: Some(self.f_port.byte("f_port")?.unwrap_or(F_PORT)),
            f_cnt: self.f_cnt.count("f_cnt")?,
            server_time: self.time.time("time")?,
            radio: self.radio()?,
            dev_addr: self.dev_addr.owned("dev_addr")?,
            dedup_id: self.id.name("id")?,
            device_name: self.name.owned("name")?,
            ..Uplink::new(self.dev_eui.dev_eui("dev_eui")?, payload)
        })
    }

    fn radio(&self) -> Result<Radio, EnvelopeError> {
        let (rssi, snr) = (self.rssi.number("rssi")?, self.snr.number("snr")?);
        Ok(match self.gateway.text("gateway")? {
            Some(id) => best_reception(&[Reception { gateway: Cow::Borrowed(id), rssi, snr }]),
            None => Radio { rssi, snr, ..Radio::default() },
        })
    }
}
