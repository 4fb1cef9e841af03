use mqtt_protocol_core::mqtt::packet::Qos;

use super::support::{Bench, Raw, publish_v3, publish_v5};

#[tokio::test]
async fn subscription_is_refused_and_the_connection_lives() {
    let mut bench = Bench::start().await;
    let mut client = Raw::v5(bench.addr, "five").await;
    // Two filters, "c/#" and "d".
    client.send(b"\x82\x0d\x00\x05\x00\x00\x03c/#\x01\x00\x01d\x00").await;
    assert_eq!(client.packet().await, Some((0x90, vec![0, 5, 0, 0x87, 0x87])));
    client.send(b"\xa2\x06\x00\x06\x00\x00\x01d").await;
    assert_eq!(client.packet().await, Some((0xb0, vec![0, 6, 0, 0x11])));
    client.send(&publish_v5("a/b", 7, b"body")).await;
    bench.commit().await;
    client.expect_puback(7).await;

    let mut client = Raw::v3(bench.addr, "three").await;
    client.send(b"\x82\x08\x00\x05\x00\x03c/#\x01").await;
    assert_eq!(client.packet().await, Some((0x90, vec![0, 5, 0x80])));
    client.send(b"\xa2\x05\x00\x06\x00\x01d").await;
    assert_eq!(client.packet().await, Some((0xb0, vec![0, 6])));
    client.send(&publish_v3(Qos::AtLeastOnce, 7, b"body")).await;
    bench.commit().await;
    client.expect_puback(7).await;
    assert_eq!(bench.refused("subscription"), 2);
}
