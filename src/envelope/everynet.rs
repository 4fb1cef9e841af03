//! Everynet.
//!
//! ```json
//! {"type": "uplink", "meta": {"device": "0e7a11fffe0106a1", "packet_id": "f00dcafe"},
//!  "params": {"payload": "AQDVAiwHDh8=", "port": 5, "counter_up": 105,
//!   "rx_time": 1773213300.118}}
//! ```
//!
//! There is one message for each gateway, `duplicate` in the later ones; `packet_id` makes them
//! one uplink. `rx_time` is in seconds with a fraction. `datarate` counts otherwise than the
//! regional index does, so only spreading factor and bandwidth are read.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::fields::{Reception, Scalar, aside, best_reception, gateway, json, megahertz};
use super::{Content, EnvelopeError};
use crate::model::{EventDetail, Radio, Uplink};

const FORMAT: &str = "everynet";

pub fn unwrap(_topic: &str, body: &[u8]) -> Result<Vec<Content>, EnvelopeError> {
    let message: Message<'_> = json(FORMAT, body)?;
    let content = match message.kind.text("type")? {
        Some("uplink") => Content::Uplink(message.uplink()?),
        None => return Err(EnvelopeError::Missing { field: "type" }),
        Some(other) => {
            let dev_eui = message.meta.device.dev_eui("meta.device")?;
            aside(dev_eui, EventDetail::Other(other.to_owned()))
        }
    };
    Ok(vec![content])
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message<'b> {
    #[serde(borrow, rename = "type")]
    kind: Scalar<'b>,
    #[serde(borrow)]
    meta: Meta<'b>,
    #[serde(borrow)]
    params: Params<'b>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Meta<'b> {
    #[serde(borrow)]
    device: Scalar<'b>,
    #[serde(borrow)]
    device_addr: Scalar<'b>,
    #[serde(borrow)]
    gateway: Scalar<'b>,
    #[serde(borrow)]
    packet_id: Scalar<'b>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Params<'b> {
    #[serde(borrow)]
    payload: Scalar<'b>,
    #[serde(borrow)]
    port: Scalar<'b>,
    #[serde(borrow)]
    counter_up: Scalar<'b>,
    #[serde(borrow)]
    rx_time: Scalar<'b>,
    #[serde(borrow)]
    radio: Heard<'b>,
    #[serde(borrow)]
    lora: Lora<'b>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Heard<'b> {
    #[serde(borrow)]
    freq: Scalar<'b>,
    #[serde(borrow)]
    hardware: Hardware<'b>,
    #[serde(borrow)]
    modulation: Modulation<'b>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Hardware<'b> {
    #[serde(borrow)]
    rssi: Scalar<'b>,
    #[serde(borrow)]
    snr: Scalar<'b>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Modulation<'b> {
    #[serde(borrow)]
    bandwidth: Scalar<'b>,
    #[serde(borrow)]
    spreading: Scalar<'b>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Lora<'b> {
    #[serde(borrow)]
    header: Header<'b>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Header<'b> {
    #[serde(borrow)]
    confirmed: Scalar<'b>,
}

impl Message<'_> {
    fn uplink(&self) -> Result<Uplink, EnvelopeError> {
        let Self { meta, params, .. } = self;
        Ok(Uplink {
            f_port: params.port.byte("params.port")?,
            f_cnt: params.counter_up.count("params.counter_up")?,
            server_time: params.rx_time()?,
            radio: self.radio()?,
            confirmed: params.lora.header.confirmed.flag("params.lora.header.confirmed")?,
            dev_addr: meta.device_addr.dev_addr("meta.device_addr")?,
            dedup_id: meta.packet_id.name("meta.packet_id")?,
            ..Uplink::new(
                meta.device.dev_eui("meta.device")?,
                params.payload.base64("params.payload")?,
            )
        })
    }

    fn radio(&self) -> Result<Radio, EnvelopeError> {
        let Heard { freq, hardware, modulation } = &self.params.radio;
        let rssi = hardware.rssi.number("params.radio.hardware.rssi")?;
        let snr = hardware.snr.number("params.radio.hardware.snr")?;
        let radio = match self.meta.gateway.text("meta.gateway")? {
            None => Radio { rssi, snr, ..Radio::default() },
            Some(id) => best_reception(&[Reception {
                gateway: Cow::Owned(gateway(id).into_owned()),
                rssi,
                snr,
            }]),
        };
        Ok(Radio {
            sf: modulation.spreading.byte("params.radio.modulation.spreading")?,
            bandwidth_hz: modulation.bandwidth.count("params.radio.modulation.bandwidth")?,
            frequency_hz: megahertz("params.radio.freq", freq)?,
            ..radio
        })
    }
}

impl Params<'_> {
    /// Rounded to microseconds: a fraction of a second since 1970 has no more digits than that.
    #[expect(clippy::cast_possible_truncation, reason = "a float too large becomes no time")]
    fn rx_time(&self) -> Result<Option<DateTime<Utc>>, EnvelopeError> {
        const FIELD: &str = "params.rx_time";
        let Some(seconds) = self.rx_time.number(FIELD)? else { return Ok(None) };
        let time = DateTime::from_timestamp_micros((seconds * 1e6).round() as i64);
        time.map(Some).ok_or_else(|| self.rx_time.unfit(FIELD, "seconds since 1970"))
    }
}
