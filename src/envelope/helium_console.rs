//! The Console of Helium before it moved to `ChirpStack` v4.
//!
//! ```json
//! {"dev_eui": "0E7A11FFFEB001C7", "hotspots": [], "payload": "AQDVAiwHDh8=", "port": 5,
//!  "fcnt": 19}
//! ```
//!
//! Frequencies are single-precision MHz (868.2999877929688). `reported_at` is in milliseconds,
//! and published examples hold years such as 2472; whether a time is believed is not decided
//! here. `id` is the device's and not the frame's. A hotspot's id is no EUI. Late copies may come
//! as messages of their own, with the same counter and payload.

use std::borrow::Cow;

use serde::Deserialize;

use super::fields::{Reception, Scalar, best_reception, data_rate, json, megahertz};
use super::{Content, EnvelopeError};
use crate::model::{Radio, Uplink};

const FORMAT: &str = "helium-console";

pub fn unwrap(_topic: &str, body: &[u8]) -> Result<Vec<Content>, EnvelopeError> {
    let message: Message<'_> = json(FORMAT, body)?;
    Ok(vec![Content::Uplink(message.uplink()?)])
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message<'b> {
    #[serde(borrow)]
    dev_eui: Scalar<'b>,
    #[serde(borrow)]
    devaddr: Scalar<'b>,
    #[serde(borrow)]
    fcnt: Scalar<'b>,
    #[serde(borrow)]
    port: Scalar<'b>,
    #[serde(borrow)]
    payload: Scalar<'b>,
    #[serde(borrow)]
    reported_at: Scalar<'b>,
    #[serde(borrow)]
    name: Scalar<'b>,
    #[serde(borrow)]
    hotspots: Option<Vec<Hotspot<'b>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Hotspot<'b> {
    #[serde(borrow)]
    id: Scalar<'b>,
    #[serde(borrow)]
    rssi: Scalar<'b>,
    #[serde(borrow)]
    snr: Scalar<'b>,
    #[serde(borrow)]
    spreading: Scalar<'b>,
    #[serde(borrow)]
    frequency: Scalar<'b>,
}

impl Message<'_> {
    fn uplink(&self) -> Result<Uplink, EnvelopeError> {
        Ok(Uplink {
            f_port: self.port.byte("port")?,
            f_cnt: self.fcnt.count("fcnt")?,
            server_time: self.reported_at.epoch_ms("reported_at")?,
            radio: self.radio()?,
            dev_addr: self.devaddr.dev_addr("devaddr")?,
            device_name: self.name.owned("name")?,
            ..Uplink::new(self.dev_eui.dev_eui("dev_eui")?, self.payload.base64("payload")?)
        })
    }

    fn radio(&self) -> Result<Radio, EnvelopeError> {
        let Some(hotspots) = &self.hotspots else { return Ok(Radio::default()) };
        let heard: Vec<Reception<'_>> =
            hotspots.iter().map(Hotspot::reception).collect::<Result<_, _>>()?;
        let radio = best_reception(&heard);
        // All copies are of one frame, so each says the same of it.
        let Some(any) = hotspots.first() else { return Ok(radio) };
        let (sf, bandwidth_hz) = match any.spreading.text("hotspots.spreading")? {
            None => (None, None),
            Some(text) => data_rate("hotspots.spreading", text)?,
        };
        let frequency_hz = megahertz("hotspots.frequency", &any.frequency)?;
        Ok(Radio { sf, bandwidth_hz, frequency_hz, ..radio })
    }
}

impl Hotspot<'_> {
    fn reception(&self) -> Result<Reception<'_>, EnvelopeError> {
        Ok(Reception {
            gateway: self.id.text("hotspots.id")?.map_or(Cow::Borrowed(""), Cow::Borrowed),
            rssi: self.rssi.number("hotspots.rssi")?,
            snr: self.snr.number("hotspots.snr")?,
        })
    }
}
