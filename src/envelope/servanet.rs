//! Servanet, the network of the Sundsvall region: `ChirpStack` v3 `json_v3` to the byte.
//!
//! ```json
//! {"devEUI": "0e7a11fffe51a0c5", "fCnt": 45797, "fPort": 100, "data": "jhxPaTAbAAA"}
//! ```
//!
//! The padding of `data` is left out. `auto` cannot tell it from `chirpstack-v3-json_v3` and need
//! not: both yield the same.

use super::chirpstack_v3::{Identities, unwrap as unwrap_v3};
use super::{Content, EnvelopeError};

pub fn unwrap(topic: &str, body: &[u8]) -> Result<Vec<Content>, EnvelopeError> {
    unwrap_v3("servanet", Identities::Hex, topic, body)
}
