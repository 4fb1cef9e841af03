use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};

/// How a source wraps uplinks; `Auto` recognises each message by its markers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    Auto,
    ChirpStackV4Json,
    ChirpStackV4Protobuf,
    ChirpStackV3JsonV3,
    ChirpStackV3Json,
    ChirpStackV3Protobuf,
    Servanet,
    LoraServerV1,
    MilesightGateway,
    TtsV3,
    Netmore,
    ThingPark,
    Loriot,
    HeliumConsole,
    AwsIotLorawan,
    Wanesy,
    OrangeLiveObjects,
    MultiTech,
    Everynet,
    PlainJson,
}

impl Format {
    pub const ALL: [Self; 20] = [
        Self::Auto,
        Self::ChirpStackV4Json,
        Self::ChirpStackV4Protobuf,
        Self::ChirpStackV3JsonV3,
        Self::ChirpStackV3Json,
        Self::ChirpStackV3Protobuf,
        Self::Servanet,
        Self::LoraServerV1,
        Self::MilesightGateway,
        Self::TtsV3,
        Self::Netmore,
        Self::ThingPark,
        Self::Loriot,
        Self::HeliumConsole,
        Self::AwsIotLorawan,
        Self::Wanesy,
        Self::OrangeLiveObjects,
        Self::MultiTech,
        Self::Everynet,
        Self::PlainJson,
    ];

    /// The name in configuration, ledger and API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::ChirpStackV4Json => "chirpstack-v4-json",
            Self::ChirpStackV4Protobuf => "chirpstack-v4-protobuf",
            Self::ChirpStackV3JsonV3 => "chirpstack-v3-json_v3",
            Self::ChirpStackV3Json => "chirpstack-v3-json",
            Self::ChirpStackV3Protobuf => "chirpstack-v3-protobuf",
            Self::Servanet => "servanet",
            Self::LoraServerV1 => "loraserver-v1",
            Self::MilesightGateway => "milesight-gw",
            Self::TtsV3 => "tts-v3",
            Self::Netmore => "netmore",
            Self::ThingPark => "thingpark",
            Self::Loriot => "loriot",
            Self::HeliumConsole => "helium-console",
            Self::AwsIotLorawan => "aws-iot-lorawan",
            Self::Wanesy => "wanesy",
            Self::OrangeLiveObjects => "orange-liveobjects",
            Self::MultiTech => "multitech",
            Self::Everynet => "everynet",
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
