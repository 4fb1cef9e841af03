//! MQTT as a publisher's server speaks it, without sockets, tasks or clocks: bytes in, what
//! happened and bytes to send out.

mod greeting;
mod publishing;
mod subscribing;

use std::collections::HashMap;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use mqtt_protocol_core::mqtt::common::Cursor;
use mqtt_protocol_core::mqtt::connection::event::GenericEvent;
use mqtt_protocol_core::mqtt::connection::{ConnectionOptions, Sendable};
use mqtt_protocol_core::mqtt::packet::{GenericPacketTrait, Packet, v3_1_1, v5_0};
use mqtt_protocol_core::mqtt::result_code::DisconnectReasonCode;
use mqtt_protocol_core::mqtt::{Connection, Version, role};

use self::greeting::Terms;
use self::publishing::Stage;
use super::Limits;
use super::refusal::Refusal;

pub(super) use self::greeting::Greeting;
pub(super) use self::publishing::Publish;

/// The first byte of a CONNECT (MQTT 5, 3.1.1).
const CONNECT: u8 = 0x10;

/// What one received packet asks for beyond the reply already written.
pub(super) enum Incoming {
    Connect(Greeting),
    Publish(Publish),
    /// A subscription was refused; the connection goes on.
    Subscribe,
    /// Nothing is left to do.
    Answered,
    /// The client leaves (MQTT 5, 3.14).
    Disconnect,
}

/// The server's side of one connection.
pub(super) struct Protocol {
    core: Connection<role::Server>,
    limits: Limits,
    /// Whether the first byte has come.
    begun: bool,
    /// Whether the client is accepted.
    open: bool,
    terms: Terms,
    in_flight: HashMap<u16, Stage>,
    /// How many of `in_flight` wait for their commit.
    committing: usize,
    /// Bytes for the client, in order.
    pub(super) outgoing: BytesMut,
}

impl Protocol {
    pub(super) fn new(limits: Limits) -> Self {
        let options = ConnectionOptions::new().maximum_packet_size_recv(limits.packet_bytes);
        Self {
            core: Connection::with_options(Version::Undetermined, options),
            limits,
            begun: false,
            open: false,
            terms: Terms::default(),
            in_flight: HashMap::new(),
            committing: 0,
            outgoing: BytesMut::new(),
        }
    }

    /// Takes the next whole packet from `input`; None once all of it is taken and more is
    /// needed.
    ///
    /// # Errors
    ///
    /// After a [`Refusal`] the connection has to be closed; see [`Self::refuse`].
    pub(super) fn receive(&mut self, input: &mut BytesMut) -> Result<Option<Incoming>, Refusal> {
        // Another protocol's first bytes would read as a packet of some length to wait for.
        if !self.begun && input.first().is_some_and(|first| *first != CONNECT) {
            return Err(Refusal::Malformed);
        }
        self.begun |= !input.is_empty();
        while !input.is_empty() {
            let mut cursor = Cursor::new(input.as_ref());
            let events = self.core.recv(&mut cursor);
            let taken = usize::try_from(cursor.position()).unwrap_or(usize::MAX);
            if taken == 0 {
                return Err(Refusal::Malformed);
            }
            input.advance(taken.min(input.len()));
            if let Some(packet) = self.absorb(events)? {
                return self.handle(packet).map(Some);
            }
        }
        Ok(None)
    }

    /// Tells the client why it is refused, as far as its version and the moment allow.
    pub(super) fn refuse(&mut self, refusal: Refusal) {
        if self.open {
            self.part(refusal.disconnect_reason());
        } else {
            self.refuse_connect(refusal);
        }
    }

    /// Says goodbye, which only MQTT 5 has a packet for (3.14).
    pub(super) fn part(&mut self, reason: DisconnectReasonCode) {
        if self.core.get_protocol_version() != Version::V5_0 {
            return;
        }
        let Ok(packet) = v5_0::Disconnect::builder().reason_code(reason).build() else { return };
        // One was sent already where the codec itself found the fault.
        match self.send(packet) {
            Ok(()) | Err(_) => {}
        }
    }

    /// How long the client may be silent: one and a half times its keep-alive (MQTT 5,
    /// 3.1.2.10). None where it is never too long.
    pub(super) fn silence_max(&self) -> Option<Duration> {
        let seconds = self.keep_alive_seconds();
        (seconds > 0).then(|| Duration::from_millis(u64::from(seconds) * 1_500))
    }

    fn send<P: Sendable<role::Server, u16>>(&mut self, packet: P) -> Result<(), Refusal> {
        let events = self.core.checked_send(packet);
        self.absorb(events).map(|_| ())
    }

    /// Collects what the codec wants sent and gives back the packet received, if any. Timers
    /// are the connection's business: the codec's would run on while reading is paused.
    fn absorb(&mut self, events: Vec<GenericEvent<u16>>) -> Result<Option<Packet>, Refusal> {
        let mut received = None;
        let mut refusal = None;
        for event in events {
            match event {
                GenericEvent::NotifyPacketReceived(packet) => received = Some(packet),
                GenericEvent::RequestSendPacket { packet, .. } if !self.premature(&packet) => {
                    self.outgoing.extend_from_slice(&packet.to_continuous_buffer());
                }
                GenericEvent::NotifyError(error) => refusal = Some(error.into()),
                GenericEvent::RequestSendPacket { .. }
                | GenericEvent::NotifyPacketIdReleased(_)
                | GenericEvent::RequestTimerReset { .. }
                | GenericEvent::RequestTimerCancel(_)
                | GenericEvent::RequestClose => {}
            }
        }
        refusal.map_or(Ok(received), Err)
    }

    fn handle(&mut self, packet: Packet) -> Result<Incoming, Refusal> {
        match packet {
            Packet::V3_1_1Connect(packet) => self.greet_v3(&packet),
            Packet::V5_0Connect(packet) => self.greet_v5(&packet),
            _ if !self.open => Err(Refusal::ProtocolError),
            Packet::V3_1_1Publish(packet) => self.publish_v3(&packet),
            Packet::V5_0Publish(packet) => self.publish_v5(&packet),
            Packet::V3_1_1Pubrel(packet) => self.release_v3(packet.packet_id()),
            Packet::V5_0Pubrel(packet) => self.release_v5(packet.packet_id()),
            Packet::V3_1_1Pingreq(_) => self.answer(v3_1_1::Pingresp::new()),
            Packet::V5_0Pingreq(_) => self.answer(v5_0::Pingresp::new()),
            Packet::V3_1_1Subscribe(packet) => self.subscribe_v3(&packet),
            Packet::V5_0Subscribe(packet) => self.subscribe_v5(&packet),
            Packet::V3_1_1Unsubscribe(packet) => self.unsubscribe_v3(&packet),
            Packet::V5_0Unsubscribe(packet) => self.unsubscribe_v5(&packet),
            Packet::V3_1_1Disconnect(_) | Packet::V5_0Disconnect(_) => Ok(Incoming::Disconnect),
            // AUTH continues an authentication method, and none is accepted (MQTT 5, 4.12).
            _ => Err(Refusal::ProtocolError),
        }
    }

    fn answer<P: Sendable<role::Server, u16>>(&mut self, packet: P) -> Result<Incoming, Refusal> {
        self.send(packet).map(|()| Incoming::Answered)
    }
}
