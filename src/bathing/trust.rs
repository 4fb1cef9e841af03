use chrono::{DateTime, TimeDelta, Utc};

use super::calendar::local_date;
use crate::derive::water::{self, STEP, SWING_TIME, TEMPERATURES};
use crate::model::Bathing;
use crate::store::StoredObservation;

/// Readings that must agree with a step before it is believed.
const STEP_WITNESSES: usize = 2;

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
    // What is not confirmed may yet be, so it says nothing against the sensor.
    let newest = observations.iter().rfind(|observation| !observation.quality.is_unconfirmed());
    let unusable = newest.is_some_and(|newest| !may_be_water(newest));
    let steady = steady(&in_range(observations));
    let day_start = steady.last().map(|latest| latest.time - SWING_TIME);
    let start = steady.partition_point(|reading| Some(reading.time) <= day_start);
    unusable || swings_like_air(bathing, steady.get(start..).unwrap_or_default())
}

fn may_be_water(observation: &StoredObservation) -> bool {
    let quality = observation.quality;
    !quality.is_bad() && !quality.is_unconfirmed() && TEMPERATURES.contains(&observation.value)
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
        let wait = before.map_or(TimeDelta::zero(), |before| reading.time - before.time);
        let believed = match steady.last() {
            Some(last) => {
                STEP.allows(last.celsius, reading.celsius, wait) || confirmed(reading, after)
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
    STEP.allows(reading.celsius, next.celsius, next.time - reading.time)
}

fn swings_like_air(bathing: &Bathing, day: &[Reading]) -> bool {
    let day = day.iter().map(|reading| (reading.time, reading.celsius));
    water::swings_like_air(day, water::swing_max(bathing.depth_m))
}
