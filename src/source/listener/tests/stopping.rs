use std::time::Duration;

use super::support::{Bench, Raw, acknowledge, config, publish_v5, soon};
use crate::source::listener::{Config, Limits};
use crate::telemetry::SourceLabel;

#[tokio::test]
async fn stop_acknowledges_what_is_in_flight_and_says_goodbye() {
    let mut bench = Bench::start().await;
    let mut client = Raw::v5(bench.addr, "ns").await;
    let mut idle = Raw::v3(bench.addr, "idle").await;
    client.send(&publish_v5("a/b", 7, b"body")).await;
    let mut delivery = bench.next().await;
    bench.stop.cancel();
    idle.expect_end().await;
    acknowledge(&mut delivery);
    client.expect_puback(7).await;
    client.expect_disconnect(0x8b).await;
    drop((client, idle));
    soon(bench.task).await.unwrap();
    assert!(tokio::net::TcpStream::connect(bench.addr).await.is_err());
    let label = SourceLabel { source: "listener".to_owned() };
    assert_eq!(bench.metrics.listener_connections.get_or_create(&label).get(), 0);
}

#[tokio::test]
async fn stop_waits_no_longer_than_its_grace() {
    let limits = Limits { stop_grace: Duration::from_millis(50), ..config().limits };
    let mut bench = Bench::with(Config { limits, ..config() }, 1).await;
    let mut client = Raw::v5(bench.addr, "ns").await;
    for id in 1..=3 {
        client.send(&publish_v5("a/b", id, b"body")).await;
    }
    let _uncommitted = bench.next().await;
    bench.stop.cancel();
    client.expect_disconnect(0x8b).await;
    drop(client);
    soon(bench.task).await.unwrap();
}

#[tokio::test]
async fn same_client_id_takes_over() {
    let mut bench = Bench::start().await;
    let mut old = Raw::v5(bench.addr, "ns").await;
    let mut new = Raw::v3(bench.addr, "ns").await;
    old.expect_disconnect(0x8e).await;
    new.ping().await;
    let mut newest = Raw::v5(bench.addr, "ns").await;
    new.expect_end().await;
    newest.send(&publish_v5("a/b", 7, b"body")).await;
    bench.commit().await;
    newest.expect_puback(7).await;
}
