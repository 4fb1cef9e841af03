//! What the operator's file may say, and what each rule does.

use std::fs;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use stadspuls::alert::{default_rules, read_rules};
use stadspuls::catalog::Catalog;
use stadspuls::document::Faults;
use stadspuls::store::{NoticeKind, Silence, StoreError};
use tempfile::TempDir;

use super::city::{BATTERY, City, LEAK, LEVEL, Says, at};

fn faults_of(text: &str) -> Vec<String> {
    let faults = Faults::default();
    let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("decoders");
    let catalog = Catalog::load(&[built_in], &faults);
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("alerts.toml"), text).unwrap();
    let rules = read_rules(dir.path(), &catalog, &[], &faults);
    assert!(!rules.is_empty());
    let folder = format!("{}/", dir.path().display());
    faults.into_vec().iter().map(|fault| fault.to_string().replace(&folder, "")).collect()
}

#[test]
fn what_is_wrong_with_a_rule_is_named_with_line_key_value_and_what_is_wanted() {
    let level = |rest: &str| format!("[[rule]]\nid = \"a\"\nquantity = \"water_level\"\n{rest}\n");
    #[rustfmt::skip]
    let cases: &[(String, &str)] = &[
        (level("above = 63.5\nclear = 63.6"), "alerts.toml:5: rule[1].clear is 63.6, want at most above"),
        (level("above = 9000.0"), "alerts.toml:4: rule[1].above is 9000.0, want a limit within the range of water_level"),
        (level("above = 1.0\nsites = [\"ingen\"]"), "alerts.toml:5: rule[1].sites is [\"ingen\"], want ids of sites, as ingen is not"),
        (level("above = 1.0\nsv = \"{longitude}\""), "alerts.toml:5: rule[1].sv is \"{longitude}\", want a text with no placeholders but {site}, {site_id}, {quantity}, {value}, {limit}, {unit}, {since}, {device}, {gateway}, {source}, {count}, {list}"),
        (level("above = 1.0\nseverity = \"panic\""), "alerts.toml:5: rule[1].severity is \"panic\", want one of info, warning, critical"),
        (level("above = \"hett\""), "alerts.toml:4: rule[1].above is \"hett\", want a number"),
        (level("above = 1.0\nbelow = 0.5"), "alerts.toml:2: rule[1].id is \"a\", want a rule with exactly one of above, below, rises, falls, is_on = true, over_baseline, stale_after"),
        // One fault makes no others.
        ("[[rule]]\nid = \"a\"\nquantity = \"leek\"\nis_on = true\nkinds = [\"leak_point\"]\nseverity = \"critical\"\nsv = \"a\"\nen = \"b\"\n".to_owned(),
            "alerts.toml:3: rule[1].quantity is \"leek\", want a quantity of quantities.toml; did you mean leak?"),
        ("[builtin.silent]\nmissd = 4\n".to_owned(), "alerts.toml:2: builtin.silent.missd is 4, an unknown key, want one of the keys en, missed, off, quiet, runbook, severity, sv; did you mean missed?"),
        ("[builtin.silence]\n".to_owned(), "alerts.toml:1: builtin.silence is [builtin.silence], an unknown key, want one of the keys battery_low, clock_skew, codec_failing, counter_gaps, silent, source_quiet; did you mean silent?"),
    ];
    for (text, wanted) in cases {
        assert_eq!(faults_of(text), [*wanted], "{text}");
    }
    assert_eq!(faults_of("[builtin.silent]\noff = true\n"), Vec::<String>::new());
    assert!(default_rules().built_in.silent.is_some(), "it is watched where nobody says anything");
}

fn minute(minutes: i64) -> DateTime<Utc> {
    at("2026-11-02T00:00:00Z") + TimeDelta::minutes(minutes)
}

fn says(sensor: u64, port: u8, value: f64, measured_at: DateTime<Utc>) -> Says {
    Says { sensor, port, value, measured_at, gateways: &["a"] }
}

fn hear(city: &mut City, sensor: u64, port: u8, value: f64, minutes: i64) {
    let one = says(sensor, port, value, minute(minutes));
    city.hear(&[one], minute(minutes) + TimeDelta::seconds(1));
}

const LEVEL_RULE: &str = "[[rule]]\nid = \"hog\"\nquantity = \"water_level\"\nabove = 63.5\nclear = 63.4\nseverity = \"critical\"\n";

#[test]
fn late_data_open_nothing_and_close_nothing() {
    let mut city = City::new(1, LEVEL_RULE, minute(0));
    hear(&mut city, 1, LEVEL, 63.0, 0);
    city.hear(&[says(1, LEVEL, 64.0, minute(-30))], minute(10));
    assert_eq!(city.told(), [], "something newer is known");
    city.hear(&[says(1, LEVEL, 63.6, minute(30))], minute(400));
    assert_eq!(city.told(), [], "nobody can do anything about it any more");
    hear(&mut city, 1, LEVEL, 63.7, 410);
    assert_eq!(city.told().len(), 1);
    city.hear(&[says(1, LEVEL, 63.0, minute(405))], minute(411));
    assert!(!city.told()[0].2, "it is still high");
    hear(&mut city, 1, LEVEL, 63.3, 420);
    assert!(city.told()[0].2);
}

#[test]
fn a_bad_reading_opens_nothing() {
    let mut city = City::new(1, LEVEL_RULE, minute(0));
    hear(&mut city, 1, LEVEL, 63.0, 0);
    // A jump that nothing has confirmed yet, and that the next reading refutes.
    hear(&mut city, 1, LEVEL, 80.0, 15);
    hear(&mut city, 1, LEVEL, 63.0, 30);
    // Outside of what there can be.
    hear(&mut city, 1, LEVEL, 100_000.0, 45);
    assert_eq!(city.told(), []);
}

#[test]
fn a_box_of_sensors_that_nobody_has_installed_is_one_alert() {
    let mut city = City::new(40, "", minute(0));
    for hour in 0..24 {
        hear(&mut city, 1, LEVEL, 63.0, hour * 60);
        city.tick(minute(hour * 60 + 30));
    }
    let told = city.told();
    assert_eq!(told, [("silent".to_owned(), "never-heard".to_owned(), false)]);
    assert!(city.opened()[0].wording.sv.contains("39 sensor"), "{:?}", city.opened()[0].wording);
}

#[test]
fn a_source_that_brings_nothing_is_one_alert_and_not_one_for_each_sensor() {
    let mut city = City::new(12, "", minute(0));
    for hour in 0..6 {
        for sensor in 1..=12 {
            hear(&mut city, sensor, LEVEL, 63.0, hour * 60);
        }
        city.tick(minute(hour * 60 + 20));
    }
    for quarter in 0..24 {
        city.tick(minute(320 + quarter * 15));
    }
    let told = city.told();
    let told: Vec<_> = told.iter().map(|(rule, about, _)| (&**rule, &**about)).collect();
    assert_eq!(
        told,
        [("source-quiet", "source:chirpstack")],
        "the sensors are silent because the connection is"
    );
    for sensor in 1..=12 {
        hear(&mut city, sensor, LEVEL, 63.0, 700);
    }
    assert!(city.told().iter().all(|(_, _, is_over)| *is_over));
}

#[test]
fn a_codec_that_fails_is_told_once_and_is_over_with_the_first_good_uplink() {
    let mut city = City::new(1, "[builtin.source_quiet]\noff = true\n", minute(0));
    for hour in 0..6 {
        city.mumble(1, minute(hour * 60));
        if hour == 4 {
            city.restart(minute(hour * 60 + 1));
        }
    }
    let about = "device:0000000000000001".to_owned();
    assert_eq!(city.told(), [("codec-failing".to_owned(), about.clone(), false)]);
    hear(&mut city, 1, LEVEL, 63.0, 360);
    assert_eq!(city.told(), [("codec-failing".to_owned(), about, true)]);
}

#[test]
fn who_acknowledges_keeps_the_boss_asleep_and_a_silence_the_others_too() {
    let rules =
        "[[rule]]\nid = \"lacka\"\nquantity = \"leak\"\nis_on = true\nseverity = \"critical\"\n";
    let mut city = City::new(2, rules, minute(0));
    hear(&mut city, 1, LEAK, 1.0, 0);
    let alert = city.opened()[0].clone();
    assert_eq!([city.notices("jour", "opened"), city.notices("chef", "opened")], [1, 1]);
    city.deliver(minute(1));
    let acknowledged: Result<_, StoreError> = city
        .store()
        .writer
        .batch(|batch| batch.acknowledge(alert.id, "Eva", Some("på väg"), minute(5)));
    assert_eq!(acknowledged.unwrap().unwrap().acknowledged_by.as_deref(), Some("Eva"));
    assert_eq!([city.notices("jour", "opened"), city.notices("chef", "opened")], [1, 0]);
    hear(&mut city, 1, LEAK, 0.0, 60);
    assert_eq!([city.notices("jour", "resolved"), city.notices("chef", "resolved")], [1, 0]);

    let silence = Silence {
        rule: Some("lacka".into()),
        subject: None,
        from: minute(60),
        until: minute(600),
        who: "Eva".to_owned(),
        why: "vi gräver".to_owned(),
    };
    let silenced: Result<i64, StoreError> =
        city.store().writer.batch(|batch| batch.silence(&silence));
    silenced.unwrap();
    hear(&mut city, 2, LEAK, 1.0, 120);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut due = |minutes| {
        let notices = runtime.block_on(city.store().reader.notices(minute(minutes), 100)).unwrap();
        notices.into_iter().filter(|one| one.kind == NoticeKind::Opened).count()
    };
    assert_eq!((due(130), due(600)), (0, 3), "told when the silence is over");
}

#[test]
fn an_empty_battery_is_told_once_although_it_comes_back_in_the_sun() {
    let mut city = City::new(1, "", minute(0));
    for hour in 0..48 {
        let value = if hour % 2 == 0 { 14.0 } else { 17.0 };
        hear(&mut city, 1, BATTERY, value, hour * 60);
    }
    let told = city.told();
    assert_eq!(told, [("battery-level".to_owned(), "site:plats-1".to_owned(), false)]);
}

#[test]
fn the_network_servers_word_on_a_battery_counts_too() {
    let mut city = City::new(1, "", minute(0));
    for (hour, percent) in [(0, 60.0), (24, 14.0), (48, 16.0), (72, 12.0), (96, 100.0)] {
        city.report_battery(1, percent, minute(hour * 60));
    }
    let about = "device:0000000000000001".to_owned();
    assert_eq!(city.told(), [("battery-level".to_owned(), about, true)]);
    assert_eq!(city.opened()[0].wording.sv, "Plats 1: batteriet är snart slut (14 %)");
}

#[test]
fn a_sensor_is_waited_for_only_while_it_stands_somewhere() {
    let stands = |sensor| match sensor {
        1 => "from = 2026-11-04T00:00:00Z",
        _ => "from = 2026-01-01T00:00:00Z\nuntil = 2026-11-03T00:00:00Z",
    };
    let mut city = City::standing(2, "[builtin.source_quiet]\noff = true\n", stands, minute(0));
    for hour in 0..6 {
        hear(&mut city, 2, LEVEL, 63.0, hour * 60);
        city.tick(minute(hour * 60));
    }
    let look = |city: &mut City, hours: std::ops::Range<i64>| {
        for hour in hours {
            city.tick(minute(hour * 60 + 1));
        }
        city.told()
    };
    let silent = |subject: &str, over| ("silent".to_owned(), format!("device:{subject}"), over);
    let (first, second) = ("0000000000000001", "0000000000000002");
    assert_eq!(look(&mut city, 6..24), [silent(second, false)]);
    assert_eq!(look(&mut city, 24..48), [silent(second, true)], "it has been taken down");
    assert_eq!(look(&mut city, 48..51), [silent(second, true)], "it has just been put up");
    assert_eq!(look(&mut city, 51..54), [silent(second, true), silent(first, false)]);
}

#[test]
fn a_sensor_that_is_taken_down_until_its_next_place_is_no_alert_meanwhile() {
    let rules = "[builtin.source_quiet]\noff = true\n[builtin.silent]\noff = true\n";
    let stands = |_| {
        "from = 2026-01-01T00:00:00Z\nuntil = 2026-11-03T00:00:00Z\n\
                      [[deployment]]\ndev_eui = \"0000000000000001\"\nsite = \"plats-1\"\n\
                      from = 2027-04-01T00:00:00Z"
    };
    let mut city = City::standing(1, rules, stands, minute(0));
    city.report_battery(1, 5.0, minute(10));
    city.tick(minute(11));
    let low = |over| ("battery-level".to_owned(), "device:0000000000000001".to_owned(), over);
    assert_eq!(city.told(), [low(false)]);
    city.tick(minute(24 * 60 + 1));
    assert_eq!(city.told(), [low(true)]);
}
