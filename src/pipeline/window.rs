//! Derives what needs more of a site's series than one uplink tells.
//!
//! A value depends on nothing but what is kept of a bounded time before it. Whenever something in that time
//! changes it is derived anew, so late and repeated data lead to the same values as data in order.

mod rule;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};

use super::Pipeline;
use super::derive::{Value, worse};
use super::judge::judge_at;
use crate::model::{Observation, Quality, QuantityName, Reason, SiteId};
use crate::store::{Batch, End, Range, StoreError, StoredObservation, UplinkId};
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

/// Readings of one quantity in a window of which something is derived.
///
/// Of one that holds more nothing is, so that no sensor makes uplinks dear by talking all the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowLimit(pub usize);

impl Default for WindowLimit {
    /// One in each minute of a day of 25 hours, and then some.
    fn default() -> Self {
        Self(2000)
    }
}

/// Why windows are derived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// Observations have changed.
    Change,
    /// Observations are as today's catalogue and fleet have them; what is known of their site may be new.
    Redecoding,
}

/// What has changed.
#[derive(Debug, Default)]
pub struct Touched {
    /// Of which something is derived: most often nothing.
    windows: BTreeMap<(Rule, SiteId), BTreeSet<DateTime<Utc>>>,
    /// The series of observations that are not what they were, each once.
    pub series: Vec<(SiteId, QuantityName)>,
}

impl Touched {
    /// Takes note of an observation that is not what it was.
    pub fn note(&mut self, site: &SiteId, quantity: &QuantityName, time: DateTime<Utc>) {
        let time = as_kept(time);
        self.note_series(site, quantity);
        if let Some(rule) = Rule::touched(quantity) {
            self.windows.entry((rule, site.clone())).or_default().insert(time);
        }
    }
}

impl Touched {
    fn note_series(&mut self, site: &SiteId, quantity: &QuantityName) {
        if !self.series.iter().any(|(at, of)| at == site && of == quantity) {
            self.series.push((site.clone(), quantity.clone()));
        }
    }
}

/// Observations of one quantity that are in touch with one another by their windows.
type Cluster<'t> = &'t [DateTime<Utc>];

/// What a step of deriving is given of the store.
struct View {
    inputs: Inputs,
    /// The times whose values may have changed.
    wanted: Wanted,
    /// Whether all is seen that the observations have touched.
    is_whole: bool,
}

impl Pipeline {
    /// Derives anew what depends on the observations touched, and notes the series that has changed. Returns
    /// how many observations that has changed.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub(super) fn derive_windows(
        &self,
        batch: &mut Batch<'_>,
        uplink: UplinkId,
        touched: &mut Touched,
        occasion: Occasion,
    ) -> Result<usize, StoreError> {
        let mut changed = 0;
        for ((rule, site), times) in std::mem::take(&mut touched.windows) {
            let place = self.place(&site);
            // Where a rule has ceased to hold, decoding again takes back what it has made.
            if occasion == Occasion::Change && !rule.holds(&place) {
                continue;
            }
            let times: Vec<_> = times.into_iter().collect();
            let before = changed;
            for cluster in clusters(&times, rule.reach(&place)) {
                changed += self.derive_cluster(batch, uplink, rule, &site, cluster)?;
            }
            if changed > before {
                for &name in rule.outputs() {
                    touched.note_series(&site, &QuantityName::from(name));
                }
            }
        }
        Ok(changed)
    }

    fn place(&self, site: &SiteId) -> Place<'_> {
        Place { site: self.registry.site(site), arrivals: self.registry.arrivals(site) }
    }

    fn derive_cluster(
        &self,
        batch: &mut Batch<'_>,
        uplink: UplinkId,
        rule: Rule,
        site: &SiteId,
        mut times: Cluster<'_>,
    ) -> Result<usize, StoreError> {
        let mut changed = 0;
        while let Some(view) = self.look(batch, rule, site, times)? {
            changed += self.derive_window(batch, uplink, rule, site, &view)?;
            // Where there is too much to be seen at once, what follows of each is looked at by itself.
            match times.split_first() {
                Some((_, rest)) if !view.is_whole => times = rest,
                _ => break,
            }
        }
        Ok(changed)
    }

    /// Reads what is needed for the values that depend on the readings at `times`: of each quantity at most
    /// [`WindowLimit`] and one before them, and a little more than as many from them on.
    fn look(
        &self,
        batch: &mut Batch<'_>,
        rule: Rule,
        site: &SiteId,
        times: Cluster<'_>,
    ) -> Result<Option<View>, StoreError> {
        let (Some(&first), Some(&last)) = (times.first(), times.last()) else { return Ok(None) };
        let place = self.place(site);
        let touched = first..=last + rule.reach(&place);
        let Some(wanted) = without_dropped(batch, touched, rule.lookback())? else {
            return Ok(None);
        };
        let (from, mut to) = wanted.into_inner();
        let start = rule.window_start(&place, from);
        // With so many readings after the first one, all windows that hold it are too full, and were so
        // before the others of this uplink came.
        let WindowLimit(readings_max) = self.limits.window;
        let (before_max, after_max) = (readings_max + 1, readings_max + times.len() + 1);
        let mut found = Vec::new();
        for quantity in rule.inputs(&place) {
            let before = Range { from: start, until: from };
            let after = range(&(from..=to));
            let mut readings =
                batch.some_observations(site, &quantity, before, End::Newest, before_max)?;
            let after = batch.some_observations(site, &quantity, after, End::Oldest, after_max)?;
            if let Some(end) = after.last().filter(|_| after.len() == after_max) {
                to = to.min(end.time);
            }
            readings.extend(after);
            found.push((quantity, readings));
        }
        let mut inputs = Inputs::new(readings_max);
        for (quantity, readings) in found {
            inputs.add(quantity, &readings);
        }
        Ok(Some(View { inputs, wanted: from..=to, is_whole: to >= last + rule.reach(&place) }))
    }

    fn derive_window(
        &self,
        batch: &mut Batch<'_>,
        uplink: UplinkId,
        rule: Rule,
        site: &SiteId,
        View { inputs, wanted, .. }: &View,
    ) -> Result<usize, StoreError> {
        let place = self.place(site);
        if rule.is_crowded(&place, inputs, wanted) {
            self.metrics.windows_crowded.inc();
        }
        let mut derived = rule.derive(&place, inputs, wanted);
        let mut changed = 0;
        for &name in rule.outputs() {
            let quantity = QuantityName::from(name);
            let Some(known) = self.codecs.quantity(&quantity) else { continue };
            let rule_here = place.site.and_then(|site| site.quality_of(&quantity));
            let mut values = derived.remove(name).unwrap_or_default();
            for value in values.values_mut() {
                value.quality = worse(judge_at(known, rule_here, value.value), value.quality);
            }
            // They stand at the times of readings, so there are no more of them than were read.
            let all = usize::MAX >> 1;
            let kept = batch.some_observations(site, &quantity, range(wanted), End::Oldest, all)?;
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
pub(super) fn as_kept(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(time.timestamp_micros()).unwrap_or(time)
}

/// Parts of times, in order, whose values are derived together: those that reach one another.
fn clusters(times: &[DateTime<Utc>], reach: TimeDelta) -> impl Iterator<Item = Cluster<'_>> {
    times.chunk_by(move |&one, &next| next - one <= reach)
}

fn range(times: &Wanted) -> Range {
    Range { from: *times.start(), until: *times.end() + TimeDelta::microseconds(1) }
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
