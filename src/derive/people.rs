//! People, or whatever a counter counts, between two uplinks.
//!
//! Counters send what they have counted since the uplink before, or a running total in 16 bits, or both:
//! reference guides of Parametric's PCR2 and IMBUILDINGS' People Counter.

use chrono::TimeDelta;

/// Totals begin again after 65 535.
const TOTALS: f64 = 65_536.0;

/// Of a total that is ahead by more than half of all numbers it is more likely that it is behind.
const GAIN_MAX: f64 = TOTALS / 2.0;

/// More than this in a second do not pass a path or a door: what a total seems to have gained beyond it, it
/// has not gained.
const PER_SECOND_MAX: f64 = 2.0;

/// How many have passed since a total was `before`, `elapsed` ago, now that it is `now`.
///
/// A total that is smaller than before has either begun again after 65 535, or with the counter, from 0. It
/// is the first where so many can have passed and they are fewer than half of all numbers; else the counter has
/// been restarted, and `now` counts since then. None where neither is possible.
#[must_use]
pub fn gained(before: f64, now: f64, elapsed: TimeDelta) -> Option<f64> {
    let most = GAIN_MAX.min(PER_SECOND_MAX * elapsed.as_seconds_f64());
    let gain = (now - before).rem_euclid(TOTALS);
    if gain <= most {
        return Some(gain);
    }
    (now < before && now <= most).then_some(now)
}

/// How many have passed, from what the uplink counts itself and from what the total has gained.
///
/// The total has gained more where an uplink between them was lost: those count, too.
#[must_use]
pub fn passed(counted: Option<f64>, gained: Option<f64>) -> Option<f64> {
    match (counted, gained) {
        (Some(counted), Some(gained)) => Some(counted.max(gained)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const QUARTER: TimeDelta = TimeDelta::minutes(15);

    /// IMBUILDINGS' published frames: totals of 1536 and 1508, then 1539 and 1510 with counts of 3 and 2.
    #[test]
    fn the_published_totals_agree_with_the_published_counts() {
        assert_eq!(gained(1536.0, 1539.0, QUARTER), Some(3.0));
        assert_eq!(gained(1508.0, 1510.0, QUARTER), Some(2.0));
        assert_eq!(passed(Some(3.0), gained(1536.0, 1539.0, QUARTER)), Some(3.0));
    }

    #[test]
    fn a_total_begins_again_after_its_last_number() {
        assert_eq!(gained(65_530.0, 4.0, QUARTER), Some(10.0));
        assert_eq!(gained(65_535.0, 0.0, QUARTER), Some(1.0));
        assert_eq!(gained(7.0, 7.0, QUARTER), Some(0.0));
    }

    #[test]
    fn a_restarted_counter_counts_from_nothing() {
        assert_eq!(gained(1500.0, 12.0, QUARTER), Some(12.0));
        assert_eq!(gained(60_000.0, 5.0, QUARTER), Some(5.0), "5541 in a quarter of an hour");
        assert_eq!(gained(30_000.0, 20_000.0, QUARTER), None);
        assert_eq!(gained(0.0, 20_000.0, QUARTER), None);
        let night = TimeDelta::hours(10);
        assert_eq!(gained(1500.0, 12.0, night), Some(12.0), "nobody counts 64 048 in a night");
        assert_eq!(gained(60_000.0, 5.0, night), Some(5541.0));
    }

    #[test]
    fn those_of_a_lost_uplink_are_in_the_total() {
        assert_eq!(passed(Some(2.0), Some(7.0)), Some(7.0));
        assert_eq!(passed(Some(2.0), Some(0.0)), Some(2.0));
        assert_eq!(passed(Some(2.0), None), Some(2.0));
        assert_eq!(passed(None, Some(7.0)), Some(7.0));
        assert_eq!(passed(None, None), None);
    }

    proptest! {
        #[test]
        fn what_can_have_passed_is_found_wherever_the_total_stands(
            before in 0_u32..65_536, passed in 0_u32..1800,
        ) {
            let now = (before + passed) % 65_536;
            let gain = gained(f64::from(before), f64::from(now), QUARTER);
            prop_assert_eq!(gain, Some(f64::from(passed)));
        }

        #[test]
        fn never_more_than_can_have_passed(
            before in 0_u32..65_536, now in 0_u32..65_536, minutes in 1_u32..1440,
        ) {
            let elapsed = TimeDelta::minutes(minutes.into());
            if let Some(gain) = gained(before.into(), now.into(), elapsed) {
                prop_assert!((0.0..=120.0 * f64::from(minutes)).contains(&gain));
            }
        }
    }
}
