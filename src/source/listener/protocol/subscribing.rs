use mqtt_protocol_core::mqtt::packet::{v3_1_1, v5_0};
use mqtt_protocol_core::mqtt::result_code::{
    SubackReasonCode, SubackReturnCode, UnsubackReasonCode,
};

use super::{Incoming, Protocol};
use crate::source::listener::refusal::Refusal;

// A network server subscribes to its command topic and publishes all the same when that is
// refused, so the refusal stands in the SUBACK and the connection goes on.
impl Protocol {
    pub(super) fn subscribe_v3(&mut self, packet: &v3_1_1::Subscribe) -> Result<Incoming, Refusal> {
        let codes = vec![SubackReturnCode::Failure; packet.entries().len()];
        let reply = v3_1_1::Suback::builder()
            .packet_id(nonzero(packet.packet_id())?)
            .return_codes(codes)
            .build()?;
        self.send(reply).map(|()| Incoming::Subscribe)
    }

    pub(super) fn subscribe_v5(&mut self, packet: &v5_0::Subscribe) -> Result<Incoming, Refusal> {
        let codes = vec![SubackReasonCode::NotAuthorized; packet.entries().len()];
        let reply = v5_0::Suback::builder()
            .packet_id(nonzero(packet.packet_id())?)
            .reason_codes(codes)
            .build()?;
        self.send(reply).map(|()| Incoming::Subscribe)
    }

    pub(super) fn unsubscribe_v3(
        &mut self,
        packet: &v3_1_1::Unsubscribe,
    ) -> Result<Incoming, Refusal> {
        let reply = v3_1_1::Unsuback::builder().packet_id(nonzero(packet.packet_id())?).build()?;
        self.answer(reply)
    }

    pub(super) fn unsubscribe_v5(
        &mut self,
        packet: &v5_0::Unsubscribe,
    ) -> Result<Incoming, Refusal> {
        let codes = vec![UnsubackReasonCode::NoSubscriptionExisted; packet.entries().len()];
        let reply = v5_0::Unsuback::builder()
            .packet_id(nonzero(packet.packet_id())?)
            .reason_codes(codes)
            .build()?;
        self.answer(reply)
    }
}

fn nonzero(packet_id: u16) -> Result<u16, Refusal> {
    if packet_id == 0 { Err(Refusal::ProtocolError) } else { Ok(packet_id) }
}
