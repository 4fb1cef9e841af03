//! What somebody is told who adds a sensor in a hurry.

use stadspuls::catalog::Catalog;
use stadspuls::codec::CodecLimits;
use stadspuls::document::Faults;
use stadspuls::registry::read_fleet;

use super::{AQ_1, AQ_1_CODEC, built_in, check_examples, folder, load};

/// What is written in place of what, in which of the two files, and all that is said of it.
type Case = (&'static str, &'static str, &'static str, &'static [&'static str]);

#[rustfmt::skip]
const CASES: &[Case] = &[
    ("toml", "\"air_temperature\"\n", "\"air_temprature\"\n", &[
        r#"aq-1.toml:6: measurement[1].quantity is "air_temprature", want a quantity of quantities.toml; did you mean air_temperature?"#,
    ]),
    ("toml", "\"air_temperature\"\n", "\"temperature\"\n", &[
        r#"aq-1.toml:6: measurement[1].quantity is "temperature", want a quantity of quantities.toml; did you mean air_temperature, low_temperature, high_temperature, soil_temperature, probe_temperature or water_temperature?"#,
    ]),
    ("toml", "interval = ", "intervall = ", &[
        r#"aq-1.toml:1: interval is missing, want a duration such as "30s", "10m", "3h" or "7d""#,
        r#"aq-1.toml:2: intervall is "10m", an unknown key, want one of the keys codec, datasheet, example, interval, measurement, name, option, variable; did you mean interval?"#,
    ]),
    ("toml", "\"temperature\"", "\"temperatur\"", &[
        r#"aq-1.toml:5: measurement[1].from is "temperatur", want a field that the codec gives in an example: temperature; did you mean temperature?"#,
    ]),
    ("toml", "\"temperature\"", "\"temperature\"\neach = \"log\"", &[
        r#"aq-1.toml:5: measurement[1].each is "log", want a field of the codec, which gives none in any example"#,
    ]),
    ("toml", "\"temperature\"", "\"temperature\"\ntime = \"at\"", &[
        r#"aq-1.toml:5: measurement[1].time is "at", want a field that the codec gives in an example: temperature"#,
    ]),
    ("toml", "-20.0", "-20,5", &[
        r#"aq-1.toml:12: air_temperature is -20,5, want a decimal point, as in -20.5"#,
    ]),
    ("toml", "quantity =", "scale = 0,1\nquantity =", &[
        r#"aq-1.toml:6: scale is 0,1, want a decimal point, as in 0.1"#,
    ]),
    ("toml", "[[measurement]]", "[measurement]", &[
        r#"aq-1.toml:4: measurement is [measurement], want [[measurement]] in double brackets, as often as needed"#,
    ]),
    ("toml", "[[measurement]]", "[measurement]\nfrom = \"battery\"\nquantity = \"battery_voltage\"\n\n[measurement]", &[
        r#"aq-1.toml:8: [measurement] a second time, want [[measurement]] in double brackets, each time"#,
    ]),
    ("toml", "[[example]]", "[example]", &[
        r#"aq-1.toml:14: [[example]] after [example], want [[example]] in double brackets, each time"#,
    ]),
    ("toml", "\"ff38\"", "\"ff3\"", &[
        r#"aq-1.toml:11: example[1].payload is "ff3", want hexadecimal bytes of two digits each; these are 3"#,
    ]),
    ("toml", "\"ff38\"", "\"0xff38\"", &[
        r#"aq-1.toml:11: example[1].payload is "0xff38", want hexadecimal bytes: digits 0-9 and a-f, spaces, no 'x'"#,
    ]),
    ("toml", "\"ff38\"", "\"FF,38\"", &[
        r#"aq-1.toml:11: example[1].payload is "FF,38", want hexadecimal bytes: digits 0-9 and a-f, spaces, no ','"#,
    ]),
    ("toml", "\"10m\"", "”10m”", &[
        r#"aq-1.toml:2: a quotation mark ”, want the straight one, ""#,
    ]),
    ("toml", "{ air_temperature =", "{ temperature =", &[
        r#"aq-1.toml:12: example[1].expect is { temperature = -20.0 }, want quantities of a [[measurement]] above: air_temperature; did you mean air_temperature?"#,
    ]),
    ("toml", "expect  = { air_temperature = -20.0 }", "expect = {}", &[
        r#"aq-1.toml:8: example is [[example]], want an [[example]] that expects air_temperature"#,
    ]),
    ("toml", "-20.0", "-2.0", &[
        r#"aq-1.toml:8: example "frosty morning": air_temperature is -20.0, want -2.0"#,
    ]),
    ("js", "return { data", "retrun { data", &[
        r#"aq-1.js:5: SyntaxError: expecting ';', want a codec that runs to its end"#,
    ]),
    ("js", "return { data", "const t = byte[0];\n  return { data", &[
        r#"aq-1.js:5: ReferenceError: byte is not defined, want example "frosty morning" at aq-1.toml:8 decoded"#,
    ]),
    ("js", "(input) {", "(input) {\n  throw new Error(`port ${input.fport}`);", &[
        r#"aq-1.js:2: port undefined, want a codec that runs to its end"#,
    ]),
    ("js", "(input) {", "(input) {\n  while (input) {}", &[
        r#"aq-1.js: the script ran longer than 100ms, want a codec that runs to its end"#,
    ]),
    ("js", "decodeUplink", "decodeuplink", &[
        r#"aq-1.js: the script has no function decodeUplink, want a codec that runs to its end"#,
    ]),
    ("js", "/ 10", "/ 10 + \"\"", &[
        r#"aq-1.toml:8: example "frosty morning": air_temperature is missing (temperature is "-20", want a number), want -20.0"#,
    ]),
];

#[test]
fn a_mistake_is_named_once_with_its_place_and_what_is_wanted() {
    for (file, what, instead, wanted) in CASES {
        let replaced = |name: &str, text: &str| match name == *file {
            true => {
                assert!(text.contains(what), "{what}");
                text.replacen(what, instead, 1)
            }
            false => text.to_owned(),
        };
        let files =
            [("aq-1.toml", replaced("toml", AQ_1)), ("aq-1.js", replaced("js", AQ_1_CODEC))];
        let acme = folder("acme", &files.each_ref().map(|(name, text)| (*name, text.as_str())));
        let (catalog, mut faults) = load(&[built_in(), acme.path().to_owned()]);
        // As `stadspuls check` does: examples are run where all files can be read.
        if faults.is_empty() {
            let (_, found) = check_examples(&catalog, &CodecLimits::default());
            faults.extend(found.iter().map(ToString::to_string));
        }
        let place = format!("{}/acme/", acme.path().display());
        let said: Vec<String> = faults.iter().map(|fault| fault.replace(&place, "")).collect();
        assert_eq!(said, *wanted, "{instead}");
    }
}

#[test]
fn a_file_in_the_wrong_place_or_of_another_name_is_not_passed_over() {
    let acme = folder("acme", &[("aq-1.toml.txt", AQ_1), ("aq-1.js", AQ_1_CODEC)]);
    std::fs::write(acme.path().join("aq-2.toml"), AQ_1).unwrap();
    let (_, faults) = load(&[built_in(), acme.path().to_owned()]);
    let place = format!("{}/", acme.path().display());
    let said: Vec<String> = faults.iter().map(|fault| fault.replace(&place, "")).collect();
    let wanted = [
        "acme/aq-1.toml.txt: a file that ends in .toml.txt, want it without .txt",
        "aq-2.toml: in no such folder, want a profile in a folder of its maker, <vendor>/<model>.toml",
    ];
    assert_eq!(said, wanted);
}

#[test]
fn a_device_of_a_model_at_fault_is_no_second_fault() {
    let broken = AQ_1.replace("\"10m\"", "\"often\"");
    let acme = folder("acme", &[("aq-1.toml", &broken), ("aq-1.js", AQ_1_CODEC)]);
    let faults = Faults::default();
    let catalog = Catalog::load(&[built_in(), acme.path().to_owned()], &faults);
    let write = |name: &str, text: &str| std::fs::write(acme.path().join(name), text).unwrap();
    for name in ["sites.toml", "deployments.toml"] {
        write(name, "");
    }
    write("devices.toml", "[[device]]\ndev_eui = \"0000000000000001\"\nprofile = \"acme/aq-1\"\n");
    write("box.csv", "dev_eui;profile\n0000000000000002;acme/aq-1\n");
    let fleet = read_fleet(acme.path(), &catalog, &faults);
    let said = faults.into_vec();
    assert!(said.len() == 1 && said[0].key == "interval", "{said:?}");
    assert_eq!(fleet.devices.len(), 2);
}
