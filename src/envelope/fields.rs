//! What the fields of several formats have in common.

mod any_case;
mod radio;
mod scalar;

pub use any_case::{AnyCase, any_case, any_case_object};
pub use radio::{Reception, best_reception, data_rate, eu868, gateway, kilohertz, megahertz};
pub use scalar::Scalar;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{Content, EnvelopeError};
use crate::model::{DevEui, DeviceEvent, EventDetail};

/// Network servers disagree on padding, and some use the URL-safe alphabet.
const FORGIVING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, FORGIVING);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, FORGIVING);

/// Reads a body as the format's own JSON.
pub fn json<'b, T: Deserialize<'b>>(
    format: &'static str,
    body: &'b [u8],
) -> Result<T, EnvelopeError> {
    serde_json::from_slice(body)
        .map_err(|error| EnvelopeError::Json { format, error: error.to_string() })
}

pub fn dev_eui(field: &'static str, text: &str) -> Result<DevEui, EnvelopeError> {
    text.parse().map_err(|_| unfit(field, text, "16 hexadecimal digits"))
}

/// 8 lower-case hexadecimal digits; none if the text is empty.
pub fn dev_addr(field: &'static str, text: &str) -> Result<Option<String>, EnvelopeError> {
    let digits = bare_hex(text);
    if digits.is_empty() {
        return Ok(None);
    }
    let fits = digits.len() == 8 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if fits { Ok(Some(digits)) } else { Err(unfit(field, text, "8 hexadecimal digits")) }
}

pub fn base64(field: &'static str, text: &str) -> Result<Vec<u8>, EnvelopeError> {
    let engine = if text.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    engine.decode(text).map_err(|_| unfit(field, text, "base64"))
}

pub fn hex(field: &'static str, text: &str) -> Result<Vec<u8>, EnvelopeError> {
    ::hex::decode(text).map_err(|_| unfit(field, text, "hexadecimal bytes"))
}

pub fn time(field: &'static str, text: &str) -> Result<DateTime<Utc>, EnvelopeError> {
    DateTime::parse_from_rfc3339(text)
        .map(|time| time.to_utc())
        .map_err(|_| unfit(field, text, "an RFC 3339 time"))
}

/// Hexadecimal digits in lower case, without what some write between the bytes.
pub fn bare_hex(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '-' | ':')).map(|c| c.to_ascii_lowercase()).collect()
}

pub fn unfit(field: &'static str, value: &str, wanted: &'static str) -> EnvelopeError {
    const SHOWN_CHARS: usize = 80;
    EnvelopeError::Unfit { field, value: value.chars().take(SHOWN_CHARS).collect(), wanted }
}

/// An event that carries nothing for us but its name: not even its time is of use.
pub fn aside(dev_eui: DevEui, detail: EventDetail) -> Content {
    Content::Event(DeviceEvent { dev_eui, at: None, dedup_id: None, detail })
}

/// The last level of a topic.
pub fn last_level(topic: &str) -> &str {
    topic.rsplit('/').next().unwrap_or_default()
}
