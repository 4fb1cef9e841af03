//! The packets of either version of MQTT, as far as a subscriber needs them. `rumqttc` reads and writes
//! the bytes.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rumqttc::mqttbytes::v4;
use rumqttc::v5::mqttbytes::v5;

use super::{Config, Protocol};

/// MQTT 3.1.1 has no way to refuse a large packet but to end the connection, and the broker would
/// send it again for ever. So every packet the protocol allows is taken, and its size judged later.
const V3_PACKET_BYTES_MAX: usize = 268_435_455;

/// Of our only subscription. The broker's own ids are another matter, counted apart.
const SUBSCRIBE_ID: u16 = 1;

/// What a broker says.
pub enum Packet {
    Connected {
        session_present: bool,
        /// The broker wants to hear from us more often than we proposed.
        keep_alive: Option<Duration>,
    },
    Refused(String),
    /// For each filter, why it was refused.
    Subscribed(Vec<Option<String>>),
    Publish(Publish),
    Disconnected(String),
    /// Pings, and what a subscriber is never sent.
    Other,
}

pub struct Publish {
    pub topic: String,
    pub body: Bytes,
    pub retain: bool,
    /// The packet's id; none for QoS 0, which is not acknowledged.
    pub id: Option<u16>,
}

/// Bytes that are no MQTT.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(String);

/// How to write and read one version's packets.
#[derive(Clone, Copy)]
pub struct Wire {
    protocol: Protocol,
    /// Largest packet taken.
    packet_bytes: u32,
}

impl Wire {
    pub fn of(config: &Config) -> Self {
        Self { protocol: config.protocol, packet_bytes: config.limits.packet_bytes }
    }

    /// The first packet: a durable session under our fixed name.
    pub fn connect(
        self,
        config: &Config,
        password: Option<String>,
        output: &mut BytesMut,
    ) -> Result<(), Malformed> {
        let limits = &config.limits;
        let keep_alive = u16::try_from(limits.keep_alive.as_secs()).unwrap_or(u16::MAX);
        let username = config.credentials.as_ref().map(|credentials| credentials.username.clone());
        let login = username.zip(password);
        let client_id = config.client_id.clone();
        match self.protocol {
            Protocol::V5 => {
                let expiry = u32::try_from(limits.session_expiry.as_secs()).unwrap_or(u32::MAX);
                let properties = v5::ConnectProperties {
                    session_expiry_interval: Some(expiry),
                    receive_maximum: Some(limits.receive_maximum),
                    max_packet_size: Some(self.packet_bytes),
                    ..v5::ConnectProperties::new()
                };
                let connect = v5::Connect {
                    keep_alive,
                    client_id,
                    clean_start: false,
                    properties: Some(properties),
                };
                let login = login.map(|(username, password)| v5::Login { username, password });
                written(connect.write(&None, &login, output))
            }
            Protocol::V311 => {
                let login = login.map(|(username, password)| v4::Login { username, password });
                let mut connect = v4::Connect::new(client_id);
                connect.keep_alive = keep_alive;
                connect.clean_session = false;
                connect.login = login;
                written(connect.write(output))
            }
        }
    }

    pub fn subscribe(self, filters: &[String], output: &mut BytesMut) -> Result<(), Malformed> {
        match self.protocol {
            Protocol::V5 => {
                let qos = rumqttc::v5::mqttbytes::QoS::AtLeastOnce;
                let filters = filters.iter().map(|filter| v5::Filter::new(filter.clone(), qos));
                let mut subscribe = v5::Subscribe::new_many(filters, None);
                subscribe.pkid = SUBSCRIBE_ID;
                written(subscribe.write(output))
            }
            Protocol::V311 => {
                let qos = rumqttc::QoS::AtLeastOnce;
                let filters =
                    filters.iter().map(|filter| v4::SubscribeFilter::new(filter.clone(), qos));
                let mut subscribe = v4::Subscribe::new_many(filters);
                subscribe.pkid = SUBSCRIBE_ID;
                written(subscribe.write(output))
            }
        }
    }

    pub fn acknowledge(self, id: u16, output: &mut BytesMut) -> Result<(), Malformed> {
        match self.protocol {
            Protocol::V5 => written(v5::PubAck::new(id, None).write(output)),
            Protocol::V311 => written(v4::PubAck::new(id).write(output)),
        }
    }

    pub fn ping(self, output: &mut BytesMut) -> Result<(), Malformed> {
        match self.protocol {
            Protocol::V5 => written(v5::PingReq::write(output)),
            Protocol::V311 => written(v4::PingReq.write(output)),
        }
    }

    pub fn disconnect(self, output: &mut BytesMut) -> Result<(), Malformed> {
        match self.protocol {
            Protocol::V5 => {
                let reason = v5::DisconnectReasonCode::NormalDisconnection;
                written(v5::Disconnect::new(reason).write(output))
            }
            Protocol::V311 => written(v4::Disconnect.write(output)),
        }
    }

    /// Takes the next packet off the front of `input`; none where more bytes are needed.
    pub fn read(self, input: &mut BytesMut) -> Result<Option<Packet>, Malformed> {
        match self.protocol {
            Protocol::V5 => match v5::Packet::read(input, Some(self.packet_bytes)) {
                Ok(packet) => Ok(Some(of_v5(packet))),
                Err(rumqttc::v5::mqttbytes::Error::InsufficientBytes(_)) => Ok(None),
                Err(error) => Err(Malformed(error.to_string())),
            },
            Protocol::V311 => match v4::Packet::read(input, V3_PACKET_BYTES_MAX) {
                Ok(packet) => Ok(Some(of_v3(packet))),
                Err(rumqttc::mqttbytes::Error::InsufficientBytes(_)) => Ok(None),
                Err(error) => Err(Malformed(error.to_string())),
            },
        }
    }
}

fn written<T, E: std::fmt::Display>(result: Result<T, E>) -> Result<(), Malformed> {
    result.map(|_bytes| ()).map_err(|error| Malformed(error.to_string()))
}

fn of_v5(packet: v5::Packet) -> Packet {
    match packet {
        v5::Packet::ConnAck(ack) if ack.code == v5::ConnectReturnCode::Success => {
            let seconds = ack.properties.and_then(|properties| properties.server_keep_alive);
            Packet::Connected {
                session_present: ack.session_present,
                keep_alive: seconds.map(|seconds| Duration::from_secs(seconds.into())),
            }
        }
        v5::Packet::ConnAck(ack) => Packet::Refused(format!("{:?}", ack.code)),
        v5::Packet::SubAck(ack) => {
            let refusal = |code: &v5::SubscribeReasonCode| match code {
                v5::SubscribeReasonCode::Success(_) => None,
                refused => Some(format!("{refused:?}")),
            };
            Packet::Subscribed(ack.return_codes.iter().map(refusal).collect())
        }
        v5::Packet::Publish(publish) => Packet::Publish(Publish {
            topic: String::from_utf8_lossy(&publish.topic).into_owned(),
            body: publish.payload,
            retain: publish.retain,
            id: (publish.qos != rumqttc::v5::mqttbytes::QoS::AtMostOnce).then_some(publish.pkid),
        }),
        v5::Packet::Disconnect(disconnect) => {
            Packet::Disconnected(format!("{:?}", disconnect.reason_code))
        }
        _ => Packet::Other,
    }
}

fn of_v3(packet: v4::Packet) -> Packet {
    match packet {
        v4::Packet::ConnAck(ack) if ack.code == v4::ConnectReturnCode::Success => {
            Packet::Connected { session_present: ack.session_present, keep_alive: None }
        }
        v4::Packet::ConnAck(ack) => Packet::Refused(format!("{:?}", ack.code)),
        v4::Packet::SubAck(ack) => {
            let refusal = |code: &v4::SubscribeReasonCode| match code {
                v4::SubscribeReasonCode::Success(_) => None,
                v4::SubscribeReasonCode::Failure => Some("refused".to_owned()),
            };
            Packet::Subscribed(ack.return_codes.iter().map(refusal).collect())
        }
        v4::Packet::Publish(publish) => Packet::Publish(Publish {
            topic: publish.topic,
            body: publish.payload,
            retain: publish.retain,
            id: (publish.qos != rumqttc::QoS::AtMostOnce).then_some(publish.pkid),
        }),
        v4::Packet::Disconnect => Packet::Disconnected("without a reason".to_owned()),
        _ => Packet::Other,
    }
}
