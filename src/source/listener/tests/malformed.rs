use bytes::BytesMut;
use mqtt_protocol_core::mqtt::packet::Qos;
use proptest::prelude::*;

use super::support::{
    Bench, Raw, config, connect_v3, connect_v5, publish_qos_0, publish_v3, publish_v5,
};
use crate::source::listener::protocol::{Incoming, Protocol};
use crate::source::listener::{Config, Limits};

#[tokio::test]
async fn garbage_closes_and_is_counted() {
    let cases: [(&[u8], &str); 5] = [
        (b"GET / HTTP/1.1\r\nHost: stadspuls\r\n\r\n", "malformed"),
        (b"\x10\xff\xff\xff\xff\x7f", "malformed"),
        (b"\x10\x04\x00\x04MQ", "malformed"),
        (b"\xc0\x00", "malformed"),
        (b"\x10\xff\xff\xff\x7f\x00\x04MQTT", "packet_too_large"),
    ];
    for (garbage, reason) in cases {
        let bench = Bench::start().await;
        let mut client = Raw::open(bench.addr).await;
        client.send(garbage).await;
        client.expect_end().await;
        assert_eq!(bench.refused(reason), 1, "{garbage:?}");
    }
}

#[tokio::test]
async fn other_versions_are_told_so() {
    let bench = Bench::start().await;
    let old = b"\x10\x0e\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x00";
    let (mut client, connack) = Raw::connect(bench.addr, old).await;
    assert_eq!(connack, (0x20, vec![0, 1]));
    client.expect_end().await;
    assert_eq!(bench.refused("protocol_version"), 1);
}

#[tokio::test]
async fn byte_by_byte_is_as_good_as_at_once() {
    let mut bench = Bench::start().await;
    let mut client = Raw::open(bench.addr).await;
    for byte in connect_v5("ns") {
        client.send(&[byte]).await;
    }
    assert_eq!(client.packet().await.unwrap().0, 0x20);
    for byte in publish_v5("a/b", 7, b"body") {
        client.send(&[byte]).await;
    }
    bench.commit().await;
    client.expect_puback(7).await;

    let mut at_once = connect_v3("ns");
    at_once.extend(publish_v3(Qos::AtLeastOnce, 8, b"body"));
    let (mut client, _) = Raw::connect(bench.addr, &at_once).await;
    bench.commit().await;
    client.expect_puback(8).await;
}

#[tokio::test]
async fn half_a_packet_and_gone_delivers_nothing() {
    let mut bench = Bench::start().await;
    let mut client = Raw::v5(bench.addr, "ns").await;
    let publish = publish_v5("a/b", 7, b"body");
    client.send(&publish[..publish.len() - 1]).await;
    drop(client);
    Raw::v5(bench.addr, "ns").await.ping().await;
    assert!(bench.deliveries.try_recv().is_err());
}

#[tokio::test]
async fn oversize_closes_before_it_is_read() {
    let limits = Limits { packet_bytes: 1_000, ..config().limits };
    let bench = Bench::with(Config { limits, ..config() }, 10).await;
    // A header announcing 256 MB, of which not a byte follows.
    let header = [0x32, 0xff, 0xff, 0xff, 0x7f];
    let mut client = Raw::v5(bench.addr, "five").await;
    client.send(&header).await;
    client.expect_disconnect(0x95).await;
    let mut client = Raw::v3(bench.addr, "three").await;
    client.send(&header).await;
    client.expect_end().await;
    assert_eq!(bench.refused("packet_too_large"), 2);
}

#[tokio::test]
async fn topics_beyond_the_rules_close() {
    let bench = Bench::start().await;
    let long = "x".repeat(1_025);
    for topic in ["$SYS/broker", "a/+/b", "a/#", "a\0b", long.as_str()] {
        let mut client = Raw::v5(bench.addr, "ns").await;
        let mut publish = publish_v5(&"y".repeat(topic.len()), 7, b"body");
        let at = publish.windows(topic.len()).position(|part| part[0] == b'y').unwrap();
        publish[at..at + topic.len()].copy_from_slice(topic.as_bytes());
        client.send(&publish).await;
        client.expect_disconnect(0x90).await;
    }
    assert_eq!(bench.refused("topic_name"), 5);
    let mut client = Raw::v3(bench.addr, "ns").await;
    client.send(&[0x30, 2, 0, 0]).await;
    client.expect_end().await;
    let mut client = Raw::v5(bench.addr, "ns").await;
    // An empty topic with alias 1, though none may be used.
    client.send(&[0x30, 6, 0, 0, 3, 0x23, 0, 1]).await;
    client.expect_disconnect(0x94).await;
}

#[tokio::test]
async fn packets_out_of_place_close() {
    let bench = Bench::start().await;
    let auth = [0xf0, 0x00];
    let cases: [&[u8]; 4] = [&auth, &connect_v5("ns"), &[0x20, 3, 0, 0, 0], &[0x40, 2, 0, 1]];
    for packet in cases {
        let mut client = Raw::v5(bench.addr, "ns").await;
        client.send(packet).await;
        let (first, _) = client.packet().await.unwrap();
        assert_eq!(first, 0xe0, "{packet:?}");
        client.expect_end().await;
    }
}

/// Feeds what a peer might send and takes out what may not grow.
fn feed(chunks: &[Vec<u8>]) -> usize {
    let limits = Limits { packet_bytes: 2_000, receive_maximum: 10, ..Limits::default() };
    let mut protocol = Protocol::new(limits);
    let mut published = 0;
    for chunk in chunks {
        let mut input = BytesMut::from(chunk.as_slice());
        loop {
            match protocol.receive(&mut input) {
                Ok(Some(Incoming::Connect(_))) => {
                    if let Err(refusal) = protocol.accept(false, Some("ns")) {
                        protocol.refuse(refusal);
                        return published;
                    }
                }
                Ok(Some(Incoming::Publish(publish))) => {
                    published += 1;
                    assert!(publish.topic.len() + publish.body.len() <= 2_000);
                    if let Some(packet_id) = publish.packet_id.filter(|id| id % 2 == 0) {
                        protocol.acknowledge(packet_id).ok();
                    }
                }
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(refusal) => {
                    protocol.refuse(refusal);
                    return published;
                }
            }
            // A reply is never much larger than what it answers.
            assert!(protocol.outgoing.len() < 4_000);
            protocol.outgoing.clear();
        }
        assert!(input.is_empty());
    }
    published
}

fn packets() -> impl Strategy<Value = Vec<u8>> {
    let garbage = prop::collection::vec(any::<u8>(), 0..60);
    let headed =
        (any::<u8>(), prop::collection::vec(any::<u8>(), 0..40)).prop_map(|(first, body)| {
            let mut packet = vec![first, u8::try_from(body.len()).unwrap()];
            packet.extend(body);
            packet
        });
    let body = prop::collection::vec(any::<u8>(), 0..300);
    prop_oneof![
        1 => garbage,
        3 => headed,
        2 => body.clone().prop_map(|body| publish_qos_0(&body)),
        2 => (1..20_u16, body.clone()).prop_map(|(id, body)| publish_v5("a/b", id, &body)),
        2 => (1..20_u16, body).prop_map(|(id, body)| publish_v3(Qos::ExactlyOnce, id, &body)),
    ]
}

proptest! {
    #[test]
    fn any_bytes_are_survived(
        greeting in prop_oneof![Just(connect_v5("ns")), Just(connect_v3("ns")), packets()],
        packets in prop::collection::vec(packets(), 0..12),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let mut bytes = greeting;
        bytes.extend(packets.concat());
        for (at, value) in flips {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
        }
        let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        ends.extend([0, bytes.len()]);
        ends.sort_unstable();
        let chunks: Vec<_> = ends.windows(2).map(|cut| bytes[cut[0]..cut[1]].to_vec()).collect();
        feed(&chunks);
    }
}
