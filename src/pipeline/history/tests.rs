use std::f64::consts::TAU;

use proptest::prelude::*;

use super::*;
use crate::derive::water::swing_max;
use crate::store::UplinkId;

const GOOD: Quality = Quality::Good;
const WAITS: Quality = Quality::Uncertain(Reason::Jump);
const SPIKE: Quality = Quality::Bad(Reason::Jump);
const STUCK: Quality = Quality::Uncertain(Reason::Stuck);
const AIR: Quality = Quality::Uncertain(Reason::OutOfWater);
const WRONG: Quality = Quality::Bad(Reason::OutOfRange);
const SKEWED: Quality = Quality::Uncertain(Reason::ClockSkew);

const JUMP: Rules = Rules {
    jump: Some(Jump { step: 3.0, within: Duration::from_secs(900) }),
    stuck_for: None,
    swing_max: None,
};

/// A name, the minutes and values of readings in the order of their arrival, and their qualities in
/// order of time.
type Case = (&'static str, &'static [(i64, f64)], &'static [Quality]);

fn minute(minutes: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::minutes(minutes)
}

/// A series in a store, judged again with each reading as the pipeline does it.
struct Series {
    rules: Rules,
    readings: Vec<StoredObservation>,
}

impl Series {
    fn of(rules: Rules, readings: &[(i64, f64, Quality)]) -> Self {
        let mut series = Self { rules, readings: Vec::new() };
        for &(minutes, value, quality) in readings {
            series.take(minutes, value, quality);
        }
        series
    }

    fn take(&mut self, minutes: i64, value: f64, quality: Quality) {
        let time = minute(minutes);
        let own = StoredObservation { time, value, quality, uplink: UplinkId(1) };
        let place = self.readings.partition_point(|one| one.time < time);
        if self.readings.get(place).is_some_and(|same| same.time == time) {
            self.readings[place] = own;
        } else {
            self.readings.insert(place, own);
        }
        let (before_max, after_max) = self.rules.reach();
        let (mut before, mut after) = (TimeDelta::minutes(20), TimeDelta::minutes(20));
        let mut runs = Vec::new();
        loop {
            let (from, until) = (time - before, time + after + TimeDelta::microseconds(1));
            let first = self.readings.partition_point(|one| one.time < from);
            let end = self.readings.partition_point(|one| one.time < until);
            let window = Window {
                readings: &self.readings[first..end],
                from,
                until,
                is_start: before >= before_max,
                is_end: after >= after_max,
                runs: &runs,
            };
            match judge(&self.rules, &window, time) {
                Ok(judged) => {
                    for (index, quality) in judged {
                        let reading = &mut self.readings[first + index];
                        assert_ne!(reading.quality, quality);
                        assert!(reading.quality.is_left_to_history());
                        reading.quality = quality;
                    }
                    return;
                }
                Err(Missing::Before) => before = (before * 3).min(before_max),
                Err(Missing::After) => after = (after * 3).min(after_max),
                Err(Missing::Run(index)) => {
                    runs.push((index, self.is_run(first + index)));
                    continue;
                }
            }
            runs.clear();
        }
    }

    fn is_run(&self, last: usize) -> bool {
        let last = self.readings[last];
        let (from, until) = self.rules.begin_of_run(last.time).unwrap();
        let mut run = self.readings.iter().filter(|one| {
            one.quality.is_left_to_history() && from <= one.time && one.time < last.time
        });
        run.clone().next().is_some_and(|first| first.time < until)
            && run.all(|one| one.value.to_bits() == last.value.to_bits())
    }

    fn qualities(&self) -> Vec<Quality> {
        self.readings.iter().map(|reading| reading.quality).collect()
    }
}

fn good(values: &[(i64, f64)]) -> Vec<(i64, f64, Quality)> {
    values.iter().map(|&(minutes, value)| (minutes, value, GOOD)).collect()
}

#[test]
fn a_jump_waits_for_the_next_reading_to_confirm_or_refute_it() {
    #[rustfmt::skip]
    let cases: &[Case] = &[
        ("the first reading", &[(0, 18.0)], &[GOOD]),
        ("a change that water makes", &[(0, 18.0), (15, 21.0)], &[GOOD, GOOD]),
        ("a jump", &[(0, 18.0), (15, 21.2)], &[GOOD, WAITS]),
        ("a jump down", &[(0, 18.0), (15, 14.0)], &[GOOD, WAITS]),
        ("confirmed", &[(0, 18.0), (15, 24.0), (30, 24.5)], &[GOOD, GOOD, GOOD]),
        ("refuted", &[(0, 18.0), (15, 60.0), (30, 18.2)], &[GOOD, SPIKE, GOOD]),
        ("a longer wait", &[(0, 18.0), (60, 29.0)], &[GOOD, GOOD]),
        ("a jump after a longer wait", &[(0, 18.0), (60, 31.0)], &[GOOD, WAITS]),
        ("after a day nothing is a jump", &[(0, 18.0), (1440, 40.0)], &[GOOD, GOOD]),
        ("two jumps", &[(0, 18.0), (15, 60.0), (30, 5.0)], &[GOOD, WAITS, WAITS]),
        ("two jumps and back", &[(0, 18.0), (15, 60.0), (30, 5.0), (45, 18.1)], &[GOOD, SPIKE, SPIKE, GOOD]),
        ("the second jump is confirmed", &[(0, 18.0), (15, 60.0), (30, 24.0), (45, 24.1)], &[GOOD, SPIKE, GOOD, GOOD]),
        ("long after a spike the nearer one is right", &[(0, 18.0), (15, 60.0), (300, 19.0)], &[GOOD, SPIKE, GOOD]),
        ("long after a step the nearer one is right", &[(0, 18.0), (15, 60.0), (300, 59.0)], &[GOOD, GOOD, GOOD]),
        ("nobody ever says", &[(0, 18.0), (15, 60.0), (1440, 18.0)], &[GOOD, WAITS, GOOD]),
        ("a fault that lasts", &[(0, 18.0), (15, 60.0), (30, 50.0), (45, 40.0), (60, 30.0)], &[GOOD, WAITS, WAITS, WAITS, WAITS]),
    ];
    for (name, readings, wanted) in cases {
        assert_eq!(Series::of(JUMP, &good(readings)).qualities(), *wanted, "{name}");
    }
}

#[test]
fn late_data_judges_what_follows_it_again() {
    #[rustfmt::skip]
    let cases: &[Case] = &[
        ("what was a jump has come step by step", &[(0, 18.0), (10, 23.0), (5, 20.5)], &[GOOD, GOOD, GOOD]),
        ("two late readings bear a spike out", &[(0, 18.0), (15, 60.0), (45, 18.0), (20, 60.1)], &[GOOD, GOOD, GOOD, WAITS]),
        ("a late spike", &[(0, 18.0), (30, 18.1), (45, 18.2), (15, 60.0)], &[GOOD, SPIKE, GOOD, GOOD]),
        ("before all", &[(15, 60.0), (0, 18.0), (30, 18.1)], &[GOOD, SPIKE, GOOD]),
        ("the same time again", &[(0, 18.0), (15, 60.0), (30, 18.0), (15, 18.1)], &[GOOD, GOOD, GOOD]),
    ];
    for (name, readings, wanted) in cases {
        assert_eq!(Series::of(JUMP, &good(readings)).qualities(), *wanted, "{name}");
    }
}

#[test]
fn what_is_wrong_in_itself_neither_speaks_nor_is_spoken_of() {
    let readings = [
        (0, 18.0, GOOD),
        (15, 18.1, WRONG),
        (20, 90.0, SKEWED),
        (30, 18.2, GOOD),
        (45, 90.1, GOOD),
    ];
    let series = Series::of(JUMP, &readings);
    assert_eq!(series.qualities(), [GOOD, WRONG, SKEWED, GOOD, WAITS]);
    // What bore a jump out turns out to be wrong.
    let mut series = Series::of(JUMP, &good(&[(0, 18.0), (15, 24.0), (30, 24.1)]));
    assert_eq!(series.qualities(), [GOOD; 3]);
    series.take(30, 24.1, Quality::Bad(Reason::Withdrawn));
    assert_eq!(series.qualities(), [GOOD, WAITS, Quality::Bad(Reason::Withdrawn)]);
}

#[test]
fn exactly_the_same_value_for_too_long_is_stuck_until_it_moves() {
    let rules = Rules { stuck_for: Some(Duration::from_secs(2 * 86_400)), ..Rules::default() };
    let hourly = |hours: std::ops::Range<i64>, value: f64| {
        hours.map(move |hour| (60 * hour, value)).collect::<Vec<_>>()
    };
    let mut series = Series::of(rules, &good(&hourly(0..60, 18.0)));
    let stuck = |series: &Series| series.qualities().iter().filter(|&&one| one == STUCK).count();
    // Of the hours 0 to 59 the first 49 span no more than two days.
    assert_eq!(stuck(&series), 11);
    assert_eq!(series.readings[49].quality, STUCK);
    series.take(60 * 60, 18.1, GOOD);
    series.take(60 * 61, 18.0, GOOD);
    assert_eq!(series.qualities()[60..], [GOOD; 2]);
    // It had moved a little: each part alone is not long enough.
    series.take(30 * 60 + 30, 17.9, GOOD);
    assert_eq!(stuck(&series), 0);
    // And it had not.
    series.take(30 * 60 + 30, 18.0, GOOD);
    assert_eq!(stuck(&series), 11);

    let rare = Series::of(rules, &good(&[(0, 18.0), (4000, 18.0), (8000, 18.0), (12_000, 18.0)]));
    assert_eq!(rare.qualities(), [GOOD; 4], "few readings agree by chance");
}

#[test]
fn a_day_that_swings_like_air_is_out_of_the_water_from_when_it_shows() {
    let rules = Rules { swing_max: Some(swing_max(Some(0.5))), ..JUMP };
    let day = |swing: f64| {
        let value = move |hour: i64| 18.0 + swing / 2.0 * (hour as f64 / 24.0 * TAU).sin();
        (0..60).map(|hour| (60 * hour, value(hour))).collect::<Vec<_>>()
    };
    assert_eq!(Series::of(rules, &good(&day(6.0))).qualities(), [GOOD; 60]);
    let air = Series::of(rules, &good(&day(16.0))).qualities();
    assert_eq!(air[..5], [GOOD; 5]);
    assert_eq!(air[20..], [AIR; 40]);
    // The shallows follow the sun further.
    let shallow = Rules { swing_max: Some(swing_max(Some(0.2))), ..JUMP };
    assert_eq!(Series::of(shallow, &good(&day(11.0))).qualities(), [GOOD; 60]);
    // A spike is no swing.
    let mut spiked = day(6.0);
    spiked[30].1 = 40.0;
    let spiked = Series::of(rules, &good(&spiked)).qualities();
    assert_eq!(spiked[30], SPIKE);
    assert!(spiked.iter().all(|&one| [GOOD, SPIKE].contains(&one)));
}

/// Readings some minutes apart, most of them near each other, some far off, some wrong in themselves.
fn readings() -> impl Strategy<Value = Vec<(i64, f64, Quality)>> {
    let value = prop_oneof![
        6 => (0..8_i32).prop_map(|tenths| 18.0 + f64::from(tenths) / 2.0),
        1 => Just(60.0),
        1 => (0..80_i32).prop_map(f64::from),
        4 => Just(18.0),
    ];
    let quality = prop_oneof![12 => Just(GOOD), 1 => Just(WRONG), 1 => Just(SKEWED)];
    let reading = (1..40_i64, value, quality);
    proptest::collection::vec(reading, 1..40).prop_map(|steps| {
        let mut minutes = 0;
        let each = steps.into_iter().map(|(step, value, quality)| {
            minutes += step;
            (minutes, value, quality)
        });
        each.collect()
    })
}

fn all_rules() -> Rules {
    Rules { stuck_for: Some(Duration::from_secs(3600)), swing_max: Some(swing_max(None)), ..JUMP }
}

proptest! {
    #[test]
    fn no_value_is_altered_and_what_is_wrong_in_itself_stays_so(readings in readings()) {
        let series = Series::of(all_rules(), &readings);
        prop_assert_eq!(series.readings.len(), readings.len());
        for (kept, (minutes, value, quality)) in series.readings.iter().zip(readings) {
            prop_assert_eq!((kept.time, kept.value.to_bits()), (minute(minutes), value.to_bits()));
            if quality == GOOD {
                prop_assert!(kept.quality.is_left_to_history());
            } else {
                prop_assert_eq!(kept.quality, quality);
            }
        }
    }

    #[test]
    fn the_order_of_arrival_does_not_matter(
        (readings, shuffled) in readings().prop_flat_map(|one| (Just(one.clone()), Just(one).prop_shuffle()))
    ) {
        let (straight, shuffled) =
            (Series::of(all_rules(), &readings), Series::of(all_rules(), &shuffled));
        prop_assert_eq!(straight.qualities(), shuffled.qualities());
    }

    #[test]
    fn the_same_again_changes_nothing(readings in readings()) {
        let mut series = Series::of(all_rules(), &readings);
        let before = series.qualities();
        for &(minutes, value, quality) in &readings {
            series.take(minutes, value, quality);
            prop_assert_eq!(&series.qualities(), &before);
        }
    }
}
