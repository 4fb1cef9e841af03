//! Tells a message that was received before from a new one.
//!
//! Where the network server gives each frame an id, that id with source, kind of event and
//! DevEUI is the identity: `ChirpStack` gives one id to the uplink, status and acknowledgement
//! of a frame, and to a relay's own frame and the one it relays. Elsewhere it is session, frame
//! counter and payload within a quarter of an hour; the counter alone starts again at each join.

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

use crate::envelope::{self, Content};
use crate::model::DevEui;
use crate::store::{Batch, StoreError, UplinkId};

/// How far apart two copies without an id may be.
const WINDOW: TimeDelta = TimeDelta::minutes(15);

/// The time and the hash that a message is remembered by.
pub type Sighting = (DateTime<Utc>, u64);

/// What makes two messages the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    source: String,
    kind: String,
    dev_eui: DevEui,
    frame: Frame,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Frame {
    ById(String),
    ByContent {
        session: Option<String>,
        f_cnt: Option<u32>,
        payload: Vec<u8>,
        /// Only where there is no counter: equal payloads at other times are other uplinks.
        time: Option<DateTime<Utc>>,
    },
}

impl Identity {
    pub fn of(source: &str, content: &Content) -> Self {
        let (kind, dev_eui, frame) = match content {
            Content::Uplink(uplink) => {
                let frame = uplink.dedup_id.clone().map_or_else(
                    || Frame::ByContent {
                        session: uplink.session().map(str::to_owned),
                        f_cnt: uplink.f_cnt,
                        payload: uplink.payload.clone(),
                        time: uplink.server_time.filter(|_| uplink.f_cnt.is_none()),
                    },
                    Frame::ById,
                );
                // A simulated frame may hold the counter and payload of a genuine one.
                let kind = if uplink.simulated { "simulated" } else { "up" };
                (kind, uplink.dev_eui, frame)
            }
            Content::Event(event) => {
                let frame = event.dedup_id.clone().map_or_else(
                    || Frame::ByContent {
                        session: None,
                        f_cnt: None,
                        payload: format!("{:?}", event.detail).into_bytes(),
                        time: event.at,
                    },
                    Frame::ById,
                );
                (event.detail.kind(), event.dev_eui, frame)
            }
        };
        Self { source: source.to_owned(), kind: kind.to_owned(), dev_eui, frame }
    }

    /// Without an id, a counter or a time, two equal payloads may well be two measurements.
    fn is_certain(&self) -> bool {
        !matches!(&self.frame, Frame::ByContent { f_cnt: None, time: None, .. })
    }

    fn hash(&self) -> u64 {
        let mut hasher = Sha256::new();
        let mut add = |bytes: &[u8]| {
            hasher.update(bytes.len().to_le_bytes());
            hasher.update(bytes);
        };
        add(self.source.as_bytes());
        add(self.kind.as_bytes());
        add(&self.dev_eui.0.to_le_bytes());
        match &self.frame {
            Frame::ById(id) => add(id.as_bytes()),
            Frame::ByContent { session, f_cnt, payload, time } => {
                add(session.as_deref().unwrap_or_default().as_bytes());
                add(&f_cnt.map_or([0; 4], u32::to_le_bytes));
                add(payload);
                add(&time.map_or(0, |time| time.timestamp_micros()).to_le_bytes());
            }
        }
        let digest = hasher.finalize();
        digest.iter().take(8).fold(0, |hash, &byte| hash << 8 | u64::from(byte))
    }

    /// The time and hash to remember it by; none where a copy could not be told from another one.
    pub fn sighting(
        &self,
        given: Option<DateTime<Utc>>,
        arrived_at: DateTime<Utc>,
    ) -> Option<Sighting> {
        self.is_certain().then(|| (given.unwrap_or(arrived_at), self.hash()))
    }

    /// The times by whose hours the same message may have been remembered.
    fn buckets(
        &self,
        given: Option<DateTime<Utc>>,
        arrived_at: DateTime<Utc>,
    ) -> Vec<DateTime<Utc>> {
        let mut times = match (&self.frame, given) {
            // The server's time is the same in each copy of a frame with an id.
            (Frame::ById(_), Some(given)) => vec![given],
            (Frame::ById(_), None) => vec![arrived_at, arrived_at - TimeDelta::hours(1)],
            (Frame::ByContent { .. }, given) => {
                let time = given.unwrap_or(arrived_at);
                vec![time, time - WINDOW, time + WINDOW]
            }
        };
        times.dedup_by_key(|time| time.timestamp().div_euclid(3600));
        times
    }
}

/// The uplink that is the same as this one, if it was received before.
///
/// # Errors
///
/// As the store's.
pub fn find(
    batch: &Batch<'_>,
    identity: &Identity,
    sighting: Option<Sighting>,
    given: Option<DateTime<Utc>>,
    arrived_at: DateTime<Utc>,
) -> Result<Option<UplinkId>, StoreError> {
    let Some((_, hash)) = sighting else { return Ok(None) };
    for bucket in identity.buckets(given, arrived_at) {
        for candidate in batch.seen(bucket, hash)? {
            if is_same(batch, identity, candidate, given.unwrap_or(arrived_at))? {
                return Ok(Some(candidate));
            }
        }
    }
    Ok(None)
}

/// Remembers that `uplink` has the identity of this sighting.
///
/// # Errors
///
/// As the store's.
pub fn remember(
    batch: &Batch<'_>,
    sighting: Option<Sighting>,
    uplink: UplinkId,
) -> Result<(), StoreError> {
    match sighting {
        Some((time, hash)) => batch.mark_seen(time, hash, uplink),
        None => Ok(()),
    }
}

/// Compares with the message itself, since different identities may share a hash.
fn is_same(
    batch: &Batch<'_>,
    identity: &Identity,
    candidate: UplinkId,
    time: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let Some(stored) = batch.message(candidate)? else { return Ok(false) };
    let Ok(contents) = envelope::unwrap(stored.format, &stored.topic, &stored.body) else {
        return Ok(false);
    };
    let Some(content) = contents.get(usize::from(stored.part)) else { return Ok(false) };
    let near = match &identity.frame {
        Frame::ById(_) => true,
        Frame::ByContent { .. } => {
            let other = super::server_time(content).unwrap_or(stored.arrived_at);
            (time - other).abs() <= WINDOW
        }
    };
    Ok(near && Identity::of(&stored.source, content) == *identity)
}
