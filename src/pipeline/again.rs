//! What a message of the ledger says to today's catalogue and deployments. Nothing is written.

use chrono::{DateTime, Utc};

use super::deduplicate::Identity;
use super::timing::{self, TimingLimits};
use super::{Pipeline, server_time};
use crate::envelope::{self, Content};
use crate::model::Observation;
use crate::store::StoredMessage;

/// The part of a stored message that its ledger row is about; none if its envelope cannot be read.
#[must_use]
pub fn content_of(message: &StoredMessage) -> Option<Content> {
    let contents = envelope::unwrap(message.format, &message.topic, &message.body).ok()?;
    contents.into_iter().nth(message.part.into())
}

/// The time and hash under which the content of a message is remembered once it has been taken;
/// none where it could not be told from another one.
#[must_use]
pub fn sighting_of(message: &StoredMessage, content: &Content) -> Option<(DateTime<Utc>, u64)> {
    Identity::of(&message.source, content).sighting(server_time(content), message.arrived_at)
}

/// The time at which the content of a message counts as heard, as a new one's would.
#[must_use]
pub fn heard_at(
    message: &StoredMessage,
    content: &Content,
    limits: &TimingLimits,
) -> DateTime<Utc> {
    timing::trust(server_time(content), message.arrived_at, limits).time
}

impl Pipeline {
    /// The observations that would be made of an uplink if it came today, at the time it came.
    pub fn decode_again(&mut self, message: &StoredMessage, content: &Content) -> Vec<Observation> {
        let Content::Uplink(uplink) = content else { return Vec::new() };
        let given = server_time(content);
        let time = timing::trust(given, message.arrived_at, &self.limits.timing);
        self.follow_uplink(uplink, time).observations
    }
}
