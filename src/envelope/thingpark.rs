//! Actility ThingPark, and the operators that run it (KPN, Swisscom, Proximus and others).
//!
//! ```json
//! {"DevEUI_uplink": {"Time": "2026-03-11T07:48:10.285+01:00", "DevEUI": "0E7A11FFFE80D0F4",
//!   "FPort": 5, "FCntUp": 265, "MType": 2, "payload_hex": "0100d5022c070e1f"}}
//! ```
//!
//! One topic carries all reports, told apart by the root key; with `sendMetadata` an uplink has
//! none. Older versions write every number as a text, and the case of keys varies (`SpFact`,
//! `Spfact`). `Time` is the gateway's and local. A join request comes as an uplink with `MType`
//! 0. `MType` says whether a frame was confirmed; `AckRequested` contradicts it. `DevLrrCnt`
//! counts more gateways than the shortened list names, and a gateway's id has 4 bytes. `Late`
//! marks frames that a gateway kept while it was cut off. With `sendRawDecodedFormat` neither
//! payload nor DevEUI is left.

use std::borrow::Cow;

use serde::Deserialize;

use super::fields::{
    AnyCase, Reception, Scalar, any_case, any_case_object, aside, best_reception, megahertz,
};
use super::{Content, EnvelopeError};
use crate::model::{DevEui, DeviceEvent, EventDetail, Radio, Uplink};

const FORMAT: &str = "thingpark";

/// `MType` of a frame (LoRaWAN 1.0.4, section 4.2.1).
const JOIN_REQUEST: u8 = 0;
const UNCONFIRMED_UP: u8 = 2;
const CONFIRMED_UP: u8 = 4;

pub fn unwrap(_topic: &str, body: &[u8]) -> Result<Vec<Content>, EnvelopeError> {
    let roots: Roots<'_> = any_case(FORMAT, body)?;
    let content = if let Some(up) = &roots.uplink {
        up.content()?
    } else if let Some(notification) = &roots.notification {
        notification.content()?
    } else if let Some(location) = &roots.location {
        location.content()?
    } else if let Some(downlink) = roots.downlink_sent.as_ref().or(roots.downlink_rejected.as_ref())
    {
        aside(downlink.dev_eui()?, EventDetail::Downlink)
    } else if let Some(alarm) = &roots.alarm {
        aside(alarm.dev_eui()?, EventDetail::Other("alarm".to_owned()))
    } else if !roots.gateway_alarm.is_absent() {
        return Ok(Vec::new());
    } else {
        let bare: Report<'_> = any_case(FORMAT, body)?;
        if !bare.is_report() {
            return Err(EnvelopeError::DecodedOnly {
                format: FORMAT,
                remedy: "in the ThingPark connector, set sendRawDecodedFormat to false",
            });
        }
        bare.content()?
    };
    Ok(vec![content])
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Roots<'b> {
    #[serde(borrow, rename = "DevEUI_uplink", deserialize_with = "any_case_object")]
    uplink: Option<Report<'b>>,
    #[serde(borrow, rename = "DevEUI_notification", deserialize_with = "any_case_object")]
    notification: Option<Notification<'b>>,
    #[serde(borrow, rename = "DevEUI_location", deserialize_with = "any_case_object")]
    location: Option<Located<'b>>,
    #[serde(borrow, rename = "DevEUI_downlink_Sent", deserialize_with = "any_case_object")]
    downlink_sent: Option<Named<'b>>,
    #[serde(borrow, rename = "DevEUI_downlink_Rejected", deserialize_with = "any_case_object")]
    downlink_rejected: Option<Named<'b>>,
    #[serde(borrow, rename = "DevEUI_alarm", deserialize_with = "any_case_object")]
    alarm: Option<Named<'b>>,
    /// Of a base station, so of no device.
    #[serde(borrow, rename = "BS_alarm")]
    gateway_alarm: Scalar<'b>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Report<'b> {
    #[serde(borrow)]
    time: Scalar<'b>,
    #[serde(borrow, rename = "DevEUI")]
    dev_eui: Scalar<'b>,
    #[serde(borrow)]
    dev_addr: Scalar<'b>,
    #[serde(borrow)]
    f_port: Scalar<'b>,
    #[serde(borrow)]
    f_cnt_up: Scalar<'b>,
    #[serde(borrow)]
    m_type: Scalar<'b>,
    #[serde(borrow, rename = "rawJoinRequest")]
    raw_join_request: Scalar<'b>,
    #[serde(borrow, rename = "payload_hex")]
    payload_hex: Scalar<'b>,
    #[serde(borrow)]
    late: Scalar<'b>,
    #[serde(borrow)]
    sp_fact: Scalar<'b>,
    #[serde(borrow)]
    frequency: Scalar<'b>,
    #[serde(borrow, rename = "Lrrid")]
    gateway: Scalar<'b>,
    #[serde(borrow, rename = "LrrRSSI")]
    rssi: Scalar<'b>,
    #[serde(borrow, rename = "LrrSNR")]
    snr: Scalar<'b>,
    #[serde(borrow, rename = "DevLrrCnt")]
    gateway_count: Scalar<'b>,
    #[serde(borrow, deserialize_with = "any_case_object")]
    lrrs: Option<Gateways<'b>>,
    #[serde(borrow, deserialize_with = "any_case_object")]
    customer_data: Option<CustomerData<'b>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Gateways<'b> {
    #[serde(borrow, rename = "Lrr")]
    listed: Option<Vec<AnyCase<Gateway<'b>>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Gateway<'b> {
    #[serde(borrow, rename = "Lrrid")]
    id: Scalar<'b>,
    #[serde(borrow, rename = "LrrRSSI")]
    rssi: Scalar<'b>,
    #[serde(borrow, rename = "LrrSNR")]
    snr: Scalar<'b>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CustomerData<'b> {
    #[serde(borrow)]
    name: Scalar<'b>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Notification<'b> {
    #[serde(borrow)]
    time: Scalar<'b>,
    #[serde(borrow, rename = "DevEUI")]
    dev_eui: Scalar<'b>,
    #[serde(borrow)]
    dev_addr: Scalar<'b>,
    #[serde(borrow)]
    r#type: Scalar<'b>,
    #[serde(borrow)]
    var1: Scalar<'b>,
    #[serde(borrow)]
    var2: Scalar<'b>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Located<'b> {
    #[serde(borrow, rename = "Time")]
    time: Scalar<'b>,
    #[serde(borrow, rename = "DevEUI")]
    dev_eui: Scalar<'b>,
    #[serde(borrow, rename = "DevLAT")]
    latitude: Scalar<'b>,
    #[serde(borrow, rename = "DevLON")]
    longitude: Scalar<'b>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Named<'b> {
    #[serde(borrow, rename = "DevEUI")]
    dev_eui: Scalar<'b>,
}

impl Named<'_> {
    fn dev_eui(&self) -> Result<DevEui, EnvelopeError> {
        self.dev_eui.dev_eui("DevEUI")
    }
}

impl Report<'_> {
    /// Without its root, a report is known by more than the device: others name that too.
    fn is_report(&self) -> bool {
        let carries = [&self.payload_hex, &self.f_cnt_up, &self.raw_join_request];
        !self.dev_eui.is_absent()
            && !self.time.is_absent()
            && carries.iter().any(|value| !value.is_absent())
    }

    fn content(&self) -> Result<Content, EnvelopeError> {
        let dev_eui = self.dev_eui.dev_eui("DevEUI")?;
        let at = self.time.time("Time")?;
        let confirmed = match self.m_type.byte("MType")? {
            None if self.raw_join_request.is_absent() => None,
            None | Some(JOIN_REQUEST) => {
                let detail = EventDetail::JoinRequest;
                return Ok(Content::Event(DeviceEvent { dev_eui, at, dedup_id: None, detail }));
            }
            Some(UNCONFIRMED_UP) => Some(false),
            Some(CONFIRMED_UP) => Some(true),
            Some(_) => return Err(self.m_type.unfit("MType", "0, 2 or 4")),
        };
        let payload = match &self.payload_hex {
            Scalar::Absent => Vec::new(),
            payload => payload.hex("payload_hex")?,
        };
        let name = self.customer_data.as_ref().map(|data| data.name.owned("CustomerData.name"));
        Ok(Content::Uplink(Uplink {
            // Left out if the frame had none.
            f_port: Some(self.f_port.byte("FPort")?.unwrap_or(0)),
            f_cnt: self.f_cnt_up.count("FCntUp")?,
            server_time: at,
            radio: self.radio()?,
            confirmed,
            dev_addr: self.dev_addr.dev_addr("DevAddr")?,
            device_name: name.transpose()?.flatten(),
            late: self.late.flag("Late")?.unwrap_or(false),
            ..Uplink::new(dev_eui, payload)
        }))
    }

    fn radio(&self) -> Result<Radio, EnvelopeError> {
        let listed = self.lrrs.as_ref().and_then(|lrrs| lrrs.listed.as_deref()).unwrap_or_default();
        let mut heard: Vec<Reception<'_>> = listed
            .iter()
            .map(|AnyCase(copy)| reception(&copy.id, &copy.rssi, &copy.snr))
            .collect::<Result<_, _>>()?;
        if heard.is_empty() && !self.gateway.is_absent() {
            heard.push(reception(&self.gateway, &self.rssi, &self.snr)?);
        }
        let best = if heard.is_empty() { Radio::default() } else { best_reception(&heard) };
        let counted = self.gateway_count.count("DevLrrCnt")?;
        Ok(Radio {
            gateway_count: best.gateway_count.max(counted),
            sf: self.sp_fact.byte("SpFact")?,
            frequency_hz: megahertz("Frequency", &self.frequency)?,
            ..best
        })
    }
}

fn reception<'r>(
    id: &'r Scalar<'_>,
    rssi: &Scalar<'_>,
    snr: &Scalar<'_>,
) -> Result<Reception<'r>, EnvelopeError> {
    let id = id.text("Lrrid")?.map(str::to_ascii_lowercase);
    Ok(Reception {
        gateway: Cow::Owned(id.unwrap_or_default()),
        rssi: rssi.number("LrrRSSI")?,
        snr: snr.number("LrrSNR")?,
    })
}

impl Notification<'_> {
    fn content(&self) -> Result<Content, EnvelopeError> {
        let dev_eui = self.dev_eui.dev_eui("DevEUI")?;
        let detail = match self.r#type.text("Type")? {
            Some("join") => {
                EventDetail::Join { dev_addr: self.dev_addr.dev_addr("DevAddr")?, session_id: None }
            }
            Some("devstatusans") => EventDetail::Status {
                margin_db: self.var2.signed("Var2")?,
                battery_percent: None,
                external_power: None,
                battery_raw: self.var1.byte("Var1")?,
            },
            other => {
                let name = other.unwrap_or("notification").to_owned();
                return Ok(aside(dev_eui, EventDetail::Other(name)));
            }
        };
        let at = self.time.time("Time")?;
        Ok(Content::Event(DeviceEvent { dev_eui, at, dedup_id: None, detail }))
    }
}

impl Located<'_> {
    fn content(&self) -> Result<Content, EnvelopeError> {
        const LATITUDE: &str = "DevLAT";
        const LONGITUDE: &str = "DevLON";
        let latitude = self.latitude.number(LATITUDE)?;
        let longitude = self.longitude.number(LONGITUDE)?;
        let detail = EventDetail::Location {
            latitude_deg: latitude.ok_or(EnvelopeError::Missing { field: LATITUDE })?,
            longitude_deg: longitude.ok_or(EnvelopeError::Missing { field: LONGITUDE })?,
        };
        Ok(Content::Event(DeviceEvent {
            dev_eui: self.dev_eui.dev_eui("DevEUI")?,
            at: self.time.time("Time")?,
            dedup_id: None,
            detail,
        }))
    }
}
