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
    },
    Status {
        /// dB, −32…31: SNR of the last status request at the device.
        margin_db: Option<i32>,
        /// 0–100; none where the device does not know or has external power.
        battery_percent: Option<f64>,
        external_power: bool,
    },
    Ack {
        acknowledged: bool,
    },
    Txack,
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
            Self::Status { .. } => "status",
            Self::Ack { .. } => "ack",
            Self::Txack => "txack",
            Self::Location { .. } => "location",
            Self::Log { .. } => "log",
            Self::Other(name) => name,
        }
    }
}
