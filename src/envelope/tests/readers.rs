//! What readers forgive, and what they refuse and how.

use super::support::{Sample, sample};
use crate::envelope::{Content, EnvelopeError, recognise, unwrap};
use crate::model::{Format, Uplink};

fn read(format: Format, body: &str) -> Result<Uplink, EnvelopeError> {
    match unwrap(format, "stad/sensorer", body.as_bytes())?.pop() {
        Some(Content::Uplink(uplink)) => Ok(uplink),
        other => panic!("{other:?} from {body}"),
    }
}

fn text(file: &str) -> String {
    String::from_utf8(sample(file).body).unwrap()
}

/// Sample, what is changed in it, into what, and the message.
const UNFIT: &[(&str, &str, &str, &str)] = &[
    ("netmore-up.json", "\"5\"", "\"256\"", "fPort is \"256\", want a whole number from 0 to 255"),
    (
        "netmore-up.json",
        "17961",
        "-1",
        "fCntUp is \"-1\", want a whole number from 0 to 4294967295",
    ),
    (
        "netmore-up.json",
        "17961",
        "1.5",
        "fCntUp is \"1.5\", want a whole number from 0 to 4294967295",
    ),
    ("netmore-up.json", "\"-8.2\"", "\"NaN\"", "gateways.snr is \"NaN\", want a number"),
    (
        "netmore-up.json",
        "0100d5",
        "0100d",
        "payload is \"0100d022c070e1f\", want hexadecimal bytes",
    ),
    (
        "netmore-up.json",
        "0e7a11fffe70c0e3",
        "0e7a",
        "devEui is \"0e7a\", want 16 hexadecimal digits",
    ),
    (
        "netmore-up.json",
        "2026-03-11T",
        "11.3.2026 ",
        "timestamp is \"11.3.2026 06:46:02.931Z\", want an RFC 3339 time",
    ),
    (
        "tts-v3-up.json",
        "\"867500000\"",
        "\"867.5\"",
        "settings.frequency is \"867.5\", want a whole number from 0 to 4294967295",
    ),
    (
        "tts-v3-up.json",
        "\"260B41C7\"",
        "\"260B\"",
        "end_device_ids.dev_addr is \"260B\", want 8 hexadecimal digits",
    ),
    ("thingpark-uplink.json", "\"MType\": 4", "\"MType\": 7", "MType is \"7\", want 0, 2 or 4"),
    (
        "thingpark-uplink.json",
        "868.3",
        "868300000",
        "Frequency is \"868300000\", want a frequency in MHz",
    ),
    ("loriot-rx.json", "SF8 BW125 4/5", "SF8", "dr is \"SF8\", want a data rate such as SF9BW125"),
    ("loriot-rx.json", "1773211800592", "\"soon\"", "ts is \"soon\", want milliseconds since 1970"),
    ("chirpstack-v4-up-typical.json", "AQDVAiwHDh8=", "AQDV*", "data is \"AQDV*\", want base64"),
    (
        "chirpstack-v3-protobuf-json-up.json",
        "DnoR//5RoMQ=",
        "DnoR//5RoA==",
        "devEUI is \"DnoR//5RoA==\", want 8 bytes as base64",
    ),
    (
        "multitech-up.json",
        "\"80cb",
        "\"20cb",
        "mhdr is \"20cb80d000800100\", want the header of a data uplink",
    ),
    ("wanesy-dataup.json", "HEXA", "ASCII", "encodingType is \"ASCII\", want HEXA or BASE64"),
    (
        "aws-iot-lorawan-up.json",
        "\"AQDVAiwHDh8=\"",
        "[1]",
        "PayloadData is \"an object or array\", want a text",
    ),
];

#[test]
fn a_value_that_cannot_be_is_named_with_its_field() {
    for (file, from, to, message) in UNFIT {
        let Sample { format, topic, .. } = sample(file);
        let error = unwrap(format, &topic, text(file).replace(from, to).as_bytes());
        assert_eq!(error.unwrap_err().to_string(), *message, "{file}");
    }
}

#[test]
fn exports_without_the_payload_are_refused_with_what_to_change() {
    let cases = [
        (Format::Netmore, r#"[{"devEui":"0e7a11fffe70c0e3","temperature":21.3}]"#, "Default (All)"),
        (Format::ThingPark, r#"{"temperature":21.3}"#, "sendRawDecodedFormat"),
        (Format::MilesightGateway, r#"{"temperature":21.3}"#, "payload codec"),
        (
            Format::MilesightGateway,
            r#"{"devEUI":"0e7a11fffea0f0b6","temperature":21}"#,
            "payload codec",
        ),
        (
            Format::OrangeLiveObjects,
            r#"{"metadata":{"network":{"lora":{"devEUI":"0E7A11FFFEE004FA"}}},"value":{"t":1}}"#,
            "decoder",
        ),
    ];
    for (format, body, remedy) in cases {
        let error = unwrap(format, "x", body.as_bytes()).unwrap_err();
        assert!(matches!(error, EnvelopeError::DecodedOnly { .. }), "{error}");
        assert!(error.to_string().contains(remedy), "{error}");
    }
}

#[test]
fn null_is_an_empty_payload_and_an_absent_one_is_an_error() {
    let body = |data: &str| format!(r#"{{"devEUI":"0e7a11fffe51a0c4","fPort":0{data}}}"#);
    let empty = read(Format::ChirpStackV3JsonV3, &body(r#","data":null"#)).unwrap();
    assert_eq!(empty.payload, [0_u8; 0]);
    let absent = read(Format::ChirpStackV3JsonV3, &body("")).unwrap_err();
    assert_eq!(absent, EnvelopeError::Missing { field: "data" });
}

#[test]
fn base64_comes_in_both_alphabets_with_padding_or_without() {
    for data in ["++/+/8CoAQI=", "++/+/8CoAQI", "--_-_8CoAQI=", "--_-_8CoAQI"] {
        let body = format!(r#"{{"devEUI":"0E-7A-11-FF-FE-51-A0-C4","data":"{data}"}}"#);
        let uplink = read(Format::ChirpStackV3JsonV3, &body).unwrap();
        assert_eq!(hex::encode(uplink.payload), "fbeffeffc0a80102");
        assert_eq!(uplink.dev_eui.to_string(), "0e7a11fffe51a0c4");
    }
}

#[test]
fn keys_of_thingpark_and_aws_may_be_in_any_case() {
    for (file, format) in [
        ("thingpark-uplink.json", Format::ThingPark),
        ("thingpark-uplink-strings.json", Format::ThingPark),
        ("aws-iot-lorawan-up.json", Format::AwsIotLorawan),
    ] {
        let original = text(file);
        let changed: String = original.split('"').collect::<Vec<_>>().windows(2).enumerate().fold(
            original.clone(),
            |body, (at, pair)| {
                let is_key = at % 2 == 1 && pair[1].trim_start().starts_with(':');
                let key = format!("\"{}\":", pair[0]);
                if is_key { body.replace(&key, &key.to_lowercase()) } else { body }
            },
        );
        assert_ne!(changed, original, "{file}");
        assert_eq!(read(format, &changed), read(format, &original), "{file}");
    }
}

#[test]
fn two_spellings_of_one_key_are_one_value() {
    let both =
        text("aws-iot-lorawan-up-short.json").replace("\"Fport\": 5", "\"Fport\": 5, \"FPort\": 6");
    assert_eq!(read(Format::AwsIotLorawan, &both).unwrap().f_port, Some(5));
}

#[test]
fn megahertz_become_the_channels_hertz() {
    for (megahertz, hertz) in [
        ("868.1", 868_100_000),
        ("868.3", 868_300_000),
        ("868.2999877929688", 868_300_000),
        ("867.0999755859375", 867_100_000),
        ("869.525", 869_525_000),
        ("\"868.3\"", 868_300_000),
    ] {
        let body = text("thingpark-uplink.json").replace("868.3", megahertz);
        let uplink = read(Format::ThingPark, &body).unwrap();
        assert_eq!(uplink.radio.frequency_hz, Some(hertz), "{megahertz}");
    }
}

#[test]
fn multitechs_payload_may_be_hexadecimal() {
    let body = text("multitech-up.json").replace("dGVzdGRhdGE=", "7465737464617461");
    assert_eq!(read(Format::MultiTech, &body).unwrap().payload, b"testdata");
}

#[test]
fn raks_payload_is_encoded_as_it_says() {
    let body = |encoding: &str, data: &str| {
        text("loraserver-v1-up.json")
            .replace("\"AXVW\"", &format!("\"{data}\", \"data_encode\": \"{encoding}\""))
    };
    for (encoding, data) in [("base64", "AXVW"), ("hexstring", "017556")] {
        let uplink = read(Format::LoraServerV1, &body(encoding, data)).unwrap();
        assert_eq!(uplink.payload, [0x01, 0x75, 0x56]);
    }
    let error = read(Format::LoraServerV1, &body("ascii", "AXVW")).unwrap_err();
    assert_eq!(error.to_string(), "data_encode is \"ascii\", want base64 or hexstring");
}

#[test]
fn thingparks_uplink_may_come_without_its_root() {
    let whole = text("thingpark-uplink.json");
    let value: serde_json::Value = serde_json::from_str(&whole).unwrap();
    let bare = value["DevEUI_uplink"].to_string();
    assert_eq!(recognise("stad/sensorer", bare.as_bytes()), Some(Format::ThingPark));
    assert_eq!(read(Format::ThingPark, &bare), read(Format::ThingPark, &whole));
}

#[test]
fn netmores_answer_to_a_downlink_may_be_an_object() {
    let array = text("netmore-downlink-response.json");
    let object = array.trim().trim_start_matches('[').trim_end_matches(']');
    let of = |body: &str| unwrap(Format::Auto, "x", body.as_bytes()).unwrap();
    assert_eq!(of(object), of(&array));
}

#[test]
fn a_gateways_alarm_is_of_no_device() {
    let alarm = br#"{"BS_alarm":{"Time":"2026-03-11T07:48:10.285+01:00","Lrrid":"080A0B0C"}}"#;
    assert_eq!(unwrap(Format::Auto, "x", alarm), Ok(Vec::new()));
}

#[test]
fn binary_is_recognised_only_where_the_topic_names_its_device() {
    let binary = sample("chirpstack-v4-protobuf-up.json");
    let other = binary.topic.replace("0e7a11fffe4c2d91", "0e7a11fffe4c2d92");
    assert_eq!(recognise(&other, &binary.body), None);
    assert_eq!(unwrap(Format::Auto, &other, &binary.body), Err(EnvelopeError::Unrecognised));
    let by_name = unwrap(Format::ChirpStackV4Protobuf, &other, &binary.body).unwrap();
    assert_eq!(by_name.len(), 1);
}

#[test]
fn milesights_fields_can_all_be_switched_off_but_two() {
    let body = r#"{"devEUI":"0E7A11FFFEA0F0B6","data":"AXVk"}"#;
    assert_eq!(recognise("milesight/uplink", body.as_bytes()), Some(Format::MilesightGateway));
    let uplink = read(Format::MilesightGateway, body).unwrap();
    let bare = Uplink::new("0e7a11fffea0f0b6".parse().unwrap(), vec![0x01, 0x75, 0x64]);
    assert_eq!(uplink, bare);
}

#[test]
fn what_nobody_recognises_is_told_all_names() {
    let error = unwrap(Format::Auto, "x", b"{}").unwrap_err().to_string();
    for format in Format::ALL.into_iter().filter(|format| *format != Format::Auto) {
        assert!(error.contains(format.name()), "{error}");
    }
}
