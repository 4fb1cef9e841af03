use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{Client, Connection, Event, MqttOptions};

/// How long an acknowledgement may take before the publisher gives up.
const PATIENCE: Duration = Duration::from_secs(60);

static CLIENTS: AtomicU32 = AtomicU32::new(0);

#[derive(Clone)]
pub struct Message {
    pub topic: String,
    pub body: Vec<u8>,
    pub retain: bool,
}

impl Message {
    pub fn new(topic: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { topic: topic.to_owned(), body: body.into(), retain: false }
    }
}

/// Publishes at QoS 1 and waits until all is acknowledged.
pub fn publish(to: SocketAddr, messages: &[Message]) {
    let acknowledged = Publisher::start(to, messages).finish(messages.len());
    assert_eq!(acknowledged.len(), messages.len(), "the broker went away");
}

/// A client that publishes at QoS 1 on one connection and knows which messages were
/// acknowledged. It does not repeat anything.
pub struct Publisher {
    _client: Client,
    connection: Connection,
    sent: usize,
    on_their_way: HashMap<u16, usize>,
    acknowledged: Vec<usize>,
}

impl Publisher {
    pub fn start(to: SocketAddr, messages: &[Message]) -> Self {
        let number = CLIENTS.fetch_add(1, Ordering::Relaxed);
        let mut options = MqttOptions::new(
            format!("publisher-{}-{number}", std::process::id()),
            to.ip().to_string(),
            to.port(),
        );
        options.set_keep_alive(Duration::from_secs(300));
        let (client, connection) = Client::new(options, messages.len() + 8);
        for message in messages {
            let Message { topic, body, retain } = message.clone();
            client.publish(topic, QoS::AtLeastOnce, retain, body).unwrap();
        }
        Self {
            _client: client,
            connection,
            sent: 0,
            on_their_way: HashMap::new(),
            acknowledged: Vec::new(),
        }
    }

    /// Goes on until `wanted` messages are acknowledged or the connection ends. Returns which
    /// are, by their place in what was given.
    pub fn finish(mut self, wanted: usize) -> Vec<usize> {
        while self.acknowledged.len() < wanted && self.step(PATIENCE) {}
        self.acknowledged
    }

    /// Goes on for about `time`. Returns how many have been acknowledged so far.
    pub fn go_on(&mut self, time: Duration) -> usize {
        let until = std::time::Instant::now() + time;
        while let Some(left) = until.checked_duration_since(std::time::Instant::now()) {
            if !self.step(left) {
                break;
            }
        }
        self.acknowledged.len()
    }

    /// False when there is nothing more to come.
    fn step(&mut self, patience: Duration) -> bool {
        match self.connection.recv_timeout(patience) {
            Ok(Ok(Event::Outgoing(Outgoing::Publish(packet_id)))) => {
                self.on_their_way.insert(packet_id, self.sent);
                self.sent += 1;
                true
            }
            Ok(Ok(Event::Incoming(Packet::PubAck(ack)))) => {
                self.acknowledged.extend(self.on_their_way.remove(&ack.pkid));
                true
            }
            Ok(Ok(_)) => true,
            Ok(Err(_)) | Err(_) => false,
        }
    }
}
