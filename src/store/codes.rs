//! The numbers that stand in the file for times and words. They never change meaning.

use chrono::{DateTime, Utc};

use crate::model::{Outcome, Quality, Reason};

const MICROS_PER_HOUR: i64 = 3_600_000_000;
pub const HOURS_PER_DAY: i64 = 24;

pub fn micros(time: DateTime<Utc>) -> i64 {
    time.timestamp_micros()
}

/// Times outside chrono's range cannot have been written by [`micros`].
pub fn time(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::UNIX_EPOCH)
}

pub fn hour_of(micros: i64) -> i64 {
    micros.div_euclid(MICROS_PER_HOUR)
}

pub fn hour_start(hour: i64) -> i64 {
    hour.saturating_mul(MICROS_PER_HOUR)
}

pub fn day_of_hour(hour: i64) -> i64 {
    hour.div_euclid(HOURS_PER_DAY)
}

pub const STORED: i64 = outcome(Outcome::Stored);

pub const fn outcome(outcome: Outcome) -> i64 {
    match outcome {
        Outcome::Stored => 0,
        Outcome::Duplicate => 1,
        Outcome::UnknownDevice => 2,
        Outcome::NotDeployed => 3,
        Outcome::UnknownProfile => 4,
        Outcome::CodecError => 5,
        Outcome::NothingMeasured => 6,
        Outcome::Encrypted => 7,
        Outcome::Event => 8,
        Outcome::Ignored => 9,
        Outcome::Rejected => 10,
        Outcome::TooLarge => 11,
        Outcome::Simulated => 12,
    }
}

/// The outcome behind the number in a ledger row; none for one of a later version.
#[must_use]
pub fn to_outcome(code: i64) -> Option<Outcome> {
    Outcome::ALL.into_iter().find(|&known| outcome(known) == code)
}

pub const BAD: i64 = 2;

/// Quality and reason as two columns, so that a query can ask for either.
pub const fn quality(quality: Quality) -> (i64, Option<i64>) {
    match quality {
        Quality::Good => (0, None),
        Quality::Uncertain(why) => (1, Some(reason(why))),
        Quality::Bad(why) => (BAD, Some(reason(why))),
    }
}

/// A code this version does not know reads as bad: better hidden than wrongly trusted.
pub fn to_quality(quality: i64, why: Option<i64>) -> Quality {
    let known = Reason::ALL.into_iter().find(|&known| Some(reason(known)) == why);
    match (quality, known) {
        (0, _) => Quality::Good,
        (1, Some(reason)) => Quality::Uncertain(reason),
        (_, known) => Quality::Bad(known.unwrap_or(Reason::OutOfRange)),
    }
}

/// The reason of an observation that its uplink does not make any more.
pub const WITHDRAWN: i64 = reason(Reason::Withdrawn);

/// The reason of a jump, which is never the latest value: bad, or not yet confirmed.
pub const JUMP: i64 = reason(Reason::Jump);

/// The observations `o` that are left to the history of their series.
pub fn of_history_sql() -> String {
    let of_history = Reason::ALL.into_iter().filter(|known| known.is_of_history());
    let codes: Vec<String> = of_history.map(|known| reason(known).to_string()).collect();
    format!("(o.reason is null or o.reason in ({}))", codes.join(", "))
}

const fn reason(reason: Reason) -> i64 {
    match reason {
        Reason::OutOfRange => 0,
        Reason::ClockSkew => 1,
        Reason::Extrapolated => 2,
        Reason::Ice => 3,
        Reason::Vegetation => 4,
        Reason::Backwater => 5,
        Reason::Withdrawn => 6,
        Reason::Jump => 7,
        Reason::Stuck => 8,
        Reason::OutOfWater => 9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_and_quality_survives_the_file() {
        for known in Outcome::ALL {
            assert_eq!(to_outcome(outcome(known)), Some(known));
        }
        for why in Reason::ALL {
            for known in [Quality::Good, Quality::Uncertain(why), Quality::Bad(why)] {
                let (code, reason) = quality(known);
                assert_eq!(to_quality(code, reason), known);
            }
        }
    }

    #[test]
    fn hours_before_1970_count_downwards() {
        assert_eq!(hour_of(0), 0);
        assert_eq!(hour_of(-1), -1);
        assert_eq!(day_of_hour(-1), -1);
    }
}
