//! The past, for a bucket that has not got it.

use super::server::{Reply, Server};
use super::{configure, drained, kept};
use crate::cli::stadspuls;
use crate::support::{Home, TestApp, Up, WATER, ago, eventually, publish};

const LISTENER: &str = "[listener.inside]\nbind = \"127.0.0.1:0\"\n";

/// A store with a past of so many uplinks, an hour apart, the last an hour ago, and no sink.
fn with_a_past(home: &Home, uplinks: u32) {
    home.configure(LISTENER);
    let app = TestApp::start(home);
    let up = |number: u32| {
        let tenths = 100 + i16::try_from(number).unwrap();
        Up::water(WATER, number, tenths).at(ago(60 * i64::from(uplinks - number))).message()
    };
    publish(app.listener("inside"), &(0..uplinks).map(up).collect::<Vec<_>>());
    app.api.received(uplinks as usize);
    app.stop();
}

fn backfill(home: &Home, options: &[&str]) -> (Option<i32>, String, String) {
    let config = home.config();
    let command = [&["sink", "backfill", "--config", config.to_str().unwrap()], options].concat();
    let done = stadspuls(&command);
    (done.code, done.out, done.err)
}

#[test]
fn a_new_sink_gets_what_is_new_and_the_past_when_it_is_asked_for() {
    let home = Home::new();
    with_a_past(&home, 100);
    let server = Server::accepting();
    configure(&home, &server.url(), "batch_points = 12");
    let app = TestApp::start(&home);
    publish(app.listener("inside"), &[Up::water(WATER, 100, 200).message()]);
    drained(&app);
    assert_eq!(server.values("water_temperature", "value"), [20.0]);

    assert_eq!(backfill(&home, &[]), (Some(0), "written\n".to_owned(), String::new()));
    let wanted: Vec<f64> = (0..=100).map(|number| f64::from(100 + number) / 10.0).collect();
    assert_eq!(server.values("water_temperature", "value"), wanted);
    assert_eq!(server.values("device_radio", "f_cnt").len(), 101);

    // The bucket is emptied, and half of it is wanted again.
    server.forget();
    let from = (ago(60 * 50) - chrono::TimeDelta::minutes(1)).format("%Y-%m-%dT%H:00:00Z");
    let (code, out, err) = backfill(&home, &["--emptied", "--from", &from.to_string()]);
    assert_eq!((code, out.as_str()), (Some(0), "written\n"), "{err}");
    let there = server.values("water_temperature", "value").len();
    assert!((51..=53).contains(&there), "{there}");
    assert_eq!(kept(&app).len(), 101);
}

#[test]
fn a_past_that_was_asked_for_outlasts_a_restart_and_a_server_that_is_away() {
    let home = Home::new();
    with_a_past(&home, 60);
    let mut left = 5;
    let server = Server::start(move |_, _| {
        left -= 1;
        if left >= 0 { Reply::Accept } else { Reply::Refuse(503, "") }
    });
    configure(&home, &server.url(), "batch_points = 8");
    let app = TestApp::start(&home);
    app.stop();
    let (code, out, err) = backfill(&home, &[]);
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(out, "noted: the service writes it when it runs\n");

    let app = TestApp::start(&home);
    app.api.reaches("sink_retries_total", &[], 2.0);
    assert_eq!(server.values("water_temperature", "value").len(), 20);
    app.stop();
    server.answers(|_, _| Reply::Accept);
    let _app = TestApp::start(&home);
    eventually("all of the past is there", || {
        let all = server.values("water_temperature", "value").len() == 60;
        (all && server.values("device_radio", "rssi").len() == 60).then_some(())
    });
    let first =
        |line: &String| line.starts_with("water_temperature,") && line.contains("value=10,");
    let posts = server.posts();
    let told = posts.iter().filter(|post| post.lines.iter().any(first)).count();
    assert_eq!(told, 1, "it goes on where it was");
}

#[test]
fn without_a_sink_or_a_past_the_command_says_so() {
    let home = Home::new();
    home.configure(LISTENER);
    TestApp::start(&home).stop();
    let (code, _, err) = backfill(&home, &[]);
    assert!(code == Some(1) && err.contains("has no [sink.influxdb]"), "{err}");
    configure(&home, "http://127.0.0.1:9", "");
    let (code, _, err) = backfill(&home, &[]);
    assert!(code == Some(1) && err.contains("nothing is kept of what is asked for"), "{err}");
}
