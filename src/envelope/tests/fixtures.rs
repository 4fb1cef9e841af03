use super::support::{faults, sample, samples};
use crate::envelope::{recognise, unwrap};
use crate::model::Format;

#[test]
fn every_sample_yields_what_the_index_says_by_name_and_by_auto() {
    let (mut files, mut uplinks, mut events) = (0, 0, 0);
    let mut wrong = Vec::new();
    for sample in samples() {
        for format in [sample.format, Format::Auto] {
            match unwrap(format, &sample.topic, &sample.body) {
                Ok(got) => {
                    let found = faults(&sample, &got);
                    wrong.extend(
                        found.iter().map(|fault| format!("{} by {}", fault, format.name())),
                    );
                }
                Err(error) => {
                    wrong.push(format!("{}: {error} by {}", sample.file, format.name()));
                }
            }
        }
        files += 1;
        uplinks += sample.uplinks.len();
        events += usize::from(sample.event.is_some());
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert_eq!((files, uplinks, events), (57, 37, 21));
}

#[test]
fn every_format_has_a_sample_and_every_sample_is_in_the_index() {
    let samples = samples();
    for format in Format::ALL {
        let sampled = samples.iter().any(|sample| sample.format == format);
        let needs_none = matches!(format, Format::Auto | Format::PlainJson);
        assert!(sampled || needs_none, "no sample of {}", format.name());
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/envelopes");
    let files = std::fs::read_dir(folder).unwrap().count();
    assert_eq!(files, samples.len() + 1, "each file but index.json is in index.json");
}

#[test]
fn auto_takes_each_sample_for_its_own_format() {
    for sample in samples() {
        // Which is byte for byte the same.
        let own = match sample.format {
            Format::Servanet => Format::ChirpStackV3JsonV3,
            format => format,
        };
        assert_eq!(recognise(&sample.topic, &sample.body), Some(own), "{}", sample.file);
    }
}

#[test]
fn the_topic_is_needed_only_where_nothing_else_tells() {
    let mut told_by_topic = Vec::new();
    for sample in samples() {
        let own = recognise(&sample.topic, &sample.body);
        if recognise("stad/sensorer", &sample.body) != own {
            told_by_topic.push(sample.file);
        }
    }
    let expected = [
        // Without a gateway in the body, a version 3 event is one only by its topic.
        "chirpstack-v3-jsonv3-status.json",
        "chirpstack-v3-jsonv3-error.json",
        // Bytes are a protobuf message only where the topic names the device that they name.
        "chirpstack-v4-protobuf-up.json",
        "chirpstack-v4-protobuf-up-sparse.json",
        "chirpstack-v4-protobuf-join.json",
        "chirpstack-v3-protobuf-up.json",
    ];
    assert_eq!(told_by_topic, expected);
}

#[test]
fn no_other_format_makes_another_uplink_of_a_sample() {
    let mut tried = 0;
    for sample in samples() {
        for format in Format::ALL {
            let Ok(got) = unwrap(format, &sample.topic, &sample.body) else { continue };
            tried += 1;
            let found = faults(&sample, &got);
            assert!(found.is_empty(), "as {}: {}", format.name(), found.join("\n"));
        }
    }
    assert!(tried > samples().len(), "each sample is read at least by its own format");
}

#[test]
fn an_uplink_told_twice_in_two_forms_is_the_same() {
    let pairs = [
        ("chirpstack-v4-protobuf-up.json", "chirpstack-v4-up-typical.json"),
        ("chirpstack-v4-protobuf-up-sparse.json", "chirpstack-v4-up-snr-zero-omitted.json"),
        ("chirpstack-v4-protobuf-join.json", "chirpstack-v4-join.json"),
        ("chirpstack-v3-protobuf-up.json", "chirpstack-v3-protobuf-json-up.json"),
    ];
    for (binary, text) in pairs {
        let (binary, text) = (sample(binary), sample(text));
        let read = |sample: &super::support::Sample| {
            unwrap(sample.format, &sample.topic, &sample.body).unwrap()
        };
        assert_eq!(read(&binary), read(&text), "{}", binary.file);
    }
}
