use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::life::Finding;
use super::rule::Condition;
use crate::derive::median::median;

/// Readings before the newest one that a condition sees at most, whatever its time: of more the newest.
pub const READINGS_MAX: usize = 500;

/// A rate over a longer time than its rule's is scaled down to it, up to so many times.
const SPARSE: i32 = 12;

/// A baseline of fewer days is none.
const BASELINE_DAYS_MIN: usize = 5;

/// A value at a time.
pub type Reading = (DateTime<Utc>, f64);

impl Condition {
    /// How far before its newest reading a series is to be seen; none where that reading alone counts.
    #[must_use]
    pub fn lookback(&self) -> Option<TimeDelta> {
        match *self {
            Self::Rises { within, .. } | Self::Falls { within, .. } => Some(span(within) * SPARSE),
            Self::OverBaseline { days, .. } => Some(TimeDelta::days(i64::from(days))),
            Self::Above { .. } | Self::Below { .. } | Self::IsOn | Self::Stale { .. } => None,
        }
    }

    /// What the newest reading of a series says, by those before it, in order of time.
    ///
    /// A reading ends staleness; only time begins it.
    #[must_use]
    pub fn find(&self, newest: Reading, before: &[Reading]) -> Finding {
        let (_, value) = newest;
        match *self {
            Self::Above { limit, clear } => finding(value > limit, value <= clear),
            Self::Below { limit, clear } => finding(value < limit, value >= clear),
            Self::IsOn => finding(value != 0.0, value == 0.0),
            Self::Stale { .. } => Finding::Clear,
            Self::Rises { by, within } => {
                let fastest = rises(newest, before, within).fold(0.0, f64::max);
                finding(fastest > by, fastest <= by / 2.0)
            }
            Self::Falls { by, within } => {
                let fastest = rises(newest, before, within).map(|rise| -rise).fold(0.0, f64::max);
                finding(fastest > by, fastest <= by / 2.0)
            }
            Self::OverBaseline { factor, margin, .. } => {
                let values: Vec<f64> = before.iter().map(|(_, value)| *value).collect();
                let baseline = median(&values).filter(|_| values.len() >= BASELINE_DAYS_MIN);
                let Some(baseline) = baseline else { return Finding::Clear };
                let limit = (baseline * factor).max(baseline + margin);
                finding(value > limit, value <= limit)
            }
        }
    }
}

const fn finding(holds: bool, is_clear: bool) -> Finding {
    match (holds, is_clear) {
        (true, _) => Finding::Holds,
        (false, true) => Finding::Clear,
        (false, false) => Finding::Between,
    }
}

/// The rise from each reading of the time to the newest, and from the last one before that time, scaled.
fn rises(
    (time, value): Reading,
    before: &[Reading],
    within: Duration,
) -> impl Iterator<Item = f64> + '_ {
    let within = span(within);
    let first = before.partition_point(|(at, _)| *at < time - within);
    let seen = before.get(first.saturating_sub(1)..).unwrap_or_default();
    seen.iter().map(move |&(at, was)| {
        let times = (time - at).as_seconds_f64() / within.as_seconds_f64();
        (value - was) / times.max(1.0)
    })
}

fn span(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::days(365))
}

#[cfg(test)]
mod tests {
    use Finding::{Between, Clear, Holds};

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn minute(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::minutes(minutes)
    }

    fn found(condition: &Condition, series: &[(i64, f64)]) -> Finding {
        let series: Vec<Reading> = series.iter().map(|&(at, value)| (minute(at), value)).collect();
        let (newest, before) = series.split_last().unwrap();
        condition.find(*newest, before)
    }

    #[test]
    fn each_condition_is_found_where_it_is() {
        let above = Condition::Above { limit: 63.5, clear: 63.4 };
        let below = Condition::Below { limit: 15.0, clear: 25.0 };
        let rises = Condition::Rises { by: 0.1, within: HOUR };
        let falls = Condition::Falls { by: 0.1, within: HOUR };
        let night = Condition::OverBaseline { factor: 1.5, margin: 20.0, days: 14 };
        let day = 24 * 60;
        let quiet = |last: f64| -> Vec<(i64, f64)> {
            (0..6).map(|n| (n * day, 100.0)).chain([(6 * day, last)]).collect()
        };
        type Case<'c> = (&'c str, &'c Condition, &'c [(i64, f64)], Finding);
        #[rustfmt::skip]
        let cases: &[Case<'_>] = &[
            ("over the limit", &above, &[(0, 63.51)], Holds),
            ("at the limit", &above, &[(0, 63.5)], Between),
            ("below the limit", &above, &[(0, 63.4)], Clear),
            ("a battery", &below, &[(0, 14.0)], Holds),
            ("a battery in the cold", &below, &[(0, 20.0)], Between),
            ("a fresh battery", &below, &[(0, 100.0)], Clear),
            ("a leak", &Condition::IsOn, &[(0, 1.0)], Holds),
            ("no leak", &Condition::IsOn, &[(0, 0.0)], Clear),
            ("the first reading says nothing of a rate", &rises, &[(0, 5.0)], Clear),
            ("a flood", &rises, &[(0, 1.0), (15, 1.03), (30, 1.07), (45, 1.11)], Holds),
            ("as fast as allowed", &rises, &[(0, 1.0), (60, 1.09)], Between),
            ("it falls", &rises, &[(0, 1.0), (15, 0.5)], Clear),
            ("a dam opens", &falls, &[(0, 1.0), (15, 0.5)], Holds),
            ("as much in half a day", &rises, &[(0, 1.0), (720, 1.5)], Clear),
            ("more than that in half a day", &rises, &[(0, 1.0), (720, 2.4)], Holds),
            ("what has risen and stays", &rises, &[(0, 1.0), (15, 1.5), (90, 1.5)], Clear),
            ("a quiet night", &night, &quiet(110.0), Clear),
            ("a pipe has burst", &night, &quiet(151.0), Holds),
            ("too few nights", &night, &[(0, 100.0), (day, 400.0)], Clear),
        ];
        for (name, condition, series, wanted) in cases {
            assert_eq!(found(condition, series), *wanted, "{name}");
        }
    }
}
