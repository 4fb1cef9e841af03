use std::ops::RangeInclusive;

use chrono::{DateTime, TimeDelta, Utc};

use super::calendar::local_date;
use crate::model::Bathing;
use crate::store::StoredObservation;

/// °C: the water of a Swedish bathing place lies in this range or is not water.
pub const TEMPERATURES: RangeInclusive<f64> = -0.5..=35.0;

/// Water is slow: more than this within [`STEP_TIME`] is a sensor pulled up, or a fault.
const STEP_MAX_K: f64 = 3.0;
const STEP_TIME: TimeDelta = TimeDelta::minutes(15);

/// Readings that must agree with a step before it is believed.
const STEP_WITNESSES: usize = 2;

/// A lake half a metre down swings one to five kelvin between night and day, and hardly more in
/// the calmest heat; the air above it swings ten or twenty. A wind that turns a lake over can
/// pass this limit too: such water is kept back for a day, since nobody can tell it from a
/// sensor on a jetty.
const SWING_MAX_K: f64 = 8.0;

/// The warmest shallows follow the sun further.
const SWING_MAX_SHALLOW_K: f64 = 12.0;
const SHALLOW_M: f64 = 0.3;

/// The swing is that of a day.
const SWING_TIME: TimeDelta = TimeDelta::hours(24);

/// A sensor that was put back into the water steps at once; air needs hours for its swing.
const SWING_COVERAGE_MIN: TimeDelta = TimeDelta::hours(4);

/// Readings are stored as binary fractions, in which 21.1 − 18.1 is a little more than 3.
const ROUNDING_K: f64 = 1e-6;

/// A temperature of the water that is believed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    pub time: DateTime<Utc>,
    pub celsius: f64,
    /// Something about it is not certain, such as its time.
    pub uncertain: bool,
}

/// The readings that may be shown, of `observations` in order of time: in range, in season, no
/// unconfirmed step, and no daily swing that only air has. For the first day the swing is judged
/// by what there is, so a caller starts a day early.
#[must_use]
pub fn believed(bathing: &Bathing, observations: &[StoredObservation]) -> Vec<Reading> {
    let steady = steady(&in_range(observations));
    let mut kept = Vec::with_capacity(steady.len());
    let mut start = 0;
    for (index, reading) in steady.iter().enumerate() {
        while steady.get(start).is_some_and(|first| first.time <= reading.time - SWING_TIME) {
            start += 1;
        }
        let day = steady.get(start..=index).unwrap_or_default();
        let in_season = bathing
            .measurement_season
            .is_none_or(|season| season.contains(local_date(reading.time)));
        if in_season && !swings_like_air(bathing, day) {
            kept.push(*reading);
        }
    }
    kept
}

/// Whether the sensor is not to be trusted at the end of `observations`: its newest value cannot
/// be water, or the day behind it swings as only air does.
pub fn distrusts(bathing: &Bathing, observations: &[StoredObservation]) -> bool {
    let unusable = observations.last().is_some_and(|newest| !may_be_water(newest));
    let steady = steady(&in_range(observations));
    let day_start = steady.last().map(|latest| latest.time - SWING_TIME);
    let start = steady.partition_point(|reading| Some(reading.time) <= day_start);
    unusable || swings_like_air(bathing, steady.get(start..).unwrap_or_default())
}

fn may_be_water(observation: &StoredObservation) -> bool {
    !observation.quality.is_bad() && TEMPERATURES.contains(&observation.value)
}

fn in_range(observations: &[StoredObservation]) -> Vec<Reading> {
    let readings = observations.iter().filter(|observation| may_be_water(observation));
    readings
        .map(|observation| Reading {
            time: observation.time,
            celsius: observation.value,
            uncertain: observation.quality.reason().is_some(),
        })
        .collect()
}

/// Leaves out each step from what was believed before it, unless the next readings confirm it.
fn steady(readings: &[Reading]) -> Vec<Reading> {
    let mut steady: Vec<Reading> = Vec::with_capacity(readings.len());
    let mut before: Option<Reading> = None;
    for (index, &reading) in readings.iter().enumerate() {
        let after = readings.get(index + 1..).unwrap_or_default();
        // The time since the reading before, believed or not: a fault that lasts must not become
        // plausible by its duration.
        let wait = before.map_or(STEP_TIME, |before| reading.time - before.time);
        let believed = match steady.last() {
            Some(last) => {
                may_step(last.celsius, reading.celsius, wait) || confirmed(reading, after)
            }
            None => after.first().is_none_or(|next| follows(reading, *next)),
        };
        if believed {
            steady.push(reading);
        }
        before = Some(reading);
    }
    steady
}

fn confirmed(reading: Reading, after: &[Reading]) -> bool {
    let Some(witnesses) = after.get(..STEP_WITNESSES) else { return false };
    let mut last = reading;
    witnesses.iter().all(|witness| follows(std::mem::replace(&mut last, *witness), *witness))
}

fn follows(reading: Reading, next: Reading) -> bool {
    may_step(reading.celsius, next.celsius, next.time - reading.time)
}

fn may_step(from: f64, to: f64, wait: TimeDelta) -> bool {
    let ratio = wait.as_seconds_f64() / STEP_TIME.as_seconds_f64();
    (to - from).abs() <= STEP_MAX_K * ratio.max(1.0) + ROUNDING_K
}

fn swings_like_air(bathing: &Bathing, day: &[Reading]) -> bool {
    let (Some(first), Some(last)) = (day.first(), day.last()) else { return false };
    if last.time - first.time < SWING_COVERAGE_MIN {
        return false;
    }
    let shallow = bathing.depth_m.is_some_and(|depth| depth < SHALLOW_M);
    let limit = if shallow { SWING_MAX_SHALLOW_K } else { SWING_MAX_K };
    let min = day.iter().map(|reading| reading.celsius).fold(f64::INFINITY, f64::min);
    let max = day.iter().map(|reading| reading.celsius).fold(f64::NEG_INFINITY, f64::max);
    max - min > limit + ROUNDING_K
}
