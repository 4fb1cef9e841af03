use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use super::stadspuls;

#[test]
fn list_names_every_profile_that_check_has_counted() {
    let list = stadspuls(&["catalog", "list"]);
    assert_eq!((list.code, &*list.err), (Some(0), ""));
    let checked = stadspuls(&["check"]);
    let profiles = checked.out.split_whitespace().nth(2).unwrap();
    assert_eq!(list.out.lines().count().to_string(), profiles);
    let elt = list.out.lines().find(|line| line.starts_with("elsys/elt-2 ")).unwrap();
    assert!(elt.contains("ELT-2") && elt.ends_with("30m"), "{elt}");

    let json: Value = serde_json::from_str(&stadspuls(&["catalog", "list", "--json"]).out).unwrap();
    let ids = json.as_array().unwrap().iter().map(|one| one["profile"].as_str().unwrap());
    let firsts = list.out.lines().map(|line| line.split(' ').next().unwrap());
    assert!(ids.eq(firsts));
}

#[test]
fn show_tells_what_a_model_measures_and_what_may_be_set() {
    let show = stadspuls(&["catalog", "show", "axioma/qalcosonic-w1"]);
    assert_eq!((show.code, &*show.err), (Some(0), ""));
    for words in
        ["Qalcosonic W1, every 4h", "water_volume", "layout", "extended, temperature; else auto"]
    {
        assert!(show.out.contains(words), "{words} in {}", show.out);
    }
    let json = stadspuls(&["catalog", "show", "axioma/qalcosonic-w1", "--json"]);
    let json: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["interval_seconds"], 4 * 3600);
    assert_eq!(json["variables"][0]["default"], "auto");
    let volume = json["measures"].as_array().unwrap().iter();
    assert_eq!(volume.filter(|one| one["quantity"] == "water_volume").count(), 1);
}

#[test]
fn an_unknown_model_is_met_with_those_that_are_near_and_where_to_look() {
    let wanted = "is not in the catalogue, want a profile that `stadspuls catalog list` shows, <vendor>/<model>";
    let cases = [
        ("acme/aq-1", "; one of your own is found with --config FILE"),
        ("elsys/elt2", "; did you mean elsys/elt-2?"),
        ("ELT-2", "; did you mean elsys/elt-2?"),
    ];
    for (model, hint) in cases {
        let show = stadspuls(&["catalog", "show", model]);
        let decode = stadspuls(&["decode", "--profile", model, "--f-port", "1", "00"]);
        let words = format!("stadspuls: {model} {wanted}{hint}\n");
        for run in [show, decode] {
            assert_eq!((run.code, run.err.as_str()), (Some(1), words.as_str()));
        }
    }
}

/// A configuration with a catalogue folder of its own, beside which it need not be without faults.
#[test]
fn the_configuration_says_where_models_of_ones_own_are() {
    let dir = TempDir::new().unwrap();
    let folder = dir.path().join("own/acme");
    fs::create_dir_all(&folder).unwrap();
    let profile = "name = \"AQ-1\"\ninterval = \"1d\"\n[[measurement]]\nfrom = \"t\"\n\
                   quantity = \"air_temperature\"\n[[example]]\nname = \"one\"\nf_port = 1\n\
                   payload = \"02\"\nexpect = { air_temperature = 2 }\n";
    fs::write(folder.join("aq-1.toml"), profile).unwrap();
    let codec = "const decodeUplink = (input) =>\n  ({ data: { t: input.bytes[0].valueOf() } });\n";
    fs::write(folder.join("aq-1.js"), codec).unwrap();
    let config = dir.path().join("stadspuls.toml");
    fs::write(&config, "catalog.paths = [\"own\"]\napi.bind = \"127.0.0.1:0\"\n[listener.a]\n")
        .unwrap();
    let config = config.to_str().unwrap();
    let decode = ["decode", "--config", config, "--profile", "acme/aq-1", "--f-port", "1"];
    let run = stadspuls(&[&decode[..], &["07"]].concat());
    assert_eq!((run.code, &*run.err, &*run.out), (Some(0), "", "air_temperature  7  Cel\n"));
    let run = stadspuls(&[&decode[..], &["  "]].concat());
    let place = format!("stadspuls: {}:2: TypeError", folder.join("aq-1.js").display());
    assert!(run.code == Some(1) && run.err.starts_with(&place), "{}", run.err);
    let list = stadspuls(&["catalog", "list", "--config", config]);
    let line = list.out.lines().find(|line| line.starts_with("acme/aq-1 ")).unwrap();
    assert!(line.ends_with("1 day"), "{line}");
    let show = stadspuls(&["catalog", "--config", config, "show", "acme/aq-1"]);
    assert!(show.out.contains("\n1 example, version "), "{}", show.out);
}

#[test]
fn the_page_on_sensors_shows_the_catalogue_as_it_is() {
    let made = stadspuls(&["catalog", "page"]);
    assert_eq!((made.code, &*made.err), (Some(0), ""));
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/sensors.md");
    let kept = fs::read_to_string(kept).unwrap();
    let differs = made.out.lines().zip(kept.lines()).find(|(made, kept)| made != kept);
    assert_eq!(differs, None, "write docs/sensors.md anew");
    assert_eq!(made.out, kept, "write docs/sensors.md anew");

    let ids = stadspuls(&["catalog", "list"]).out;
    let ids: Vec<&str> = ids.lines().filter_map(|line| line.split(' ').next()).collect();
    let is_shown = |id: &&str| kept.contains(&format!("\n## {id}\n"));
    assert!(ids.iter().all(is_shown) && ids.len() >= 31, "{ids:?}");
}
