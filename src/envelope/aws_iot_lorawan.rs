//! AWS IoT Core for LoRaWAN, as an IoT rule republishes it.
//!
//! ```json
//! {"PayloadData": "AQDVAiwHDh8=", "WirelessMetadata": {"LoRaWAN":
//!   {"DevEui": "0e7a11fffec002d8", "FPort": 5, "Timestamp": "2026-03-11T07:04:40Z"}}}
//! ```
//!
//! The service profile can leave out the device's metadata and the gateways. `Timestamp` has
//! whole seconds. `DataRate` and `Frequency` are texts, the bandwidth is in kHz, and the case of
//! keys varies (`FPort`, `Fport`). The topic is whatever the rule says.

use std::borrow::Cow;

use serde::Deserialize;

use super::fields::{
    AnyCase, Reception, Scalar, any_case, any_case_object, best_reception, gateway, kilohertz,
};
use super::{Content, EnvelopeError};
use crate::model::{Radio, Uplink};

const FORMAT: &str = "aws-iot-lorawan";

pub fn unwrap(_topic: &str, body: &[u8]) -> Result<Vec<Content>, EnvelopeError> {
    let message: Message<'_> = any_case(FORMAT, body)?;
    Ok(vec![Content::Uplink(message.uplink()?)])
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Message<'b> {
    #[serde(borrow)]
    payload_data: Scalar<'b>,
    #[serde(borrow, deserialize_with = "any_case_object")]
    wireless_metadata: Option<WirelessMetadata<'b>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WirelessMetadata<'b> {
    #[serde(borrow, rename = "LoRaWAN", deserialize_with = "any_case_object")]
    lorawan: Option<LoraWan<'b>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct LoraWan<'b> {
    #[serde(borrow)]
    dev_eui: Scalar<'b>,
    #[serde(borrow)]
    dev_addr: Scalar<'b>,
    #[serde(borrow)]
    f_port: Scalar<'b>,
    #[serde(borrow)]
    f_cnt: Scalar<'b>,
    #[serde(borrow)]
    m_type: Scalar<'b>,
    #[serde(borrow)]
    timestamp: Scalar<'b>,
    #[serde(borrow)]
    data_rate: Scalar<'b>,
    #[serde(borrow)]
    spreading_factor: Scalar<'b>,
    #[serde(borrow)]
    bandwidth: Scalar<'b>,
    #[serde(borrow)]
    frequency: Scalar<'b>,
    #[serde(borrow)]
    gateways: Option<Vec<AnyCase<Gateway<'b>>>>,
    #[serde(borrow)]
    public_gateways: Option<Vec<AnyCase<Gateway<'b>>>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Gateway<'b> {
    #[serde(borrow)]
    gateway_eui: Scalar<'b>,
    /// A public gateway's, which is no EUI.
    #[serde(borrow)]
    id: Scalar<'b>,
    #[serde(borrow)]
    rssi: Scalar<'b>,
    #[serde(borrow)]
    snr: Scalar<'b>,
}

impl Message<'_> {
    fn uplink(&self) -> Result<Uplink, EnvelopeError> {
        const METADATA: &str = "WirelessMetadata.LoRaWAN";
        let metadata = self.wireless_metadata.as_ref().and_then(|all| all.lorawan.as_ref());
        let lorawan = metadata.ok_or(EnvelopeError::Missing { field: METADATA })?;
        let dev_eui = lorawan.dev_eui.dev_eui("DevEui")?;
        let confirmed = match lorawan.m_type.text("MType")? {
            None => None,
            Some("ConfirmedDataUp") => Some(true),
            Some("UnconfirmedDataUp") => Some(false),
            Some(_) => {
                let wanted = "ConfirmedDataUp or UnconfirmedDataUp";
                return Err(lorawan.m_type.unfit("MType", wanted));
            }
        };
        Ok(Uplink {
            f_port: lorawan.f_port.byte("FPort")?,
            f_cnt: lorawan.f_cnt.count("FCnt")?,
            server_time: lorawan.timestamp.time("Timestamp")?,
            radio: lorawan.radio()?,
            confirmed,
            dev_addr: lorawan.dev_addr.dev_addr("DevAddr")?,
            ..Uplink::new(dev_eui, self.payload_data.base64("PayloadData")?)
        })
    }
}

impl LoraWan<'_> {
    fn radio(&self) -> Result<Radio, EnvelopeError> {
        let lists = [&self.gateways, &self.public_gateways];
        let heard: Vec<Reception<'_>> = lists
            .into_iter()
            .flatten()
            .flatten()
            .map(|AnyCase(gateway)| gateway.reception())
            .collect::<Result<_, _>>()?;
        let radio = if heard.is_empty() { Radio::default() } else { best_reception(&heard) };
        Ok(Radio {
            dr: self.data_rate.byte("DataRate")?,
            sf: self.spreading_factor.byte("SpreadingFactor")?,
            bandwidth_hz: kilohertz("Bandwidth", &self.bandwidth)?,
            frequency_hz: self.frequency.count("Frequency")?,
            ..radio
        })
    }
}

impl Gateway<'_> {
    fn reception(&self) -> Result<Reception<'_>, EnvelopeError> {
        let id = match self.gateway_eui.text("GatewayEui")? {
            Some(eui) => gateway(eui),
            None => Cow::Borrowed(self.id.text("PublicGateways.Id")?.unwrap_or_default()),
        };
        Ok(Reception { gateway: id, rssi: self.rssi.number("Rssi")?, snr: self.snr.number("Snr")? })
    }
}
