//! Kerlink Wanesy Management Center, `dataUp`.
//!
//! ```json
//! {"id": "69b10c3077d8d40001cf0001", "endDevice": {"devEui": "0E7A11FFFED003E9"}, "fPort": 5,
//!  "fCntUp": 2980, "payload": "0100d5022c070e1f", "recvTime": 1773212168225}
//! ```
//!
//! `encodingType` says whether the payload is hexadecimal (`HEXA`, also if absent) or `BASE64`.
//! `gwInfo` has an entry for each antenna and `gwCnt` counts those, so gateways are counted
//! anew. Frequencies are in MHz. `id` is that of the record, hence of the frame. `encrypted` is
//! still so. `delayed` marks frames that a gateway kept while it was cut off.

use std::borrow::Cow;

use serde::Deserialize;

use super::fields::{Reception, Scalar, best_reception, data_rate, gateway, json, megahertz};
use super::{Content, EnvelopeError};
use crate::model::{Radio, Uplink};

const FORMAT: &str = "wanesy";

pub fn unwrap(_topic: &str, body: &[u8]) -> Result<Vec<Content>, EnvelopeError> {
    let message: Message<'_> = json(FORMAT, body)?;
    Ok(vec![Content::Uplink(message.uplink()?)])
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Message<'b> {
    #[serde(borrow)]
    id: Scalar<'b>,
    #[serde(borrow)]
    end_device: EndDevice<'b>,
    #[serde(borrow)]
    f_port: Scalar<'b>,
    #[serde(borrow)]
    f_cnt_up: Scalar<'b>,
    #[serde(borrow)]
    confirmed: Scalar<'b>,
    #[serde(borrow)]
    payload: Scalar<'b>,
    #[serde(borrow)]
    encoding_type: Scalar<'b>,
    #[serde(borrow)]
    encrypted: Scalar<'b>,
    #[serde(borrow)]
    delayed: Scalar<'b>,
    #[serde(borrow)]
    ul_frequency: Scalar<'b>,
    #[serde(borrow)]
    data_rate: Scalar<'b>,
    #[serde(borrow)]
    recv_time: Scalar<'b>,
    #[serde(borrow)]
    gw_info: Option<Vec<Antenna<'b>>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct EndDevice<'b> {
    #[serde(borrow)]
    dev_eui: Scalar<'b>,
    #[serde(borrow)]
    dev_addr: Scalar<'b>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Antenna<'b> {
    #[serde(borrow)]
    gw_eui: Scalar<'b>,
    #[serde(borrow)]
    rssi: Scalar<'b>,
    #[serde(borrow)]
    snr: Scalar<'b>,
}

impl Message<'_> {
    fn uplink(&self) -> Result<Uplink, EnvelopeError> {
        let payload = match self.encoding_type.text("encodingType")? {
            None | Some("HEXA") => self.payload.hex("payload")?,
            Some("BASE64") => self.payload.base64("payload")?,
            Some(_) => return Err(self.encoding_type.unfit("encodingType", "HEXA or BASE64")),
        };
        Ok(Uplink {
            f_port: self.f_port.byte("fPort")?,
            f_cnt: self.f_cnt_up.count("fCntUp")?,
            server_time: self.recv_time.epoch_ms("recvTime")?,
            radio: self.radio()?,
            confirmed: self.confirmed.flag("confirmed")?,
            dev_addr: self.end_device.dev_addr.dev_addr("endDevice.devAddr")?,
            dedup_id: self.id.name("id")?,
            encrypted: self.encrypted.flag("encrypted")?.unwrap_or(false),
            late: self.delayed.flag("delayed")?.unwrap_or(false),
            ..Uplink::new(self.end_device.dev_eui.dev_eui("endDevice.devEui")?, payload)
        })
    }

    fn radio(&self) -> Result<Radio, EnvelopeError> {
        let radio = match &self.gw_info {
            None => Radio::default(),
            Some(antennas) => {
                let heard: Vec<Reception<'_>> =
                    antennas.iter().map(Antenna::reception).collect::<Result<_, _>>()?;
                best_reception(&heard)
            }
        };
        let (sf, bandwidth_hz) = match self.data_rate.text("dataRate")? {
            None => (None, None),
            Some(text) => data_rate("dataRate", text)?,
        };
        let frequency_hz = megahertz("ulFrequency", &self.ul_frequency)?;
        Ok(Radio { sf, bandwidth_hz, frequency_hz, ..radio })
    }
}

impl Antenna<'_> {
    fn reception(&self) -> Result<Reception<'_>, EnvelopeError> {
        Ok(Reception {
            gateway: self.gw_eui.text("gwInfo.gwEui")?.map_or(Cow::Borrowed(""), gateway),
            rssi: self.rssi.number("gwInfo.rssi")?,
            snr: self.snr.number("gwInfo.snr")?,
        })
    }
}
