//! `ChirpStack` v3 with `marshaler = "json"`, which is the JSON of its protobuf.
//!
//! ```json
//! {"devEUI": "DnoR//5RoMQ=", "fCnt": 70003, "fPort": 85, "data": "AXVW"}
//! ```
//!
//! The keys are those of `json_v3`, but DevEUI, device address and gateway ids are base64 of
//! their bytes. Bandwidths are in kHz. Versions from the end of 3.x give the server's time as
//! `publishedAt`.

use super::chirpstack_v3::{Identities, unwrap as unwrap_v3};
use super::{Content, EnvelopeError};

pub fn unwrap(topic: &str, body: &[u8]) -> Result<Vec<Content>, EnvelopeError> {
    unwrap_v3("chirpstack-v3-json", Identities::Base64, topic, body)
}
