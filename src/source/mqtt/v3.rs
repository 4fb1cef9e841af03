use rumqttc::{
    AsyncClient, Event, EventLoop, MqttOptions, Packet, QoS, SubAck, SubscribeFilter,
    SubscribeReasonCode,
};

use super::Config;
use super::link::{Header, Incoming, LinkError, REQUESTS, Receipt, Received, transport};

/// MQTT 3.1.1 has no way to refuse a large packet but to end the connection, and the broker would
/// send it again for ever. So every packet the protocol allows is taken, and its size judged later.
const PACKET_BYTES_MAX: usize = 268_435_455;

/// We send no more than acknowledgements and subscriptions.
const OUTGOING_BYTES_MAX: usize = 64 * 1024;

pub struct Link {
    client: AsyncClient,
    events: EventLoop,
}

impl Link {
    pub fn open(config: &Config) -> Result<Self, LinkError> {
        let mut options = MqttOptions::new(&config.client_id, &config.host, config.port);
        options
            .set_clean_session(false)
            .set_max_packet_size(PACKET_BYTES_MAX, OUTGOING_BYTES_MAX)
            .set_keep_alive(config.limits.keep_alive)
            .set_manual_acks(true)
            .set_transport(transport(config)?);
        if let Some(credentials) = &config.credentials {
            options.set_credentials(&credentials.username, credentials.password.read()?);
        }
        let (client, events) = AsyncClient::new(options, REQUESTS);
        Ok(Self { client, events })
    }

    pub async fn next(&mut self) -> Result<Incoming, LinkError> {
        Ok(match self.events.poll().await.map_err(Box::new)? {
            Event::Incoming(Packet::ConnAck(ack)) => {
                Incoming::Connected { session_present: ack.session_present }
            }
            Event::Incoming(Packet::SubAck(ack)) => Incoming::Subscribed(refusals(&ack)),
            Event::Incoming(Packet::Publish(mut publish)) => {
                // The answer to our ping stands behind all that the broker has sent already, which
                // may be a long backlog: a message is as good a sign of life.
                self.events.state.await_pingresp = false;
                let body = std::mem::take(&mut publish.payload);
                let topic = std::mem::take(&mut publish.topic);
                let retain = publish.retain;
                let receipt = Receipt::new(Header::V3(self.client.clone(), publish));
                Incoming::Message(Box::new(Received { topic, body, retain, receipt }))
            }
            Event::Incoming(
                Packet::Connect(_)
                | Packet::PubAck(_)
                | Packet::PubRec(_)
                | Packet::PubRel(_)
                | Packet::PubComp(_)
                | Packet::Subscribe(_)
                | Packet::Unsubscribe(_)
                | Packet::UnsubAck(_)
                | Packet::PingReq
                | Packet::PingResp
                | Packet::Disconnect,
            )
            | Event::Outgoing(_) => Incoming::Other,
        })
    }

    pub fn subscribe(&self, filters: &[String]) -> Result<(), LinkError> {
        let filters =
            filters.iter().map(|filter| SubscribeFilter::new(filter.clone(), QoS::AtLeastOnce));
        self.client.try_subscribe_many(filters).map_err(|_| LinkError::Filter)
    }

    pub async fn disconnect(&mut self) {
        if self.client.try_disconnect().is_ok() {
            // Until the broker hangs up: to hang up on what it still sends would reset the
            // connection, and with it the acknowledgements that it has not yet read.
            while self.events.poll().await.is_ok() {}
        }
    }
}

fn refusals(ack: &SubAck) -> Vec<Option<String>> {
    let refusal = |code: &SubscribeReasonCode| match code {
        SubscribeReasonCode::Success(_) => None,
        SubscribeReasonCode::Failure => Some("refused".to_owned()),
    };
    ack.return_codes.iter().map(refusal).collect()
}
