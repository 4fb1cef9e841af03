use std::net::TcpListener;

use super::{source, uplinks};
use crate::support::{Home, Message, Mosquitto, TestApp, Up, WATER, eventually, publish};

#[test]
fn retained_messages_are_dropped_and_counted_at_each_subscription() {
    for protocol in ["5", "3.1.1"] {
        let mut broker = Mosquitto::start();
        let old = Message { retain: true, ..Up::water(WATER, 1, 100).message() };
        publish(broker.addr(), &[old]);
        let home = Home::new();
        home.configure(&source("main", &broker, &format!("protocol = \"{protocol}\"")));
        let app = TestApp::start(&home);
        let dropped = [("source", "main")];
        app.api.reaches("retained_dropped_total", &dropped, 1.0);

        // To those who are subscribed already it is a message like any other.
        let new = Message { retain: true, ..Up::water(WATER, 2, 110).message() };
        publish(broker.addr(), &[new]);
        app.api.received(1);
        assert_eq!(app.api.values("badplatsen", "water_temperature"), [11.0], "{protocol}");

        broker.stop();
        eventually("the source sees that the broker has gone", || {
            (app.api.metric("source_connected", &[]) == 0.0).then_some(())
        });
        broker.restart();
        app.api.reaches("retained_dropped_total", &dropped, 2.0);
        publish(broker.addr(), &uplinks(3..4));
        app.api.received(2);
        assert_eq!(app.api.metric("uplinks_received_total", &[]), 2.0, "{protocol}");
        let arrived = app.api.metric("messages_arrived_total", &[]);
        assert_eq!(arrived, 2.0, "a dropped message has not arrived");
    }
}

#[test]
fn a_dead_broker_does_not_disturb_the_others() {
    let alive = Mosquitto::start();
    // Accepts connections and never answers.
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut dead = Mosquitto::start();
    dead.stop();
    let home = Home::new();
    let mute_source = format!(
        "[source.mute]\nbroker = \"mqtt://{}\"\nclient_id = \"a\"\nfilters = [\"#\"]\n",
        mute.local_addr().unwrap()
    );
    home.configure(&format!(
        "{}{}{mute_source}[listener.inside]\nbind = \"127.0.0.1:0\"\n",
        source("alive", &alive, ""),
        source("dead", &dead, ""),
    ));
    let app = TestApp::start(&home);
    app.api.connected("alive");
    publish(alive.addr(), &uplinks(0..5));
    publish(app.listener("inside"), &uplinks(5..10));
    app.api.received(10);
    assert_eq!(app.api.metric("source_connected", &[("source", "dead")]), 0.0);
    app.api.reaches("source_errors_total", &[("source", "dead"), ("reason", "network")], 1.0);

    let reason = eventually("health tells of the dead broker", || {
        app.api.troubles().remove("source dead").filter(|reason| reason.contains("refused"))
    });
    assert!(!reason.is_empty());
    assert!(app.api.troubles().contains_key("source mute"));
    assert!(!app.api.troubles().contains_key("source alive"));

    dead.restart();
    app.api.connected("dead");
    assert!(!app.api.troubles().contains_key("source dead"));
    publish(dead.addr(), &uplinks(10..15));
    app.api.reaches("uplinks_received_total", &[("source", "dead")], 5.0);
    app.stop();
}

#[test]
fn the_service_stops_at_once_while_a_broker_is_away() {
    let mut broker = Mosquitto::start();
    broker.stop();
    let home = Home::new();
    home.configure(&source("main", &broker, ""));
    let app = TestApp::start(&home);
    app.api.reaches("source_errors_total", &[], 2.0);
    let started = std::time::Instant::now();
    app.stop();
    assert!(started.elapsed().as_secs() < 2, "it took {:?}", started.elapsed());
}
