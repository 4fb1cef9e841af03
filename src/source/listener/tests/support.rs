use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mqtt_protocol_core::mqtt::packet::{Qos, v3_1_1, v5_0};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::intake::Delivery;
use crate::model::{Format, Source};
use crate::source::listener::{Access, Config, Limits, Password, Renewal, bind};
use crate::telemetry::{Metrics, ReasonLabel, SourceLabel};

pub const PINGREQ: [u8; 2] = [0xc0, 0x00];
pub const PINGRESP: (u8, Vec<u8>) = (0xd0, Vec::new());

/// What a test waits for happens at once, or never.
pub async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("happens soon")
}

pub fn config() -> Config {
    Config {
        bind: "127.0.0.1:0".parse().unwrap(),
        source: Arc::new(Source { name: "listener".to_owned(), format: Format::Auto }),
        access: Access::default(),
        sessions: None,
        limits: Limits { linger: Duration::from_secs(5), ..Limits::default() },
    }
}

pub fn with_user() -> Config {
    let users = BTreeMap::from([("chirpstack".to_owned(), Password::new("hemlig"))]);
    Config { access: Access { users, tls: None }, ..config() }
}

/// A running listener whose pipeline is the test itself.
pub struct Bench {
    pub addr: SocketAddr,
    pub deliveries: mpsc::Receiver<Delivery>,
    pub metrics: Arc<Metrics>,
    pub renewal: Renewal,
    pub stop: CancellationToken,
    pub task: JoinHandle<()>,
}

impl Bench {
    pub async fn start() -> Self {
        Self::with(config(), 1_000).await
    }

    pub async fn with(config: Config, intake: usize) -> Self {
        let listener = bind(config).await.expect("port 0 is free");
        let (addr, renewal) = (listener.local_addr(), listener.renewal());
        let (sender, deliveries) = mpsc::channel(intake);
        let metrics = Arc::new(Metrics::default());
        let stop = CancellationToken::new();
        let task = tokio::spawn(listener.run(sender, Arc::clone(&metrics), stop.clone()));
        Self { addr, deliveries, metrics, renewal, stop, task }
    }

    pub async fn next(&mut self) -> Delivery {
        soon(self.deliveries.recv()).await.expect("the listener runs")
    }

    /// Takes the next delivery and acknowledges it from another OS thread, as the pipeline does.
    pub async fn commit(&mut self) -> Delivery {
        let mut delivery = self.next().await;
        acknowledge(&mut delivery);
        delivery
    }

    pub fn refused(&self, reason: &'static str) -> u64 {
        let label = ReasonLabel { source: "listener".to_owned(), reason };
        self.metrics.listener_refused.get_or_create(&label).get()
    }

    pub fn arrived(&self) -> u64 {
        let label = SourceLabel { source: "listener".to_owned() };
        self.metrics.messages_arrived.get_or_create(&label).get()
    }
}

pub fn acknowledge(delivery: &mut Delivery) {
    let receipt = delivery.receipt.take().expect("asks for an acknowledgement");
    std::thread::spawn(move || receipt.acknowledge()).join().unwrap();
}

/// A client that sends and sees single packets.
pub struct Raw(pub TcpStream);

impl Raw {
    pub async fn open(addr: SocketAddr) -> Self {
        Self(TcpStream::connect(addr).await.unwrap())
    }

    pub async fn v5(addr: SocketAddr, client_id: &str) -> Self {
        let (raw, connack) = Self::connect(addr, &connect_v5(client_id)).await;
        assert_eq!((connack.0, connack.1[1]), (0x20, 0x00));
        raw
    }

    pub async fn v3(addr: SocketAddr, client_id: &str) -> Self {
        let (raw, connack) = Self::connect(addr, &connect_v3(client_id)).await;
        assert_eq!(connack, (0x20, vec![0, 0]));
        raw
    }

    /// The connection and the answer to its first packet.
    pub async fn connect(addr: SocketAddr, connect: &[u8]) -> (Self, (u8, Vec<u8>)) {
        let mut raw = Self::open(addr).await;
        raw.send(connect).await;
        let answer = raw.packet().await.expect("an answer");
        (raw, answer)
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        soon(self.0.write_all(bytes)).await.expect("the listener reads");
    }

    /// The next packet's first byte and body; None once the listener has closed.
    pub async fn packet(&mut self) -> Option<(u8, Vec<u8>)> {
        let first = soon(self.0.read_u8()).await.ok()?;
        let (mut length, mut shift) = (0, 0);
        loop {
            let byte = soon(self.0.read_u8()).await.expect("a whole packet");
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        soon(self.0.read_exact(&mut body)).await.expect("a whole packet");
        Some((first, body))
    }

    /// All that was sent so far is answered, and nothing but the PINGRESP came.
    pub async fn ping(&mut self) {
        self.send(&PINGREQ).await;
        assert_eq!(self.packet().await, Some(PINGRESP));
    }

    pub async fn expect_puback(&mut self, packet_id: u16) {
        let expected = (0x40, packet_id.to_be_bytes().to_vec());
        assert_eq!(self.packet().await, Some(expected));
    }

    /// A DISCONNECT with this reason and then the end.
    pub async fn expect_disconnect(&mut self, reason: u8) {
        assert_eq!(self.packet().await, Some((0xe0, vec![reason])));
        self.expect_end().await;
    }

    pub async fn expect_end(&mut self) {
        assert_eq!(self.packet().await, None);
    }
}

pub fn connect_v5(client_id: &str) -> Vec<u8> {
    let connect = v5_0::Connect::builder().client_id(client_id).unwrap().clean_start(true);
    connect.build().unwrap().to_continuous_buffer()
}

pub fn connect_v3(client_id: &str) -> Vec<u8> {
    let connect = v3_1_1::Connect::builder().client_id(client_id).unwrap().clean_session(true);
    connect.build().unwrap().to_continuous_buffer()
}

pub fn publish_v5(topic: &str, packet_id: u16, body: &[u8]) -> Vec<u8> {
    v5_0::Publish::builder()
        .topic_name(topic)
        .unwrap()
        .qos(Qos::AtLeastOnce)
        .packet_id(packet_id)
        .payload(body)
        .build()
        .unwrap()
        .to_continuous_buffer()
}

pub fn publish_v3(qos: Qos, packet_id: u16, body: &[u8]) -> Vec<u8> {
    v3_1_1::Publish::builder()
        .topic_name("a/b")
        .unwrap()
        .qos(qos)
        .packet_id(packet_id)
        .payload(body)
        .build()
        .unwrap()
        .to_continuous_buffer()
}

/// QoS 0, in MQTT 3.1.1.
pub fn publish_qos_0(body: &[u8]) -> Vec<u8> {
    let publish = v3_1_1::Publish::builder().topic_name("a/b").unwrap().payload(body);
    publish.build().unwrap().to_continuous_buffer()
}
