//! The uplinks: each follows from its number alone. Devices send one every ten minutes, in turn.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use stadspuls::clock;
use stadspuls::model::{
    Deployment, DevEui, Device, Message, ProfileId, Site, SiteId, SiteKind, Source,
};
use stadspuls::store::Fleet;

use crate::chirpstack;

use std::collections::BTreeMap;
use std::sync::Arc;

pub const PROFILE: &str = "elsys/elt-2";
pub const QUANTITIES: [&str; 2] = ["water_temperature", "battery_voltage"];

pub const INTERVAL: TimeDelta = TimeDelta::minutes(10);

#[derive(Clone, Copy)]
pub struct Load {
    pub devices: u32,
    /// When the first uplink is sent; none if each is sent when it is made.
    pub from: Option<DateTime<Utc>>,
    /// Whether devices send in turn, as those with a fixed interval do, or in any order.
    pub in_turn: bool,
}

pub struct Sent {
    pub topic: String,
    pub body: String,
}

impl Load {
    /// Uplinks that were sent before `until`, the last of so many just then.
    pub fn until(until: DateTime<Utc>, uplinks: u64, devices: u32) -> Self {
        let load = Self { devices, from: Some(until), in_turn: true };
        let length = load.time(uplinks) - until;
        Self { from: Some(until - length), ..load }
    }

    /// Uplinks that are sent as they are made, however fast that is.
    pub fn live(devices: u32) -> Self {
        Self { devices, from: None, in_turn: true }
    }

    pub fn device(&self, number: u64) -> u32 {
        let place = if self.in_turn { number } else { mixed(number, 7) };
        u32::try_from(place % u64::from(self.devices)).unwrap_or(0)
    }

    pub fn time(&self, number: u64) -> DateTime<Utc> {
        let Some(from) = self.from else { return clock::now() };
        let interval = u128::from(INTERVAL.num_nanoseconds().unwrap_or(0).cast_unsigned());
        let nanos = u128::from(number) * interval / u128::from(self.devices.max(1));
        from + TimeDelta::nanoseconds(i64::try_from(nanos).unwrap_or(i64::MAX))
    }

    pub fn uplink(&self, number: u64) -> Sent {
        let device = dev_eui(self.device(number));
        let dice = |which| mixed(number, which);
        // What a probe in water shows: a place of its own that is a little other each time.
        let place = mixed(u64::from(self.device(number)), 12) % 200;
        let tenths = i16::try_from(place + dice(0) % 8).unwrap_or(0);
        let millivolts = u16::try_from(3400 + dice(1) % 200).unwrap_or(0);
        let ([high, low], [volts_high, volts_low]) =
            (tenths.to_be_bytes(), millivolts.to_be_bytes());
        let payload = [0x07, volts_high, volts_low, 0x0c, high, low];
        let time = self.time(number);
        let text = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Nanos, false);
        let context = |which| {
            let bytes = dice(which).to_be_bytes();
            BASE64_STANDARD.encode(bytes.get(..4).unwrap_or_default())
        };
        let signal = |which| i16::try_from(dice(which) % 40).unwrap_or(0);
        let body = chirpstack::body(&chirpstack::Uplink {
            id: &uuid(dice(2), dice(3)),
            time: Some(&text(time)),
            dev_eui: device,
            f_cnt: u32::try_from(number / u64::from(self.devices)).unwrap_or(u32::MAX),
            data: &BASE64_STANDARD.encode(payload),
            object: &format!(
                r#"{{"battery_voltage":{},"external_temperature":{}}}"#,
                f64::from(millivolts) / 1000.0,
                f64::from(tenths) / 10.0
            ),
            gateway_time: &text(time),
            server_time: &text(time + TimeDelta::microseconds(60_000 + i64::from(signal(4)))),
            uplink_id: u32::try_from(dice(5) >> 32).unwrap_or(0),
            heard: [
                (-80 - signal(6), f64::from(signal(7)) / 4.0, &context(8)),
                (-100 - signal(9), -f64::from(signal(10)) / 4.0, &context(11)),
            ],
        });
        let topic = format!(
            "application/3b1d6c52-1e0f-4a57-8f6c-0a1de1b6a001/device/{device:016x}/event/up"
        );
        Sent { topic, body }
    }

    /// The same as it stands in the intake. It arrives as soon as it is sent.
    pub fn message(&self, source: &Arc<Source>, number: u64) -> Message {
        let sent = self.uplink(number);
        Message {
            source: Arc::clone(source),
            topic: sent.topic,
            body: sent.body.into(),
            arrived_at: self.time(number),
        }
    }
}

pub fn dev_eui(device: u32) -> u64 {
    0x0e7a_11ff_0000_0000 | u64::from(device)
}

pub fn site(device: u32) -> String {
    format!("plats-{device}")
}

/// Long before any uplink.
pub const DEPLOYED: DateTime<Utc> = DateTime::UNIX_EPOCH;

/// Each device at a site of its own.
pub fn fleet(devices: u32) -> Fleet {
    let mut fleet = Fleet::default();
    for device in 0..devices {
        let (dev_eui, id) = (DevEui(dev_eui(device)), SiteId::from(site(device).as_str()));
        fleet.sites.push(Site::new(id.clone(), SiteKind::GaugingStation, site(device)));
        fleet.devices.push(Device {
            dev_eui,
            profile: ProfileId::from(PROFILE),
            name: None,
            variables: BTreeMap::new(),
        });
        fleet.deployments.push(Deployment {
            dev_eui,
            site: id,
            from: DEPLOYED,
            until: None,
            installations: Vec::new(),
        });
    }
    fleet
}

/// `SplitMix64`, so that nothing of an uplink but what is the same in all of them can be packed away.
pub fn mixed(number: u64, which: u64) -> u64 {
    let mut mixed = number.wrapping_mul(16).wrapping_add(which).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn uuid(high: u64, low: u64) -> String {
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 52,
        low & 0xffff_ffff_ffff
    )
}
