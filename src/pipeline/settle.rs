//! Stores observations with the quality that their series gives them.

use chrono::{DateTime, TimeDelta, Utc};

use super::Pipeline;
use super::history::{Rules, Side, Window, judge};
use crate::derive::water::swing_max;
use crate::model::{Observation, Quality, QuantityName, SiteId};
use crate::store::{Batch, Range, StoreError, StoredObservation, UplinkId};

/// How much of a series is read at first: with most sensors some readings.
const FIRST_LOOK: TimeDelta = TimeDelta::hours(2);

/// Where that was not enough, so many times as much.
const WIDER: i32 = 4;

/// The quantity by which a probe on a jetty is told from one in the water.
const WATER_TEMPERATURE: &str = "water_temperature";

impl Pipeline {
    /// Stores an observation of an uplink, and judges it and those around it by what the series then
    /// is. Nothing of the series is later than `now`. Returns whether the observation itself changed.
    ///
    /// # Errors
    ///
    /// Only the store's.
    pub(super) fn settle(
        &self,
        batch: &mut Batch<'_>,
        uplink: UplinkId,
        observation: &Observation,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let rules = self.rules_of(&observation.site, &observation.quantity);
        let speaks = |quality: Quality| quality.is_left_to_history();
        // What neither says nor has said anything to its series leaves the series as it was.
        if rules.is_empty()
            || !speaks(observation.quality)
                && !batch.kept(observation)?.is_some_and(|kept| speaks(kept.quality))
        {
            return batch.observe(uplink, observation);
        }
        let at = to_micros(observation.time);
        let own = StoredObservation {
            time: at,
            value: observation.value,
            quality: observation.quality,
            uplink,
        };
        let mut judged = self.judge_series(batch, &rules, observation, own, now)?;
        let place = judged.partition_point(|one| one.time < at);
        if judged.get(place).is_none_or(|one| one.time > at) {
            judged.insert(place, own);
        }
        let mut is_changed = false;
        for StoredObservation { time, value, quality, uplink } in judged {
            let (site, quantity) = (observation.site.clone(), observation.quantity.clone());
            let changed =
                batch.observe(uplink, &Observation { site, quantity, time, value, quality })?;
            is_changed |= changed && time == at;
        }
        Ok(is_changed)
    }

    /// The readings of a series that are judged otherwise once `own` is among them.
    fn judge_series(
        &self,
        batch: &Batch<'_>,
        rules: &Rules,
        observation: &Observation,
        own: StoredObservation,
        now: DateTime<Utc>,
    ) -> Result<Vec<StoredObservation>, StoreError> {
        let (before_max, after_max) = rules.reach();
        let ahead = TimeDelta::from_std(self.limits.timing.ahead_max).unwrap_or_default();
        let after_max = after_max.min((now + ahead - own.time).max(TimeDelta::zero()));
        let (mut before, mut after) = (FIRST_LOOK.min(before_max), FIRST_LOOK.min(after_max));
        loop {
            let from = own.time - before;
            let until = own.time + after + TimeDelta::microseconds(1);
            let range = Range { from, until };
            let mut readings =
                batch.observations(&observation.site, &observation.quantity, range)?;
            put(&mut readings, own);
            let window = Window {
                readings: &readings,
                from,
                until,
                is_start: before >= before_max,
                is_end: after >= after_max,
            };
            match judge(rules, &window, own.time) {
                Ok(judged) => {
                    let other = |(index, quality)| {
                        Some(StoredObservation { quality, ..*readings.get(index)? })
                    };
                    return Ok(judged.into_iter().filter_map(other).collect());
                }
                Err(Side::Before) => before = (before * WIDER).min(before_max),
                Err(Side::After) => after = (after * WIDER).min(after_max),
            }
        }
    }

    /// What a series is held to: by the vocabulary, more tightly by its site.
    fn rules_of(&self, site: &SiteId, quantity: &QuantityName) -> Rules {
        let site = self.registry.site(site);
        let here = site.and_then(|site| site.quality_of(quantity));
        let everywhere = self.codecs.quantity(quantity);
        let bathing = site.and_then(|site| site.bathing.as_ref());
        Rules {
            jump: here.and_then(|rule| rule.jump).or_else(|| everywhere?.jump),
            stuck_for: here.and_then(|rule| rule.stuck_for).or_else(|| everywhere?.stuck_for),
            swing_max: bathing
                .filter(|_| *quantity.0 == *WATER_TEMPERATURE)
                .map(|bathing| swing_max(bathing.depth_m)),
        }
    }
}

/// Among readings in order of time, in place of one of the same time.
fn put(readings: &mut Vec<StoredObservation>, own: StoredObservation) {
    let place = readings.partition_point(|reading| reading.time < own.time);
    match readings.get_mut(place).filter(|reading| reading.time == own.time) {
        Some(same) => *same = own,
        None => readings.insert(place, own),
    }
}

/// As the store keeps it.
fn to_micros(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(time.timestamp_micros()).unwrap_or(time)
}
