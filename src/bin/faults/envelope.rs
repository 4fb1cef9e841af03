//! How an uplink looks on its way: topic and body.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};

use crate::chirpstack;
use crate::plan::{Kind, Lane, Plan, Uplink, Way, dev_eui};

/// Larger than the service is told to read.
const OVERSIZE_BYTES: usize = 40 * 1024;

/// The largest body the service reads.
pub const BODY_BYTES: usize = 32 * 1024;

pub struct Envelope {
    pub topic: String,
    pub body: Vec<u8>,
}

/// The number is in the topic, or else in the body, of whatever is sent.
pub fn envelope(plan: &Plan, uplink: &Uplink) -> Envelope {
    let number = uplink.number;
    let topic = match uplink.lane {
        Lane::Mosquitto | Lane::Listener => {
            let event = if uplink.kind == Kind::Status { "status" } else { "up" };
            let device = dev_eui(uplink.way, uplink.device);
            format!("application/n{number}/device/{device:016x}/event/{event}")
        }
        Lane::HttpOne => format!("http/event/n{number}"),
        Lane::HttpMany => String::new(),
    };
    let whole = match uplink.way {
        Way::Mosquitto | Way::Listener => chirpstack(plan, uplink),
        Way::Http => plain(plan, uplink),
    };
    let body = match uplink.kind {
        Kind::NotJson if uplink.way == Way::Http => format!("n{number} {{oops").into_bytes(),
        Kind::NotJson => [b"\x00\xff\xfe n", number.to_string().as_bytes()].concat(),
        Kind::Truncated => whole.as_bytes().get(..whole.len() * 2 / 3).unwrap_or_default().to_vec(),
        Kind::Empty => Vec::new(),
        Kind::Oversize => {
            let padding = format!(",\"padding\":\"{}\"}}", "x".repeat(OVERSIZE_BYTES));
            [whole.trim_end_matches('}'), &padding].concat().into_bytes()
        }
        _ => whole.into_bytes(),
    };
    Envelope { topic, body }
}

/// The number in a topic or, if there is none in it, in a body.
pub fn number(topic: &str, body: &[u8]) -> Option<u32> {
    let in_topic = topic.split('/').find_map(|level| level.strip_prefix('n')?.parse().ok());
    in_topic.or_else(|| {
        let text = String::from_utf8_lossy(body.get(..64.min(body.len()))?).into_owned();
        let digits = text.split(|c: char| !c.is_ascii_alphanumeric());
        digits.filter_map(|word| word.strip_prefix('n')?.parse().ok()).next()
    })
}

fn payload(uplink: &Uplink) -> Vec<u8> {
    let [volts_high, volts_low] = uplink.millivolts.to_be_bytes();
    let [high, low] = uplink.tenths.to_be_bytes();
    match uplink.kind {
        Kind::Silent => Vec::new(),
        Kind::Short => vec![0x07, volts_high],
        _ => vec![0x07, volts_high, volts_low, 0x0c, high, low],
    }
}

fn id(plan: &Plan, uplink: &Uplink) -> String {
    format!("{:08x}-{:08x}", plan.seed, uplink.original)
}

fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The network server's own times are nothing that the service goes by.
const GATEWAY_TIME: &str = "2025-01-01T00:00:00.105Z";
const SERVER_TIME: &str = "2025-01-01T00:00:00.150Z";

fn chirpstack(plan: &Plan, uplink: &Uplink) -> String {
    let data = match uplink.kind {
        Kind::BadBase64 => "B2Q*!!".to_owned(),
        _ => BASE64_STANDARD.encode(payload(uplink)),
    };
    let number = uplink.number;
    chirpstack::body(&chirpstack::Uplink {
        id: &id(plan, uplink),
        time: plan.time(uplink).map(rfc3339).as_deref(),
        dev_eui: dev_eui(uplink.way, uplink.device),
        f_cnt: uplink.original,
        data: &data,
        object: &format!(
            r#"{{"external_temperature":{},"battery_voltage":{},"sent_as":{number}}}"#,
            f64::from(uplink.tenths) / 10.0,
            f64::from(uplink.millivolts) / 1000.0,
        ),
        gateway_time: GATEWAY_TIME,
        server_time: SERVER_TIME,
        uplink_id: number.wrapping_mul(7919),
        heard: [(-97, 6.5, "yTCnzA=="), (-111, -2.25, "yTCnzB==")],
    })
}

fn plain(plan: &Plan, uplink: &Uplink) -> String {
    let number = uplink.number;
    let id = (!uplink.without_id).then(|| format!(",\"id\":\"{}\"", id(plan, uplink)));
    let time = plan.time(uplink).map(|time| format!(",\"time\":\"{}\"", rfc3339(time)));
    let payload = match uplink.kind {
        Kind::BadBase64 => r#""payload_base64":"B2Q*!!""#.to_owned(),
        _ => format!("\"payload_hex\":\"{}\"", hex::encode(payload(uplink))),
    };
    format!(
        r#"{{"name":"n{number}","dev_eui":"{device:016x}","f_port":5,"f_cnt":{counter},"dev_addr":"01a4c39e",{payload}{id}{time},"rssi":-101,"snr":3.5,"gateway":"nbiot-7"}}"#,
        device = dev_eui(uplink.way, uplink.device),
        counter = uplink.original,
        id = id.unwrap_or_default(),
        time = time.unwrap_or_default(),
    )
}
