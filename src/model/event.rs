use chrono::{DateTime, Utc};

use super::DevEui;

/// Something a network server tells about a device that is not an uplink.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceEvent {
    pub dev_eui: DevEui,
    /// The network server's time, as it gave it.
    pub at: Option<DateTime<Utc>>,
    pub dedup_id: Option<String>,
    pub detail: EventDetail,
}

#[derive(Clone, Debug, PartialEq)]
pub enum EventDetail {
    Join {
        dev_addr: Option<String>,
        /// The network server's own identity of the new session, where it has one.
        session_id: Option<String>,
    },
    /// The device asked to join; nobody has answered yet.
    JoinRequest,
    Status {
        /// dB, −32…31: SNR of the last status request at the device.
        margin_db: Option<i32>,
        /// 0–100; none where the device does not know or has external power.
        battery_percent: Option<f64>,
        /// None where the network server does not say.
        external_power: Option<bool>,
        /// The DevStatusAns byte itself, from servers that do not interpret it.
        battery_raw: Option<u8>,
    },
    Ack {
        acknowledged: bool,
    },
    Txack,
    /// A downlink was queued, sent or refused.
    Downlink,
    /// The network server repeats a frame in another form; the uplink comes by itself.
    CopyOfUplink,
    Location {
        latitude_deg: f64,
        longitude_deg: f64,
    },
    Log {
        level: Option<String>,
        code: Option<String>,
        description: Option<String>,
    },
    /// An event this version does not know, by the network server's name for it.
    Other(String),
}

impl EventDetail {
    /// The event's name in ledger and API.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Join { .. } => "join",
            Self::JoinRequest => "join_request",
            Self::Status { .. } => "status",
            Self::Ack { .. } => "ack",
            Self::Txack => "txack",
            Self::Downlink => "downlink",
            Self::CopyOfUplink => "duplicate-of-up",
            Self::Location { .. } => "location",
            Self::Log { .. } => "log",
            Self::Other(name) => name,
        }
    }

    /// Whether the device itself did something. What the network server does on its own, such as
    /// sending a downlink, says nothing of a device that may have been silent for weeks.
    #[must_use]
    pub const fn is_sign_of_life(&self) -> bool {
        match self {
            Self::Join { .. }
            | Self::JoinRequest
            | Self::Status { .. }
            | Self::Location { .. }
            | Self::CopyOfUplink
            | Self::Log { .. } => true,
            Self::Ack { acknowledged } => *acknowledged,
            Self::Txack | Self::Downlink | Self::Other(_) => false,
        }
    }
}

/// Reads the battery byte of DevStatusAns: per cent, and whether the device has external power.
#[must_use]
pub fn battery_status(raw: u8) -> (Option<f64>, bool) {
    match raw {
        0 => (None, true),
        u8::MAX => (None, false),
        level => (Some(f64::from(level - 1) / 253.0 * 100.0), false),
    }
}
