use std::process::{Command, Stdio};
use std::time::Duration;

use rumqttc::mqttbytes::QoS as QosV3;
use rumqttc::v5::mqttbytes::QoS as QosV5;

use super::support::{Bench, acknowledge, soon};

const COUNT: u16 = 300;

#[tokio::test]
async fn rumqttc_v5_publishes_and_repeats_after_a_lost_connection() {
    let mut bench = Bench::start().await;
    let mut options = rumqttc::v5::MqttOptions::new("ns", "127.0.0.1", bench.addr.port());
    options.set_clean_start(false).set_keep_alive(Duration::from_secs(30));
    let (client, mut events) = rumqttc::v5::AsyncClient::new(options, 10);
    let polling = tokio::spawn(async move {
        let mut acknowledged = 0;
        let mut lost = 0;
        while acknowledged < COUNT {
            use rumqttc::v5::Event;
            use rumqttc::v5::mqttbytes::v5::Packet;
            match events.poll().await {
                Ok(Event::Incoming(Packet::PubAck(_))) => acknowledged += 1,
                Ok(_) => {}
                Err(_) => lost += 1,
            }
        }
        lost
    });
    client.publish("a/b", QosV5::AtLeastOnce, false, "0").await.unwrap();
    let mut unheard = bench.next().await;
    // Another connection with its name throws the client out before it is acknowledged.
    drop(super::support::Raw::connect(bench.addr, &resuming("ns")).await);
    acknowledge(&mut unheard);
    let publishing = tokio::spawn(async move {
        for number in 1..COUNT {
            let body = number.to_string();
            client.publish("a/b", QosV5::AtLeastOnce, false, body).await.unwrap();
        }
        client
    });
    let mut bodies = Vec::new();
    while bodies.len() < usize::from(COUNT) {
        bodies.push(String::from_utf8(bench.commit().await.message.body.to_vec()).unwrap());
    }
    let expected: Vec<_> = (0..COUNT).map(|number| number.to_string()).collect();
    assert_eq!(bodies, expected, "the first is repeated");
    assert!(soon(polling).await.unwrap() > 0);
    drop(soon(publishing).await.unwrap());
}

/// A CONNECT that leaves the session as it is.
fn resuming(client_id: &str) -> Vec<u8> {
    let mut connect = super::support::connect_v5(client_id);
    connect[9] &= !0x02;
    connect
}

#[tokio::test]
async fn rumqttc_v4_publishes() {
    let mut bench = Bench::start().await;
    let options = rumqttc::MqttOptions::new("ns", "127.0.0.1", bench.addr.port());
    let (client, mut events) = rumqttc::AsyncClient::new(options, 10);
    let polling = tokio::spawn(async move {
        let mut acknowledged = 0;
        while acknowledged < COUNT {
            use rumqttc::{Event, Packet};
            let event = events.poll().await.unwrap();
            acknowledged += u16::from(matches!(event, Event::Incoming(Packet::PubAck(_))));
        }
    });
    let publishing = tokio::spawn(async move {
        for number in 0..COUNT {
            client.publish("a/b", QosV3::AtLeastOnce, false, number.to_string()).await.unwrap();
        }
        client
    });
    for number in 0..COUNT {
        assert_eq!(bench.commit().await.message.body, number.to_string().as_bytes());
    }
    soon(polling).await.unwrap();
    drop(soon(publishing).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn mosquitto_pub_publishes_where_it_is_installed() {
    let mut bench = Bench::start().await;
    for (version, qos) in [("311", "0"), ("311", "1"), ("311", "2"), ("5", "0"), ("5", "1")] {
        let spawned = Command::new("mosquitto_pub")
            .args(["-h", "127.0.0.1", "-p", &bench.addr.port().to_string()])
            .args(["-V", version, "-q", qos, "-t", "a/b", "-m", "body"])
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut publisher) = spawned else { return };
        let mut delivery = bench.next().await;
        assert_eq!(delivery.message.body, b"body".as_slice());
        if qos != "0" {
            acknowledge(&mut delivery);
        }
        assert!(publisher.wait().unwrap().success(), "version {version}, QoS {qos}");
    }
}
