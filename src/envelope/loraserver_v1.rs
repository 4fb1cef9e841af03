//! LoRa Server v1 and v2, which became `ChirpStack`, and the server built into gateways of RAK.
//!
//! ```json
//! {"devEUI": "0e7a11fffe51a0c4", "fCnt": 12, "fPort": 85, "data": "AXVW"}
//! ```
//!
//! Topics end in `/rx`. Gateways are named by `mac`. RAK adds `data_encode`, by which the payload
//! can be hexadecimal instead of base64. `deviceStatusBattery` is that of an earlier status
//! and of no known age, so it is not taken for the battery now.

use super::chirpstack_v3::{Identities, unwrap as unwrap_v3};
use super::{Content, EnvelopeError};

pub fn unwrap(topic: &str, body: &[u8]) -> Result<Vec<Content>, EnvelopeError> {
    unwrap_v3("loraserver-v1", Identities::Hex, topic, body)
}
