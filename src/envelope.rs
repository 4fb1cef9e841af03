//! Takes the envelope of a network server off an uplink: one file and one line a format.

mod chirpstack_v4;
mod fields;
mod plain;

use crate::model::{DeviceEvent, Format, Uplink};

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
    #[error("{field} is missing")]
    Missing { field: &'static str },
    #[error("{field} is {value:?}, want {wanted}")]
    Unfit { field: &'static str, value: String, wanted: &'static str },
    #[error("no format recognises it; formats are chirpstack-v4-json and plain-json")]
    Unrecognised,
}

type Recognise = fn(&Markers) -> bool;
type Unwrap = fn(topic: &str, body: &[u8]) -> Result<Vec<Content>, EnvelopeError>;

/// Every format that can be read: how it is recognised by its markers, and how it is read. The
/// order is that of `auto`, the more particular marker first.
const FORMATS: [(Format, Recognise, Unwrap); 2] = [
    (Format::ChirpStackV4Json, |markers| markers.device_info, chirpstack_v4::unwrap),
    (Format::PlainJson, |markers| markers.dev_eui, plain::unwrap),
];

/// The keys of a JSON body by which formats tell themselves apart; their values do not matter.
#[derive(Default)]
struct Markers {
    device_info: bool,
    dev_eui: bool,
}

/// Reads an envelope. Where one message holds several uplinks, all of them come, in order.
///
/// # Errors
///
/// If the body is not what the format says, with the field at fault.
pub fn unwrap(format: Format, topic: &str, body: &[u8]) -> Result<Vec<Content>, EnvelopeError> {
    let markers = if format == Format::Auto { fields::markers(body) } else { Markers::default() };
    let known = FORMATS.iter().find(|(known, recognises, _)| match format {
        Format::Auto => recognises(&markers),
        format => *known == format,
    });
    let (_, _, unwrap) = known.ok_or(EnvelopeError::Unrecognised)?;
    unwrap(topic, body)
}
