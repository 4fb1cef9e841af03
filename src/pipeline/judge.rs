//! Says how far a measurement can be trusted.

use super::timing::TrustedTime;
use crate::catalog::DeviceProfile;
use crate::model::{
    Installation, Measurement, Observation, Quality, QualityRule, Quantity, Reason, SiteId,
};

/// Makes an observation of a measurement at a site. A value outside its range is kept and
/// flagged: a broken sensor should be seen by staff, a gap would hide it.
#[must_use]
pub fn judge(
    profile: &DeviceProfile,
    measurement: &Measurement,
    site: &SiteId,
    rule: Option<&QualityRule>,
    frame: TrustedTime,
) -> Observation {
    let range = profile
        .quantity(&measurement.quantity)
        .map_or(Quality::Good, |quantity| judge_at(quantity, rule, measurement.value));
    let quality = match range {
        Quality::Good if frame.replaced && measurement.time.is_none() => {
            Quality::Uncertain(Reason::ClockSkew)
        }
        quality => quality,
    };
    Observation {
        site: site.clone(),
        quantity: measurement.quantity.clone(),
        time: measurement.time.unwrap_or(frame.time),
        value: measurement.value,
        quality,
    }
}

/// A measurement as its sensor should have read it.
#[must_use]
pub fn corrected(measurement: &Measurement, installation: Option<&Installation>) -> Measurement {
    let Measurement { quantity, value, time } = measurement;
    let value = installation.map_or(*value, |known| known.corrected(quantity, *value));
    Measurement { quantity: quantity.clone(), value, time: *time }
}

/// Bad where a value is physically impossible.
#[must_use]
pub fn judge_range(quantity: &Quantity, value: f64) -> Quality {
    if quantity.in_range(value) { Quality::Good } else { Quality::Bad(Reason::OutOfRange) }
}

/// Bad also where a value cannot be at the site that has the rule.
#[must_use]
pub fn judge_at(quantity: &Quantity, rule: Option<&QualityRule>, value: f64) -> Quality {
    match rule.is_none_or(|rule| rule.in_range(value)) {
        true => judge_range(quantity, value),
        false => Quality::Bad(Reason::OutOfRange),
    }
}
