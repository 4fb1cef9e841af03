use std::time::Duration;

use super::*;
use crate::model::{MonthDay, Quality, Reason, Season};
use crate::store::UplinkId;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn noon() -> DateTime<Utc> {
    at("2026-07-14T12:00:00Z")
}

fn lake() -> Bathing {
    Bathing {
        bathing_water_id: None,
        wikidata_id: None,
        lake: None,
        eu_bath: None,
        depth_m: Some(0.5),
        measurement_season: None,
        bathing_season: None,
        current_for: Duration::from_secs(3 * 3600),
        stale_for: Duration::from_secs(24 * 3600),
    }
}

fn summer_lake() -> Bathing {
    let day = |month, day| MonthDay::new(month, day).unwrap();
    Bathing { measurement_season: Some(Season { from: day(5, 15), until: day(9, 15) }), ..lake() }
}

fn seen(time: DateTime<Utc>, value: f64) -> StoredObservation {
    StoredObservation { time, value, quality: Quality::Good, uplink: UplinkId(1) }
}

/// Readings every 15 minutes; the last is at `end`.
fn every_quarter(end: DateTime<Utc>, values: &[f64]) -> Vec<StoredObservation> {
    let steps = (0..i32::try_from(values.len()).unwrap()).rev();
    steps
        .zip(values)
        .map(|(back, value)| seen(end - TimeDelta::minutes(15) * back, *value))
        .collect()
}

/// Days of a sine about `mean` that peaks at 16:00, up to noon; one reading each 15 minutes.
fn days(count: i32, mean: impl Fn(f64) -> f64, swing: f64) -> Vec<StoredObservation> {
    let values: Vec<f64> = (0..=count * 96)
        .map(|quarter| {
            let hours = f64::from(quarter) / 4.0;
            // The first reading is at noon, four hours before the peak.
            let phase = (hours - 4.0) / 24.0 * std::f64::consts::TAU;
            mean(hours) + swing / 2.0 * phase.cos()
        })
        .collect();
    every_quarter(noon(), &values)
}

fn state_of(observations: &[StoredObservation]) -> &'static str {
    assess(&lake(), observations, noon()).state.name()
}

fn shown(observations: &[StoredObservation]) -> Shown {
    assess(&lake(), observations, noon()).state.shown().cloned().unwrap()
}

#[test]
fn a_lake_on_a_summer_day_is_current_with_its_change_and_spread() {
    let shown = shown(&days(2, |hours| 18.0 + hours / 48.0, 2.0));
    assert!((shown.latest.celsius - 19.5).abs() < 0.01, "{shown:?}");
    assert!((shown.change_24h.unwrap() - 0.5).abs() < 0.01, "{shown:?}");
    assert!(shown.last_24h.min > 17.4 && shown.last_24h.max < 20.1, "{shown:?}");
    assert_eq!(shown.curve.len(), 96);
    assert_eq!(shown.valid_until, noon() + TimeDelta::hours(3));
}

#[test]
fn a_lake_that_warms_in_july_is_never_suspect() {
    let warming = days(8, |hours| 17.0 + hours * 6.0 / 192.0, 4.5);
    for until in 1..=warming.len() {
        let so_far = &warming[..until];
        let now = so_far[until - 1].time + TimeDelta::minutes(1);
        let state = assess(&lake(), so_far, now).state;
        assert_eq!(state.name(), "ok", "after {until} readings");
    }
}

#[test]
fn a_sensor_on_a_jetty_is_suspect_from_its_first_afternoon_and_stays_so() {
    let jetty = days(3, |_| 19.0, 14.0);
    let mut first_suspect = None;
    for until in 1..=jetty.len() {
        let so_far = &jetty[..until];
        let state = assess(&lake(), so_far, so_far[until - 1].time).state.name();
        if state == "suspect" {
            first_suspect.get_or_insert(until);
        }
        assert!(first_suspect.is_none() || state == "suspect", "{state} after {until} readings");
    }
    assert!(first_suspect.unwrap() < 96, "found within a day, was {first_suspect:?}");
    assert!(believed(&lake(), &jetty).len() < 80, "history shows no more than was believed");
}

#[test]
fn the_shallows_may_swing_further() {
    let paddling = days(2, |_| 22.0, 10.0);
    let shallow = Bathing { depth_m: Some(0.2), ..lake() };
    assert_eq!(assess(&lake(), &paddling, noon()).state.name(), "suspect");
    assert_eq!(assess(&shallow, &paddling, noon()).state.name(), "ok");
}

#[test]
fn the_last_readings_decide_the_state_and_the_value() {
    // readings each 15 minutes up to now: state, temperature shown
    let cases: &[(&str, &[f64], &str, Option<f64>)] = &[
        ("steady", &[18.0, 18.1, 18.2], "ok", Some(18.2)),
        ("alone", &[18.0], "ok", Some(18.0)),
        ("coldest possible", &[-0.5, -0.5], "ok", Some(-0.5)),
        ("hottest possible", &[35.0, 35.0], "ok", Some(35.0)),
        ("just too cold", &[0.0, -0.51], "suspect", None),
        ("just too hot", &[34.0, 35.01], "suspect", None),
        ("broken wire", &[18.0, 18.0, -200.0], "suspect", None),
        ("broken wire healed", &[18.0, -200.0, 18.1], "ok", Some(18.1)),
        ("never anything but a broken wire", &[-200.0, -200.0], "suspect", None),
        ("not a number", &[18.0, f64::NAN], "suspect", None),
        ("largest step", &[18.1, 21.1], "ok", Some(21.1)),
        ("spike now", &[18.0, 18.0, 22.0], "ok", Some(18.0)),
        ("spike over", &[18.0, 18.0, 22.0, 18.1], "ok", Some(18.1)),
        ("spike first", &[25.0, 18.0, 18.1, 18.1], "ok", Some(18.1)),
        ("jump with one witness", &[18.0, 18.0, 22.0, 22.1], "ok", Some(18.0)),
        ("jump with two witnesses", &[18.0, 18.0, 22.0, 22.1, 22.2], "ok", Some(22.2)),
        ("jump down with two witnesses", &[22.0, 22.0, 17.0, 17.1, 17.2], "ok", Some(17.2)),
        ("noise never agrees", &[18.0, 18.0, 25.0, 11.0, 30.0, 9.0, 26.0], "ok", Some(18.0)),
    ];
    for (name, values, state, celsius) in cases {
        let assessment = assess(&lake(), &every_quarter(noon(), values), noon());
        assert_eq!(assessment.state.name(), *state, "{name}");
        let value = assessment.state.shown().map(|shown| shown.latest.celsius);
        assert_eq!(value, *celsius, "{name}");
    }
}

#[test]
fn a_single_spike_is_in_no_statistics() {
    let mut lake = days(1, |_| 18.0, 1.0);
    lake[50].value = 29.0;
    assert!(shown(&lake).last_24h.max < 19.0);
}

#[test]
fn what_the_store_calls_bad_never_counts() {
    let mut readings = every_quarter(noon(), &[18.0, 18.1]);
    readings[1].quality = Quality::Bad(Reason::OutOfRange);
    assert_eq!(state_of(&readings), "suspect");
}

#[test]
fn an_uncertain_reading_is_shown_as_uncertain() {
    let mut readings = every_quarter(noon(), &[18.0, 18.1]);
    readings[1].quality = Quality::Uncertain(Reason::ClockSkew);
    assert!(shown(&readings).latest.uncertain);
}

#[test]
fn a_reading_grows_stale_and_is_then_withheld() {
    let cases = [
        (0, "ok"),
        (3 * 3600, "ok"),
        (3 * 3600 + 1, "stale"),
        (24 * 3600, "stale"),
        (24 * 3600 + 1, "noData"),
        (400 * 24 * 3600, "noData"),
    ];
    for (age, state) in cases {
        let time = noon() - TimeDelta::seconds(age);
        assert_eq!(state_of(&[seen(time, 18.0)]), state, "{age} s old");
    }
    assert_eq!(state_of(&[]), "noData");
}

#[test]
fn suspicion_ends_when_the_sensor_falls_silent() {
    let time = noon() - TimeDelta::hours(25);
    assert_eq!(state_of(&[seen(time, -200.0)]), "noData");
}

#[test]
fn readings_of_the_future_are_not_looked_at() {
    let future = seen(noon() + TimeDelta::seconds(1), 30.0);
    assert_eq!(state_of(&[future]), "noData");
    let readings = [seen(noon() - TimeDelta::hours(1), 18.0), future];
    assert_eq!(shown(&readings).latest.celsius, 18.0);
}

#[test]
fn change_needs_a_reading_from_about_a_day_before() {
    let cases = [(17, false), (18, true), (24, true), (30, true), (31, false)];
    for (hours, known) in cases {
        let readings = [seen(noon() - TimeDelta::hours(hours), 17.0), seen(noon(), 18.5)];
        let change = shown(&readings).change_24h;
        assert_eq!(change, known.then_some(1.5), "{hours} h before");
    }
}

#[test]
fn what_waits_to_be_confirmed_is_not_shown_and_speaks_against_nothing() {
    let mut readings = every_quarter(noon(), &[18.0, 18.1, 19.5]);
    // A site may say that its water is slower than water is elsewhere.
    readings[2].quality = Quality::Uncertain(Reason::Jump);
    assert_eq!(shown(&readings).latest.celsius, 18.1);
    readings[2].quality = Quality::Good;
    assert_eq!(shown(&readings).latest.celsius, 19.5);
}

#[test]
fn after_a_gap_the_first_reading_is_believed() {
    let readings = [seen(noon() - TimeDelta::hours(20), 14.0), seen(noon(), 19.0)];
    assert_eq!(shown(&readings).latest.celsius, 19.0);
}

#[test]
fn the_measurement_season_is_kept_by_swedish_dates() {
    let cases = [
        ("2026-05-14T21:59:59Z", "offSeason"),
        ("2026-05-14T22:00:00Z", "ok"),
        ("2026-09-15T21:59:59Z", "ok"),
        ("2026-09-15T22:00:00Z", "offSeason"),
        ("2026-12-24T12:00:00Z", "offSeason"),
    ];
    for (now, state) in cases {
        let readings = [seen(at(now), 18.0)];
        let assessment = assess(&summer_lake(), &readings, at(now));
        assert_eq!(assessment.state.name(), state, "{now}");
    }
}

#[test]
fn a_season_begins_without_what_was_measured_before_it() {
    let readings = [seen(at("2026-05-14T21:50:00Z"), 30.0)];
    let assessment = assess(&summer_lake(), &readings, at("2026-05-14T22:05:00Z"));
    assert_eq!(assessment.state, State::NoData);
    assert!(believed(&summer_lake(), &readings).is_empty());
}

#[test]
fn an_assessment_knows_when_it_changed_and_when_it_will() {
    let reading = at("2026-09-15T10:00:00Z");
    // now: since when, until when
    let cases = [
        ("2026-09-15T12:00:00Z", "2026-09-15T10:00:00Z", "2026-09-15T13:00:00Z"),
        // The season ends before the value does.
        ("2026-09-15T14:00:00Z", "2026-09-15T13:00:00Z", "2026-09-15T22:00:00Z"),
        ("2026-11-23T06:00:00Z", "2026-09-15T22:00:00Z", "2027-05-14T22:00:00Z"),
        ("2027-05-16T06:00:00Z", "2027-05-14T22:00:00Z", "2027-09-15T22:00:00Z"),
    ];
    for (now, since, until) in cases {
        let assessment = assess(&summer_lake(), &[seen(reading, 18.0)], at(now));
        assert_eq!(assessment.changed_at, Some(at(since)), "{now}");
        assert_eq!(assessment.changes_at, Some(at(until)), "{now}");
    }
}
