//! Loriot, also as Ceske Radiokomunikace and others run it.
//!
//! ```json
//! {"cmd": "rx", "EUI": "0E7A11FFFE90E0A5", "ts": 1773211800592, "fcnt": 787465, "port": 2,
//!  "data": "010AF0061E01C8"}
//! ```
//!
//! A frame comes twice: as `rx` at once, and as `gw` when all gateways are gathered. Both yield
//! the same uplink by counter, payload and time, so the second is the duplicate of the first,
//! in whichever order they come; an operator who wants gateways subscribes to `gw` alone. `bat`
//! is the raw byte of DevStatusAns. `encdata` in place of `data` is still encrypted. What `ack`
//! means is not documented, so it is not read as "confirmed". A gateway may be listed twice.

use std::borrow::Cow;

use serde::Deserialize;

use super::fields::{Reception, Scalar, aside, best_reception, data_rate, gateway, json};
use super::{Content, EnvelopeError};
use crate::model::{EventDetail, Radio, Uplink};

const FORMAT: &str = "loriot";

pub fn unwrap(_topic: &str, body: &[u8]) -> Result<Vec<Content>, EnvelopeError> {
    let message: Message<'_> = json(FORMAT, body)?;
    let command = message.cmd.text("cmd")?.ok_or(EnvelopeError::Missing { field: "cmd" })?;
    let detail = match command {
        "rx" | "gw" => return Ok(vec![Content::Uplink(message.uplink()?)]),
        // Some answers of the server are about no device.
        _ if message.eui.is_absent() => return Ok(Vec::new()),
        "tx" | "txd" => EventDetail::Downlink,
        other => EventDetail::Other(other.to_owned()),
    };
    Ok(vec![aside(message.eui.dev_eui("EUI")?, detail)])
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message<'b> {
    #[serde(borrow)]
    cmd: Scalar<'b>,
    #[serde(borrow, rename = "EUI")]
    eui: Scalar<'b>,
    #[serde(borrow)]
    ts: Scalar<'b>,
    #[serde(borrow)]
    fcnt: Scalar<'b>,
    #[serde(borrow)]
    port: Scalar<'b>,
    #[serde(borrow)]
    freq: Scalar<'b>,
    #[serde(borrow)]
    dr: Scalar<'b>,
    #[serde(borrow)]
    rssi: Scalar<'b>,
    #[serde(borrow)]
    snr: Scalar<'b>,
    #[serde(borrow)]
    gws: Option<Vec<Gateway<'b>>>,
    #[serde(borrow)]
    bat: Scalar<'b>,
    #[serde(borrow)]
    data: Scalar<'b>,
    #[serde(borrow)]
    encdata: Scalar<'b>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Gateway<'b> {
    #[serde(borrow)]
    gweui: Scalar<'b>,
    #[serde(borrow)]
    rssi: Scalar<'b>,
    #[serde(borrow)]
    snr: Scalar<'b>,
}

impl Message<'_> {
    fn uplink(&self) -> Result<Uplink, EnvelopeError> {
        let is_left_out = matches!(self.data, Scalar::Absent | Scalar::Null);
        let encrypted = is_left_out && !self.encdata.is_absent();
        let payload =
            if encrypted { self.encdata.hex("encdata")? } else { self.data.hex("data")? };
        Ok(Uplink {
            f_port: self.port.byte("port")?,
            f_cnt: self.fcnt.count("fcnt")?,
            server_time: self.ts.epoch_ms("ts")?,
            radio: self.radio()?,
            encrypted,
            battery_raw: self.bat.byte("bat")?,
            ..Uplink::new(self.eui.dev_eui("EUI")?, payload)
        })
    }

    fn radio(&self) -> Result<Radio, EnvelopeError> {
        let radio = match &self.gws {
            Some(gateways) => {
                let heard: Vec<Reception<'_>> =
                    gateways.iter().map(Gateway::reception).collect::<Result<_, _>>()?;
                best_reception(&heard)
            }
            None => Radio {
                rssi: self.rssi.number("rssi")?,
                snr: self.snr.number("snr")?,
                ..Radio::default()
            },
        };
        let (sf, bandwidth_hz) = match self.dr.text("dr")? {
            None => (None, None),
            Some(text) => data_rate("dr", text)?,
        };
        Ok(Radio { sf, bandwidth_hz, frequency_hz: self.freq.count("freq")?, ..radio })
    }
}

impl Gateway<'_> {
    fn reception(&self) -> Result<Reception<'_>, EnvelopeError> {
        Ok(Reception {
            gateway: self.gweui.text("gws.gweui")?.map_or(Cow::Borrowed(""), gateway),
            rssi: self.rssi.number("gws.rssi")?,
            snr: self.snr.number("gws.snr")?,
        })
    }
}
