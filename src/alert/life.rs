//! How an alert comes, stays and goes: a pure function of how it stood, what is found and the time.

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::{AlertState, Standing};

/// How long a rule waits for its condition to come and to go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// An alert opens when its condition has been there for so long.
    pub lasting: TimeDelta,
    /// It is resolved when the condition has been away for so long.
    pub clear_for: TimeDelta,
}

/// What a rule finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    Holds,
    /// Not what opens an alert, nor what resolves one.
    Between,
    Clear,
}

/// What becomes of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It stands as it stood, or there is none as before.
    Nothing,
    /// It stands otherwise and nobody is told.
    Keep(Standing),
    /// It was pending and has come to nothing.
    Drop,
    Open(Standing),
    Resolve,
}

/// An alert that comes back before it has been away for so long is the same trouble.
pub const FLAP_WITHIN: TimeDelta = TimeDelta::hours(1);

/// The second time an alert must have been away for so long to be resolved, twice as long each
/// time after that, and never longer than the second.
const CALM: TimeDelta = TimeDelta::minutes(15);
const CALM_MAX: TimeDelta = TimeDelta::hours(8);

/// What a reading does. `before` is when the last alert of the same kind was resolved, and which opening
/// that was.
#[must_use]
pub fn observe(
    timing: Timing,
    standing: Option<Standing>,
    before: Option<(DateTime<Utc>, u32)>,
    finding: Finding,
    at: DateTime<Utc>,
) -> Step {
    match (standing, finding) {
        (None, Finding::Holds) => begin(timing, before, at),
        (None, _) => Step::Nothing,
        (Some(standing), _) if standing.state == AlertState::Pending => match finding {
            Finding::Holds if at >= standing.since + timing.lasting => open(standing),
            Finding::Holds => Step::Nothing,
            Finding::Between | Finding::Clear => Step::Drop,
        },
        (Some(standing), Finding::Holds) => match standing.clearing_since {
            Some(_) => Step::Keep(Standing { clearing_since: None, ..standing }),
            None => Step::Nothing,
        },
        // What is neither there nor away goes on clearing if it was.
        (Some(_), Finding::Between) => Step::Nothing,
        (Some(standing), Finding::Clear) => {
            let since = standing.clearing_since.unwrap_or(at);
            if at >= since + calm(timing, standing.openings) {
                return Step::Resolve;
            }
            match standing.clearing_since {
                Some(_) => Step::Nothing,
                None => Step::Keep(Standing { clearing_since: Some(at), ..standing }),
            }
        }
    }
}

/// What the passing of time does, where nothing has been heard since.
#[must_use]
pub fn elapse(timing: Timing, standing: Standing, now: DateTime<Utc>) -> Step {
    match due(timing, standing) {
        Some(due) if due <= now => match standing.state {
            AlertState::Pending => open(standing),
            _ => Step::Resolve,
        },
        _ => Step::Nothing,
    }
}

/// When time alone changes how an alert stands.
#[must_use]
pub fn due(timing: Timing, standing: Standing) -> Option<DateTime<Utc>> {
    if standing.state == AlertState::Pending {
        return Some(standing.since + timing.lasting);
    }
    standing.clearing_since.map(|since| since + calm(timing, standing.openings))
}

fn begin(timing: Timing, before: Option<(DateTime<Utc>, u32)>, at: DateTime<Utc>) -> Step {
    let openings = match before {
        Some((resolved_at, openings)) if at - resolved_at < FLAP_WITHIN => {
            openings.saturating_add(1)
        }
        _ => 1,
    };
    let standing =
        Standing { state: AlertState::Pending, since: at, clearing_since: None, openings };
    if timing.lasting.is_zero() { open(standing) } else { Step::Keep(standing) }
}

fn open(standing: Standing) -> Step {
    Step::Open(Standing { state: AlertState::Open, ..standing })
}

/// How long an alert must have been away that has come so often.
fn calm(timing: Timing, openings: u32) -> TimeDelta {
    match openings {
        0 | 1 => timing.clear_for,
        _ => {
            let doubled = CALM * 2_i32.saturating_pow(openings.min(10) - 2);
            timing.clear_for.max(doubled.min(CALM_MAX))
        }
    }
}

#[cfg(test)]
mod tests {
    use Finding::{Between, Clear, Holds};

    use super::*;

    fn minute(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::minutes(minutes)
    }

    /// Readings or, where there is none, the passing of time, and what has come of it.
    type Event = (i64, Option<Finding>);

    /// When alerts opened and were resolved.
    fn told(lasting: i64, clear_for: i64, events: &[Event]) -> Vec<(i64, &'static str)> {
        let timing = Timing {
            lasting: TimeDelta::minutes(lasting),
            clear_for: TimeDelta::minutes(clear_for),
        };
        let (mut standing, mut before, mut told) = (None::<Standing>, None, Vec::new());
        for &(at, finding) in events {
            let time = minute(at);
            let step = match (finding, standing) {
                (Some(finding), _) => observe(timing, standing, before, finding, time),
                (None, Some(standing)) => elapse(timing, standing, time),
                (None, None) => Step::Nothing,
            };
            match step {
                Step::Nothing => {}
                Step::Keep(kept) => standing = Some(kept),
                Step::Drop => standing = None,
                Step::Open(open) => {
                    standing = Some(open);
                    told.push((at, "open"));
                }
                Step::Resolve => {
                    before = standing.map(|was| (time, was.openings));
                    standing = None;
                    told.push((at, "resolved"));
                }
            }
        }
        told
    }

    #[test]
    fn an_alert_opens_and_is_resolved_once_for_each_true_cause() {
        type Case<'c> = (&'c str, i64, i64, &'c [Event], &'c [(i64, &'c str)]);
        #[rustfmt::skip]
        let cases: &[Case<'_>] = &[
            ("nothing wrong", 0, 0, &[(0, Some(Clear)), (10, Some(Between))], &[]),
            ("at once", 0, 0, &[(0, Some(Holds)), (10, Some(Holds)), (20, Some(Clear))], &[(0, "open"), (20, "resolved")]),
            ("hysteresis keeps it open", 0, 0, &[(0, Some(Holds)), (10, Some(Between)), (20, Some(Holds)), (30, Some(Clear))], &[(0, "open"), (30, "resolved")]),
            ("not long enough", 30, 0, &[(0, Some(Holds)), (20, Some(Clear)), (30, Some(Holds)), (50, Some(Clear))], &[]),
            ("between ends the wait", 30, 0, &[(0, Some(Holds)), (20, Some(Between)), (30, Some(Holds)), (40, Some(Clear))], &[]),
            ("long enough", 30, 0, &[(0, Some(Holds)), (29, Some(Holds)), (31, Some(Holds)), (40, Some(Clear))], &[(31, "open"), (40, "resolved")]),
            ("the sensor drowns while it waits", 30, 0, &[(0, Some(Holds)), (29, None), (30, None)], &[(30, "open")]),
            ("time alone resolves nothing", 0, 0, &[(0, Some(Holds)), (900, None)], &[(0, "open")]),
            ("away for long enough", 0, 20, &[(0, Some(Holds)), (10, Some(Clear)), (20, Some(Holds)), (30, Some(Clear)), (45, None), (50, None)], &[(0, "open"), (50, "resolved")]),
            ("back after an hour it is new", 0, 0, &[(0, Some(Holds)), (10, Some(Clear)), (70, Some(Holds)), (80, Some(Clear))], &[(0, "open"), (10, "resolved"), (70, "open"), (80, "resolved")]),
        ];
        for &(name, lasting, clear_for, events, wanted) in cases {
            assert_eq!(told(lasting, clear_for, events), wanted, "{name}");
        }
    }

    #[test]
    fn what_comes_and_goes_all_day_is_told_a_handful_of_times() {
        let events: Vec<Event> = (0..24 * 12)
            .map(|fifth| (fifth * 5, Some(if fifth % 2 == 0 { Holds } else { Clear })))
            .collect();
        let told = told(0, 0, &events);
        assert_eq!(
            told,
            [(0, "open"), (5, "resolved"), (10, "open")],
            "open as long as it goes on"
        );
    }

    #[test]
    fn a_calm_hour_ends_what_has_flapped() {
        let flaps =
            (0..12).map(|fifth| (fifth * 5, Some(if fifth % 2 == 0 { Holds } else { Clear })));
        let events: Vec<Event> = flaps.chain([(60, None), (75, None)]).collect();
        assert_eq!(told(0, 0, &events).last(), Some(&(75, "resolved")));
    }
}
