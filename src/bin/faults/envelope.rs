//! How an uplink looks on its way: topic and body.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};

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

/// As `ChirpStack` v4 writes it, 1.3 kB with two gateways and what its own codec made of it.
fn chirpstack(plan: &Plan, uplink: &Uplink) -> String {
    let (number, counter) = (uplink.number, uplink.original);
    let device = dev_eui(uplink.way, uplink.device);
    let time = plan.time(uplink).map(|time| format!("\"time\":\"{}\",", rfc3339(time)));
    let data = match uplink.kind {
        Kind::BadBase64 => "B2Q*!!".to_owned(),
        _ => BASE64_STANDARD.encode(payload(uplink)),
    };
    format!(
        concat!(
            r#"{{"deduplicationId":"{id}",{time}"deviceInfo":{{"tenantId":"52f14cd4-c6f1-4fbd-8f87-4025e1d49242","#,
            r#""tenantName":"Kommunen","applicationId":"3b1d6c52-1e0f-4a57-8f6c-0a1de1b6a001","applicationName":"Badplatser","#,
            r#""deviceProfileId":"14855bf7-d10d-4aee-b618-ebfcb64dc7ad","deviceProfileName":"Elsys ELT-2","#,
            r#""deviceName":"provgivare","devEui":"{device:016x}","deviceClassEnabled":"CLASS_A","tags":{{"plats":"bryggan"}}}},"#,
            r#""devAddr":"01a4c39e","adr":true,"dr":3,"fCnt":{counter},"fPort":5,"confirmed":false,"data":"{data}","#,
            r#""object":{{"external_temperature":{degrees},"battery_voltage":{volts},"sent_as":{number}}},"#,
            r#""margin":7,"batteryLevel":91.5,"rxInfo":["#,
            r#"{{"gatewayId":"e45f01fffe7a3c11","uplinkId":{uplink_id},"gwTime":"2025-01-01T00:00:00.105Z","nsTime":"2025-01-01T00:00:00.150Z","#,
            r#""rssi":-97,"snr":6.5,"channel":2,"rfChain":1,"location":{{"latitude":57.93,"longitude":12.53,"altitude":98}},"#,
            r#""context":"yTCnzA==","metadata":{{"region_config_id":"eu868","region_common_name":"EU868"}},"crcStatus":"CRC_OK"}},"#,
            r#"{{"gatewayId":"e45f01fffe7a3c12","uplinkId":{uplink_id},"rssi":-111,"snr":-2.25,"channel":2,"context":"yTCnzB==","#,
            r#""metadata":{{"region_config_id":"eu868","region_common_name":"EU868"}},"crcStatus":"CRC_OK"}}],"#,
            r#""txInfo":{{"frequency":868300000,"modulation":{{"lora":{{"bandwidth":125000,"spreadingFactor":9,"codeRate":"CR_4_5"}}}}}}}}"#
        ),
        id = id(plan, uplink),
        device = device,
        counter = counter,
        number = number,
        data = data,
        time = time.unwrap_or_default(),
        degrees = f64::from(uplink.tenths) / 10.0,
        volts = f64::from(uplink.millivolts) / 1000.0,
        uplink_id = u64::from(number) * 7919,
    )
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
