//! What the readings around it say of a reading: a jump, a value that is stuck, water that is air.
//!
//! Pure: a part of a series comes in, the qualities that are to be others go out. What has a reason
//! of its own against it neither speaks nor is spoken of here.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::derive::water::{SWING_TIME, swings_like_air};
use crate::model::{Jump, Quality, Reason};
use crate::store::StoredObservation;

/// After this many times the time of its rule nothing is a jump any more.
const JUMP_REACH: f64 = 24.0;
const JUMP_REACH_MAX: TimeDelta = TimeDelta::days(31);

/// Fewer readings that agree are no stuck sensor: two values a week apart agree by chance.
const STUCK_READINGS_MIN: usize = 5;

/// Long enough for some readings of most sensors.
const NEAR_MIN: TimeDelta = TimeDelta::hours(6);

/// What a series is held to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rules {
    pub jump: Option<Jump>,
    pub stuck_for: Option<Duration>,
    /// How far the water of a bathing place swings in a day at most.
    pub swing_max: Option<f64>,
}

/// A part of a series around a time at which it has changed.
#[derive(Clone, Copy, Debug)]
pub struct Window<'w> {
    /// In order of time.
    pub readings: &'w [StoredObservation],
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
    /// Whether nothing before or after it is to be had, or none of it could matter.
    pub is_start: bool,
    pub is_end: bool,
    /// What [`Missing::Run`] has asked for so far: whether each of these readings ends such a run.
    pub runs: &'w [(usize, bool)],
}

/// What has to be known of the series beside the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// More of it on this side.
    Before,
    After,
    /// Whether the first reading that [`Rules::begin_of_run`] finds for this one, and all since, have
    /// exactly its value.
    Run(usize),
}

impl Rules {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// How far before a reading those lie that give it a reason.
    #[must_use]
    pub fn reach_of(&self, reason: Reason) -> TimeDelta {
        match reason {
            Reason::Jump => self.jump.map_or(TimeDelta::zero(), jump_reach),
            Reason::Stuck => self.stuck_for.map_or(TimeDelta::zero(), run_reach),
            Reason::OutOfWater => SWING_TIME,
            _ => TimeDelta::zero(),
        }
    }

    /// Where a run must have begun that makes a reading of this time stuck: before the second time, and
    /// not before the first. A series of which nothing is there has no run.
    #[must_use]
    pub fn begin_of_run(&self, time: DateTime<Utc>) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let rule = self.stuck_for?;
        Some((time - run_reach(rule), time - span(rule)))
    }

    /// How far before a change readings are to be had that mostly suffice.
    #[must_use]
    pub fn near(&self) -> TimeDelta {
        let jump = self.jump.map_or(TimeDelta::zero(), jump_reach);
        let swing = self.swing_max.map_or(TimeDelta::zero(), |_| SWING_TIME);
        (jump * 2 + swing).max(NEAR_MIN)
    }

    /// How far before and after a change readings can matter.
    #[must_use]
    pub fn reach(&self) -> (TimeDelta, TimeDelta) {
        let jump = self.jump.map_or(TimeDelta::zero(), jump_reach);
        let stuck = self.stuck_for.map_or(TimeDelta::zero(), run_reach);
        let swing = self.swing_max.map_or(TimeDelta::zero(), |_| SWING_TIME);
        ((jump * 2 + swing).max(stuck), (jump * 2).max(stuck).max(swing))
    }
}

fn jump_reach(rule: Jump) -> TimeDelta {
    let seconds = rule.within.as_secs_f64() * JUMP_REACH;
    Duration::try_from_secs_f64(seconds).map_or(JUMP_REACH_MAX, span).min(JUMP_REACH_MAX)
}

/// A reading from a little before the time of the rule has to bear a run out.
fn run_reach(rule: Duration) -> TimeDelta {
    span(rule) + span(rule) / 4
}

fn span(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(JUMP_REACH_MAX).min(JUMP_REACH_MAX)
}

/// What the series says of a reading's step from the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Believed,
    /// A jump that nothing has confirmed or refuted yet.
    Waiting,
    /// A jump that the series went on without.
    Refuted,
}

/// A reading that is left to history.
#[derive(Clone, Copy, Debug)]
struct Seen {
    index: usize,
    time: DateTime<Utc>,
    value: f64,
    was: Quality,
    step: Step,
}

impl Seen {
    fn of(index: usize, reading: &StoredObservation) -> Option<Self> {
        let &StoredObservation { time, value, quality: was, .. } = reading;
        let step = match was {
            Quality::Uncertain(Reason::Jump) => Step::Waiting,
            Quality::Bad(Reason::Jump) => Step::Refuted,
            _ => Step::Believed,
        };
        was.is_left_to_history().then_some(Self { index, time, value, was, step })
    }

    fn had_step(&self) -> Step {
        match self.was {
            Quality::Uncertain(Reason::Jump) => Step::Waiting,
            Quality::Bad(Reason::Jump) => Step::Refuted,
            _ => Step::Believed,
        }
    }
}

/// Judges again what a change at `changed_at` makes other than it was: index and quality of each such
/// reading, in order of time. Everything before the change has been judged with what was known then.
///
/// # Errors
///
/// What has to be known beside the window to tell; nothing beyond its start or end.
pub fn judge(
    rules: &Rules,
    window: &Window<'_>,
    changed_at: DateTime<Utc>,
) -> Result<Vec<(usize, Quality)>, Missing> {
    let readings = window.readings.iter().enumerate();
    let mut series: Vec<Seen> =
        readings.filter_map(|(index, reading)| Seen::of(index, reading)).collect();
    let changed = series.partition_point(|seen| seen.time < changed_at);
    let (mut first, mut end) = (changed, series.len().min(changed + 1));
    if let Some(rule) = rules.jump {
        end = end.max(judge_steps(rule, window, &mut series, changed, changed_at)?);
        let is_other = |seen: &Seen| seen.step != seen.had_step();
        first = first.min(series.iter().position(is_other).unwrap_or(changed));
        end = end.max(series.iter().rposition(is_other).map_or(0, |last| last + 1));
    }
    if rules.swing_max.is_some() {
        end = end.max(end_of_swing(window, &series, end, changed_at)?);
    }
    if rules.stuck_for.is_some() {
        end = end.max(end_of_run(window, &series, changed_at)?);
    }
    let mut judged = Vec::new();
    for place in first..end {
        let Some(seen) = series.get(place) else { break };
        let quality = match seen.step {
            Step::Refuted => Quality::Bad(Reason::Jump),
            Step::Waiting => Quality::Uncertain(Reason::Jump),
            Step::Believed if swings(rules, window, &series, place)? => {
                Quality::Uncertain(Reason::OutOfWater)
            }
            Step::Believed if is_stuck(rules, window, &series, place)? => {
                Quality::Uncertain(Reason::Stuck)
            }
            Step::Believed => Quality::Good,
        };
        if quality != seen.was {
            judged.push((seen.index, quality));
        }
    }
    Ok(judged)
}

/// Follows the series from a reading that was believed before the change until it is again as it was;
/// returns where.
fn judge_steps(
    rule: Jump,
    window: &Window<'_>,
    series: &mut [Seen],
    changed: usize,
    changed_at: DateTime<Utc>,
) -> Result<usize, Missing> {
    let reach = jump_reach(rule);
    let past = series.get(..changed).unwrap_or_default();
    // The last believed reading may owe that to the one that is changed; the one before it does not.
    let newest = believed_since(past, window, changed_at - reach)?;
    let since = newest.and_then(|newest| past.get(newest));
    let before = match (newest, since) {
        (Some(newest), Some(since)) => {
            believed_since(past.get(..newest).unwrap_or_default(), window, since.time - reach)?
        }
        _ => None,
    };
    let start = before.map(|before| before + 1).or(newest).unwrap_or(changed);
    let mut walk = Walk { rule, reach, believed: before, waiting: Vec::new() };
    if before.is_none() {
        let unsure = past.get(..start).unwrap_or_default().iter().enumerate();
        let waits = |(place, seen): (usize, &Seen)| (seen.step == Step::Waiting).then_some(place);
        walk.waiting = unsure.filter_map(waits).collect();
    }
    for place in start..series.len() {
        let step = walk.take(series, place);
        let Some(seen) = series.get_mut(place) else { break };
        seen.step = step;
        // Both then and now the series goes on from this reading, so what follows is as it was.
        if seen.time > changed_at && [step, seen.had_step()] == [Step::Believed; 2] {
            return Ok(place);
        }
    }
    if window.is_end { Ok(series.len()) } else { Err(Missing::After) }
}

/// The last believed reading that is not before `from`.
fn believed_since(
    past: &[Seen],
    window: &Window<'_>,
    from: DateTime<Utc>,
) -> Result<Option<usize>, Missing> {
    let found = past.iter().rposition(|seen| seen.step == Step::Believed && seen.time >= from);
    if found.is_none() && !window.is_start && window.from > from {
        return Err(Missing::Before);
    }
    Ok(found)
}

/// Where a walk along a series stands.
struct Walk {
    rule: Jump,
    reach: TimeDelta,
    /// The last reading that is believed.
    believed: Option<usize>,
    /// The jumps since then.
    waiting: Vec<usize>,
}

impl Walk {
    /// What is to be said of the next reading; says it of those that have waited for it.
    fn take(&mut self, series: &mut [Seen], place: usize) -> Step {
        let Some(next) = series.get(place).copied() else { return Step::Believed };
        let recent = |&place: &usize| {
            series.get(place).is_some_and(|seen| next.time - seen.time <= self.reach)
        };
        self.believed = self.believed.filter(recent);
        self.waiting.retain(recent);
        let at = |place: usize| series.get(place).copied();
        let (last, jump) = (self.believed.and_then(at), self.waiting.last().copied().and_then(at));
        // The time since the reading before, believed or not: a fault that lasts must not become
        // plausible by its duration.
        let Some(since) = last.into_iter().chain(jump).map(|seen| seen.time).max() else {
            self.believed = Some(place);
            return Step::Believed;
        };
        let agrees = |seen: &Seen| self.rule.allows(seen.value, next.value, next.time - since);
        let distance = |seen: Seen| (next.value - seen.value).abs();
        let (back, on) = (last.filter(agrees).map(distance), jump.filter(agrees).map(distance));
        let is_confirmation = on.is_some_and(|on| back.is_none_or(|back| on <= back));
        if !is_confirmation && back.is_none() {
            self.waiting.push(place);
            return Step::Waiting;
        }
        let confirmed = self.waiting.pop_if(|_| is_confirmation);
        for refuted in self.waiting.drain(..) {
            say(series, refuted, Step::Refuted);
        }
        if let Some(confirmed) = confirmed {
            say(series, confirmed, Step::Believed);
        }
        self.believed = Some(place);
        Step::Believed
    }
}

fn say(series: &mut [Seen], place: usize, step: Step) {
    if let Some(seen) = series.get_mut(place) {
        seen.step = step;
    }
}

/// A reading is part of the day before each of those that follow it within one.
fn end_of_swing(
    window: &Window<'_>,
    series: &[Seen],
    end: usize,
    changed_at: DateTime<Utc>,
) -> Result<usize, Missing> {
    let last = end.checked_sub(1).and_then(|last| series.get(last));
    let until = last.map_or(changed_at, |last| last.time.max(changed_at)) + SWING_TIME;
    if !window.is_end && window.until <= until {
        return Err(Missing::After);
    }
    Ok(series.partition_point(|seen| seen.time < until))
}

fn swings(
    rules: &Rules,
    window: &Window<'_>,
    series: &[Seen],
    place: usize,
) -> Result<bool, Missing> {
    let (Some(max), Some(last)) = (rules.swing_max, series.get(place)) else { return Ok(false) };
    let from = last.time - SWING_TIME;
    if !window.is_start && window.from > from {
        return Err(Missing::Before);
    }
    let day = series.get(..=place).unwrap_or_default();
    let day = day.get(day.partition_point(|seen| seen.time <= from)..).unwrap_or_default();
    let believed = day.iter().filter(|seen| seen.step == Step::Believed);
    Ok(swings_like_air(believed.map(|seen| (seen.time, seen.value)), max))
}

/// The end of the run of equal values that follows the change: whether it is stuck may have changed.
fn end_of_run(
    window: &Window<'_>,
    series: &[Seen],
    changed_at: DateTime<Utc>,
) -> Result<usize, Missing> {
    let next = series.partition_point(|seen| seen.time <= changed_at);
    let rest = series.get(next..).unwrap_or_default();
    let first = rest.first();
    match rest.iter().position(|seen| first.is_some_and(|first| !is_same(seen, first))) {
        Some(length) => Ok(next + length),
        None if window.is_end => Ok(series.len()),
        None => Err(Missing::After),
    }
}

/// Whether all that was read for longer than the rule says is the same.
fn is_stuck(
    rules: &Rules,
    window: &Window<'_>,
    series: &[Seen],
    place: usize,
) -> Result<bool, Missing> {
    let Some(last) = series.get(place).filter(|_| rules.stuck_for.is_some()) else {
        return Ok(false);
    };
    let newest = series.get(..place).unwrap_or_default().iter().rev().take(STUCK_READINGS_MIN - 1);
    let (mut count, mut same) = (1, 1);
    for seen in newest {
        count += 1;
        same += usize::from(is_same(seen, last));
    }
    if same < count || count < STUCK_READINGS_MIN {
        let may_be_more = same == count && !window.is_start;
        return if may_be_more { Err(Missing::Before) } else { Ok(false) };
    }
    let known = window.runs.iter().find(|(index, _)| *index == last.index);
    known.map(|(_, is_run)| *is_run).ok_or(Missing::Run(last.index))
}

fn is_same(a: &Seen, b: &Seen) -> bool {
    a.value.to_bits() == b.value.to_bits()
}

#[cfg(test)]
mod tests;
