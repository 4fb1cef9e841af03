//! The Things Stack v3: The Things Network, The Things Industries, and servers of one's own.
//!
//! ```json
//! {"end_device_ids": {"dev_eui": "0E7A11FFFE60B0D2"},
//!  "uplink_message": {"f_port": 5, "f_cnt": 311, "frm_payload": "AQDVAiwHDh8="}}
//! ```
//!
//! Every field that is zero, empty or false is left out: a frame without `f_cnt` has the counter
//! 0 and one without `f_port` carries MAC commands only. 64-bit integers are texts. There is one
//! entry in `rx_metadata` for each antenna. Gateways of other networks are all called
//! `packetbroker` and are told apart by what the Packet Broker forwards. `uplink_normalized`
//! repeats a frame once for each measurement. `last_battery_percentage` repeats an older status.
//! A frame simulated in the console is marked as such and must never pass for a measurement.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::fields::{Reception, Scalar, aside, bare_hex, best_reception, json, last_level};
use super::{Content, EnvelopeError};
use crate::model::{DevEui, DeviceEvent, EventDetail, Radio, Uplink};

const FORMAT: &str = "tts-v3";

pub fn unwrap(topic: &str, body: &[u8]) -> Result<Vec<Content>, EnvelopeError> {
    let message: Message<'_> = json(FORMAT, body)?;
    Ok(vec![message.content(topic)?])
}

#[derive(Deserialize)]
struct Message<'b> {
    #[serde(borrow)]
    end_device_ids: Device<'b>,
    #[serde(borrow, default)]
    correlation_ids: Vec<Scalar<'b>>,
    #[serde(borrow, default)]
    received_at: Scalar<'b>,
    #[serde(borrow, default)]
    simulated: Scalar<'b>,
    #[serde(borrow)]
    uplink_message: Option<Up<'b>>,
    uplink_normalized: Option<IgnoredAny>,
    #[serde(borrow)]
    join_accept: Option<JoinAccept<'b>>,
    #[serde(borrow)]
    location_solved: Option<LocationSolved<'b>>,
    downlink_queued: Option<IgnoredAny>,
    downlink_sent: Option<IgnoredAny>,
    downlink_ack: Option<IgnoredAny>,
    downlink_nack: Option<IgnoredAny>,
    downlink_failed: Option<IgnoredAny>,
    downlink_queue_invalidated: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Device<'b> {
    #[serde(borrow)]
    device_id: Scalar<'b>,
    #[serde(borrow)]
    dev_eui: Scalar<'b>,
    #[serde(borrow)]
    dev_addr: Scalar<'b>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Up<'b> {
    #[serde(borrow)]
    session_key_id: Scalar<'b>,
    #[serde(borrow)]
    f_port: Scalar<'b>,
    #[serde(borrow)]
    f_cnt: Scalar<'b>,
    #[serde(borrow)]
    frm_payload: Scalar<'b>,
    #[serde(borrow)]
    confirmed: Scalar<'b>,
    #[serde(borrow)]
    rx_metadata: Vec<RxMetadata<'b>>,
    #[serde(borrow)]
    settings: Settings<'b>,
    #[serde(borrow)]
    received_at: Scalar<'b>,
    app_s_key: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RxMetadata<'b> {
    #[serde(borrow)]
    gateway_ids: GatewayIds<'b>,
    #[serde(borrow)]
    packet_broker: Option<PacketBroker<'b>>,
    #[serde(borrow)]
    rssi: Scalar<'b>,
    #[serde(borrow)]
    snr: Scalar<'b>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct GatewayIds<'b> {
    #[serde(borrow)]
    gateway_id: Scalar<'b>,
    #[serde(borrow)]
    eui: Scalar<'b>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PacketBroker<'b> {
    #[serde(borrow)]
    message_id: Scalar<'b>,
    #[serde(borrow)]
    forwarder_gateway_eui: Scalar<'b>,
    #[serde(borrow)]
    forwarder_gateway_id: Scalar<'b>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Settings<'b> {
    #[serde(borrow)]
    data_rate: DataRate<'b>,
    #[serde(borrow)]
    frequency: Scalar<'b>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DataRate<'b> {
    #[serde(borrow)]
    lora: Option<Lora<'b>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Lora<'b> {
    #[serde(borrow)]
    bandwidth: Scalar<'b>,
    #[serde(borrow)]
    spreading_factor: Scalar<'b>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct JoinAccept<'b> {
    #[serde(borrow)]
    session_key_id: Scalar<'b>,
    #[serde(borrow)]
    received_at: Scalar<'b>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct LocationSolved<'b> {
    #[serde(borrow)]
    location: Location<'b>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Location<'b> {
    #[serde(borrow)]
    latitude: Scalar<'b>,
    #[serde(borrow)]
    longitude: Scalar<'b>,
}

impl Message<'_> {
    fn content(&self, topic: &str) -> Result<Content, EnvelopeError> {
        // A device activated by hand may have no DevEUI; then nothing here can know it again.
        let dev_eui = self.end_device_ids.dev_eui.dev_eui("end_device_ids.dev_eui")?;
        if let Some(up) = &self.uplink_message {
            return self.uplink(dev_eui, up).map(Content::Uplink);
        }
        let detail = if self.uplink_normalized.is_some() {
            return Ok(aside(dev_eui, EventDetail::CopyOfUplink));
        } else if let Some(join) = &self.join_accept {
            EventDetail::Join {
                dev_addr: self.dev_addr()?,
                session_id: join.session_key_id.owned("join_accept.session_key_id")?,
            }
        } else if let Some(LocationSolved { location }) = &self.location_solved {
            EventDetail::Location {
                latitude_deg: location.latitude.number("latitude")?.unwrap_or(0.0),
                longitude_deg: location.longitude.number("longitude")?.unwrap_or(0.0),
            }
        } else if self.is_of_downlink() {
            return Ok(aside(dev_eui, EventDetail::Downlink));
        } else if topic.ends_with("/up") {
            return Err(EnvelopeError::Missing { field: "uplink_message" });
        } else {
            let name = last_level(topic).to_owned();
            return Ok(aside(dev_eui, EventDetail::Other(name)));
        };
        let network = self.join_accept.as_ref().map(|join| &join.received_at);
        let at = match network.map(|time| time.time("received_at")).transpose()?.flatten() {
            None => self.received_at.time("received_at")?,
            at => at,
        };
        Ok(Content::Event(DeviceEvent { dev_eui, at, dedup_id: None, detail }))
    }

    fn is_of_downlink(&self) -> bool {
        [
            &self.downlink_queued,
            &self.downlink_sent,
            &self.downlink_ack,
            &self.downlink_nack,
            &self.downlink_failed,
            &self.downlink_queue_invalidated,
        ]
        .iter()
        .any(|downlink| downlink.is_some())
    }

    fn uplink(&self, dev_eui: DevEui, up: &Up<'_>) -> Result<Uplink, EnvelopeError> {
        let payload = match &up.frm_payload {
            Scalar::Absent => Vec::new(),
            payload => payload.base64("frm_payload")?,
        };
        let server_time = match up.received_at.time("uplink_message.received_at")? {
            None => self.received_at.time("received_at")?,
            time => time,
        };
        Ok(Uplink {
            f_port: Some(up.f_port.byte("f_port")?.unwrap_or(0)),
            f_cnt: Some(up.f_cnt.count("f_cnt")?.unwrap_or(0)),
            server_time,
            radio: up.radio()?,
            confirmed: Some(up.confirmed.flag("confirmed")?.unwrap_or(false)),
            dev_addr: self.dev_addr()?,
            dedup_id: self.frame_id()?,
            device_name: self.end_device_ids.device_id.owned("device_id")?,
            encrypted: up.app_s_key.is_some(),
            simulated: self.simulated.flag("simulated")?.unwrap_or(false),
            session_id: up.session_key_id.owned("session_key_id")?,
            ..Uplink::new(dev_eui, payload)
        })
    }

    fn dev_addr(&self) -> Result<Option<String>, EnvelopeError> {
        self.end_device_ids.dev_addr.dev_addr("end_device_ids.dev_addr")
    }

    /// The correlation id that the gateway server, or the Packet Broker, gave the frame.
    fn frame_id(&self) -> Result<Option<String>, EnvelopeError> {
        const OF_FRAMES: [&str; 2] = ["gs:uplink:", "pba:uplink:"];
        for id in &self.correlation_ids {
            if let Some(id) = id.text("correlation_ids")?
                && OF_FRAMES.iter().any(|prefix| id.starts_with(prefix))
            {
                return Ok(Some(id.to_owned()));
            }
        }
        Ok(None)
    }
}

impl Up<'_> {
    fn radio(&self) -> Result<Radio, EnvelopeError> {
        let lora = self.settings.data_rate.lora.as_ref();
        // A LoRa frame always has an SNR, so an absent one is 0 dB; an FSK frame has none.
        let absent_snr = lora.map(|_| 0.0);
        let heard: Vec<Reception<'_>> = self
            .rx_metadata
            .iter()
            .map(|copy| {
                Ok(Reception {
                    gateway: copy.gateway()?,
                    rssi: Some(copy.rssi.number("rx_metadata.rssi")?.unwrap_or(0.0)),
                    snr: copy.snr.number("rx_metadata.snr")?.or(absent_snr),
                })
            })
            .collect::<Result<_, EnvelopeError>>()?;
        let (sf, bandwidth_hz) = match lora {
            None => (None, None),
            Some(lora) => (
                lora.spreading_factor.byte("spreading_factor")?,
                lora.bandwidth.count("bandwidth")?,
            ),
        };
        Ok(Radio {
            sf,
            bandwidth_hz,
            frequency_hz: self.settings.frequency.count("settings.frequency")?,
            ..best_reception(&heard)
        })
    }
}

impl RxMetadata<'_> {
    fn gateway(&self) -> Result<Cow<'_, str>, EnvelopeError> {
        let (eui, id) = match &self.packet_broker {
            None => {
                let ids = &self.gateway_ids;
                (ids.eui.text("gateway_ids.eui")?, ids.gateway_id.text("gateway_ids.gateway_id")?)
            }
            Some(broker) => {
                let id = match broker.forwarder_gateway_id.text("forwarder_gateway_id")? {
                    None => broker.message_id.text("packet_broker.message_id")?,
                    id => id,
                };
                (broker.forwarder_gateway_eui.text("forwarder_gateway_eui")?, id)
            }
        };
        let eui = eui.map(|eui| Cow::Owned(bare_hex(eui)));
        Ok(eui.or(id.map(Cow::Borrowed)).unwrap_or_default())
    }
}
