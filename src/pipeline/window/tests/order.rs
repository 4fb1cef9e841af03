//! The order in which readings arrive is without effect, and their quality is not.

use proptest::prelude::*;

use super::*;

/// Another order for each number, the same one each time.
fn shuffled(observations: &[Observation], number: u64) -> Vec<Observation> {
    let mut shuffled = observations.to_vec();
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for end in (1..shuffled.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let other = usize::try_from(state >> 33).unwrap() % (end + 1);
        shuffled.swap(end, other);
    }
    shuffled
}

/// Two days at every site: with gaps, a pause, a restart, uncertain and bad values.
fn days() -> Vec<Observation> {
    let litres: Vec<u32> = (0..48).map(|hour| if hour == 30 { 0 } else { 20 + hour % 7 }).collect();
    let mut all = indices("2026-03-28T00:00:00Z", &litres);
    all.retain(|one| !(40..43).contains(&(one.time - at("2026-03-28T00:00:00Z")).num_hours()));
    let start = at("2026-03-28T00:10:00Z");
    for quarter in 0..192_i32 {
        let time = start + TimeDelta::minutes(i64::from(quarter) * 15);
        let mut add = |site: &str, quantity: &str, value: i32| {
            all.push(observation(site, quantity, time, f64::from(value)));
        };
        add("entre", "people_total_a", (65_500 + quarter * 2) % 65_536);
        add("entre", "people_total_b", if quarter < 100 { 700 + quarter } else { quarter - 100 });
        if quarter % 3 != 0 {
            add("entre", "people_count_a", 2);
        }
        add("parkering", "vehicle_count_rtl", quarter % 5);
        add("parkering", "vehicle_count_ltr", quarter % 4);
        add("badplats", "snow_depth", 1);
        add("snostation", "snow_depth", if quarter % 11 == 0 { 3 } else { 1 });
        if quarter % 8 == 0 {
            add("korg", "fill_level", quarter / 8 * 2);
        }
    }
    for (number, one) in all.iter_mut().enumerate() {
        one.quality = match number % 50 {
            13 => SKEWED,
            37 => BAD,
            _ => GOOD,
        };
    }
    all
}

#[test]
fn data_in_any_order_and_twice_come_to_the_same() {
    let days = days();
    let mut in_order = Bench::new(fleet(&["2026-03-01T00:00:00Z"]));
    in_order.take(&days, Occasion::Change);
    let wanted = in_order.all();
    for (site, quantity) in [
        ("va-01", "water_flow_hourly"),
        ("va-01", "water_flow_night_min"),
        ("va-01", "continuous_flow"),
        ("entre", "people_count_in"),
        ("entre", "people_count_out"),
        ("parkering", "occupied_spaces"),
        ("snostation", "snow_depth_median"),
        ("korg", "fill_level_median"),
    ] {
        assert!(!in_order.rows(site, quantity).is_empty(), "{site} {quantity}");
    }
    assert_eq!(in_order.rows("badplats", "snow_depth_median"), []);
    for number in 0..2 {
        let mut bench = Bench::new(fleet(&["2026-03-01T00:00:00Z"]));
        let order = shuffled(&days, number);
        bench.take(&order, Occasion::Change);
        assert_eq!(bench.all(), wanted, "order {number}");
        assert_eq!(bench.take(&order, Occasion::Redecoding), 0, "order {number}");
    }
}

/// What may be observed at the sites: one value at most for each series and time.
fn readings() -> impl Strategy<Value = Vec<Observation>> {
    const SERIES: [(&str, &str, i64); 9] = [
        ("va-01", "water_volume", 60),
        ("entre", "people_total_a", 15),
        ("entre", "people_total_b", 15),
        ("entre", "people_count_a", 15),
        ("parkering", "vehicle_count_rtl", 60),
        ("parkering", "vehicle_count_ltr", 60),
        ("snostation", "snow_depth", 15),
        ("korg", "fill_level", 360),
        ("badplats", "snow_depth", 15),
    ];
    let quality = prop_oneof![6 => Just(GOOD), 1 => Just(SKEWED), 1 => Just(BAD)];
    let key = (0..SERIES.len(), 0_i64..30);
    let all = proptest::collection::btree_map(key, (0_u8..9, quality), 20..90);
    all.prop_map(|all| {
        let reading = |((series, step), (value, quality)): ((usize, i64), (u8, Quality))| {
            let (site, quantity, minutes) = SERIES[series];
            let time = at("2026-03-28T20:00:00Z") + TimeDelta::minutes(step * minutes);
            Observation { quality, ..observation(site, quantity, time, value.into()) }
        };
        all.into_iter().map(reading).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// One by one in order, and in frames in any order, each twice.
    #[test]
    fn the_order_of_readings_and_their_frames_are_without_effect(
        (readings, other) in readings().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        size in 1_usize..12,
        most in prop_oneof![Just(4_usize), Just(2000)],
    ) {
        let arrivals = ["2026-03-01T00:00:00Z", "2026-03-29T06:30:00Z"];
        let mut one = Bench::limited(fleet(&arrivals), WindowLimit(most));
        one.take(&readings, Occasion::Change);
        let mut another = Bench::limited(fleet(&arrivals), WindowLimit(most));
        another.take_frames(other.chunks(size).chain(other.chunks(size)), Occasion::Change);
        prop_assert_eq!(one.all(), another.all());
        prop_assert_eq!(one.take(&other, Occasion::Redecoding), 0);
    }

    /// Whatever comes of uncertain readings is uncertain, and of bad ones comes nothing.
    #[test]
    fn nothing_is_better_than_what_it_comes_from(readings in readings()) {
        let mut bench = Bench::new(fleet(&[]));
        let of = |quality| -> Vec<Observation> {
            readings.iter().map(|one| Observation { quality, ..one.clone() }).collect()
        };
        bench.take_frames([&of(SKEWED)[..]], Occasion::Change);
        for (_, quantity, rows) in bench.all() {
            for row in rows {
                prop_assert!(row.2 != GOOD, "{} {:?}", quantity, row);
            }
        }
        bench.take_frames([&of(BAD)[..]], Occasion::Change);
        prop_assert!(bench.all().iter().all(|(_, _, rows)| rows.is_empty()));
    }
}
