//! Thirty days in which a river rises, a pipe bursts, a gateway dies and winter comes.

use chrono::{DateTime, TimeDelta, Utc};
use stadspuls::model::AlertState;

use super::city::{AIR, BATTERY, City, LEAK, LEVEL, Says, at};

const RULES: &str = r#"
[[rule]]
id = "hog-niva"
quantity = "water_level"
above = 63.5
clear = 63.4
for = "2h"
severity = "critical"

[[rule]]
id = "stiger-fort"
quantity = "water_level"
rises = { by = 0.2, within = "1h" }

[[rule]]
id = "lacka"
quantity = "leak"
is_on = true
severity = "critical"

[[rule]]
id = "kallt-bad"
quantity = "air_temperature"
below = 5.0
clear = 6.0
season = ["06-01", "08-31"]
"#;

/// A number from 0 to 1 that looks like chance and is the same each time.
fn chance(a: u64, b: u64) -> f64 {
    let mut mixed = (a * 1_000_003 + b).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^= mixed >> 27;
    f64::from(u32::try_from(mixed >> 32).unwrap()) / f64::from(u32::MAX)
}

/// What a sensor says in an hour, if anything reaches the server.
fn said(sensor: u64, hour: u64, begin: DateTime<Utc>) -> Option<Says> {
    let time = begin + TimeDelta::hours(i64::try_from(hour).unwrap());
    let day = hour / 24;
    let gateways: &[&str] = if sensor > 10 && sensor <= 20 { &["nord"] } else { &["syd"] };
    let is_dead_gateway = (day == 15) && (hour % 24) >= 4 && gateways == ["nord"];
    let is_dead_battery = sensor == 7 && day >= 25;
    // One in fifty is lost on the air.
    if is_dead_gateway || is_dead_battery || chance(sensor, hour) < 0.02 {
        return None;
    }
    let noise = chance(hour, sensor) - 0.5;
    let hours = f64::from(u32::try_from(hour).unwrap());
    let (port, value) = match sensor {
        1 => {
            // The river: a wave of half a metre over two days, which rises by 4 cm an hour at most.
            let wave = (hours - 130.0) / 24.0;
            (LEVEL, 63.0 + 0.02 * noise + 0.7 * (-wave * wave).exp())
        }
        2 => (LEAK, f64::from(u8::from((243..252).contains(&hour)))),
        7 => (BATTERY, (100.0 - hours * 0.17 + 2.0 * noise).max(1.0)),
        3..=6 => (LEVEL, 63.0 + 0.05 * noise),
        // Winter comes.
        _ => (AIR, 8.0 - hours * 0.02 + 3.0 * noise),
    };
    Some(Says { sensor, port, value, measured_at: time, gateways })
}

#[test]
fn a_month_wakes_somebody_for_each_true_thing_and_for_nothing_else() {
    let begin = at("2026-10-15T00:00:00Z");
    let mut city = City::new(24, RULES, begin);
    for hour in 0..30 * 24 {
        let now = begin + TimeDelta::hours(i64::try_from(hour).unwrap());
        let mut all: Vec<Says> = (1..=24).filter_map(|sensor| said(sensor, hour, begin)).collect();
        if hour == 16 * 24 {
            // A buffer of the flood, ten days late.
            let measured_at = begin + TimeDelta::hours(131) + TimeDelta::minutes(20);
            all.push(Says { sensor: 3, port: LEVEL, value: 64.2, measured_at, gateways: &["syd"] });
        }
        city.hear(&all, now + TimeDelta::seconds(2));
        for minutes in [15, 30, 45] {
            city.tick(now + TimeDelta::minutes(minutes));
            city.deliver(now + TimeDelta::minutes(minutes));
        }
        if hour % 50 == 49 {
            city.restart(now + TimeDelta::minutes(50));
        }
    }
    let told = city.told();
    let told: Vec<(&str, &str, bool)> =
        told.iter().map(|(rule, about, over)| (&**rule, &**about, *over)).collect();
    assert_eq!(
        told,
        [
            ("hog-niva", "site:plats-1", true),
            ("lacka", "site:plats-2", true),
            ("silent", "gateway:nord", true),
            ("battery-level", "site:plats-7", false),
            ("silent", "device:0000000000000007", false),
        ]
    );
    // The river and the pipe, and that they are over.
    assert_eq!((city.notices("jour", "opened"), city.notices("jour", "resolved")), (2, 2));
    assert_eq!((city.notices("drift", "opened"), city.notices("drift", "resolved")), (5, 3));
    let opened = city.opened();
    assert!(opened.iter().filter(|one| one.state == AlertState::Open).count() == 2);
    for alert in opened {
        let text = format!("{} {}", alert.wording.sv, alert.wording.en);
        assert!(!text.contains("12.5") && !text.contains("57.9"), "a position: {text}");
        assert!(!text.contains('{'), "{text}");
    }
}
