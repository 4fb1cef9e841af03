use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{Client, Connection, Event, MqttOptions};

use super::eventually;

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
    let acknowledged = Publisher::start(to, messages).finish();
    assert_eq!(acknowledged.len(), messages.len(), "the broker went away");
}

/// A client that publishes at QoS 1 on one connection and knows which messages were
/// acknowledged, by their place in what it was given. It does not repeat anything.
pub struct Publisher {
    acknowledged: Arc<Mutex<Vec<usize>>>,
    /// Until all is acknowledged or the connection ends. A thread, because a connection that is
    /// polled for a short time only may be dropped while it is being made.
    work: JoinHandle<()>,
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
        let acknowledged = Arc::default();
        let (wanted, shared) = (messages.len(), Arc::clone(&acknowledged));
        let work = std::thread::spawn(move || {
            follow(connection, &shared, wanted);
            // Without its client a connection would end as soon as all is sent.
            drop(client);
        });
        Self { acknowledged, work }
    }

    /// How many have been acknowledged so far.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    /// Waits until all is acknowledged or the connection has ended. Returns which messages are.
    pub fn finish(self) -> Vec<usize> {
        eventually("all is acknowledged", || self.work.is_finished().then_some(()));
        self.work.join().unwrap();
        std::mem::take(&mut self.acknowledged.lock().unwrap())
    }
}

fn follow(mut connection: Connection, acknowledged: &Mutex<Vec<usize>>, wanted: usize) {
    let mut sent = 0;
    let mut on_their_way = HashMap::new();
    let mut done = 0;
    while done < wanted
        && let Ok(Ok(event)) = connection.recv()
    {
        match event {
            Event::Outgoing(Outgoing::Publish(packet_id)) => {
                on_their_way.insert(packet_id, sent);
                sent += 1;
            }
            Event::Incoming(Packet::PubAck(ack)) => {
                let place = on_their_way.remove(&ack.pkid).expect("a packet on its way");
                acknowledged.lock().unwrap().push(place);
                done += 1;
            }
            _ => {}
        }
    }
}
