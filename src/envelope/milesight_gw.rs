//! The server inside gateways of Milesight (UG and SG series).
//!
//! ```json
//! {"devEUI": "0e7a11fffea0f0b6", "data": "AXVkA2fVAARoWA==", "fCnt": 128, "fPort": 85}
//! ```
//!
//! The topic is free text, and each field but `devEUI` and `data` can be switched off. `time` is
//! the server's, for the gateway is the server; `gatewayTime` is the same in local time. A codec
//! in the gateway replaces the whole body by what its script returns. Some scripts keep the
//! original under `obj`; where it is gone the bytes are, and the message is of no use.

use serde::Deserialize;

use super::chirpstack_v3::{Body, Identities};
use super::fields::json;
use super::{Content, EnvelopeError};

const FORMAT: &str = "milesight-gw";

#[derive(Deserialize)]
struct FromCodec<'b> {
    #[serde(borrow)]
    obj: Option<Body<'b>>,
}

pub fn unwrap(_topic: &str, body: &[u8]) -> Result<Vec<Content>, EnvelopeError> {
    let plain: Body<'_> = json(FORMAT, body)?;
    let read = if plain.dev_eui.is_absent() {
        json::<FromCodec<'_>>(FORMAT, body)?.obj.unwrap_or(plain)
    } else {
        plain
    };
    if read.dev_eui.is_absent() || read.data.is_absent() {
        return Err(EnvelopeError::DecodedOnly {
            format: FORMAT,
            remedy: "in the gateway, set the device's payload codec to none, and let the MQTT \
                     data transmission include devEUI and data",
        });
    }
    Ok(vec![Content::Uplink(read.uplink(Identities::Hex)?)])
}
