//! Which points there are: docs/influxdb.md has the table.
//!
//! A point's identity is its measurement, tags and time. So that of an observation holds nothing but what
//! its own is, (site, quantity, time), and the kind of the site, which stays as it was first told: whatever
//! is corrected or decoded again overwrites the point. Device and profile may become others for the same
//! observation, and stand in a measurement of their own.

use chrono::{DateTime, Utc};

use super::line::Line;
use crate::envelope::Content;
use crate::model::{
    AlertState, DeviceEvent, EventDetail, Quality, Reason, Subject, Uplink, battery_status,
};
use crate::pipeline::{TimingLimits, content_of, heard_at};
use crate::store::{HeardRow, ItemId, Told, Transition};

/// Which devices have told something of a site, and by which profile it was decoded.
const OBSERVED_BY: &str = "observed_by";
const RADIO: &str = "device_radio";
const BATTERY: &str = "device_battery";
/// What has become of alerts.
const ALERT: &str = "alert";
/// Where the service is, for the links of whoever shows the rest.
const SERVICE: &str = "service";

/// All measurements that are no quantity.
pub const MEASUREMENTS: [&str; 5] = [OBSERVED_BY, RADIO, BATTERY, ALERT, SERVICE];

/// Something to be told, with its points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub id: ItemId,
    /// Whole lines; none where nothing of it can be written.
    pub lines: String,
}

/// Most lines of an item.
pub const LINES_MAX: usize = 2;

/// 0 good, 1 uncertain, 2 bad, 3 withdrawn: higher is worse.
fn number(quality: Quality) -> f64 {
    match quality {
        Quality::Good => 0.0,
        Quality::Uncertain(_) => 1.0,
        Quality::Bad(Reason::Withdrawn) => 3.0,
        Quality::Bad(_) => 2.0,
    }
}

/// The points of an observation.
pub fn of_observation(told: &Told) -> Item {
    let observation = &told.observation;
    let micros = observation.time.timestamp_micros();
    let device = told.dev_eui.map(|dev_eui| dev_eui.to_string());
    let value = Line::of(&told.quantity.0)
        .tag("kind", told.kind.as_deref())
        .tag("site", Some(&told.site.0))
        .field("value", Some(observation.value));
    // A quality without a value would be a point of nothing.
    let value = match value.if_any() {
        Some(value) => value.field("quality", Some(number(observation.quality))).at(micros),
        None => None,
    };
    let by = Line::of(OBSERVED_BY)
        .tag("device", device.as_deref())
        .tag("profile", told.profile.as_deref())
        .tag("site", Some(&told.site.0))
        .field("uplink", Some(exact(observation.uplink.0)))
        .at(micros);
    let lines = value.map(|value| value + &by.unwrap_or_default()).unwrap_or_default();
    Item { id: told.id, lines }
}

/// The point of an alert that has come to stand otherwise: 0 resolved, 2 open, 3 acknowledged.
pub fn of_transition(transition: &Transition) -> Item {
    let site = match &transition.subject {
        Subject::Site(id) => Some(id.0.to_string()),
        _ => None,
    };
    let state = match transition.state {
        AlertState::Resolved => 0.0,
        AlertState::Pending => 1.0,
        AlertState::Open => 2.0,
        AlertState::Acknowledged => 3.0,
    };
    let line = Line::of(ALERT)
        .tag("rule", Some(&transition.rule))
        .tag("severity", Some(&transition.severity))
        .tag("site", site.as_deref())
        .tag("subject", Some(&transition.subject.to_string()))
        .field("state", Some(state))
        .field("value", transition.value)
        .at(transition.at.timestamp_micros());
    Item { id: ItemId::Alert(transition.id), lines: line.unwrap_or_default() }
}

/// The point that says where the public reaches the service at that time.
pub fn of_service(public_url: &str, at: DateTime<Utc>) -> String {
    let line = Line::of(SERVICE).tag("public_url", Some(public_url)).field("running", Some(1.0));
    line.at(at.timestamp_micros()).unwrap_or_default()
}

/// The points of a row of the ledger; none where it says nothing of radio and battery.
pub fn of_row(heard: &HeardRow, limits: &TimingLimits) -> Option<Item> {
    let content = content_of(&heard.message)?;
    let at = heard_at(&heard.message, &content, limits);
    let lines: Vec<Option<String>> = match &content {
        Content::Uplink(uplink) if uplink.simulated => Vec::new(),
        Content::Uplink(uplink) => {
            let battery = uplink.battery_raw.map(battery_status);
            let (percent, external) = battery.map_or((None, None), |(p, e)| (p, Some(e)));
            vec![radio(heard, uplink, at), self::battery(heard, percent, external, None, at)]
        }
        Content::Event(DeviceEvent { detail, .. }) => match detail {
            EventDetail::Status { margin_db, battery_percent, external_power, battery_raw } => {
                let (percent, external) = battery_raw
                    .map(battery_status)
                    .map_or((*battery_percent, *external_power), |(percent, external)| {
                        (percent, Some(external))
                    });
                vec![battery(heard, percent, external, *margin_db, at)]
            }
            _ => Vec::new(),
        },
    };
    let lines: String = lines.into_iter().flatten().collect();
    (!lines.is_empty()).then_some(Item { id: ItemId::Uplink(heard.id), lines })
}

fn radio(heard: &HeardRow, uplink: &Uplink, at: DateTime<Utc>) -> Option<String> {
    let radio = &uplink.radio;
    of_device(RADIO, heard)
        .field("rssi", radio.rssi)
        .field("snr", radio.snr)
        .field("sf", radio.sf.map(f64::from))
        .field("gateways", radio.gateway_count.map(f64::from))
        .field("f_cnt", uplink.f_cnt.map(f64::from))
        .field("lost", uplink.f_cnt.map(|_| exact(heard.lost)))
        .at(at.timestamp_micros())
}

fn battery(
    heard: &HeardRow,
    percent: Option<f64>,
    external_power: Option<bool>,
    margin_db: Option<i32>,
    at: DateTime<Utc>,
) -> Option<String> {
    of_device(BATTERY, heard)
        .field("percent", percent)
        .field("external_power", external_power.map(|is_external| f64::from(u8::from(is_external))))
        .field("margin", margin_db.map(f64::from))
        .at(at.timestamp_micros())
}

/// The source is told beside the device: two network servers may hear the same one at the same time.
fn of_device(measurement: &str, heard: &HeardRow) -> Line {
    Line::of(measurement)
        .tag("device", Some(&heard.dev_eui.to_string()))
        .tag("source", Some(&heard.source))
}

/// Numbers of rows and frames lie far below 2⁵³, up to which a float is exact.
#[expect(clippy::cast_precision_loss, reason = "exact up to 2⁵³ rows")]
const fn exact(number: i64) -> f64 {
    number as f64
}
