//! What the protobuf of both `ChirpStack`s has in common: the well-known types, and what their
//! `gw` package kept from version 3 to 4. Only fields that are read are declared; all others are
//! skipped by their wire type.

use chrono::{DateTime, Utc};
use prost::Message;

use super::EnvelopeError;

/// `google.protobuf.Timestamp`.
#[derive(Clone, PartialEq, Message)]
pub struct Timestamp {
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

/// `common.Location`.
#[derive(Clone, PartialEq, Message)]
pub struct Location {
    #[prost(double, tag = "1")]
    pub latitude: f64,
    #[prost(double, tag = "2")]
    pub longitude: f64,
}

impl Timestamp {
    pub fn time(&self, field: &'static str) -> Result<DateTime<Utc>, EnvelopeError> {
        let nanos = u32::try_from(self.nanos).ok();
        let time = nanos.and_then(|nanos| DateTime::from_timestamp(self.seconds, nanos));
        time.ok_or_else(|| EnvelopeError::Unfit {
            field,
            value: format!("{} s, {} ns", self.seconds, self.nanos),
            wanted: "a time",
        })
    }
}

pub fn parse<M: Message + Default>(format: &'static str, body: &[u8]) -> Result<M, EnvelopeError> {
    M::decode(body).map_err(|error| EnvelopeError::Protobuf { format, error: error.to_string() })
}

pub fn byte(field: &'static str, value: u32) -> Result<u8, EnvelopeError> {
    u8::try_from(value).map_err(|_| EnvelopeError::Unfit {
        field,
        value: value.to_string(),
        wanted: "a whole number from 0 to 255",
    })
}

/// A float that JSON could not hold is no measurement either.
pub fn finite(field: &'static str, value: f64) -> Result<f64, EnvelopeError> {
    let unfit =
        || EnvelopeError::Unfit { field, value: value.to_string(), wanted: "a finite number" };
    value.is_finite().then_some(value).ok_or_else(unfit)
}

/// The number whose shortest decimal form this is, as the same server writes it in JSON; merely
/// widened, 78.74016 would become 78.74015808105469.
pub fn decimal(field: &'static str, value: f32) -> Result<f64, EnvelopeError> {
    let decimal = value.to_string().parse().unwrap_or_else(|_| f64::from(value));
    finite(field, decimal)
}
