use std::time::Duration;

use rusqlite::Connection;

use crate::support::{
    Home, Message, Mosquitto, Publisher, TestApp, Up, WATER, ago, eventually, publish,
};

fn uplinks(count: u32) -> Vec<Message> {
    let start = ago(60);
    (0..count)
        .map(|f_cnt| {
            let time = start + chrono::TimeDelta::seconds(f_cnt.into());
            Up::water(WATER, f_cnt, 100).at(time).message()
        })
        .collect()
}

/// Somebody who keeps the store from committing.
fn hold(home: &Home) -> Connection {
    let holder = Connection::open(home.store_file()).unwrap();
    holder.execute_batch("begin exclusive").unwrap();
    holder
}

#[test]
fn the_listener_acknowledges_nothing_while_the_store_cannot_commit_and_goes_on_by_itself() {
    const UPLINKS: u32 = 50;
    let home = Home::new();
    home.configure("[limits]\nintake_messages = 8\n[listener.inside]\nbind = \"127.0.0.1:0\"\n");
    let app = TestApp::start(&home);
    let holder = hold(&home);
    let messages = uplinks(UPLINKS);
    let publisher = Publisher::start(app.listener("inside"), &messages);
    let reason = eventually("health says why", || {
        assert_eq!(publisher.acknowledged(), 0, "acknowledged before the commit");
        app.api.troubles().remove("store")
    });
    assert_eq!(reason, "the database is locked");
    assert!(app.api.metric("store_errors_total", &[("reason", "locked")]) >= 1.0);
    assert!(app.api.metric("intake_depth", &[]) <= 8.0);
    assert_eq!(app.api.metric("uplinks_received_total", &[]), 0.0);
    assert!(app.api.outcomes().is_empty(), "the ledger can be read meanwhile");

    holder.execute_batch("rollback").unwrap();
    assert_eq!(publisher.finish().len(), messages.len());
    app.api.ready();
    assert_eq!(app.api.metric("uplinks_received_total", &[]), f64::from(UPLINKS));
    assert_eq!(app.api.values("badplatsen", "water_temperature").len(), messages.len());
}

#[test]
fn a_source_leaves_while_the_intake_stays_full_and_returns_when_there_is_room() {
    // Side by side, since most of it is waiting.
    std::thread::scope(|scope| {
        for protocol in ["5", "3.1.1"] {
            scope.spawn(|| leaves_and_returns(protocol));
        }
    });
}

fn leaves_and_returns(protocol: &str) {
    const UPLINKS: u32 = 300;
    let broker = Mosquitto::start();
    let home = Home::new();
    home.configure(&format!(
        "[limits]\nintake_messages = 8\nbatch_messages = 4\n\
         [source.main]\nbroker = \"mqtt://{}\"\nprotocol = \"{protocol}\"\n\
         client_id = \"stadspuls\"\nfilters = [\"application/#\"]\nkeep_alive = \"5s\"\n",
        broker.addr()
    ));
    let app = TestApp::start(&home);
    app.api.connected("main");
    let holder = hold(&home);
    publish(broker.addr(), &uplinks(UPLINKS));
    app.api.reaches("source_pauses_total", &[("source", "main")], 1.0);
    assert_eq!(app.api.trouble("store"), "the database is locked");
    assert_eq!(app.api.metric("uplinks_received_total", &[]), 0.0);
    // Longer than the broker waits for a sign of life.
    crate::support::never_within(Duration::from_secs(5), "something was committed", || {
        app.api.metric("uplinks_received_total", &[]) > 0.0
    });
    assert_eq!(app.api.metric("source_connected", &[]), 0.0, "it has left");

    holder.execute_batch("rollback").unwrap();
    app.api.connected("main");
    let stored = [("outcome", "stored")];
    app.api.reaches("uplink_outcomes_total", &stored, f64::from(UPLINKS));
    assert_eq!(app.api.metric("uplink_outcomes_total", &stored), f64::from(UPLINKS));
    app.api.ready();
    assert_eq!(app.api.metric("source_sessions_lost_total", &[]), 0.0);
    assert_eq!(app.api.metric("source_errors_total", &[]), 0.0, "leaving is no error");
    let log = broker.log();
    assert!(!log.contains("exceeded timeout"), "{protocol}: the broker threw us out:\n{log}");
}

#[test]
fn the_service_stops_while_the_store_cannot_commit_and_loses_nothing() {
    const UPLINKS: u32 = 40;
    let broker = Mosquitto::start();
    let home = Home::new();
    home.configure(&format!(
        "[limits]\nintake_messages = 8\n[source.main]\nbroker = \"mqtt://{}\"\n\
         client_id = \"stadspuls\"\nfilters = [\"application/#\"]\n",
        broker.addr()
    ));
    let app = TestApp::start(&home);
    app.api.connected("main");
    let holder = hold(&home);
    publish(broker.addr(), &uplinks(UPLINKS));
    app.api.reaches("messages_arrived_total", &[], 8.0);
    app.stop();
    holder.execute_batch("rollback").unwrap();

    let app = TestApp::start(&home);
    let stored = [("outcome", "stored")];
    app.api.reaches("uplink_outcomes_total", &stored, f64::from(UPLINKS));
    assert_eq!(app.api.values("badplatsen", "water_temperature").len(), 40);
}
