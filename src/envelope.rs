//! Takes the envelope of a network server off an uplink: one file and one line a format.
//!
//! A reader is forgiving in what servers are known to disagree on (numbers as texts, the case of
//! hexadecimal digits, the padding of base64, absent keys, unknown keys) and strict in everything
//! else: a value it cannot take is an error that names field, value and what was wanted, and the
//! message stays in the ledger. A value that an envelope does not assert is none, never zero.

mod aws_iot_lorawan;
mod check;
mod chirpstack_v3;
mod chirpstack_v3_json;
mod chirpstack_v3_json_v3;
mod chirpstack_v3_protobuf;
mod chirpstack_v4;
mod chirpstack_v4_protobuf;
mod everynet;
mod fields;
mod helium_console;
mod loraserver_v1;
mod loriot;
mod markers;
mod milesight_gw;
mod multitech;
mod netmore;
mod orange_liveobjects;
mod plain;
mod protobuf;
mod servanet;
mod thingpark;
mod tts_v3;
mod wanesy;

#[cfg(test)]
mod tests;

pub use check::check;

use crate::model::{DeviceEvent, Format, Uplink};
use markers::{Markers, V3};

/// What was in an envelope.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    Uplink(Uplink),
    Event(DeviceEvent),
}

/// Why an envelope cannot be read. The message stays in the ledger with this as the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    #[error("not the JSON of {format}: {error}")]
    Json { format: &'static str, error: String },
    #[error("not the protobuf of {format}: {error}")]
    Protobuf { format: &'static str, error: String },
    #[error("{field} is missing")]
    Missing { field: &'static str },
    #[error("{field} is {value:?}, want {wanted}")]
    Unfit { field: &'static str, value: String, wanted: &'static str },
    /// Decoding is this service's task: it needs the bytes as the device sent them.
    #[error("{format} sent decoded values without the device's own bytes: {remedy}")]
    DecodedOnly { format: &'static str, remedy: &'static str },
    #[error("no format recognises it; give the source one of {}", names())]
    Unrecognised,
}

fn names() -> String {
    let names: Vec<&str> = FORMATS.iter().map(|(format, _, _)| format.name()).collect();
    names.join(", ")
}

type Recognise = fn(&Markers<'_>) -> bool;
type Unwrap = fn(topic: &str, body: &[u8]) -> Result<Vec<Content>, EnvelopeError>;

/// Every format that can be read: how it is recognised by its markers, and how it is read. The
/// order is that of `auto`, the more particular marker first.
const FORMATS: [(Format, Recognise, Unwrap); 19] = [
    (Format::ChirpStackV4Json, |m| m.has("deviceInfo"), chirpstack_v4::unwrap),
    (Format::TtsV3, |m| m.has("end_device_ids"), tts_v3::unwrap),
    (Format::AwsIotLorawan, |m| m.has("WirelessMetadata"), aws_iot_lorawan::unwrap),
    (Format::OrangeLiveObjects, |m| m.live_objects(), orange_liveobjects::unwrap),
    (Format::Wanesy, |m| m.has("endDevice") && m.has("recvTime"), wanesy::unwrap),
    (Format::HeliumConsole, |m| m.has("hotspots"), helium_console::unwrap),
    (Format::Everynet, |m| m.has("type") && m.has("meta") && m.has("params"), everynet::unwrap),
    (Format::Loriot, |m| m.has("cmd") && m.has("EUI"), loriot::unwrap),
    (Format::ThingPark, |m| m.thingpark(), thingpark::unwrap),
    (Format::MultiTech, |m| m.has("deveui"), multitech::unwrap),
    (Format::Netmore, |m| m.netmore(), netmore::unwrap),
    (Format::ChirpStackV3Json, |m| m.v3() == Some(V3::Base64), chirpstack_v3_json::unwrap),
    (Format::ChirpStackV3JsonV3, |m| m.v3() == Some(V3::Hex), chirpstack_v3_json_v3::unwrap),
    // Servanet's bodies are those of the line above, which therefore claims them.
    (Format::Servanet, |_| false, servanet::unwrap),
    (Format::LoraServerV1, |m| m.v3() == Some(V3::LoraServer), loraserver_v1::unwrap),
    (Format::MilesightGateway, |m| m.v3() == Some(V3::Milesight), milesight_gw::unwrap),
    (Format::PlainJson, |m| m.has("dev_eui"), plain::unwrap),
    (
        Format::ChirpStackV4Protobuf,
        |m| m.names_device(chirpstack_v4_protobuf::device),
        chirpstack_v4_protobuf::unwrap,
    ),
    (
        Format::ChirpStackV3Protobuf,
        |m| m.names_device(chirpstack_v3_protobuf::device),
        chirpstack_v3_protobuf::unwrap,
    ),
];

/// Reads an envelope. Where one message holds several uplinks, all of them come, in order.
///
/// # Errors
///
/// If the body is not what the format says, with the field at fault.
pub fn unwrap(format: Format, topic: &str, body: &[u8]) -> Result<Vec<Content>, EnvelopeError> {
    let format = match format {
        Format::Auto => recognise(topic, body).ok_or(EnvelopeError::Unrecognised)?,
        format => format,
    };
    let known = FORMATS.iter().find(|(known, _, _)| *known == format);
    let (_, _, unwrap) = known.ok_or(EnvelopeError::Unrecognised)?;
    unwrap(topic, body)
}

/// The format whose markers a message bears. A format that others are told apart from only by
/// its name is never recognised; see `FORMATS`.
#[must_use]
pub fn recognise(topic: &str, body: &[u8]) -> Option<Format> {
    let markers = Markers::of(topic, body);
    let known = FORMATS.iter().find(|(_, recognises, _)| recognises(&markers));
    known.map(|(format, _, _)| *format)
}
