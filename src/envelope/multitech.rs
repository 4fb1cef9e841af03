//! The server inside gateways of MultiTech (Conduit).
//!
//! ```json
//! {"deveui": "0e-7a-11-ff-fe-f0-05-0b", "time": "2026-03-11T07:14:39.522787Z", "port": 33,
//!  "fcnt": 1, "mhdr": "80cb80d000800100", "size": 8, "data": "dGVzdGRhdGE="}
//! ```
//!
//! EUIs have dashes. Frequencies are in MHz. `ack` is the ACK bit; whether the frame was
//! confirmed is in the first byte of `mhdr`, its MAC header. A gateway can be set to give `data`
//! in hexadecimal without saying so: `size`, the number of bytes, tells which it is.

use std::borrow::Cow;

use serde::Deserialize;

use super::fields::{
    Reception, Scalar, aside, base64, best_reception, data_rate, gateway, hex, json, last_level,
    megahertz,
};
use super::{Content, EnvelopeError};
use crate::model::{EventDetail, Radio, Uplink};

const FORMAT: &str = "multitech";

/// Message types in the upper three bits of the MAC header (LoRaWAN 1.0.4, section 4.2.1).
const UNCONFIRMED_UP: u8 = 2;
const CONFIRMED_UP: u8 = 4;

pub fn unwrap(topic: &str, body: &[u8]) -> Result<Vec<Content>, EnvelopeError> {
    let message: Message<'_> = json(FORMAT, body)?;
    let kind = last_level(topic);
    if message.data.is_absent() && topic.contains('/') && kind != "up" {
        let dev_eui = message.deveui.dev_eui("deveui")?;
        return Ok(vec![aside(dev_eui, EventDetail::Other(kind.to_owned()))]);
    }
    Ok(vec![Content::Uplink(message.uplink()?)])
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message<'b> {
    #[serde(borrow)]
    deveui: Scalar<'b>,
    #[serde(borrow)]
    devaddr: Scalar<'b>,
    #[serde(borrow)]
    name: Scalar<'b>,
    #[serde(borrow)]
    time: Scalar<'b>,
    #[serde(borrow)]
    port: Scalar<'b>,
    #[serde(borrow)]
    fcnt: Scalar<'b>,
    #[serde(borrow)]
    mhdr: Scalar<'b>,
    #[serde(borrow)]
    data: Scalar<'b>,
    #[serde(borrow)]
    size: Scalar<'b>,
    #[serde(borrow)]
    freq: Scalar<'b>,
    #[serde(borrow)]
    datr: Scalar<'b>,
    #[serde(borrow)]
    rssi: Scalar<'b>,
    #[serde(borrow)]
    lsnr: Scalar<'b>,
    #[serde(borrow)]
    gweui: Scalar<'b>,
}

impl Message<'_> {
    fn uplink(&self) -> Result<Uplink, EnvelopeError> {
        Ok(Uplink {
            f_port: self.port.byte("port")?,
            f_cnt: self.fcnt.count("fcnt")?,
            server_time: self.time.time("time")?,
            radio: self.radio()?,
            confirmed: self.confirmed()?,
            dev_addr: self.devaddr.dev_addr("devaddr")?,
            device_name: self.name.owned("name")?,
            ..Uplink::new(self.deveui.dev_eui("deveui")?, self.payload()?)
        })
    }

    fn payload(&self) -> Result<Vec<u8>, EnvelopeError> {
        const FIELD: &str = "data";
        if self.data.is_absent() {
            return Err(EnvelopeError::Missing { field: FIELD });
        }
        let text = self.data.text(FIELD)?.unwrap_or_default();
        let digits = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let is_hex =
            self.size.count("size")?.and_then(|bytes| bytes.checked_mul(2)) == Some(digits);
        if is_hex { hex(FIELD, text) } else { base64(FIELD, text) }
    }

    fn confirmed(&self) -> Result<Option<bool>, EnvelopeError> {
        let Some(text) = self.mhdr.text("mhdr")? else { return Ok(None) };
        let header = hex("mhdr", text)?;
        match header.first().map(|first| first >> 5) {
            Some(CONFIRMED_UP) => Ok(Some(true)),
            Some(UNCONFIRMED_UP) => Ok(Some(false)),
            _ => Err(self.mhdr.unfit("mhdr", "the header of a data uplink")),
        }
    }

    fn radio(&self) -> Result<Radio, EnvelopeError> {
        let (rssi, snr) = (self.rssi.number("rssi")?, self.lsnr.number("lsnr")?);
        let radio = match self.gweui.text("gweui")? {
            None => Radio { rssi, snr, ..Radio::default() },
            Some(eui) => best_reception(&[Reception {
                gateway: Cow::Owned(gateway(eui).into_owned()),
                rssi,
                snr,
            }]),
        };
        // A number instead of a text is the bit rate of FSK.
        let (sf, bandwidth_hz) = match &self.datr {
            Scalar::Text(text) => data_rate("datr", text)?,
            _ => (None, None),
        };
        let frequency_hz = megahertz("freq", &self.freq)?;
        Ok(Radio { sf, bandwidth_hz, frequency_hz, ..radio })
    }
}
