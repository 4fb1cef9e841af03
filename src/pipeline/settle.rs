//! Stores observations with the quality that their series gives them.

use chrono::{DateTime, TimeDelta, Utc};

use super::Pipeline;
use super::history::{Missing, Rules, Window, judge};
use super::window::{Touched, as_kept};
use crate::derive::water::swing_max;
use crate::model::{Observation, Quality, QuantityName, SiteId};
use crate::store::{Batch, End, Range, StoreError, StoredObservation, UplinkId};

/// Readings on either side of another that are read at first: enough unless something is odd.
const FIRST_LOOK: usize = 3;

/// Where that was not enough, so many times as much.
const WIDER: usize = 4;

/// Most readings on either side by which another is judged, however many there are: those of a day
/// with a sensor that reads every five minutes. One that speaks every second, or says nothing but
/// nonsense, costs no more.
const READINGS_MAX: usize = 300;

/// The quantity by which a probe on a jetty is told from one in the water.
const WATER_TEMPERATURE: &str = "water_temperature";

impl Pipeline {
    /// Stores an observation of an uplink, and judges it and those around it by what the series then
    /// is. Nothing of the series is later than `now`. Returns whether the observation itself changed, and
    /// notes all that did.
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
        touched: &mut Touched,
    ) -> Result<bool, StoreError> {
        let Observation { site, quantity, time, .. } = observation;
        let rules = self.rules_of(&observation.site, &observation.quantity);
        let speaks = |quality: Quality| quality.is_left_to_history();
        // What neither says nor has said anything to its series leaves the series as it was.
        if rules.is_empty()
            || !speaks(observation.quality)
                && !batch.kept(observation)?.is_some_and(|kept| speaks(kept.quality))
        {
            let changed = batch.observe(uplink, observation)?;
            if changed {
                touched.note(site, quantity, *time);
            }
            return Ok(changed);
        }
        let at = as_kept(*time);
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
            let (site, quantity) = (site.clone(), quantity.clone());
            let judged = Observation { site, quantity, time, value, quality };
            if batch.observe(uplink, &judged)? {
                touched.note(&judged.site, &judged.quantity, time);
                is_changed |= time == at;
            }
        }
        Ok(is_changed)
    }

    /// Whether those have been dropped by decision that have said of an observation what is kept of it:
    /// it would look good without them.
    ///
    /// # Errors
    ///
    /// Only the store's.
    pub(super) fn rests_on_dropped(
        &self,
        batch: &Batch<'_>,
        observation: &Observation,
        kept: &StoredObservation,
    ) -> Result<bool, StoreError> {
        let Some(reason) = kept.quality.reason().filter(|reason| reason.is_of_history()) else {
            return Ok(false);
        };
        let rules = self.rules_of(&observation.site, &observation.quantity);
        let is_same = observation.quality == Quality::Good
            && observation.value.to_bits() == kept.value.to_bits();
        Ok(is_same && batch.is_dropped(observation.time - rules.reach_of(reason))?)
    }

    /// The readings of a series that are judged otherwise once `own` is among them.
    fn judge_series(
        &self,
        batch: &mut Batch<'_>,
        rules: &Rules,
        observation: &Observation,
        own: StoredObservation,
        now: DateTime<Utc>,
    ) -> Result<Vec<StoredObservation>, StoreError> {
        let Observation { site, quantity, .. } = observation;
        let (before_max, after) = rules.reach();
        let ahead = TimeDelta::from_std(self.limits.timing.ahead_max).unwrap_or_default();
        let after = after.min((now + ahead - own.time).max(TimeDelta::zero()));
        let instant = TimeDelta::microseconds(1);
        let future = Range { from: own.time + instant, until: own.time + after + instant };
        let first = if rules.swing_max.is_some() { READINGS_MAX } else { FIRST_LOOK };
        let (mut most_before, mut most_after) = (first, FIRST_LOOK);
        let mut before = rules.near().min(before_max);
        let mut runs = Vec::new();
        loop {
            let past = Range { from: own.time - before, until: own.time };
            let mut readings =
                batch.some_observations(site, quantity, past, End::Newest, most_before)?;
            let later = batch.some_observations(site, quantity, future, End::Oldest, most_after)?;
            let is_cut = |count: usize, most: usize| count >= most && most < READINGS_MAX;
            let is_cut_before = is_cut(readings.len(), most_before);
            let is_start = before == before_max && !is_cut_before;
            let is_end = !is_cut(later.len(), most_after);
            let from = readings.first().filter(|_| is_cut_before).map_or(past.from, |one| one.time);
            let until = later.last().filter(|_| !is_end).map_or(future.until, |one| one.time);
            readings.push(own);
            readings.extend(later);
            let window = Window { readings: &readings, from, until, is_start, is_end, runs: &runs };
            match judge(rules, &window, own.time) {
                Ok(judged) => {
                    let other = |(index, quality)| {
                        Some(StoredObservation { quality, ..*readings.get(index)? })
                    };
                    return Ok(judged.into_iter().filter_map(other).collect());
                }
                Err(Missing::Before) if !is_cut_before => before = before_max,
                Err(Missing::Before) => most_before = (most_before * WIDER).min(READINGS_MAX),
                Err(Missing::After) => most_after = (most_after * WIDER).min(READINGS_MAX),
                Err(Missing::Run(index)) => {
                    let run = readings.get(index).copied().unwrap_or(own);
                    runs.push((index, is_run(batch, rules, observation, run, own)?));
                    continue;
                }
            }
            // Wider, the readings have other places.
            runs.clear();
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

/// Whether a reading ends a run of one value, which began where [`Rules::begin_of_run`] says and of
/// which `own` is not stored yet.
fn is_run(
    batch: &mut Batch<'_>,
    rules: &Rules,
    observation: &Observation,
    last: StoredObservation,
    own: StoredObservation,
) -> Result<bool, StoreError> {
    let Some((from, until)) = rules.begin_of_run(last.time) else { return Ok(false) };
    let Observation { site, quantity, .. } = observation;
    let is_same = |one: &StoredObservation| one.value.to_bits() == last.value.to_bits();
    let own_of_it = Some(own)
        .filter(|own| own.quality.is_left_to_history() && own.time >= from && own.time < last.time);
    if own_of_it.is_some_and(|own| !is_same(&own)) {
        return Ok(false);
    }
    let begin = Range { from, until };
    let first = batch.first_of_history(site, quantity, begin, own.time)?;
    let begins = first.into_iter().chain(own_of_it.filter(|own| own.time < until));
    let Some(first) = begins.min_by_key(|one| one.time).filter(is_same) else { return Ok(false) };
    let run = Range { from: first.time, until: last.time };
    Ok(!batch.has_other_value(site, quantity, run, last.value, own.time)?)
}
