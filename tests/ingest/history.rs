//! What the readings before and after it make of a reading.

use serde_json::{Value, json};

use super::with_listener;
use crate::cli::stadspuls;
use crate::support::{ELSEWHERE, TestApp, Up, WATER, ago, publish};

fn send(app: &TestApp, dev_eui: &str, ups: &[(i64, i16)]) {
    let ups = ups.iter().map(|&(minutes, tenths)| {
        let f_cnt = u32::try_from(10_000 - minutes).unwrap();
        Up::water(dev_eui, f_cnt, tenths).at(ago(minutes)).message()
    });
    publish(app.listener("inside"), &ups.collect::<Vec<_>>());
}

fn told(app: &TestApp, site: &str) -> Vec<Value> {
    let observations = app.api.observations(site, "water_temperature");
    observations.iter().map(|one| json!([one["value"], one["quality"], one["reason"]])).collect()
}

fn shown(app: &TestApp) -> Option<f64> {
    app.api.public("/api/v1/badtemperaturer")["sites"][0]["observation"]["temperature"].as_f64()
}

#[test]
fn a_spike_is_bad_and_never_shown() {
    let home = with_listener();
    let app = TestApp::start(&home);
    send(&app, WATER, &[(60, 182), (45, 183), (30, 300)]);
    app.api.received(3);
    let spike = |quality| json!([30.0, quality, "jump"]);
    assert_eq!(told(&app, "badplatsen")[2], spike("uncertain"));
    // Until it is confirmed the last good one stands.
    assert_eq!(app.latest("badplatsen", "water_temperature"), Some(18.3));
    assert_eq!(shown(&app), Some(18.3));

    send(&app, WATER, &[(15, 184)]);
    app.api.received(4);
    let good = |value| json!([value, "good", null]);
    assert_eq!(told(&app, "badplatsen"), [good(18.2), good(18.3), spike("bad"), good(18.4)]);
    assert_eq!(app.latest("badplatsen", "water_temperature"), Some(18.4));
    assert_eq!(shown(&app), Some(18.4));
    verify(&home);
}

#[test]
fn a_jump_that_the_next_reading_confirms_is_good() {
    let home = with_listener();
    let app = TestApp::start(&home);
    send(&app, ELSEWHERE, &[(45, 100), (30, 160)]);
    app.api.received(2);
    assert_eq!(app.latest("bron", "water_temperature"), Some(10.0));
    verify(&home);
    send(&app, ELSEWHERE, &[(15, 161)]);
    app.api.received(3);
    let good = |value| json!([value, "good", null]);
    assert_eq!(told(&app, "bron"), [good(10.0), good(16.0), good(16.1)]);
    assert_eq!(app.latest("bron", "water_temperature"), Some(16.1));
    // Each change of a quality is told to whoever follows.
    let changes = app.changes();
    let values: Vec<f64> = changes.iter().map(|change| change.observation.value).collect();
    assert_eq!(values, [10.0, 16.0, 16.0, 16.1]);
    verify(&home);
}

#[test]
fn late_data_judges_what_follows_it_again() {
    let home = with_listener();
    let app = TestApp::start(&home);
    send(&app, ELSEWHERE, &[(40, 100), (25, 160), (5, 100)]);
    app.api.received(3);
    assert_eq!(told(&app, "bron")[1], json!([16.0, "bad", "jump"]));
    // What was held back by the radio shows that the water came and went.
    send(&app, ELSEWHERE, &[(32, 130), (15, 130)]);
    app.api.received(5);
    let good = |value| json!([value, "good", null]);
    assert_eq!(told(&app, "bron"), [10.0, 13.0, 16.0, 13.0, 10.0].map(good));
    assert_eq!(app.latest("bron", "water_temperature"), Some(10.0));
    verify(&home);
}

#[test]
fn a_rule_of_a_site_judges_its_past_too() {
    let home = with_listener();
    let app = TestApp::start(&home);
    send(&app, ELSEWHERE, &[(60, 100), (45, 125), (30, 101), (15, 260)]);
    app.api.received(4);
    let good = |value| json!([value, "good", null]);
    assert_eq!(told(&app, "bron")[..3], [10.0, 12.5, 10.1].map(good));
    app.stop();

    let rule =
        "[site.quality.water_temperature]\nmax = 25\njump = { step = 1.0, within = \"15m\" }\n";
    let sites = home.read("fleet/sites.toml");
    home.write("fleet/sites.toml", &(sites.clone() + "\n" + rule));
    let app = TestApp::start(&home);
    app.api.reaches("uplinks_redecoded_total", &[], 4.0);
    let bad = |value, reason| json!([value, "bad", reason]);
    let wanted = [good(10.0), bad(12.5, "jump"), good(10.1), bad(26.0, "out_of_range")];
    assert_eq!(told(&app, "bron"), wanted);
    assert_eq!(app.latest("bron", "water_temperature"), Some(10.1));
    app.stop();
    verify(&home);

    // Taken back, all is as it was.
    home.write("fleet/sites.toml", &sites);
    let app = TestApp::start(&home);
    app.api.reaches("uplinks_redecoded_total", &[], 4.0);
    assert_eq!(told(&app, "bron")[..3], [10.0, 12.5, 10.1].map(good));
    assert_eq!(told(&app, "bron")[3], json!([26.0, "uncertain", "jump"]));
    verify(&home);
}

fn verify(home: &crate::support::Home) {
    let config = home.config();
    let verified = stadspuls(&["verify", "--decode", "--config", config.to_str().unwrap()]);
    assert_eq!(verified.code, Some(0), "{}", verified.out);
}
