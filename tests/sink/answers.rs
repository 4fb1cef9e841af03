//! What a server can answer, and what comes of it.

use std::fs;
use std::time::Duration;

use super::server::{Post, Reply, Server};
use super::{configure, drained};
use crate::cli::stadspuls;
use crate::support::{Home, TestApp, Up, WATER, ago, eventually, never_within, publish};

/// So many uplinks of one device, a minute apart, with rising values from 10.0.
fn send(app: &TestApp, numbers: std::ops::Range<u32>) {
    let up = |number: u32| {
        let tenths = 100 + i16::try_from(number).unwrap();
        Up::water(WATER, number, tenths).at(ago(900 - i64::from(number))).message()
    };
    publish(app.listener("inside"), &numbers.map(up).collect::<Vec<_>>());
}

fn expected(numbers: std::ops::Range<u32>) -> Vec<f64> {
    numbers.map(|number| f64::from(100 + number) / 10.0).collect()
}

fn values(server: &Server) -> Vec<f64> {
    server.values("water_temperature", "value")
}

fn retries(app: &TestApp, reason: &str) -> f64 {
    app.api.metric("sink_retries_total", &[("reason", reason)])
}

#[test]
fn a_request_says_where_to_and_by_whom() {
    let server = Server::accepting();
    let home = Home::new();
    configure(&home, &server.url(), "");
    let app = TestApp::start(&home);
    send(&app, 0..1);
    drained(&app);
    let Post { target, token, lines, .. } = server.posts().remove(0);
    assert_eq!(target, "/api/v2/write?org=alingsas&bucket=stadspuls&precision=us");
    assert_eq!(token, "Token first token");
    let micros = app.changes()[0].observation.time.timestamp_micros();
    let wanted = [
        format!("water_temperature,kind=bathing_place,site=badplatsen value=10,quality=0 {micros}"),
        format!("observed_by,device={WATER},profile=elsys/elt-2,site=badplatsen uplink=1 {micros}"),
        format!(
            "device_radio,device={WATER},source=inside rssi=-97,snr=6.5,sf=9,gateways=1,f_cnt=0,lost=0 {micros}"
        ),
    ];
    assert_eq!(lines, wanted);
}

#[test]
fn frames_that_the_counter_misses_are_told_of() {
    let server = Server::accepting();
    let home = Home::new();
    configure(&home, &server.url(), "");
    let app = TestApp::start(&home);
    send(&app, 0..1);
    send(&app, 4..6);
    app.api.received(3);
    drained(&app);
    assert_eq!(server.values("device_radio", "lost"), [0.0, 3.0, 0.0]);
}

#[test]
fn a_request_that_is_too_large_comes_again_in_pieces() {
    let server = Server::start(|lines, _| match lines.len() {
        0..=6 => Reply::Accept,
        _ => Reply::Refuse(413, "too large"),
    });
    let home = Home::new();
    configure(&home, &server.url(), "");
    let app = TestApp::start(&home);
    send(&app, 0..40);
    app.api.received(40);
    drained(&app);
    assert_eq!(values(&server), expected(0..40));
    assert_eq!(app.api.metric("sink_dead_letters", &[]), 0.0);
    assert_eq!(app.api.metric("sink_points_total", &[]), 120.0);
}

#[test]
fn a_busy_server_is_left_alone_for_as_long_as_it_asks() {
    let mut left = 1;
    let server = Server::start(move |_, _| {
        left -= 1;
        if left >= 0 { Reply::RefuseWith(429, "retry-after: 2") } else { Reply::Accept }
    });
    let home = Home::new();
    configure(&home, &server.url(), "");
    let app = TestApp::start(&home);
    send(&app, 0..3);
    drained(&app);
    let posts = server.posts();
    let pause = posts[1].at - posts[0].at;
    assert!(pause >= Duration::from_secs(2), "{pause:?}, though ours would be 20 ms");
    assert_eq!(retries(&app, "busy"), 1.0);
    assert_eq!(values(&server), expected(0..3));
}

#[test]
fn what_fails_on_the_way_is_sent_again_until_it_is_accepted() {
    let mut replies = vec![
        Reply::CutOff,
        Reply::Silence,
        Reply::Refuse(500, "?"),
        Reply::RefuseWith(503, "retry-after: 0"),
    ];
    let server = Server::start(move |_, _| replies.pop().unwrap_or(Reply::Accept));
    let home = Home::new();
    configure(&home, &server.url(), "answer_timeout = \"300ms\"");
    let app = TestApp::start(&home);
    send(&app, 0..5);
    app.api.received(5);
    drained(&app);
    for (reason, count) in [("server", 2.0), ("timeout", 1.0), ("network", 1.0)] {
        assert_eq!(retries(&app, reason), count, "{reason}");
    }
    assert_eq!(values(&server), expected(0..5));
    assert_eq!(app.api.metric("sink_dead_letters", &[]), 0.0);
}

#[test]
fn a_server_that_nobody_may_write_to_holds_the_sink_until_the_token_is_renewed() {
    for status in [401, 403, 404] {
        let server = Server::start(move |_, token| {
            if token == "Token second token" { Reply::Accept } else { Reply::Refuse(status, "no") }
        });
        let home = Home::new();
        configure(&home, &server.url(), "");
        // So long a pause that only the reload can end it.
        let text = home.read("stadspuls.toml").replace("\"200ms\"", "\"1h\"");
        home.write("stadspuls.toml", &text);
        let app = TestApp::start(&home);
        send(&app, 0..4);
        app.api.reaches("sink_held", &[], 1.0);
        assert_eq!(app.api.complaints()["sink influxdb"], format!("held: {status}: no"));
        send(&app, 4..8);
        app.api.received(8);
        never_within(Duration::from_millis(300), "it is asked again and again", || {
            server.posts().len() > 1
        });
        home.write("influx.token", "second token\n");
        app.reload(&home);
        drained(&app);
        assert_eq!(values(&server), expected(0..8));
        assert_eq!(app.api.metric("sink_held", &[]), 0.0);
        assert_eq!(app.api.complaints().len(), 0);
        assert_eq!(app.api.metric("sink_dead_letters", &[]), 0.0);
    }
}

#[test]
fn a_token_that_is_not_there_yet_holds_the_sink_and_nothing_else() {
    let server = Server::accepting();
    let home = Home::new();
    configure(&home, &server.url(), "");
    fs::remove_file(home.path("influx.token")).unwrap();
    let app = TestApp::start(&home);
    app.api.reaches("sink_held", &[], 1.0);
    let said = app.api.complaints().remove("sink influxdb").unwrap();
    assert!(
        said.starts_with("held: token: cannot read ") && said.contains("influx.token"),
        "{said}"
    );
    send(&app, 0..4);
    app.api.received(4);
    // Nor does it keep a changed fleet from being taken in.
    app.reload(&home);
    assert_eq!(app.api.metric("sink_held", &[]), 1.0);
    assert_eq!(server.posts().len(), 0);

    // Nobody tells the service that it is there now.
    home.write("influx.token", "first token\n");
    drained(&app);
    assert_eq!(values(&server), expected(0..4));
    assert_eq!(server.posts()[0].token, "Token first token");
    assert_eq!(app.api.metric("sink_held", &[]), 0.0);
    assert_eq!(app.api.complaints().len(), 0);
}

#[test]
fn a_token_that_comes_when_nothing_waits_is_taken_too() {
    let server = Server::accepting();
    let home = Home::new();
    configure(&home, &server.url(), "");
    home.write("influx.token", "\n");
    let app = TestApp::start(&home);
    app.api.reaches("sink_held", &[], 1.0);
    home.write("influx.token", "first token\n");
    eventually("the sink is not held", || {
        (app.api.metric("sink_held", &[]) == 0.0 && app.api.complaints().is_empty()).then_some(())
    });
    assert_eq!(server.posts().len(), 0);
}

#[test]
fn a_bad_point_becomes_a_dead_letter_and_the_others_go_on() {
    let is_bad =
        |line: &String| line.starts_with("water_temperature,") && line.contains("value=11.3,");
    let server = Server::start(move |lines, _| {
        if lines.iter().any(is_bad) {
            Reply::Refuse(400, "field type conflict")
        } else {
            Reply::Accept
        }
    });
    let home = Home::new();
    configure(&home, &server.url(), "");
    let app = TestApp::start(&home);
    send(&app, 0..40);
    app.api.received(40);
    app.api.reaches("sink_dead_letters", &[], 1.0);
    drained(&app);
    let all_but_one = || {
        let mut wanted = expected(0..40);
        wanted.retain(|value| (value - 11.3).abs() > 1e-9);
        wanted
    };
    assert_eq!(values(&server), all_but_one());

    let config = home.config();
    let letters = |words: &[&str]| {
        let command = [&["sink", "dead-letters"], words, &["--config", config.to_str().unwrap()]];
        let done = stadspuls(&command.concat());
        assert_eq!(done.code, Some(0), "{}", done.err);
        done.out
    };
    let listed = letters(&["list"]);
    assert!(listed.contains("badplatsen  water_temperature  "), "{listed}");
    assert!(listed.contains("400: field type conflict\n1 dead letter\n"), "{listed}");

    // Tried again it is refused again, as long as the server is as it was.
    let before = server.posts().len();
    assert_eq!(letters(&["retry"]), "1 dead letter will be written again\n");
    eventually("it is tried again", || (server.posts().len() > before).then_some(()));
    eventually("it lies there again", || (!letters(&["list"]).contains("waits")).then_some(()));
    server.answers(|_, _| Reply::Accept);
    letters(&["retry"]);
    eventually("no dead letter is left", || {
        (app.api.metric("sink_dead_letters", &[]) == 0.0).then_some(())
    });
    assert_eq!(values(&server), expected(0..40));
    assert_eq!(letters(&["list"]), "0 dead letters\n");
}

#[test]
fn a_server_that_refuses_more_than_may_lie_there_holds_the_sink() {
    let server = Server::start(|_, _| Reply::Refuse(422, "beyond retention"));
    let home = Home::new();
    configure(&home, &server.url(), "dead_letters_max = 10");
    let app = TestApp::start(&home);
    send(&app, 0..4);
    app.api.reaches("sink_dead_letters", &[], 8.0);
    send(&app, 4..40);
    app.api.reaches("sink_held", &[], 1.0);
    let said = app.api.complaints().remove("sink influxdb").unwrap();
    assert!(said.starts_with("held: 8 dead letters lie there, and more is refused"), "{said}");
    let so_far = server.posts().len();
    never_within(Duration::from_millis(1200), "it is asked again and again", || {
        server.posts().len() > so_far
    });

    server.answers(|_, _| Reply::Accept);
    let config = home.config();
    let config = config.to_str().unwrap();
    let done = stadspuls(&["sink", "dead-letters", "retry", "--config", config]);
    assert_eq!(done.out, "8 dead letters will be written again\n", "{}", done.err);
    drained(&app);
    eventually("all of it is there", || (values(&server) == expected(0..40)).then_some(()));
    assert_eq!(app.api.complaints().len(), 0);
    server.answers(|_, _| Reply::Refuse(422, "beyond retention"));
    send(&app, 40..42);
    app.api.reaches("sink_dead_letters", &[], 4.0);
    let done = stadspuls(&["sink", "dead-letters", "discard", "--all", "--config", config]);
    assert_eq!(done.out, "4 dead letters given up\n", "{}", done.err);
}
