use std::time::Duration;

use mqtt_protocol_core::mqtt::packet::v3_1_1;
use tokio::io::AsyncWriteExt;

use super::support::{Bench, Raw, acknowledge, config, publish_qos_0, publish_v5, soon};
use crate::source::listener::{Config, Limits};

#[tokio::test]
async fn full_intake_lets_acknowledgements_and_pings_through() {
    let mut bench = Bench::with(config(), 1).await;
    let mut client = Raw::v5(bench.addr, "ns").await;
    client.send(&publish_v5("a/b", 1, b"body")).await;
    let mut first = bench.next().await;
    for id in 2..=20 {
        client.send(&publish_v5("a/b", id, b"body")).await;
    }
    client.ping().await;
    assert_eq!(bench.arrived(), 2, "one taken by the pipeline and one in the intake");
    acknowledge(&mut first);
    client.expect_puback(1).await;
    client.ping().await;
    for id in 2..=20 {
        bench.commit().await;
        client.expect_puback(id).await;
    }
}

#[tokio::test]
async fn full_intake_stops_reading_and_nothing_is_lost() {
    let limits = Limits { read_ahead_bytes: 10_000, ..config().limits };
    let mut bench = Bench::with(Config { limits, ..config() }, 1).await;
    let client = Raw::v3(bench.addr, "ns").await;
    let count = 20_000_u32;
    let (mut stream, body) = (client.0, [0x55; 1_000]);
    let mut writer = tokio::spawn(async move {
        for number in 0..count {
            let mut body = body;
            body[..4].copy_from_slice(&number.to_be_bytes());
            stream.write_all(&publish_qos_0(&body)).await.unwrap();
        }
        stream
    });
    let unhindered = tokio::time::timeout(Duration::from_millis(300), &mut writer).await;
    assert!(unhindered.is_err(), "20 MB cannot be under way");
    assert_eq!(bench.arrived(), 1);
    for number in 0..count {
        assert_eq!(bench.next().await.message.body[..4], number.to_be_bytes());
    }
    soon(writer).await.unwrap();
}

#[tokio::test]
async fn waiting_for_room_is_not_the_clients_silence() {
    let limits = Limits { read_ahead_bytes: 1, ..config().limits };
    let mut bench = Bench::with(Config { limits, ..config() }, 1).await;
    let connect = v3_1_1::Connect::builder().client_id("ns").unwrap().keep_alive(1);
    let connect = connect.build().unwrap().to_continuous_buffer();
    let (mut waiting, _) = Raw::connect(bench.addr, &connect).await;
    waiting.send(&publish_qos_0(b"1")).await;
    waiting.send(&publish_qos_0(b"2")).await;
    let mut witness_connect = connect.clone();
    *witness_connect.last_mut().unwrap() = b'x';
    let (mut witness, _) = Raw::connect(bench.addr, &witness_connect).await;
    witness.expect_end().await;
    witness = Raw::connect(bench.addr, &witness_connect).await.0;
    witness.expect_end().await;
    bench.next().await;
    bench.next().await;
    waiting.ping().await;
}

#[tokio::test]
async fn what_was_received_is_handed_over_after_the_client_has_left() {
    let mut bench = Bench::with(config(), 1).await;
    let mut client = Raw::v3(bench.addr, "ns").await;
    for number in 0..10 {
        client.send(&publish_qos_0(&[number])).await;
    }
    client.ping().await;
    client.send(&[0xe0, 0x00]).await;
    client.expect_end().await;
    for number in 0..10 {
        assert_eq!(bench.next().await.message.body, [number].as_slice());
    }
}
