use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use rusqlite::Connection;
use stadspuls::model::Outcome;
use stadspuls::store::{Store, StoreConfig, UplinkFilter};

use crate::support::{
    Home, Message, Mosquitto, Process, Publisher, Up, WATER, ago, eventually, publish,
};

const UPLINKS: u32 = 4000;
const KILLS: u32 = 4;

fn burst() -> Vec<Message> {
    let start = ago(24 * 60);
    (0..UPLINKS)
        .map(|f_cnt| {
            let time = start + chrono::TimeDelta::seconds(f_cnt.into());
            Up::water(WATER, f_cnt, 100).at(time).message()
        })
        .collect()
}

/// How often each frame counter is in the ledger, duplicates not counted. The file is sound.
fn ledger(home: &Home) -> BTreeMap<u32, u32> {
    let connection = Connection::open(home.store_file()).unwrap();
    let verdict: String =
        connection.query_row("pragma integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    drop(connection);
    let store = Store::open(&StoreConfig::in_dir(&home.path("data"))).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let everything = UplinkFilter { limit: 1_000_000, ..UplinkFilter::default() };
    let rows = runtime.block_on(store.reader.uplinks(everything)).unwrap();
    let mut counts = BTreeMap::new();
    for row in rows {
        if row.outcome == Outcome::Duplicate {
            continue;
        }
        assert_eq!(row.outcome, Outcome::Stored, "{row:?}");
        *counts.entry(row.f_cnt.unwrap()).or_default() += 1;
    }
    counts
}

fn assert_each_once(home: &Home, wanted: impl IntoIterator<Item = u32>) {
    let counts = ledger(home);
    let twice: Vec<&u32> =
        counts.iter().filter(|(_, count)| **count > 1).map(|(f_cnt, _)| f_cnt).collect();
    assert!(twice.is_empty(), "stored more than once: {twice:?}");
    let missing: Vec<u32> =
        wanted.into_iter().filter(|f_cnt| !counts.contains_key(f_cnt)).collect();
    assert!(missing.is_empty(), "{} were acknowledged and are lost: {missing:?}", missing.len());
}

#[test]
fn what_a_broker_has_taken_is_in_the_ledger_once_however_often_the_service_is_killed() {
    for protocol in ["5", "3.1.1"] {
        let broker = Mosquitto::start();
        let home = Home::new();
        home.configure(&format!(
            "[limits]\nbatch_messages = 40\n[source.main]\nbroker = \"mqtt://{}\"\n\
             protocol = \"{protocol}\"\nclient_id = \"stadspuls\"\nfilters = [\"application/#\"]\n",
            broker.addr()
        ));
        let mut service = Process::start(&home);
        service.api.connected("main");
        let to = broker.addr();
        let publisher = std::thread::spawn(move || publish(to, &burst()));
        let received = |service: &Process, rows: f64| {
            service.api.reaches("uplinks_received_total", &[], rows);
        };
        for kill in 0..KILLS {
            received(&service, f64::from(200 + 150 * kill));
            service.kill9();
            service = Process::start(&home);
        }
        publisher.join().unwrap();
        let last = Up::water(WATER, UPLINKS, 100);
        publish(broker.addr(), &[last.message()]);
        // The broker sends in order, so the last one in means that all are.
        eventually("the last uplink is in the ledger", || {
            let rows = service.api.staff(&format!("uplinks?dev_eui={WATER}&limit=200"));
            let rows = rows["uplinks"].as_array().unwrap().clone();
            rows.iter().any(|row| row["f_cnt"] == UPLINKS).then_some(())
        });
        service.stop();
        assert_each_once(&home, 0..=UPLINKS);
    }
}

/// Publishes what is not yet acknowledged, on one connection that ends when `meanwhile` ends it.
fn publish_the_rest(
    to: SocketAddr,
    burst: &[Message],
    acknowledged: &mut BTreeSet<u32>,
    meanwhile: impl FnOnce(&Publisher),
) {
    let rest: Vec<u32> = (0..UPLINKS).filter(|f_cnt| !acknowledged.contains(f_cnt)).collect();
    let messages: Vec<Message> =
        rest.iter().map(|&f_cnt| burst[usize::try_from(f_cnt).unwrap()].clone()).collect();
    let publisher = Publisher::start(to, &messages);
    meanwhile(&publisher);
    acknowledged.extend(publisher.finish().into_iter().map(|place| rest[place]));
}

#[test]
fn what_the_listener_has_acknowledged_is_in_the_ledger_once_however_often_it_is_killed() {
    let home = Home::new();
    home.configure("[limits]\nbatch_messages = 40\n[listener.inside]\nbind = \"127.0.0.1:0\"\n");
    let burst = burst();
    let mut acknowledged = BTreeSet::new();
    for kill in 1..=KILLS {
        let service = Process::start(&home);
        let to = service.listener("inside");
        publish_the_rest(to, &burst, &mut acknowledged, |publisher| {
            eventually("some are acknowledged", || (publisher.acknowledged() >= 100).then_some(()));
            service.kill9();
        });
        let count = acknowledged.len();
        assert!(count >= 100 * usize::try_from(kill).unwrap(), "only {count} acknowledged");
        // Before anything is repeated, what was acknowledged is there.
        assert_each_once(&home, acknowledged.iter().copied());
    }
    assert!(acknowledged.len() < burst.len(), "it was not killed in the middle");

    let service = Process::start(&home);
    publish_the_rest(service.listener("inside"), &burst, &mut acknowledged, |_| {});
    assert_eq!(acknowledged.len(), burst.len());
    service.stop();
    assert_each_once(&home, 0..UPLINKS);
}

#[test]
fn a_stop_by_the_service_manager_leaves_nothing_to_repeat() {
    let broker = Mosquitto::start();
    let home = Home::new();
    home.configure(&format!(
        "[source.main]\nbroker = \"mqtt://{}\"\nclient_id = \"stadspuls\"\nfilters = [\"#\"]\n",
        broker.addr()
    ));
    let service = Process::start(&home);
    service.api.connected("main");
    let burst = burst();
    let to = broker.addr();
    let publisher = std::thread::spawn(move || publish(to, &burst));
    service.api.reaches("uplinks_received_total", &[], 500.0);
    service.stop();
    publisher.join().unwrap();

    let service = Process::start(&home);
    let rows = || ledger_rows(&service);
    eventually("all is there", || (rows() >= UPLINKS).then_some(()));
    let duplicates = service.api.metric("uplink_outcomes_total", &[("outcome", "duplicate")]);
    assert_eq!(duplicates, 0.0, "all that was committed had been acknowledged");
    service.stop();
    assert_each_once(&home, 0..UPLINKS);
}

/// The number of the newest row, which is how many there are.
fn ledger_rows(service: &Process) -> u32 {
    let newest = service.api.staff("uplinks?limit=1");
    u32::try_from(newest["uplinks"][0]["id"].as_u64().unwrap_or(0)).unwrap()
}
