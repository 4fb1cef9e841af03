//! The JSON that ChirpStack v4 publishes for an uplink. It writes every field of the event, but
//! leaves out zeros inside `rxInfo`, which is why those are optional here.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::Serialize;

use super::key::Key;
use super::radio::{Heard, Reception};
use super::sensor::{Frame, Sensor};

/// What the network server knows of an uplink beside its frame.
pub(super) struct Uplink<'a> {
    pub(super) sensor: &'a Sensor,
    pub(super) time: DateTime<Utc>,
    pub(super) f_cnt: u32,
    pub(super) frame: &'a Frame,
    pub(super) heard: &'a Heard,
    /// Of this device, and of this uplink of it.
    pub(super) device_key: Key,
    pub(super) report_key: Key,
}

/// ChirpStack's default topic for uplinks.
pub(super) fn topic(network: Key, sensor: &Sensor) -> String {
    format!("application/{}/device/{}/event/up", application_id(network, sensor), sensor.dev_eui)
}

/// The body of the event. `network` is the key of the invented network, from which the ids of
/// its tenant, applications and profiles follow.
pub(super) fn body(network: Key, uplink: &Uplink<'_>) -> Vec<u8> {
    let sensor = uplink.sensor;
    let event = UplinkEvent {
        deduplication_id: uplink.report_key.named("deduplication").uuid(),
        time: text(uplink.time),
        device_info: DeviceInfo {
            tenant_id: network.named("tenant").uuid(),
            tenant_name: "Demostaden",
            application_id: application_id(network, sensor),
            application_name: sensor.application(),
            device_profile_id: network.named(sensor.profile).uuid(),
            device_profile_name: sensor.profile,
            device_name: sensor.name,
            dev_eui: sensor.dev_eui.to_string(),
            device_class_enabled: "CLASS_A",
            tags: BTreeMap::from([("kommun", "Demostaden")]),
        },
        // A device that does not join again keeps its address.
        dev_addr: format!("01{:06x}", uplink.device_key.named("address").bits() & 0xff_ffff),
        adr: true,
        dr: uplink.heard.data_rate,
        f_cnt: uplink.f_cnt,
        f_port: uplink.frame.f_port,
        confirmed: false,
        data: STANDARD.encode(&uplink.frame.payload),
        rx_info: uplink.heard.receptions.iter().map(|r| rx_info(uplink, r)).collect(),
        tx_info: TxInfo {
            frequency: uplink.heard.frequency_hz,
            modulation: Modulation {
                lora: Lora {
                    bandwidth: 125_000,
                    spreading_factor: uplink.heard.spreading_factor,
                    code_rate: "CR_4_5",
                },
            },
        },
        region_config_id: "eu868",
    };
    // Texts, numbers and maps with text keys are always JSON.
    serde_json::to_vec(&event).unwrap_or_default()
}

fn application_id(network: Key, sensor: &Sensor) -> String {
    network.named(sensor.application()).uuid()
}

fn rx_info(uplink: &Uplink<'_>, reception: &Reception) -> RxInfo {
    let key = uplink.report_key.named(reception.gateway.id);
    let backhaul = TimeDelta::nanoseconds(
        60_000_000 + i64::try_from(key.named("backhaul").below(140_000_000)).unwrap_or(0),
    );
    let location = reception.gateway.place.map_or_else(Location::default, |(lat, lon, alt)| {
        Location { latitude: Some(lat), longitude: Some(lon), altitude: Some(alt) }
    });
    let channel = u64::from(uplink.heard.channel);
    let context = key.named("context").bits().to_be_bytes();
    RxInfo {
        gateway_id: reception.gateway.id,
        uplink_id: key.named("uplink").below(0xffff_ffff) + 1,
        gw_time: reception.gateway.has_clock.then(|| text(uplink.time)),
        ns_time: text(uplink.time + backhaul),
        rssi: reception.rssi_dbm,
        snr: (reception.snr_db != 0.0).then_some(reception.snr_db),
        channel: (channel != 0).then_some(channel),
        // The first three channels belong to one radio of a gateway, the rest to the other.
        rf_chain: (channel < 3).then_some(1),
        location,
        context: STANDARD.encode(context.get(..4).unwrap_or_default()),
        crc_status: "CRC_OK",
    }
}

/// ChirpStack writes UTC as an offset and as many decimals as it needs.
fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, false)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UplinkEvent {
    deduplication_id: String,
    time: String,
    device_info: DeviceInfo,
    dev_addr: String,
    adr: bool,
    dr: u8,
    f_cnt: u32,
    f_port: u8,
    confirmed: bool,
    data: String,
    rx_info: Vec<RxInfo>,
    tx_info: TxInfo,
    region_config_id: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeviceInfo {
    tenant_id: String,
    tenant_name: &'static str,
    application_id: String,
    application_name: &'static str,
    device_profile_id: String,
    device_profile_name: &'static str,
    device_name: &'static str,
    dev_eui: String,
    device_class_enabled: &'static str,
    tags: BTreeMap<&'static str, &'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RxInfo {
    gateway_id: &'static str,
    uplink_id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    gw_time: Option<String>,
    ns_time: String,
    rssi: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    snr: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rf_chain: Option<u8>,
    location: Location,
    context: String,
    crc_status: &'static str,
}

#[derive(Default, Serialize)]
struct Location {
    #[serde(skip_serializing_if = "Option::is_none")]
    latitude: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    longitude: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    altitude: Option<f64>,
}

#[derive(Serialize)]
struct TxInfo {
    frequency: u32,
    modulation: Modulation,
}

#[derive(Serialize)]
struct Modulation {
    lora: Lora,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Lora {
    bandwidth: u32,
    spreading_factor: u8,
    code_rate: &'static str,
}
