//! What the temperature of a lake does, and what only that of the air above it does.

use std::ops::RangeInclusive;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::Jump;

/// °C: the water of a Swedish bathing place lies in this range or is not water.
pub const TEMPERATURES: RangeInclusive<f64> = -0.5..=35.0;

/// Water is slow: more than this is a sensor pulled up, or a fault.
pub const STEP: Jump = Jump { step: 3.0, within: Duration::from_secs(15 * 60) };

/// A lake half a metre down swings one to five kelvin between night and day, and hardly more in
/// the calmest heat; the air above it swings ten or twenty. A wind that turns a lake over can
/// pass this limit too: such water is kept back for a day, since nobody can tell it from a
/// sensor on a jetty.
const SWING_MAX_K: f64 = 8.0;

/// The warmest shallows follow the sun further.
const SWING_MAX_SHALLOW_K: f64 = 12.0;
const SHALLOW_M: f64 = 0.3;

/// The swing is that of a day.
pub const SWING_TIME: TimeDelta = TimeDelta::hours(24);

/// A sensor that was put back into the water steps at once; air needs hours for its swing.
const SWING_COVERAGE_MIN: TimeDelta = TimeDelta::hours(4);

/// Readings are stored as binary fractions.
const ROUNDING_K: f64 = 1e-6;

/// How far, in kelvin, water at a depth swings in a day at most; at an unknown one it is deep.
#[must_use]
pub fn swing_max(depth_m: Option<f64>) -> f64 {
    let shallow = depth_m.is_some_and(|depth| depth < SHALLOW_M);
    if shallow { SWING_MAX_SHALLOW_K } else { SWING_MAX_K }
}

/// Whether the temperatures of one day, in order of time, swing by more than `swing_max`.
#[must_use]
pub fn swings_like_air(day: impl Iterator<Item = (DateTime<Utc>, f64)>, swing_max: f64) -> bool {
    let mut span: Option<(DateTime<Utc>, DateTime<Utc>)> = None;
    let (mut min, mut max) = (f64::INFINITY, f64::NEG_INFINITY);
    for (time, celsius) in day {
        span = Some((span.map_or(time, |(first, _)| first), time));
        (min, max) = (min.min(celsius), max.max(celsius));
    }
    span.is_some_and(|(first, last)| {
        last - first >= SWING_COVERAGE_MIN && max - min > swing_max + ROUNDING_K
    })
}
