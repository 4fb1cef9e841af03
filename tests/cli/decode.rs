use serde_json::{Map, Value, json};

use super::{stadspuls, stadspuls_with_input};

/// A published payload: profile, port, bytes, the measurements of the frame's own time (true and
/// false for flags), and how many measurements with a time of their own come with it.
type Vector = (&'static str, u8, &'static str, &'static str, usize);

/// As their makers, or those who have captured them in the field, have published them.
#[rustfmt::skip]
const VECTORS: &[Vector] = &[
    ("elsys/elt-2", 5, "070d8a0c00c1",
     r#"{"battery_voltage": 3.466, "water_temperature": 19.3}"#, 0),
    ("elsys/elt-2", 5, "0100c80c0096",
     r#"{"air_temperature": 20.0, "water_temperature": 15.0}"#, 0),
    ("elsys/elt-2", 5, "0100c6022a070e0a",
     r#"{"air_temperature": 19.8, "relative_humidity": 42, "battery_voltage": 3.594}"#, 0),
    ("elsys/elt-2", 5, "01ffce0250",
     r#"{"air_temperature": -5.0, "relative_humidity": 80}"#, 0),
    ("elsys/elt-2", 5, "01011a021e070e450c012914000f980419f830",
     r#"{"air_temperature": 28.2, "relative_humidity": 30, "battery_voltage": 3.653,
         "water_temperature": 29.7, "air_pressure": 102195.6}"#, 0),
    ("elsys/elt-ultrasonic", 5, "01ff85025b0e0668070e2f",
     r#"{"air_temperature": -12.3, "relative_humidity": 91, "distance": 1.64, "battery_voltage": 3.631}"#, 0),
    ("elsys/elt-ultrasonic", 5, "0e0000", "{}", 0),
    ("vega/vegapuls-air", 1, "083fa31f152d2401042009",
     r#"{"distance": 1.27438605, "battery_level": 36, "device_temperature": 26.0, "inclination": 9}"#, 0),
    ("vega/vegapuls-air", 1, "02003fa31f152d2400fa09",
     r#"{"namur_status": 0, "distance": 1.27438605, "battery_level": 36, "device_temperature": 25.0,
         "inclination": 9}"#, 0),
    ("vega/vegapuls-air", 1, "0c3fefc9712d222f222f42af05af296300d620b2",
     r#"{"distance": 1.873335, "level_percent": 87.51, "level_percent_linearized": 87.51,
         "battery_level": 99, "device_temperature": 21.4, "inclination": 178}"#, 0),
    ("vega/vegapuls-air", 1, "05047fffffff2d24010442412a784105329b0000565409",
     r#"{"namur_status": 4, "battery_level": 36, "device_temperature": 26.0, "latitude": 48.2914734,
         "longitude": 8.32485485, "device_status": 22100, "inclination": 9}"#, 0),
    ("decentlab/dl-mbx", 1, "02012f000304d200010bb1",
     r#"{"distance": 1.234, "valid_samples": 1, "battery_voltage": 2.993}"#, 0),
    ("decentlab/dl-mbx", 1, "02012f00020bb1", r#"{"battery_voltage": 2.993}"#, 0),
    ("bosch/tps110", 1, "01", r#"{"occupancy": true}"#, 0),
    ("bosch/tps110", 1, "00", r#"{"occupancy": false}"#, 0),
    ("bosch/tps110", 2, "01ff", r#"{"occupancy": true, "device_temperature": -1}"#, 0),
    ("bosch/tps110", 3, "240300007503000000000000001d020301", r#"{"occupancy": true}"#, 0),
    ("bosch/tps110", 3, "0000000099020206006f00000017030200", r#"{"occupancy": false}"#, 0),
    ("axioma/qalcosonic-w1", 100,
     "0ea0355d302935000054c0345de7290000b800b900b800b800b800b900b800b800b800b800b800b800b900b900b900",
     r#"{"status_code": 48, "battery_low": false, "permanent_error": false, "leak": true,
         "backflow": false, "burst": false, "low_temperature": false, "empty_pipe": false,
         "water_volume": 13.609}"#, 17),
    ("axioma/qalcosonic-w1", 100,
     "55cb585f7cf29d0400120ae0fe575f8a570400cd04cb04cc04cd04ca04c404c504c404f004e604dc04d604b9057905",
     r#"{"water_temperature": 25.78, "status_code": 124, "battery_low": true,
         "permanent_error": true, "leak": false, "backflow": true, "burst": false,
         "low_temperature": false, "empty_pipe": false, "water_volume": 302.578}"#, 16),
];

/// Frames that must be refused, with a part of the reason.
const REFUSED: &[(&str, &str, &str, &str)] = &[
    ("elsys/elt-2", "5", "070d", "payload has 2 bytes"),
    ("vega/vegapuls-air", "1", "1b", "unknown packet 27"),
    ("decentlab/dl-mbx", "1", "01012f000304d200010bb1", "protocol version 1, want 2"),
    (
        "axioma/qalcosonic-w1",
        "100",
        "faf1ffcb71372e891409fe5f5128391f82949cbbcc99237e43b89fa0c6f8fe53fd380f5362a21c4d006ff40f67cf55",
        "log time is not within",
    ),
];

fn line(vector: &Vector) -> String {
    json!({ "f_port": vector.1, "payload": vector.2 }).to_string()
}

/// The answer must hold what the vector says: each value with its tolerance, and nothing else.
fn assert_measured(answer: &Value, (profile, _, payload, wanted, later): &Vector) {
    let mut wanted: Map<String, Value> = serde_json::from_str(wanted).unwrap();
    let measurements = answer["measurements"].as_array().unwrap();
    let (timed, own): (Vec<&Value>, Vec<&Value>) =
        measurements.iter().partition(|measurement| measurement.get("time").is_some());
    for measurement in own {
        let name = measurement["quantity"].as_str().unwrap();
        let value = wanted.remove(name).unwrap_or_else(|| panic!("{profile} {payload}: {name}"));
        let alike = match (value.as_f64(), measurement["value"].as_f64()) {
            (Some(a), Some(b)) => (a - b).abs() <= (a.abs() * 1e-5).max(1e-6),
            _ => value == measurement["value"],
        };
        assert!(alike, "{profile} {payload}: {name} is {}, want {value}", measurement["value"]);
        assert!(measurement["unit"].is_string() && measurement["quality"].is_string());
    }
    assert_eq!(wanted, Map::new(), "{profile} {payload}: missing");
    assert_eq!(timed.len(), *later, "{profile} {payload}");
}

#[test]
fn published_payloads_decode_to_their_published_values() {
    let mut profiles: Vec<&str> = VECTORS.iter().map(|vector| vector.0).collect();
    profiles.dedup();
    let mut decoded = 0;
    for profile in profiles {
        let vectors: Vec<&Vector> = VECTORS.iter().filter(|vector| vector.0 == profile).collect();
        let lines: Vec<String> = vectors.iter().map(|vector| line(vector)).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let run = stadspuls_with_input(&["decode", "--profile", profile, "-"], &lines);
        assert_eq!((run.code, &*run.err), (Some(0), ""), "{profile}");
        assert_eq!(run.out.lines().count(), vectors.len(), "{profile}");
        for (answer, vector) in run.out.lines().zip(vectors) {
            assert_measured(&serde_json::from_str(answer).unwrap(), vector);
            decoded += 1;
        }
    }
    assert_eq!(decoded, VECTORS.len());
}

#[test]
fn the_same_payload_alone_is_answered_in_the_same_words() {
    let vector = &VECTORS[3];
    let run =
        stadspuls(&["decode", "--profile", vector.0, "--f-port", "5", "--json", "01ffce", "0250"]);
    assert_eq!((run.code, &*run.err), (Some(0), ""));
    assert_measured(&serde_json::from_str(&run.out).unwrap(), vector);
    let batch = stadspuls_with_input(&["decode", "--profile", vector.0, "-"], &[&line(vector)]);
    assert_eq!(run.out, batch.out);
}

#[test]
fn a_payload_is_shown_as_a_table() {
    let run = stadspuls(&["decode", "--profile", "elsys/elt-2", "--f-port", "5", "01FF CE 02 50"]);
    let table = "air_temperature    -5  Cel\nrelative_humidity  80  %\n";
    assert_eq!((run.code, &*run.err, &*run.out), (Some(0), "", table));

    let run = stadspuls(&["decode", "--profile", "elsys/elt-2", "--f-port", "5", "0cfdda"]);
    assert_eq!(run.out, "water_temperature  -55  Cel  out of range\n");

    let run =
        stadspuls(&["decode", "--profile", "elsys/elt-ultrasonic", "--f-port", "5", "0e0000"]);
    assert_eq!((run.code, &*run.out), (Some(0), "nothing measured\n"));
    assert_eq!(run.err, "warning: distance: no echo\n");
}

#[test]
fn a_refused_frame_says_why_and_the_code_is_1() {
    for (profile, f_port, payload, reason) in REFUSED {
        let args = ["decode", "--profile", profile, "--f-port", f_port, payload];
        let run = stadspuls(&args);
        assert_eq!((run.code, &*run.out), (Some(1), ""), "{args:?}");
        assert!(run.err.starts_with("stadspuls: ") && run.err.contains(reason), "{}", run.err);

        let run = stadspuls(&[&args[..], &["--json"]].concat());
        assert_eq!((run.code, &*run.err), (Some(1), ""), "{args:?}");
        let answer: Value = serde_json::from_str(&run.out).unwrap();
        assert_eq!(answer["measurements"], json!([]));
        assert!(answer["errors"][0].as_str().unwrap().contains(reason), "{answer}");
    }
}

#[test]
fn a_line_that_is_refused_does_not_keep_the_next_from_being_answered() {
    let lines = [
        r#"{"f_port": 5, "payload": "07"}"#,
        "payload 5",
        r#"{"f_port": 5, "payload": "0c0096", "fport": 5}"#,
        "",
        r#"{"f_port": 5, "payload": "0c 0096"}"#,
    ];
    let run = stadspuls_with_input(&["decode", "--profile", "elsys/elt-2", "-"], &lines);
    assert_eq!((run.code, &*run.err), (Some(1), ""));
    let errors = |line: &str| {
        let answer: Value = serde_json::from_str(line).unwrap();
        answer["errors"].as_array().unwrap().len()
    };
    assert_eq!(run.out.lines().map(errors).collect::<Vec<_>>(), [1, 1, 1, 0]);
}

#[test]
fn what_is_typed_wrongly_is_named() {
    let cases = [
        (
            &["--profile", "elsys/none", "--f-port", "5", "00"][..],
            "elsys/none is not in the catalogue, want a profile that `stadspuls catalog list` shows",
        ),
        (&["--profile", "elsys/elt-2", "00"], "--f-port is missing\n"),
        (
            &["--profile", "elsys/elt-2", "--f-port", "5", "0x07"],
            "payload is \"0x07\", want hexadecimal bytes",
        ),
        (
            &["--profile", "axioma/qalcosonic-w1", "--f-port", "100", "--var", "layout=new", "00"],
            "variable layout: want one of auto, extended, temperature\n",
        ),
    ];
    for (args, wanted) in cases {
        let run = stadspuls(&[&["decode"], args].concat());
        assert_eq!((run.code, &*run.out), (Some(1), ""), "{args:?}");
        assert!(run.err.starts_with(&format!("stadspuls: {wanted}")), "{}", run.err);
    }
}
