use mqtt_protocol_core::mqtt::Version;
use mqtt_protocol_core::mqtt::packet::{
    AssignedClientIdentifier, MaximumPacketSize, MaximumQos, Property, ReceiveMaximum,
    RetainAvailable, ServerKeepAlive, SessionExpiryInterval, SharedSubscriptionAvailable,
    SubscriptionIdentifierAvailable, TopicAliasMaximum, WildcardSubscriptionAvailable, v3_1_1,
    v5_0,
};
use mqtt_protocol_core::mqtt::result_code::{ConnectReasonCode, ConnectReturnCode};

use super::{Incoming, Protocol};
use crate::source::listener::refusal::Refusal;

/// The CONNACK of MQTT 3.1.1 with return code 1, for a client of whose version nothing else is
/// known (3.1.2.2).
const UNACCEPTABLE_VERSION: [u8; 4] = [0x20, 0x02, 0x00, 0x01];

/// A CONNECT that waits for [`Protocol::accept`] or [`Protocol::refuse`]. It has no `Debug`, so
/// that no log can show a password.
pub(in crate::source::listener) struct Greeting {
    /// Empty if the client leaves it to the server.
    pub(in crate::source::listener) client_id: String,
    pub(in crate::source::listener) user: Option<String>,
    pub(in crate::source::listener) password: Option<Vec<u8>>,
    pub(in crate::source::listener) clean: bool,
    pub(in crate::source::listener) keeps_session: bool,
}

/// What the client asked for and is answered in the CONNACK.
#[derive(Default)]
pub(super) struct Terms {
    keep_alive_seconds: u16,
    session_expiry_seconds: u32,
    keeps_session: bool,
}

impl Protocol {
    pub(super) fn greet_v3(&mut self, packet: &v3_1_1::Connect) -> Result<Incoming, Refusal> {
        self.terms = Terms {
            keep_alive_seconds: packet.keep_alive(),
            session_expiry_seconds: 0,
            keeps_session: !packet.clean_session(),
        };
        // A nameless client cannot come back to its session (MQTT 3.1.1, 3.1.3.1).
        if packet.client_id().is_empty() && !packet.clean_session() {
            return Err(Refusal::ClientIdentifier);
        }
        self.greeting(Greeting {
            client_id: packet.client_id().to_owned(),
            user: packet.user_name().map(str::to_owned),
            password: packet.password().map(<[u8]>::to_vec),
            clean: packet.clean_session(),
            keeps_session: self.terms.keeps_session,
        })
    }

    pub(super) fn greet_v5(&mut self, packet: &v5_0::Connect) -> Result<Incoming, Refusal> {
        let mut session_expiry_seconds = 0;
        for property in packet.props() {
            match property {
                Property::SessionExpiryInterval(value) => session_expiry_seconds = value.val(),
                Property::AuthenticationMethod(_) => return Err(Refusal::AuthenticationMethod),
                _ => {}
            }
        }
        // A client that wants to go on with its session but lets it end with the connection
        // would lose its unacknowledged publishes at each reconnection. The server may keep the
        // session longer if it says so (MQTT 5, 3.2.2.3.2).
        self.terms = Terms {
            keep_alive_seconds: packet.keep_alive(),
            session_expiry_seconds,
            keeps_session: !packet.clean_start() || session_expiry_seconds > 0,
        };
        self.greeting(Greeting {
            client_id: packet.client_id().to_owned(),
            user: packet.user_name().map(str::to_owned),
            password: packet.password().map(<[u8]>::to_vec),
            clean: packet.clean_start(),
            keeps_session: self.terms.keeps_session,
        })
    }

    fn greeting(&self, greeting: Greeting) -> Result<Incoming, Refusal> {
        if greeting.client_id.len() > self.limits.client_id_bytes {
            return Err(Refusal::ClientIdentifier);
        }
        Ok(Incoming::Connect(greeting))
    }

    /// Accepts the client with a CONNACK (MQTT 5, 3.2). `assigned` is the identifier given to a
    /// client that had none.
    pub(in crate::source::listener) fn accept(
        &mut self,
        session_present: bool,
        assigned: Option<&str>,
    ) -> Result<(), Refusal> {
        if self.core.get_protocol_version() == Version::V5_0 {
            let packet = v5_0::Connack::builder()
                .session_present(session_present)
                .reason_code(ConnectReasonCode::Success)
                .props(self.announcements(assigned)?)
                .build()?;
            self.send(packet)?;
        } else {
            let packet = v3_1_1::Connack::builder()
                .session_present(session_present)
                .return_code(ConnectReturnCode::Accepted)
                .build()?;
            self.send(packet)?;
        }
        self.open = true;
        Ok(())
    }

    fn announcements(&self, assigned: Option<&str>) -> Result<Vec<Property>, Refusal> {
        let mut announced = vec![
            ReceiveMaximum::new(self.limits.receive_maximum.max(1))?.into(),
            MaximumQos::new(1)?.into(),
            RetainAvailable::new(1)?.into(),
            MaximumPacketSize::new(self.limits.packet_bytes.max(1))?.into(),
            TopicAliasMaximum::new(0)?.into(),
            WildcardSubscriptionAvailable::new(0)?.into(),
            SubscriptionIdentifierAvailable::new(0)?.into(),
            SharedSubscriptionAvailable::new(0)?.into(),
        ];
        let keep_alive = self.keep_alive_seconds();
        if keep_alive != self.terms.keep_alive_seconds {
            announced.push(ServerKeepAlive::new(keep_alive)?.into());
        }
        let kept = u32::try_from(self.limits.session_expiry.as_secs()).unwrap_or(u32::MAX);
        if self.terms.keeps_session && kept != self.terms.session_expiry_seconds {
            announced.push(SessionExpiryInterval::new(kept)?.into());
        }
        if let Some(client_id) = assigned {
            announced.push(AssignedClientIdentifier::new(client_id)?.into());
        }
        Ok(announced)
    }

    /// Seconds the client and the server agree on; 0 for no keep-alive, which only MQTT 3.1.1
    /// clients can insist on.
    pub(super) fn keep_alive_seconds(&self) -> u16 {
        let asked = self.terms.keep_alive_seconds;
        let longest = self.limits.keep_alive_max.as_secs();
        let longest = u16::try_from(longest).unwrap_or(u16::MAX).max(1);
        match self.core.get_protocol_version() {
            Version::V5_0 if asked == 0 || asked > longest => longest,
            _ => asked,
        }
    }

    pub(super) fn refuse_connect(&mut self, refusal: Refusal) {
        // The codec has a word of its own for a CONNECT it cannot read, but not the right one.
        self.outgoing.clear();
        let refused = match self.core.get_protocol_version() {
            Version::V5_0 => v5_0::Connack::builder()
                .session_present(false)
                .reason_code(refusal.connect_reason())
                .build()
                .map(|packet| packet.to_continuous_buffer()),
            Version::V3_1_1 => match refusal.return_code() {
                Some(code) => v3_1_1::Connack::builder()
                    .session_present(false)
                    .return_code(code)
                    .build()
                    .map(|packet| packet.to_continuous_buffer()),
                None => return,
            },
            Version::Undetermined if refusal == Refusal::ProtocolVersion => {
                Ok(UNACCEPTABLE_VERSION.to_vec())
            }
            Version::Undetermined => return,
        };
        if let Ok(refused) = refused {
            self.outgoing.extend_from_slice(&refused);
        }
    }
}
