use std::time::Duration;

use super::{source, uplinks};
use crate::support::{Api, Home, Mosquitto, TestApp, eventually, publish};

fn gone(api: &Api, source: &str) {
    eventually("the source sees that the broker has gone", || {
        (api.metric("source_connected", &[("source", source)]) == 0.0).then_some(())
    });
}

/// How often each of so many uplinks was stored: once.
fn each_is_stored_once(api: &Api, uplinks: u32) {
    let label = |outcome| [("outcome", outcome)];
    api.reaches("uplink_outcomes_total", &label("stored"), f64::from(uplinks));
    assert_eq!(api.metric("uplink_outcomes_total", &label("stored")), f64::from(uplinks));
}

#[test]
fn a_source_comes_back_to_a_broker_that_was_restarted_or_killed() {
    for (protocol, kill) in [("5", false), ("5", true), ("3.1.1", false), ("3.1.1", true)] {
        let mut broker = Mosquitto::start();
        let home = Home::new();
        home.configure(&source("main", &broker, &format!("protocol = \"{protocol}\"")));
        let app = TestApp::start(&home);
        app.api.connected("main");
        publish(broker.addr(), &uplinks(0..20));
        app.api.received(20);

        broker.save();
        if kill {
            broker.kill9();
        } else {
            broker.stop();
        }
        gone(&app.api, "main");
        let reason = app.api.trouble("source main");
        assert!(!reason.is_empty());
        broker.restart();
        app.api.connected("main");
        app.api.ready();
        publish(broker.addr(), &uplinks(20..40));
        each_is_stored_once(&app.api, 40);
        let errors = app.api.metric("source_errors_total", &[("source", "main")]);
        assert!(errors >= 1.0, "a lost connection is counted");
        assert_eq!(app.api.metric("source_sessions_lost_total", &[]), 0.0, "{protocol}, {kill}");
    }
}

#[test]
fn what_is_parked_while_the_service_is_away_arrives_when_it_is_back() {
    for protocol in ["5", "3.1.1"] {
        let mut broker = Mosquitto::start();
        let home = Home::new();
        home.configure(&source("main", &broker, &format!("protocol = \"{protocol}\"")));
        let app = TestApp::start(&home);
        app.api.connected("main");
        app.stop();
        publish(broker.addr(), &uplinks(0..30));
        // The session is on disk too.
        broker.stop();
        broker.restart();
        publish(broker.addr(), &uplinks(30..60));
        let app = TestApp::start(&home);
        each_is_stored_once(&app.api, 60);
        assert_eq!(app.api.metric("uplinks_received_total", &[]), 60.0, "nothing came twice");
    }
}

#[test]
fn a_broker_that_has_lost_the_session_is_counted_and_followed_again() {
    let mut broker = Mosquitto::start();
    let home = Home::new();
    home.configure(&source("main", &broker, ""));
    let app = TestApp::start(&home);
    app.api.connected("main");
    assert_eq!(app.api.metric("source_sessions_lost_total", &[]), 0.0, "the first is not lost");
    broker.stop();
    broker.forget_everything();
    gone(&app.api, "main");
    broker.restart();
    app.api.connected("main");
    assert_eq!(app.api.metric("source_sessions_lost_total", &[("source", "main")]), 1.0);
    publish(broker.addr(), &uplinks(0..10));
    each_is_stored_once(&app.api, 10);
}

#[test]
fn a_backlog_is_drained_within_the_intake_and_on_one_connection() {
    const UPLINKS: u32 = 4000;
    const INTAKE: f64 = 16.0;
    for protocol in ["5", "3.1.1"] {
        let broker = Mosquitto::start();
        let home = Home::new();
        let settings = format!("protocol = \"{protocol}\"\nkeep_alive = \"5s\"");
        let limits = "[limits]\nintake_messages = 16\nbatch_messages = 8\n";
        home.configure(&format!("{limits}{}", source("main", &broker, &settings)));
        let app = TestApp::start(&home);
        app.api.connected("main");
        app.stop();
        publish(broker.addr(), &uplinks(0..UPLINKS));

        let app = TestApp::start(&home);
        eventually("the backlog is drained", || {
            let depth = app.api.metric("intake_depth", &[]);
            assert!(depth <= INTAKE, "{depth} messages wait");
            let received = app.api.metric("uplinks_received_total", &[]);
            (received >= f64::from(UPLINKS)).then_some(())
        });
        each_is_stored_once(&app.api, UPLINKS);
        assert_eq!(app.api.metric("source_connections_total", &[]), 1.0, "{protocol}");
        assert_eq!(app.api.metric("source_errors_total", &[]), 0.0, "{protocol}");
        assert_eq!(app.api.metric("uplinks_received_total", &[]), f64::from(UPLINKS));
        let log = broker.log();
        assert!(!log.contains("exceeded timeout"), "{protocol}: the broker threw us out:\n{log}");
    }
}

#[test]
fn a_source_stays_while_nothing_happens_for_longer_than_its_keep_alive() {
    let broker = Mosquitto::start();
    let home = Home::new();
    home.configure(&source("main", &broker, "keep_alive = \"5s\""));
    let app = TestApp::start(&home);
    app.api.connected("main");
    crate::support::never_within(Duration::from_secs(9), "the source is cut off", || {
        app.api.metric("source_connected", &[]) != 1.0
    });
    assert_eq!(app.api.metric("source_connections_total", &[]), 1.0);
    publish(broker.addr(), &uplinks(0..1));
    each_is_stored_once(&app.api, 1);
}
