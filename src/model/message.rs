use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};

/// How a source wraps uplinks; `Auto` recognises each message by its markers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    Auto,
    ChirpStackV4Json,
    PlainJson,
}

impl Format {
    pub const ALL: [Self; 3] = [Self::Auto, Self::ChirpStackV4Json, Self::PlainJson];

    /// The name in configuration, ledger and API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::ChirpStackV4Json => "chirpstack-v4-json",
            Self::PlainJson => "plain-json",
        }
    }

    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}

/// Where messages come from: one MQTT subscription, the embedded listener, one HTTP sender.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// Unique, chosen by the operator; part of an uplink's identity.
    pub name: String,
    pub format: Format,
}

/// One application message exactly as it was received.
#[derive(Clone, Debug)]
pub struct Message {
    pub source: Arc<Source>,
    pub topic: String,
    pub body: Bytes,
    pub arrived_at: DateTime<Utc>,
}
