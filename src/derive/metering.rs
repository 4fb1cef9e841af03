//! What the hours of a water meter say of leaks behind it.
//!
//! Night flow is read between 02:00 and 05:00, when people sleep and leaks do not: UKWIR report
//! 99/WM/08/21. Water that flows in every hour of a day is nobody's use but a leak's, which is what meters and
//! their makers go by as well.

use chrono::{DateTime, TimeDelta, Timelike, Utc};
use chrono_tz::Europe::Stockholm;

/// Hours that must be known of the last [`HOURS`] to speak of them all. A missing hour is no zero hour.
const KNOWN_MIN: usize = 20;

/// Hours that water must flow through.
const HOURS: u8 = 24;

/// m³: what meters resolve. Less in an hour, and the index may merely have been rounded upwards.
const RESOLUTION_M3: f64 = 0.001;

/// Half a cubic centimetre: no meter tells it, and the arithmetic stays far below.
const TOLERANCE_M3: f64 = 5e-7;

/// Indices are told to a cubic centimetre at best; what lies behind is noise of the arithmetic.
const STEPS_PER_M3: f64 = 1e6;

const SECONDS_PER_HOUR: f64 = 3600.0;

/// Readings as far apart as this, in minutes, tell of an hour where a meter reports each hour at a minute of
/// its own.
const OWN_HOUR_MINUTES: std::ops::RangeInclusive<i64> = 45..=75;

/// An hour of a meter's own stands for the hour of the day that ends as near as this to its end.
const OWN_HOUR_OFF: TimeDelta = TimeDelta::minutes(30);

/// Whole hours of a meter's own that lie in a night.
const OWN_HOURS_OF_NIGHT: usize = 2;

/// The night's hours begin at these in Sweden; it is over an hour after the last.
const NIGHT: std::ops::RangeInclusive<u32> = 2..=4;

/// When clocks are put back, a night has an hour more than [`NIGHT`].
const NIGHT_HOURS_MAX: u8 = 4;

/// Whether a time is a whole hour: of those an index is used, between them it says nothing of one hour.
#[must_use]
pub fn is_whole_hour(time: DateTime<Utc>) -> bool {
    time.minute() == 0 && time.second() == 0 && time.nanosecond() == 0
}

/// The mean flow in m³/s through an hour, from the meter's index in m³ at its beginning and its end.
///
/// None where the index has fallen: water ran backwards, or it is another meter's.
#[must_use]
pub fn flow(begin_m3: f64, end_m3: f64) -> Option<f64> {
    let volume = ((end_m3 - begin_m3) * STEPS_PER_M3).round() / STEPS_PER_M3;
    (volume >= 0.0).then(|| volume / SECONDS_PER_HOUR)
}

/// Whether readings lie an hour apart, give or take a quarter.
#[must_use]
pub fn is_own_hour(begin: DateTime<Utc>, end: DateTime<Utc>) -> bool {
    OWN_HOUR_MINUTES.contains(&(end - begin).num_minutes())
}

/// The mean flow in m³/s between two readings, as [`flow`].
#[must_use]
pub fn flow_between(
    (begin, begin_m3): (DateTime<Utc>, f64),
    (end, end_m3): (DateTime<Utc>, f64),
) -> Option<f64> {
    let hours = (end - begin).as_seconds_f64() / SECONDS_PER_HOUR;
    Some(flow(begin_m3, end_m3)? / hours)
}

/// The flows of the last [`HOURS`] hours of a meter's own, each by its end; none for an hour that is not known.
pub fn own_hours_of_day<T: Copy>(
    flows: &std::collections::BTreeMap<DateTime<Utc>, T>,
    end: DateTime<Utc>,
) -> Vec<Option<T>> {
    let nearest = |hour: DateTime<Utc>| {
        let around = flows.range(hour - OWN_HOUR_OFF..hour + OWN_HOUR_OFF);
        around.min_by_key(|(at, _)| (**at - hour).abs()).map(|(_, flow)| *flow)
    };
    hours_of_day(end).map(nearest).collect()
}

/// The flows of the hours of a meter's own that lie in the night of which `end` is the last reading; empty where it
/// is not.
pub fn own_hours_of_night<T: Copy>(
    flows: &std::collections::BTreeMap<DateTime<Utc>, T>,
    end: DateTime<Utc>,
) -> Vec<Option<T>> {
    if is_whole_hour(end) || end.with_timezone(&Stockholm).hour() != *NIGHT.end() {
        return Vec::new();
    }
    let mut hours = own_hours_of_day(flows, end);
    hours.truncate(OWN_HOURS_OF_NIGHT);
    hours
}

/// Whether water has flowed without a pause, from the flow in m³/s of each of the last [`HOURS`]; none stands
/// for an hour that is not known.
///
/// An hour that passed no more than the meter resolves is a pause. None where there was no pause
/// and fewer than 20 hours are known.
#[must_use]
pub fn is_continuous(hours: &[Option<f64>]) -> Option<bool> {
    let known = || hours.iter().flatten();
    if known().any(|&flow| flow * SECONDS_PER_HOUR <= RESOLUTION_M3 + TOLERANCE_M3) {
        return Some(false);
    }
    (known().count() >= KNOWN_MIN).then_some(true)
}

/// The last [`HOURS`] hours, each by its own end, the last of which is `end`.
pub fn hours_of_day(end: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> {
    (0..HOURS).map(move |back| end - TimeDelta::hours(back.into()))
}

/// Whether a night ends at this time: it is 05:00 in Sweden.
#[must_use]
pub fn ends_night(time: DateTime<Utc>) -> bool {
    is_whole_hour(time) && time.with_timezone(&Stockholm).hour() == NIGHT.end() + 1
}

/// The hours of the night that ends at `end`, each by its own end: three, and one fewer or more where
/// clocks are changed.
pub fn hours_of_night(end: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> {
    let ends = (0..NIGHT_HOURS_MAX).map(move |back| end - TimeDelta::hours(back.into()));
    ends.filter(|&end| {
        NIGHT.contains(&(end - TimeDelta::hours(1)).with_timezone(&Stockholm).hour())
    })
}

/// The smallest flow of a night's hours; none where one of them is not known, since it may have been smaller.
#[must_use]
pub fn night_min(hours: &[Option<f64>]) -> Option<f64> {
    let all: Option<Vec<f64>> = hours.iter().copied().collect();
    all?.into_iter().reduce(f64::min)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// m³/s of so many litres an hour.
    fn litres(hours: &[u32]) -> Vec<Option<f64>> {
        hours.iter().map(|&litres| flow(0.0, f64::from(litres) / 1000.0)).collect()
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// Axioma's published frame with the status "leak": 184 and 185 L in each of 15 hours.
    const LEAK: [u32; 15] =
        [184, 185, 184, 184, 184, 185, 184, 184, 184, 184, 184, 184, 185, 185, 185];

    #[test]
    fn the_published_leak_is_one_when_it_has_gone_on_for_a_day() {
        assert_eq!(is_continuous(&litres(&LEAK)), None, "15 hours are too few to say so");
        let day: Vec<u32> = LEAK.iter().copied().cycle().take(HOURS.into()).collect();
        assert_eq!(is_continuous(&litres(&day)), Some(true));
        for hour in 0..usize::from(HOURS) {
            let mut with_a_pause = day.clone();
            with_a_pause[hour] = 0;
            assert_eq!(is_continuous(&litres(&with_a_pause)), Some(false), "{hour}");
        }
    }

    #[test]
    fn a_missing_hour_is_no_zero_hour_and_a_litre_is_no_flow() {
        let mut hours = litres(&[2; 24]);
        for known in (20..24).rev() {
            hours[known] = None;
            assert_eq!(is_continuous(&hours), Some(true), "{known} hours");
        }
        hours[0] = None;
        assert_eq!(is_continuous(&hours), None);
        hours[1] = flow(12.3, 12.301);
        assert_eq!(is_continuous(&hours), Some(false));
        assert_eq!(is_continuous(&[]), None);
    }

    #[test]
    fn the_flow_of_an_hour_is_its_volume() {
        let leak = flow(10.727, 10.911).unwrap();
        assert!((leak - 184.0 / 3.6e6).abs() < 1e-15, "L/h are 3.6 million to the m3/s");
        assert_eq!(flow(71.2, 71.2), Some(0.0));
        assert_eq!(flow(71.2, 71.199), None, "the index has fallen");
        assert_eq!(flow(f64::NAN, 1.0), None);
        assert_eq!(flow(0.0, f64::NAN), None);
    }

    #[test]
    fn a_night_lasts_from_two_to_five_whatever_the_clocks_do() {
        let nights = [
            ("2026-01-15T04:00:00Z", 3),
            ("2026-07-15T03:00:00Z", 3),
            // At 02:00 it becomes 03:00; at 03:00 it becomes 02:00 again, before the night or within it.
            ("2026-03-29T03:00:00Z", 2),
            ("2026-10-25T04:00:00Z", 4),
        ];
        for (end, wanted) in nights {
            assert!(ends_night(at(end)), "{end}");
            let hours: Vec<_> = hours_of_night(at(end)).collect();
            assert_eq!(hours.len(), wanted, "{end}: {hours:?}");
            assert_eq!(hours.first(), Some(&at(end)));
        }
        for no_end in ["2026-01-15T03:00:00Z", "2026-07-15T04:00:00Z", "2026-01-15T04:30:00Z"] {
            assert!(!ends_night(at(no_end)), "{no_end}");
        }
    }

    #[test]
    fn the_night_minimum_is_of_a_night_that_is_known() {
        assert_eq!(night_min(&litres(&[12, 3, 5])), flow(0.0, 0.003));
        assert_eq!(night_min(&[flow(0.0, 0.003), None, flow(0.0, 0.005)]), None);
        assert_eq!(night_min(&[]), None);
    }

    proptest! {
        #[test]
        fn a_pause_ends_it_and_nothing_else_does(
            hours in proptest::collection::vec(proptest::option::of(0_u32..500), 24),
        ) {
            let flows: Vec<_> = hours
                .iter()
                .map(|hour| hour.and_then(|litres| flow(7.0, 7.0 + f64::from(litres) / 1000.0)))
                .collect();
            let paused = hours.iter().flatten().any(|&litres| litres <= 1);
            let known = hours.iter().flatten().count();
            let wanted = if paused { Some(false) } else { (known >= 20).then_some(true) };
            prop_assert_eq!(is_continuous(&flows), wanted);
        }

        #[test]
        fn flows_are_never_negative_and_add_up(
            begin in 0.0..1e6, first in 0_u32..20_000, second in 0_u32..20_000,
        ) {
            let middle = begin + f64::from(first) / 1000.0;
            let end = middle + f64::from(second) / 1000.0;
            let (a, b) = (flow(begin, middle).unwrap(), flow(middle, end).unwrap());
            prop_assert!(a >= 0.0 && b >= 0.0);
            let volume = (a + b) * SECONDS_PER_HOUR;
            prop_assert!((volume - f64::from(first + second) / 1000.0).abs() < 2e-6);
        }

        #[test]
        fn each_day_has_one_night(hour in 0_i64..200_000) {
            let first = DateTime::UNIX_EPOCH + TimeDelta::hours(hour);
            let local = |time: DateTime<Utc>| time.with_timezone(&Stockholm).date_naive();
            let day = local(first);
            let hours = (-30..30).map(|step| first + TimeDelta::hours(step));
            let ends = hours.filter(|&time| local(time) == day && ends_night(time)).count();
            prop_assert_eq!(ends, 1);
        }
    }
}
