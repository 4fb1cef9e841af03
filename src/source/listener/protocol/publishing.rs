use bytes::Bytes;
use mqtt_protocol_core::mqtt::packet::{Packet, Qos, v3_1_1, v5_0};
use mqtt_protocol_core::mqtt::result_code::PubcompReasonCode;
use mqtt_protocol_core::mqtt::{ArcPayload, Version};

use super::{Incoming, Protocol};
use crate::source::listener::refusal::Refusal;

/// A publish to be handed over.
pub(in crate::source::listener) struct Publish {
    pub(in crate::source::listener) topic: String,
    pub(in crate::source::listener) body: Bytes,
    /// None for QoS 0, which is never acknowledged.
    pub(in crate::source::listener) packet_id: Option<u16>,
}

/// How far a publish with a packet identifier has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Handed over; PUBACK (PUBREC) follows its commit.
    Committing(Qos),
    /// PUBREC is sent and PUBREL awaited (MQTT 3.1.1, 4.3.3).
    Recorded,
}

/// The fixed parts of a PUBLISH that both versions share.
struct Envelope {
    qos: Qos,
    dup: bool,
    packet_id: Option<u16>,
}

/// Lets a body go on to the store in the buffer it was received in.
struct Body(ArcPayload);

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        self.0.as_slice()
    }
}

/// Shares the packet's buffer if the body is most of it. Otherwise the body is copied: a few
/// bytes that wait in a queue must not hold a large packet, properties and all, in memory.
fn body(payload: &ArcPayload) -> Bytes {
    match payload.arc_data() {
        Some(packet) if packet.len() / 2 <= payload.len() => {
            Bytes::from_owner(Body(payload.clone()))
        }
        _ => Bytes::copy_from_slice(payload.as_slice()),
    }
}

impl Protocol {
    pub(super) fn publish_v3(&mut self, packet: &v3_1_1::Publish) -> Result<Incoming, Refusal> {
        let (qos, dup, packet_id) = (packet.qos(), packet.dup(), packet.packet_id());
        self.publish(packet.topic_name(), packet.payload(), &Envelope { qos, dup, packet_id })
    }

    pub(super) fn publish_v5(&mut self, packet: &v5_0::Publish) -> Result<Incoming, Refusal> {
        let (qos, dup, packet_id) = (packet.qos(), packet.dup(), packet.packet_id());
        // The CONNACK said so with Maximum QoS (MQTT 5, 3.2.2.3.4).
        if qos == Qos::ExactlyOnce {
            return Err(Refusal::QosTwo);
        }
        self.publish(packet.topic_name(), packet.payload(), &Envelope { qos, dup, packet_id })
    }

    fn publish(
        &mut self,
        topic: &str,
        payload: &ArcPayload,
        envelope: &Envelope,
    ) -> Result<Incoming, Refusal> {
        if !self.may_be_published_to(topic) {
            return Err(Refusal::TopicName);
        }
        if let Some(packet_id) = envelope.packet_id {
            match self.in_flight.get(&packet_id) {
                // The first copy is on its way and its acknowledgement serves both.
                Some(Stage::Committing(qos)) if envelope.dup && *qos == envelope.qos => {
                    return Ok(Incoming::Answered);
                }
                Some(_) => return Err(Refusal::ProtocolError),
                None if packet_id == 0 => return Err(Refusal::ProtocolError),
                None => {}
            }
            self.in_flight.insert(packet_id, Stage::Committing(envelope.qos));
            self.committing += 1;
        }
        Ok(Incoming::Publish(Publish {
            topic: topic.to_owned(),
            body: body(payload),
            packet_id: envelope.packet_id,
        }))
    }

    /// MQTT 5, 4.7: a topic name has no wildcards, and those with `$` belong to the server.
    fn may_be_published_to(&self, topic: &str) -> bool {
        !topic.is_empty()
            && topic.len() <= self.limits.topic_bytes
            && !topic.starts_with('$')
            && !topic.contains(['+', '#', '\0'])
    }

    /// Writes the acknowledgement of a publish whose message is durable: PUBACK (MQTT 5, 3.4),
    /// for QoS 2 PUBREC (MQTT 3.1.1, 3.5).
    pub(in crate::source::listener) fn acknowledge(
        &mut self,
        packet_id: u16,
    ) -> Result<(), Refusal> {
        let Some(Stage::Committing(qos)) = self.in_flight.remove(&packet_id) else {
            return Ok(());
        };
        self.committing = self.committing.saturating_sub(1);
        match (self.core.get_protocol_version(), qos) {
            (Version::V5_0, _) => {
                let packet = v5_0::Puback::builder().packet_id(packet_id).build()?;
                self.send(packet)
            }
            (_, Qos::ExactlyOnce) => {
                self.in_flight.insert(packet_id, Stage::Recorded);
                let packet = v3_1_1::Pubrec::builder().packet_id(packet_id).build()?;
                self.send(packet)
            }
            _ => {
                let packet = v3_1_1::Puback::builder().packet_id(packet_id).build()?;
                self.send(packet)
            }
        }
    }

    /// A client resends PUBREL until it is answered, also for a message of an earlier
    /// connection, so an unknown identifier is answered as well (MQTT 3.1.1, 4.3.3).
    pub(super) fn release_v3(&mut self, packet_id: u16) -> Result<Incoming, Refusal> {
        if let Some(Stage::Committing(_)) = self.in_flight.get(&packet_id) {
            return Err(Refusal::ProtocolError);
        }
        self.in_flight.remove(&packet_id);
        let packet = v3_1_1::Pubcomp::builder().packet_id(packet_id).build()?;
        self.answer(packet)
    }

    pub(super) fn release_v5(&mut self, packet_id: u16) -> Result<Incoming, Refusal> {
        let packet = v5_0::Pubcomp::builder()
            .packet_id(packet_id)
            .reason_code(PubcompReasonCode::PacketIdentifierNotFound)
            .build()?;
        self.answer(packet)
    }

    /// Whether some publish handed over is not yet acknowledged.
    pub(in crate::source::listener) fn is_committing(&self) -> bool {
        self.committing > 0
    }

    /// Whether an MQTT 3.1.1 client has as much in flight as MQTT 5 would have allowed it. A
    /// publish that awaits PUBREL does not count: pausing would keep that PUBREL out.
    pub(in crate::source::listener) fn is_window_full(&self) -> bool {
        self.core.get_protocol_version() == Version::V3_1_1
            && self.committing >= usize::from(self.limits.receive_maximum.max(1))
    }

    /// The codec answers a repeated QoS 2 publish at once, durable or not.
    pub(super) fn premature(&self, packet: &Packet) -> bool {
        match packet {
            Packet::V3_1_1Pubrec(packet) => {
                matches!(self.in_flight.get(&packet.packet_id()), Some(Stage::Committing(_)))
            }
            _ => false,
        }
    }
}
