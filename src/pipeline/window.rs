//! Derives what needs more of a site's series than one uplink tells.
//!
//! A value depends on nothing but what is kept of a bounded time before it. Whenever something in that time
//! changes it is derived anew, so late and repeated data lead to the same values as data in order.

mod rule;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};

use super::Pipeline;
use super::derive::{Value, worse};
use super::judge::judge_range;
use crate::model::{Observation, Quality, QuantityName, Reason, SiteId};
use crate::store::{Batch, Range, StoreError, StoredObservation, UplinkId};
use rule::{Inputs, Place, Rule, Series, Wanted};

/// The quantities that are derived here. They are of no single uplink, although each bears the one that last
/// changed it: decoding that one again neither makes nor withdraws them.
pub const WINDOW_QUANTITIES: [&str; 8] = [
    rule::FLOW,
    rule::NIGHT_MIN,
    rule::CONTINUOUS,
    rule::PEOPLE_IN,
    rule::PEOPLE_OUT,
    rule::OCCUPIED,
    rule::SNOW_MEDIAN,
    rule::FILL_MEDIAN,
];

/// Whether a quantity is one of [`WINDOW_QUANTITIES`].
#[must_use]
pub fn is_of_window(quantity: &QuantityName) -> bool {
    WINDOW_QUANTITIES.contains(&&*quantity.0)
}

const WITHDRAWN: Quality = Quality::Bad(Reason::Withdrawn);

/// Why windows are derived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// Observations have changed.
    Change,
    /// Observations are as today's catalogue and fleet have them; what is known of their site may be new.
    Redecoding,
}

impl Pipeline {
    /// Derives anew what depends on the observations given. Returns how many observations that has changed.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub(super) fn derive_windows<'o>(
        &self,
        batch: &mut Batch<'_>,
        uplink: UplinkId,
        observations: impl IntoIterator<Item = &'o Observation>,
        occasion: Occasion,
    ) -> Result<usize, StoreError> {
        let mut touched: BTreeMap<(Rule, &SiteId), BTreeSet<DateTime<Utc>>> = BTreeMap::new();
        for observation in observations {
            let Some(rule) = Rule::touched(&observation.quantity, observation.time) else {
                continue;
            };
            let site = &observation.site;
            // Where the rule has ceased to hold, what it has made is taken back.
            if occasion == Occasion::Redecoding || rule.holds(&self.place(site)) {
                touched.entry((rule, site)).or_default().insert(as_kept(observation.time));
            }
        }
        let mut changed = 0;
        for ((rule, site), times) in touched {
            for wanted in spans(&times, rule.lookback()) {
                changed += self.derive_window(batch, uplink, rule, site, wanted)?;
            }
        }
        Ok(changed)
    }

    fn place(&self, site: &SiteId) -> Place<'_> {
        Place { site: self.registry.site(site), arrivals: self.registry.arrivals(site) }
    }

    fn derive_window(
        &self,
        batch: &mut Batch<'_>,
        uplink: UplinkId,
        rule: Rule,
        site: &SiteId,
        wanted: Wanted,
    ) -> Result<usize, StoreError> {
        let Some(wanted) = without_dropped(batch, wanted, rule.lookback())? else { return Ok(0) };
        let place = self.place(site);
        let read = *wanted.start() - rule.lookback()..=*wanted.end();
        let mut inputs = Inputs::default();
        for quantity in rule.inputs(&place) {
            let series = usable(batch.observations(site, &quantity, range(&read))?);
            inputs.add(quantity, series);
        }
        let mut derived = rule.derive(&place, &inputs, &wanted);

        let mut changed = 0;
        for &name in rule.outputs() {
            let quantity = QuantityName::from(name);
            let Some(known) = self.codecs.quantity(&quantity) else { continue };
            let mut values = derived.remove(name).unwrap_or_default();
            for value in values.values_mut() {
                value.quality = worse(judge_range(known, value.value), value.quality);
            }
            let kept = batch.observations(site, &quantity, range(&wanted))?;
            for (time, value) in differing(&kept, values) {
                let Value { value, quality } = value;
                let (site, quantity) = (site.clone(), quantity.clone());
                let observation = Observation { site, quantity, time, value, quality };
                changed += usize::from(batch.observe(uplink, &observation)?);
            }
        }
        Ok(changed)
    }
}

/// What is to be written so that `kept` becomes `values`: what is not derived any more is withdrawn.
fn differing(kept: &[StoredObservation], values: Series) -> Series {
    let mut differing = values;
    for kept in kept {
        match differing.get(&kept.time) {
            Some(value) if value.value == kept.value && value.quality == kept.quality => {
                differing.remove(&kept.time);
            }
            Some(_) => {}
            None if kept.quality == WITHDRAWN => {}
            None => {
                differing.insert(kept.time, Value { value: kept.value, quality: WITHDRAWN });
            }
        }
    }
    differing
}

/// A time to the microsecond, as the store keeps it.
fn as_kept(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(time.timestamp_micros()).unwrap_or(time)
}

/// The times at which values depend on what was observed at `times`, as few spans.
fn spans(times: &BTreeSet<DateTime<Utc>>, lookback: TimeDelta) -> Vec<Wanted> {
    let mut spans: Vec<Wanted> = Vec::new();
    for &time in times {
        let from = match spans.pop_if(|last| time <= *last.end()) {
            Some(last) => *last.start(),
            None => time,
        };
        spans.push(from..=time + lookback);
    }
    spans
}

fn range(times: &Wanted) -> Range {
    Range { from: *times.start(), until: *times.end() + TimeDelta::microseconds(1) }
}

/// What is not known to be wrong.
fn usable(kept: Vec<StoredObservation>) -> Series {
    let usable = kept.into_iter().filter(|one| !one.quality.is_bad());
    usable.map(|one| (one.time, Value { value: one.value, quality: one.quality })).collect()
}

/// The part of the times whose values depend on nothing that retention has dropped: the rest stays as it is.
fn without_dropped(
    batch: &Batch<'_>,
    times: Wanted,
    lookback: TimeDelta,
) -> Result<Option<Wanted>, StoreError> {
    let (mut from, to) = times.into_inner();
    while from <= to && batch.is_dropped(from - lookback)? {
        let Some(next) = (from - lookback).date_naive().succ_opt() else { return Ok(None) };
        from = next.and_time(NaiveTime::MIN).and_utc() + lookback;
    }
    Ok((from <= to).then_some(from..=to))
}

#[cfg(test)]
mod tests;
