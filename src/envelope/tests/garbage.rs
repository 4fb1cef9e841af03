//! No bytes may end the process, and none may become more than they say.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::support::{Sample, samples};
use crate::envelope::{check, unwrap};
use crate::model::Format;

fn any_format() -> impl Strategy<Value = Format> {
    proptest::sample::select(Format::ALL.to_vec())
}

fn any_sample() -> impl Strategy<Value = (Format, Vec<u8>)> {
    let all: Vec<(Format, Vec<u8>)> =
        samples().into_iter().map(|Sample { format, body, .. }| (format, body)).collect();
    proptest::sample::select(all)
}

/// A value such as might stand where another should.
fn any_value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,24}".prop_map(Value::from),
        "[0-9a-fA-F]{0,20}".prop_map(Value::from),
        "-?[0-9]{1,24}(\\.[0-9]{1,12})?".prop_map(Value::from),
        Just(json!("NaN")),
        Just(json!("inf")),
        Just(json!("9999-12-31T23:59:59+14:00")),
    ];
    scalar.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-zA-Z_]{1,12}", inner, 0..4)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// All places in a document, as paths from its root.
fn places(value: &Value, here: String, all: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                places(value, format!("{here}/{key}"), all);
            }
        }
        Value::Array(elements) => {
            for (index, value) in elements.iter().enumerate() {
                places(value, format!("{here}/{index}"), all);
            }
        }
        _ => {}
    }
    all.push(here);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn random_bytes_do_no_harm(
        format in any_format(),
        body in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        prop_assert_eq!(check(format, &body), Ok(()));
    }

    #[test]
    fn samples_with_changed_bytes_do_no_harm(
        (format, mut body) in any_sample(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        for (place, byte) in changes {
            let place = place.index(body.len());
            body[place] = byte;
        }
        prop_assert_eq!(check(format, &body), Ok(()));
    }

    #[test]
    fn json_of_the_right_shape_with_other_values_does_no_harm(
        (format, body) in any_sample(),
        read_as in proptest::option::of(any_format()),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any_value()), 1..4),
    ) {
        let Ok(mut document) = serde_json::from_slice::<Value>(&body) else { return Ok(()) };
        for (place, value) in changes {
            let mut all = Vec::new();
            places(&document, String::new(), &mut all);
            if let Some(target) = document.pointer_mut(&all[place.index(all.len())]) {
                *target = value;
            }
        }
        let body = document.to_string();
        prop_assert_eq!(check(read_as.unwrap_or(format), body.as_bytes()), Ok(()));
    }
}

#[test]
fn no_beginning_of_json_is_read_and_none_of_protobuf_becomes_another_device() {
    let mut cut = 0;
    for sample in samples() {
        let whole = unwrap(sample.format, &sample.topic, &sample.body).unwrap();
        let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(&sample.body).is_ok();
        let end = sample.body.trim_ascii_end().len();
        for length in 0..end {
            cut += 1;
            for format in [sample.format, Format::Auto] {
                let read = unwrap(format, &sample.topic, &sample.body[..length]);
                let allowed = read.is_err() || !is_json && is_part_of(&read.unwrap(), &whole);
                assert!(allowed, "{} cut to {length} bytes as {}", sample.file, format.name());
            }
        }
    }
    assert!(cut > 40_000, "only {cut}");
}

/// Whether one message says of the same device nothing but what the other says. Protobuf has no
/// end mark, so a message that ends early between two fields is whole.
fn is_part_of(part: &[crate::envelope::Content], whole: &[crate::envelope::Content]) -> bool {
    use crate::envelope::Content::{Event, Uplink};
    part.len() == whole.len()
        && part.iter().zip(whole).all(|pair| match pair {
            (Uplink(part), Uplink(whole)) => {
                part.dev_eui == whole.dev_eui
                    && (part.payload.is_empty() || part.payload == whole.payload)
            }
            (Event(part), Event(whole)) => part.dev_eui == whole.dev_eui,
            _ => false,
        })
}

#[test]
fn deep_nesting_is_refused() {
    const DEEP: usize = 30_000;
    let bodies = [
        "[".repeat(DEEP),
        format!("{}{}", "[".repeat(DEEP), "]".repeat(DEEP)),
        "{\"a\":".repeat(DEEP),
        format!("{}1{}", "{\"rxInfo\":".repeat(DEEP), "}".repeat(DEEP)),
        format!("{}1{}", "{\"obj\":".repeat(DEEP), "}".repeat(DEEP)),
        format!("{{\"devEUI\":{}{}}}", "[".repeat(DEEP), "]".repeat(DEEP)),
        format!("{{\"deviceInfo\":{}1{}}}", "{\"devEui\":".repeat(DEEP), "}".repeat(DEEP)),
        format!(
            "[{{\"devEui\":\"0e7a11fffe70c0e3\",\"payload\":{}{}}}]",
            "[".repeat(DEEP),
            "]".repeat(DEEP)
        ),
        // Groups of protobuf, which nest too.
        "\u{1b}".repeat(DEEP),
    ];
    for body in bodies {
        for format in Format::ALL {
            let read = unwrap(format, "a/device/0e7a11fffe4c2d91/event/up", body.as_bytes());
            assert!(read.is_err(), "{}: {read:?}", format.name());
        }
    }
}
