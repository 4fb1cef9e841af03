use std::fs;
use std::path::Path;

use serde_json::Value;

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
fn show_of_an_unknown_model_says_where_to_look() {
    let show = stadspuls(&["catalog", "show", "acme/aq-1"]);
    assert_eq!(show.code, Some(1));
    assert!(show.err.contains("acme/aq-1 is not in the catalogue"), "{}", show.err);
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
