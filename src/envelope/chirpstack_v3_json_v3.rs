//! `ChirpStack` v3 with `marshaler = "json_v3"`, its default.
//!
//! ```json
//! {"devEUI": "0e7a11fffe51a0c4", "fCnt": 70002, "fPort": 85, "data": "AXVW"}
//! ```
//!
//! There is no time of the server's own: the earliest time of a gateway with a clock stands in,
//! and without one the time of arrival. Nothing says whether an uplink was confirmed. An empty
//! payload is null. The radio's data rate comes as its index, taken to be one of the EU868 band.
//! A join is told together with the first uplink after it, not with the join itself.

use super::chirpstack_v3::{Identities, unwrap as unwrap_v3};
use super::{Content, EnvelopeError};

pub fn unwrap(topic: &str, body: &[u8]) -> Result<Vec<Content>, EnvelopeError> {
    unwrap_v3("chirpstack-v3-json_v3", Identities::Hex, topic, body)
}
