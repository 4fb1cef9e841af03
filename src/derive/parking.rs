//! How many cars stand in a car park whose entrance is counted.
//!
//! Counters miss some cars and count some twice, a few in a hundred a day, and the sum drifts. So it
//! begins anew once a day, when the number of cars is known best.

use chrono::{DateTime, Days, NaiveTime, TimeDelta, Utc};
use chrono_tz::Europe::Stockholm;

use crate::model::Lot;

/// Cars in the park after so many have come in and gone out since the sum began anew: never fewer than none,
/// never more than there is room for.
#[must_use]
pub fn occupied(lot: &Lot, came: f64, left: f64) -> f64 {
    (came - left + f64::from(lot.offset)).clamp(0.0, f64::from(lot.capacity))
}

/// When the sum last began anew, at or before a time; `reset_at` is Swedish time.
#[must_use]
pub fn last_reset(reset_at: NaiveTime, time: DateTime<Utc>) -> DateTime<Utc> {
    let today = time.with_timezone(&Stockholm).date_naive();
    let days = [today.checked_sub_days(Days::new(1)), Some(today)];
    let mut resets = days.into_iter().flatten().filter_map(|day| {
        let local = day.and_time(reset_at);
        let existing = local.and_local_timezone(Stockholm).earliest();
        // In the hour that is left out when clocks are put forward, it is an hour later at once.
        let existing = existing
            .or_else(|| (local + TimeDelta::hours(1)).and_local_timezone(Stockholm).earliest());
        existing.map(|reset| reset.to_utc())
    });
    resets.rfind(|&reset| reset <= time).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lot(capacity: u32, offset: u32) -> Lot {
        Lot { capacity, offset, reset_at: clock(4, 0) }
    }

    fn clock(hour: u32, minute: u32) -> NaiveTime {
        NaiveTime::from_hms_opt(hour, minute, 0).unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_car_park_holds_what_came_and_has_not_left() {
        assert_eq!(occupied(&lot(120, 0), 80.0, 30.0), 50.0);
        assert_eq!(occupied(&lot(120, 12), 80.0, 30.0), 62.0);
        assert_eq!(occupied(&lot(120, 12), 0.0, 0.0), 12.0);
        assert_eq!(occupied(&lot(120, 0), 3.0, 9.0), 0.0, "more left than came");
        assert_eq!(occupied(&lot(120, 0), 300.0, 9.0), 120.0, "more than there is room for");
    }

    #[test]
    fn the_sum_begins_anew_at_its_hour_in_sweden() {
        let cases = [
            ("2026-07-14T01:59:59Z", "2026-07-13T02:00:00Z"),
            ("2026-07-14T02:00:00Z", "2026-07-14T02:00:00Z"),
            ("2026-07-14T23:30:00Z", "2026-07-14T02:00:00Z"),
            ("2026-01-14T02:30:00Z", "2026-01-13T03:00:00Z"),
        ];
        for (time, wanted) in cases {
            assert_eq!(last_reset(clock(4, 0), at(time)), at(wanted), "{time}");
        }
        // 02:30 does not exist on the day on which clocks are put forward.
        let reset = last_reset(clock(2, 30), at("2026-03-29T12:00:00Z"));
        assert_eq!(reset, at("2026-03-29T01:30:00Z"));
    }

    proptest! {
        #[test]
        fn it_is_never_fuller_than_full(
            capacity in 1_u32..5000, offset in 0_u32..5000, came in 0.0..1e5, left in 0.0..1e5,
        ) {
            let cars = occupied(&lot(capacity, offset), came, left);
            prop_assert!((0.0..=f64::from(capacity)).contains(&cars));
        }

        #[test]
        fn it_is_at_most_a_day_and_the_hour_of_autumn_ago(
            seconds in 0_i64..2_000_000_000, hour in 0_u32..24, minute in 0_u32..60,
        ) {
            let time = DateTime::from_timestamp(seconds, 0).unwrap();
            let reset = last_reset(clock(hour, minute), time);
            prop_assert!(reset <= time && time - reset <= TimeDelta::hours(25));
            prop_assert_eq!(last_reset(clock(hour, minute), reset), reset);
        }
    }
}
