//! Orange Live Objects, LoRaWAN devices on a FIFO.
//!
//! ```json
//! {"streamId": "urn:lo:nsid:lora:0E7A11FFFEE004FA", "timestamp": "2026-03-11T06:58:29.683Z",
//!  "value": {"payload": "0100d5022c070e1f"},
//!  "metadata": {"network": {"lora": {"devEUI": "0E7A11FFFEE004FA", "port": 5, "fcnt": 0}}}}
//! ```
//!
//! `timestamp` is the reception; `created` is the storage, seconds later. There is one signal
//! strength and a number of gateways, but no list of them. `id` is that of the message, hence
//! of the frame. A model with a decoder puts its own values in the place of `value`.

use serde::Deserialize;

use super::fields::{Scalar, json};
use super::{Content, EnvelopeError};
use crate::model::{Radio, Uplink};

const FORMAT: &str = "orange-liveobjects";

pub fn unwrap(_topic: &str, body: &[u8]) -> Result<Vec<Content>, EnvelopeError> {
    let message: Message<'_> = json(FORMAT, body)?;
    Ok(vec![Content::Uplink(message.uplink()?)])
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message<'b> {
    #[serde(borrow)]
    id: Scalar<'b>,
    #[serde(borrow)]
    timestamp: Scalar<'b>,
    #[serde(borrow)]
    value: Value<'b>,
    #[serde(borrow)]
    metadata: Metadata<'b>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Value<'b> {
    #[serde(borrow)]
    payload: Scalar<'b>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata<'b> {
    #[serde(borrow)]
    network: Network<'b>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Network<'b> {
    #[serde(borrow)]
    lora: Lora<'b>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Lora<'b> {
    #[serde(borrow, rename = "devEUI")]
    dev_eui: Scalar<'b>,
    #[serde(borrow)]
    port: Scalar<'b>,
    #[serde(borrow)]
    fcnt: Scalar<'b>,
    #[serde(borrow)]
    message_type: Scalar<'b>,
    #[serde(borrow)]
    sf: Scalar<'b>,
    #[serde(borrow)]
    rssi: Scalar<'b>,
    #[serde(borrow)]
    snr: Scalar<'b>,
    #[serde(borrow)]
    gateway_cnt: Scalar<'b>,
}

impl Message<'_> {
    fn uplink(&self) -> Result<Uplink, EnvelopeError> {
        let lora = &self.metadata.network.lora;
        let dev_eui = lora.dev_eui.dev_eui("metadata.network.lora.devEUI")?;
        if self.value.payload.is_absent() {
            return Err(EnvelopeError::DecodedOnly {
                format: FORMAT,
                remedy: "in Live Objects, take the decoder off the device's model",
            });
        }
        let confirmed = match lora.message_type.text("messageType")? {
            None => None,
            Some("CONFIRMED_DATA_UP") => Some(true),
            Some("UNCONFIRMED_DATA_UP") => Some(false),
            Some(_) => {
                let wanted = "CONFIRMED_DATA_UP or UNCONFIRMED_DATA_UP";
                return Err(lora.message_type.unfit("messageType", wanted));
            }
        };
        Ok(Uplink {
            f_port: lora.port.byte("port")?,
            f_cnt: lora.fcnt.count("fcnt")?,
            server_time: self.timestamp.time("timestamp")?,
            radio: lora.radio()?,
            confirmed,
            dedup_id: self.id.owned("id")?,
            ..Uplink::new(dev_eui, self.value.payload.hex("value.payload")?)
        })
    }
}

impl Lora<'_> {
    fn radio(&self) -> Result<Radio, EnvelopeError> {
        Ok(Radio {
            rssi: self.rssi.number("rssi")?,
            snr: self.snr.number("snr")?,
            gateway_count: self.gateway_cnt.count("gatewayCnt")?,
            sf: self.sf.byte("sf")?,
            ..Radio::default()
        })
    }
}
