//! What the fields of several formats have in common.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use super::{EnvelopeError, Markers};
use crate::model::{DevEui, Radio};

/// Network servers disagree on padding, and some use the URL-safe alphabet.
const FORGIVING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, FORGIVING);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, FORGIVING);

pub fn dev_eui(field: &'static str, text: &str) -> Result<DevEui, EnvelopeError> {
    let unfit =
        |_| EnvelopeError::Unfit { field, value: shown(text), wanted: "16 hexadecimal digits" };
    text.parse().map_err(unfit)
}

pub fn base64(field: &'static str, text: &str) -> Result<Vec<u8>, EnvelopeError> {
    let engine = if text.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    let unfit = |_| EnvelopeError::Unfit { field, value: shown(text), wanted: "base64" };
    engine.decode(text).map_err(unfit)
}

pub fn hex(field: &'static str, text: &str) -> Result<Vec<u8>, EnvelopeError> {
    let unfit = |_| EnvelopeError::Unfit { field, value: shown(text), wanted: "hexadecimal bytes" };
    ::hex::decode(text).map_err(unfit)
}

pub fn time(field: &'static str, text: &str) -> Result<DateTime<Utc>, EnvelopeError> {
    let unfit = |_| EnvelopeError::Unfit { field, value: shown(text), wanted: "an RFC 3339 time" };
    DateTime::parse_from_rfc3339(text).map(|time| time.to_utc()).map_err(unfit)
}

fn shown(text: &str) -> String {
    const SHOWN_CHARS: usize = 80;
    text.chars().take(SHOWN_CHARS).collect()
}

/// One gateway's copy of a frame.
pub struct Reception<'a> {
    pub gateway: Cow<'a, str>,
    pub rssi: Option<f64>,
    pub snr: Option<f64>,
}

/// The best copy, which is the one with the highest SNR, then RSSI, and the number of distinct
/// gateways; one gateway may list a copy for each of its antennas.
pub fn best_reception(receptions: &[Reception<'_>]) -> Radio {
    let rank = |copy: &&Reception<'_>| {
        (copy.snr.unwrap_or(f64::NEG_INFINITY), copy.rssi.unwrap_or(f64::NEG_INFINITY))
    };
    let best = receptions.iter().max_by(|a, b| {
        let (a, b) = (rank(a), rank(b));
        a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
    });
    let mut gateways: Vec<&str> = receptions.iter().map(|copy| &*copy.gateway).collect();
    gateways.sort_unstable();
    gateways.dedup();
    Radio {
        rssi: best.and_then(|copy| copy.rssi),
        snr: best.and_then(|copy| copy.snr),
        best_gateway: best.map(|copy| copy.gateway.to_string()),
        gateway_count: u32::try_from(gateways.len()).ok(),
        ..Radio::default()
    }
}

/// Which markers a body has, without reading more of it than its outermost keys.
pub fn markers(body: &[u8]) -> Markers {
    serde_json::from_slice(body).unwrap_or_default()
}

impl<'de> Deserialize<'de> for Markers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;

        impl<'de> Visitor<'de> for Keys {
            type Value = Markers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Markers, A::Error> {
                let mut markers = Markers::default();
                while let Some(key) = map.next_key::<Cow<'de, str>>()? {
                    match &*key {
                        "deviceInfo" => markers.device_info = true,
                        "dev_eui" => markers.dev_eui = true,
                        _ => {}
                    }
                    map.next_value::<IgnoredAny>()?;
                }
                Ok(markers)
            }
        }

        deserializer.deserialize_map(Keys)
    }
}
