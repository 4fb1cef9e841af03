use bytes::Bytes;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Disconnect, Filter, Packet, SubAck, SubscribeReasonCode};
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};

use super::link::{Header, Incoming, LinkError, REQUESTS, Receipt, Received, transport};
use super::{Config, text};

pub struct Link {
    client: AsyncClient,
    events: EventLoop,
}

impl Link {
    pub fn open(config: &Config) -> Result<Self, LinkError> {
        let limits = &config.limits;
        let mut options = MqttOptions::new(&config.client_id, &config.host, config.port);
        options
            .set_clean_start(false)
            .set_session_expiry_interval(Some(
                u32::try_from(limits.session_expiry.as_secs()).unwrap_or(u32::MAX),
            ))
            .set_receive_maximum(Some(limits.receive_maximum))
            .set_max_packet_size(Some(limits.packet_bytes))
            .set_keep_alive(limits.keep_alive)
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
                let topic = text(&std::mem::replace(&mut publish.topic, Bytes::new()));
                publish.properties = None;
                let retain = publish.retain;
                let receipt = Receipt::new(Header::V5(self.client.clone(), publish));
                Incoming::Message(Box::new(Received { topic, body, retain, receipt }))
            }
            Event::Incoming(Packet::Disconnect(disconnect)) => {
                return Err(disconnected(&disconnect));
            }
            Event::Incoming(
                Packet::Connect(..)
                | Packet::PubAck(_)
                | Packet::PingReq(_)
                | Packet::PingResp(_)
                | Packet::Subscribe(_)
                | Packet::PubRec(_)
                | Packet::PubRel(_)
                | Packet::PubComp(_)
                | Packet::Unsubscribe(_)
                | Packet::UnsubAck(_)
                | Packet::Auth(_),
            )
            | Event::Outgoing(_) => Incoming::Other,
        })
    }

    pub fn subscribe(&self, filters: &[String]) -> Result<(), LinkError> {
        let filters = filters.iter().map(|filter| Filter::new(filter.clone(), QoS::AtLeastOnce));
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
        refused => Some(format!("{refused:?}")),
    };
    ack.return_codes.iter().map(refusal).collect()
}

fn disconnected(disconnect: &Disconnect) -> LinkError {
    LinkError::Disconnected(format!("{:?}", disconnect.reason_code))
}
