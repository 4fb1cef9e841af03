use mqtt_protocol_core::mqtt::packet::Qos;

use super::support::{Bench, Raw, acknowledge, config, publish_qos_0, publish_v3, publish_v5};
use crate::source::listener::{Config, Limits};

#[tokio::test]
async fn puback_follows_the_commit_and_not_the_publish() {
    let mut bench = Bench::start().await;
    for version in [3, 5] {
        let mut client = if version == 5 {
            Raw::v5(bench.addr, "ns").await
        } else {
            Raw::v3(bench.addr, "ns").await
        };
        let publish = match version {
            5 => publish_v5("a/b", 7, b"body"),
            _ => publish_v3(Qos::AtLeastOnce, 7, b"body"),
        };
        client.send(&publish).await;
        let mut delivery = bench.next().await;
        assert_eq!(delivery.message.topic, "a/b");
        assert_eq!(delivery.message.body, b"body".as_slice());
        client.ping().await;
        acknowledge(&mut delivery);
        client.expect_puback(7).await;
    }
    assert_eq!(bench.arrived(), 2);
}

#[tokio::test]
async fn pubacks_come_in_the_order_of_receipt() {
    let mut bench = Bench::start().await;
    let mut client = Raw::v5(bench.addr, "ns").await;
    let ids = [9, 3, 65_535, 1, 500];
    for id in ids {
        client.send(&publish_v5("a/b", id, b"body")).await;
    }
    for _ in ids {
        bench.commit().await;
    }
    for id in ids {
        client.expect_puback(id).await;
    }
}

#[tokio::test]
async fn qos_0_is_delivered_without_a_receipt() {
    let mut bench = Bench::start().await;
    let mut client = Raw::v3(bench.addr, "ns").await;
    client.send(&publish_qos_0(b"body")).await;
    assert!(bench.next().await.receipt.is_none());
}

#[tokio::test]
async fn retained_flag_and_empty_body_make_no_difference() {
    let mut bench = Bench::start().await;
    let mut client = Raw::v3(bench.addr, "ns").await;
    client.send(&[0x31, 5, 0, 3, b'a', b'/', b'b']).await;
    let delivery = bench.next().await;
    assert_eq!(delivery.message.topic, "a/b");
    assert!(delivery.message.body.is_empty());
}

#[tokio::test]
async fn qos_2_of_3_1_1_is_recorded_after_the_commit_and_delivered_once() {
    let mut bench = Bench::start().await;
    let mut client = Raw::v3(bench.addr, "ns").await;
    let mut publish = publish_v3(Qos::ExactlyOnce, 7, b"body");
    client.send(&publish).await;
    let mut delivery = bench.next().await;
    publish[0] |= 0x08;
    client.send(&publish).await;
    client.ping().await;
    acknowledge(&mut delivery);
    assert_eq!(client.packet().await, Some((0x50, vec![0, 7])));
    client.send(&publish).await;
    assert_eq!(client.packet().await, Some((0x50, vec![0, 7])));
    client.send(&[0x62, 2, 0, 7]).await;
    assert_eq!(client.packet().await, Some((0x70, vec![0, 7])));
    client.send(&[0x62, 2, 0, 7]).await;
    assert_eq!(client.packet().await, Some((0x70, vec![0, 7])), "PUBREL is answered again");
    assert!(bench.deliveries.try_recv().is_err());
}

#[tokio::test]
async fn qos_2_of_mqtt_5_is_refused() {
    let bench = Bench::start().await;
    let mut client = Raw::v5(bench.addr, "ns").await;
    let mut publish = publish_v5("a/b", 7, b"body");
    publish[0] = 0x34;
    client.send(&publish).await;
    client.expect_disconnect(0x9b).await;
    assert_eq!(bench.refused("qos_two"), 1);
}

#[tokio::test]
async fn identifier_in_use_is_repeated_with_dup_and_refused_without() {
    let mut bench = Bench::start().await;
    let mut client = Raw::v3(bench.addr, "ns").await;
    let mut publish = publish_v3(Qos::AtLeastOnce, 7, b"body");
    client.send(&publish).await;
    publish[0] |= 0x08;
    client.send(&publish).await;
    bench.commit().await;
    client.expect_puback(7).await;
    assert!(bench.deliveries.try_recv().is_err());
    publish[0] &= !0x08;
    client.send(&publish).await;
    client.send(&publish).await;
    client.expect_end().await;
    assert_eq!(bench.refused("protocol_error"), 1);
}

#[tokio::test]
async fn more_in_flight_than_announced_is_refused_in_5_and_waits_in_3() {
    let limits = Limits { receive_maximum: 2, ..config().limits };
    let mut bench = Bench::with(Config { limits, ..config() }, 100).await;
    let mut client = Raw::v5(bench.addr, "five").await;
    for id in 1..=3 {
        client.send(&publish_v5("a/b", id, b"body")).await;
    }
    client.expect_disconnect(0x93).await;
    bench.next().await;
    bench.next().await;

    let mut client = Raw::v3(bench.addr, "three").await;
    for id in 1..=3 {
        client.send(&publish_v3(Qos::AtLeastOnce, id, b"body")).await;
    }
    let mut first = bench.next().await;
    let _second = bench.next().await;
    assert_eq!(bench.arrived(), 4);
    acknowledge(&mut first);
    client.expect_puback(1).await;
    bench.commit().await;
    client.expect_puback(3).await;
}

#[tokio::test]
async fn client_gone_before_its_acknowledgement_is_no_harm() {
    let mut bench = Bench::start().await;
    let mut client = Raw::v5(bench.addr, "ns").await;
    client.send(&publish_v5("a/b", 7, b"body")).await;
    let mut late = bench.next().await;
    drop(client);
    let mut client = Raw::v5(bench.addr, "ns").await;
    client.send(&publish_v5("a/b", 7, b"body")).await;
    let mut repeated = bench.next().await;
    acknowledge(&mut late);
    client.ping().await;
    acknowledge(&mut repeated);
    client.expect_puback(7).await;
}
