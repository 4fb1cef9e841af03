use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::super::EnvelopeError;
use super::{base64, dev_addr, dev_eui, hex, time, unfit};
use crate::model::DevEui;

/// A value of JSON before anybody has said what it should be.
///
/// Servers write the same field as a number, as a text that holds a number, as null or not at
/// all. Reading fields as scalars first lets each say by its own name what is wrong with it,
/// where serde could only give a position.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Scalar<'b> {
    #[default]
    Absent,
    Null,
    Flag(bool),
    Natural(u64),
    Negative(i64),
    Fraction(f64),
    Text(Cow<'b, str>),
    /// An object or an array, which no field read this way can be.
    Compound,
}

impl Scalar<'_> {
    pub const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// The text; none if absent, null or empty.
    pub fn text(&self, field: &'static str) -> Result<Option<&str>, EnvelopeError> {
        match self {
            Self::Absent | Self::Null => Ok(None),
            Self::Text(text) => Ok(Some(&**text).filter(|text| !text.is_empty())),
            other => Err(other.unfit(field, "a text")),
        }
    }

    pub fn owned(&self, field: &'static str) -> Result<Option<String>, EnvelopeError> {
        Ok(self.text(field)?.map(str::to_owned))
    }

    /// An identity that may be written as a text or as a number.
    pub fn name(&self, field: &'static str) -> Result<Option<String>, EnvelopeError> {
        match self {
            Self::Natural(number) => Ok(Some(number.to_string())),
            other => other.owned(field),
        }
    }

    pub fn flag(&self, field: &'static str) -> Result<Option<bool>, EnvelopeError> {
        match self {
            Self::Absent | Self::Null => Ok(None),
            Self::Flag(flag) => Ok(Some(*flag)),
            Self::Natural(0) => Ok(Some(false)),
            Self::Natural(1) => Ok(Some(true)),
            Self::Text(text) => match text.trim() {
                "" => Ok(None),
                "0" | "false" => Ok(Some(false)),
                "1" | "true" => Ok(Some(true)),
                _ => Err(self.unfit(field, "true or false")),
            },
            other => Err(other.unfit(field, "true or false")),
        }
    }

    pub fn byte(&self, field: &'static str) -> Result<Option<u8>, EnvelopeError> {
        self.whole(field, "a whole number from 0 to 255")
    }

    pub fn count(&self, field: &'static str) -> Result<Option<u32>, EnvelopeError> {
        self.whole(field, "a whole number from 0 to 4294967295")
    }

    /// A whole number with a sign.
    pub fn signed(&self, field: &'static str) -> Result<Option<i32>, EnvelopeError> {
        self.whole(field, "a whole number")
    }

    /// Milliseconds since 1970.
    pub fn epoch_ms(&self, field: &'static str) -> Result<Option<DateTime<Utc>>, EnvelopeError> {
        const WANTED: &str = "milliseconds since 1970";
        let Some(millis) = self.whole::<i64>(field, WANTED)? else { return Ok(None) };
        let time = DateTime::from_timestamp_millis(millis);
        time.map(Some).ok_or_else(|| self.unfit(field, WANTED))
    }

    /// Whole numbers never pass through a floating-point one, which would lose digits.
    fn whole<T>(
        &self,
        field: &'static str,
        wanted: &'static str,
    ) -> Result<Option<T>, EnvelopeError>
    where
        T: TryFrom<u64> + TryFrom<i64> + std::str::FromStr,
    {
        let number = match self {
            Self::Absent | Self::Null => return Ok(None),
            Self::Natural(number) => T::try_from(*number).ok(),
            Self::Negative(number) => T::try_from(*number).ok(),
            Self::Text(text) if text.trim().is_empty() => return Ok(None),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Flag(_) | Self::Fraction(_) | Self::Compound => None,
        };
        number.map(Some).ok_or_else(|| self.unfit(field, wanted))
    }

    /// A finite number.
    #[expect(clippy::cast_precision_loss, reason = "nothing measured has 16 digits")]
    pub fn number(&self, field: &'static str) -> Result<Option<f64>, EnvelopeError> {
        let number = match self {
            Self::Absent | Self::Null => return Ok(None),
            Self::Natural(number) => Some(*number as f64),
            Self::Negative(number) => Some(*number as f64),
            Self::Fraction(number) => Some(*number),
            Self::Text(text) if text.trim().is_empty() => return Ok(None),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Flag(_) | Self::Compound => None,
        };
        let finite = number.filter(|number: &f64| number.is_finite());
        finite.map(Some).ok_or_else(|| self.unfit(field, "a number"))
    }

    pub fn time(&self, field: &'static str) -> Result<Option<DateTime<Utc>>, EnvelopeError> {
        self.text(field)?.map(|text| time(field, text)).transpose()
    }

    pub fn dev_eui(&self, field: &'static str) -> Result<DevEui, EnvelopeError> {
        dev_eui(field, self.text(field)?.ok_or(EnvelopeError::Missing { field })?)
    }

    pub fn dev_addr(&self, field: &'static str) -> Result<Option<String>, EnvelopeError> {
        self.text(field)?.map_or(Ok(None), |text| dev_addr(field, text))
    }

    /// Bytes as base64. Null is a payload without bytes; a key that is absent is an error, since
    /// it means that the server was told to leave the payload out.
    pub fn base64(&self, field: &'static str) -> Result<Vec<u8>, EnvelopeError> {
        self.bytes(field, base64)
    }

    /// Bytes in hexadecimal digits, as [`Self::base64`] otherwise.
    pub fn hex(&self, field: &'static str) -> Result<Vec<u8>, EnvelopeError> {
        self.bytes(field, hex)
    }

    fn bytes(
        &self,
        field: &'static str,
        decode: fn(&'static str, &str) -> Result<Vec<u8>, EnvelopeError>,
    ) -> Result<Vec<u8>, EnvelopeError> {
        if self.is_absent() {
            return Err(EnvelopeError::Missing { field });
        }
        decode(field, self.text(field)?.unwrap_or_default())
    }

    pub fn unfit(&self, field: &'static str, wanted: &'static str) -> EnvelopeError {
        unfit(field, &self.to_string(), wanted)
    }
}

impl fmt::Display for Scalar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("absent"),
            Self::Null => f.write_str("null"),
            Self::Flag(flag) => flag.fmt(f),
            Self::Natural(number) => number.fmt(f),
            Self::Negative(number) => number.fmt(f),
            Self::Fraction(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
            Self::Compound => f.write_str("an object or array"),
        }
    }
}

impl<'de: 'b, 'b> Deserialize<'de> for Scalar<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyScalar)
    }
}

struct AnyScalar;

impl<'de> Visitor<'de> for AnyScalar {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Null)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Flag(flag))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Natural(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Negative(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Fraction(number))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Scalar<'de>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Compound)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Compound)
    }
}
