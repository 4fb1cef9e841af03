use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use serde_json::Value;

use super::with_listener;
use crate::support::{Home, TestApp, Up, now, publish};

const METER: &str = "0e7a11fffe000005";

/// Hours of a published frame of a meter that says itself that there is a leak, in L.
const LEAK: [u16; 15] = [184, 185, 184, 184, 184, 185, 184, 184, 184, 184, 184, 184, 185, 185, 185];

/// A leak point with an Axioma W1.
fn with_meter() -> Home {
    let home = with_listener();
    let site = "[[site]]\nid = \"va-01\"\nkind = \"leak_point\"\nname = \"Mätpunkt VA 1\"\n";
    home.write("fleet/sites.toml", &(home.read("fleet/sites.toml") + site));
    home.add_device(METER, "axioma/qalcosonic-w1");
    home.add_deployment(METER, "va-01", "2020-01-01T00:00:00Z", None);
    home
}

/// The index in L after so many hours of `hours`.
fn index(hours: &[u16], after: usize) -> u32 {
    10_727 + hours[..after].iter().map(|&litres| u32::from(litres)).sum::<u32>()
}

/// What a W1 sends some minutes after hour `end`, counted from `start`: its index, and its last 15 hours.
fn frame(start: DateTime<Utc>, hours: &[u16], end: usize) -> Up {
    let hour = |number: usize| start + TimeDelta::hours(i64::try_from(number).unwrap());
    let time = hour(end) + TimeDelta::minutes(7);
    let seconds = |time: DateTime<Utc>| u32::try_from(time.timestamp()).unwrap().to_le_bytes();
    let first = end - 15;
    let mut payload = Vec::new();
    payload.extend(seconds(time));
    payload.push(0x30);
    payload.extend(index(hours, end).to_le_bytes());
    payload.extend(seconds(hour(first)));
    payload.extend(index(hours, first).to_le_bytes());
    payload.extend(hours[first..end].iter().flat_map(|litres| litres.to_le_bytes()));
    assert_eq!(payload.len(), 47);
    Up { f_port: 100, ..Up::of(METER, u32::try_from(end).unwrap(), &payload).at(time) }
}

/// Time and value of what is kept and has not been withdrawn.
fn kept(app: &TestApp, quantity: &str) -> Vec<(DateTime<Utc>, f64)> {
    let observations = app.api.observations("va-01", quantity);
    let kept = observations.iter().filter(|one| one["reason"] != "withdrawn");
    let row = |one: &Value| {
        (one["time"].as_str().unwrap().parse().unwrap(), one["value"].as_f64().unwrap())
    };
    kept.map(row).collect()
}

/// L/h of m³/s.
fn litres(flow: f64) -> u16 {
    format!("{:.0}", flow * 3.6e6).parse().unwrap()
}

#[test]
fn a_leak_around_the_clock_is_told_and_an_hour_without_flow_ends_it() {
    let start = now().duration_trunc(TimeDelta::hours(1)).unwrap() - TimeDelta::hours(30);
    let hour = |number: i64| start + TimeDelta::hours(number);
    let mut hours: Vec<u16> = LEAK.iter().copied().cycle().take(29).collect();
    hours[27] = 0;
    let ends = [15, 19, 23, 27, 28, 29];
    let frames = ends.map(|end| frame(start, &hours, end));

    let home = with_meter();
    let app = TestApp::start(&home);
    let publish_and_wait = |frames: &[Up], received: usize| {
        let messages: Vec<_> = frames.iter().map(Up::message).collect();
        publish(app.listener("inside"), &messages);
        app.api.received(received);
    };
    publish_and_wait(&frames[..2], 2);
    assert_eq!(kept(&app, "water_flow_hourly").len(), 19);
    assert_eq!(app.latest("va-01", "continuous_flow"), None, "19 hours do not make a day");

    publish_and_wait(&frames[2..4], 4);
    let raised: Vec<_> = (20..=27).map(|number| (hour(number), 1.0)).collect();
    assert_eq!(kept(&app, "continuous_flow"), raised);
    assert_eq!(app.latest("va-01", "continuous_flow"), Some(1.0));

    publish_and_wait(&frames[4..], 6);
    let cleared = [(hour(28), 0.0), (hour(29), 0.0)];
    assert_eq!(kept(&app, "continuous_flow"), [&raised[..], &cleared].concat());
    assert_eq!(app.latest("va-01", "continuous_flow"), Some(0.0));

    let flows = kept(&app, "water_flow_hourly");
    assert_eq!(flows.iter().map(|(_, flow)| litres(*flow)).collect::<Vec<_>>(), hours);
    assert_eq!(flows[0].0, hour(1), "a flow stands at the end of its hour");
    // Whenever 29 hours begin, there is a whole night in them.
    let nights = kept(&app, "water_flow_night_min");
    assert!(!nights.is_empty());
    assert!(nights.iter().all(|(_, flow)| [0, 184, 185].contains(&litres(*flow))), "{nights:?}");

    // The same frames backwards, each twice.
    let backwards = TestApp::start(&with_meter());
    let messages: Vec<_> =
        frames.iter().rev().flat_map(|up| [up.message(), up.message()]).collect();
    publish(backwards.listener("inside"), &messages);
    backwards.api.received(12);
    for quantity in ["water_flow_hourly", "continuous_flow", "water_flow_night_min"] {
        assert_eq!(kept(&backwards, quantity), kept(&app, quantity), "{quantity}");
    }
}
