//! Rules for every member of the catalogue, and what adding to it takes.

mod garbage;
mod mistakes;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use stadspuls::app::check_examples;
use stadspuls::catalog::{Catalog, Example, Wanted};
use stadspuls::codec::CodecLimits;
use stadspuls::document::Faults;
use stadspuls::model::{ProfileId, QuantityName};
use stadspuls::registry::read_fleet;
use tempfile::TempDir;

/// Units by their UCUM codes. A further one is looked up at ucum.org and added.
const UCUM: [&str; 16] = [
    "%", "1", "Cel", "Ohm", "Pa", "S/m", "V", "W", "[g]", "deg", "lx", "m", "m/s", "m3", "m3/s",
    "s",
];

fn built_in() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("decoders")
}

fn load(folders: &[PathBuf]) -> (Arc<Catalog>, Vec<String>) {
    let faults = Faults::default();
    let catalog = Catalog::load(folders, &faults);
    (Arc::new(catalog), faults.into_vec().iter().map(ToString::to_string).collect())
}

fn sound() -> Arc<Catalog> {
    let (catalog, faults) = load(&[built_in()]);
    assert_eq!(faults, Vec::<String>::new());
    catalog
}

/// What lies in the vendors' folders, by extension.
fn files(extension: &str) -> Vec<PathBuf> {
    let vendors = fs::read_dir(built_in()).unwrap().map(|entry| entry.unwrap().path());
    let files = vendors.filter(|path| path.is_dir()).flat_map(|vendor| {
        fs::read_dir(vendor).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
    });
    files.filter(|path| path.extension().is_some_and(|found| found == extension)).collect()
}

fn expected(example: &Example) -> impl Iterator<Item = (&String, &Value)> {
    let (now, earlier) = match &example.wanted {
        Wanted::Measurements { expect, history, .. } => (Some(expect), history.as_slice()),
        Wanted::Error(_) => (None, &[][..]),
    };
    now.into_iter().chain(earlier).flatten()
}

#[test]
fn every_profile_on_disk_is_loaded_and_every_codec_used() {
    let catalog = sound();
    let is_profile = |path: &PathBuf| path.file_name().is_some_and(|name| name != "vendor.toml");
    let on_disk: BTreeSet<PathBuf> = files("toml").into_iter().filter(is_profile).collect();
    let loaded: BTreeSet<PathBuf> =
        catalog.profiles().map(|profile| profile.file.clone()).collect();
    assert_eq!(loaded, on_disk);
    assert!(loaded.len() >= 31);

    let used: BTreeSet<PathBuf> =
        catalog.profiles().map(|profile| profile.codec_file.clone()).collect();
    assert_eq!(used, files("js").into_iter().collect());
    for vendor in fs::read_dir(built_in()).unwrap().map(|entry| entry.unwrap().path()) {
        assert!(!vendor.is_dir() || vendor.join("vendor.toml").exists(), "{}", vendor.display());
    }
}

#[test]
fn ids_and_names_are_told_apart() {
    let catalog = sound();
    let (mut ids, mut names) = (BTreeSet::new(), BTreeSet::new());
    for profile in catalog.profiles() {
        let id = profile.id.to_string();
        let (vendor, model) = id.split_once('/').unwrap();
        let is_slug = |text: &str| {
            let mut bytes = text.bytes();
            bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        assert!(is_slug(vendor) && is_slug(model) && !model.is_empty(), "{id}");
        assert!(names.insert((vendor.to_owned(), profile.name.to_lowercase())), "{id}: name");
        assert!(ids.insert(id));
    }
    assert!(ids.len() >= 31);
}

#[test]
fn every_example_of_every_profile_passes() {
    let catalog = sound();
    let in_the_files: usize = files("toml")
        .iter()
        .map(|file| fs::read_to_string(file).unwrap().matches("\n[[example]]\n").count())
        .sum();
    let (run, faults) = check_examples(&catalog, &CodecLimits::default());
    assert_eq!(faults.iter().map(ToString::to_string).collect::<Vec<_>>(), Vec::<String>::new());
    assert_eq!(run, in_the_files);
    assert!(run >= 220, "{run} examples");
}

#[test]
fn every_profile_shows_an_error_and_a_value_at_a_limit() {
    let catalog = sound();
    let mut visited = 0;
    for profile in catalog.profiles() {
        let id = &profile.id;
        assert!(!profile.examples.is_empty() && !profile.mappings.is_empty(), "{id}");
        let is_error =
            |example: &Example| matches!(&example.wanted, Wanted::Error(part) if !part.is_empty());
        assert!(profile.examples.iter().any(is_error), "{id} has no example of a refused frame");
        let is_at_a_limit = |example: &Example| shows_a_limit(&catalog, example);
        assert!(
            profile.examples.iter().any(is_at_a_limit),
            "{id} has no example below zero, at a limit or out of range"
        );
        let names: BTreeSet<&str> = profile.examples.iter().map(|e| e.name.as_str()).collect();
        assert_eq!(names.len(), profile.examples.len(), "{id} has two examples of one name");
        assert!(profile.interval.as_secs() >= 60, "{id}");
        visited += 1;
    }
    assert!(visited >= 31, "{visited} profiles");
}

/// Below zero, at the end of the quantity's range, or beyond it.
fn shows_a_limit(catalog: &Catalog, example: &Example) -> bool {
    let Wanted::Measurements { flagged, .. } = &example.wanted else { return false };
    let at_limit = expected(example).any(|(name, value)| {
        let quantity = catalog.quantity(&QuantityName::from(name.as_str()));
        value.as_f64().is_some_and(|value| {
            value < 0.0 || quantity.is_some_and(|q| Some(value) == q.min || Some(value) == q.max)
        })
    });
    at_limit || !flagged.is_empty()
}

#[test]
fn every_quantity_has_a_ucum_unit_a_sentence_and_two_labels() {
    let catalog = sound();
    let mut visited = 0;
    for quantity in catalog.quantities() {
        let name = &quantity.name;
        assert!(UCUM.contains(&quantity.unit.as_str()), "{name}: {:?}", quantity.unit);
        assert!(quantity.sentence.ends_with('.'), "{name}: {:?}", quantity.sentence);
        assert!(!quantity.label_sv.is_empty() && !quantity.label_en.is_empty(), "{name}");
        visited += 1;
    }
    assert!(visited >= 100, "{visited} quantities");
}

const AQ_1: &str = r#"name     = "AQ-1"
interval = "10m"

[[measurement]]
from     = "temperature"
quantity = "air_temperature"

[[example]]
name    = "frosty morning"
f_port  = 2
payload = "ff38"
expect  = { air_temperature = -20.0 }

[[example]]
name    = "cut short by the radio"
f_port  = 2
payload = "ff"
error   = "payload has 1 byte"
"#;

const AQ_1_CODEC: &str = r#"function decodeUplink(input) {
  if (input.bytes.length < 2) {
    return { errors: [`payload has ${input.bytes.length} byte, want at least 2`] };
  }
  return { data: { temperature: new DataView(Uint8Array.from(input.bytes).buffer).getInt16(0) / 10 } };
}
"#;

/// A catalogue folder with one vendor.
fn folder(vendor: &str, files: &[(&str, &str)]) -> TempDir {
    let dir = TempDir::new().unwrap();
    let vendor = dir.path().join(vendor);
    fs::create_dir(&vendor).unwrap();
    for (name, text) in files {
        fs::write(vendor.join(name), text).unwrap();
    }
    dir
}

#[test]
fn a_sensor_is_two_files_dropped_into_a_folder() {
    let before = sound();
    let acme = folder("acme", &[("aq-1.toml", AQ_1), ("aq-1.js", AQ_1_CODEC)]);
    let (catalog, faults) = load(&[built_in(), acme.path().to_owned()]);
    assert_eq!(faults, Vec::<String>::new());
    assert_eq!(catalog.profiles().count(), before.profiles().count() + 1);
    let id = ProfileId::from("acme/aq-1");
    assert!(before.profile(&id).is_none());
    assert_eq!(catalog.profile(&id).unwrap().name, "AQ-1");
    let (run, faults) = check_examples(&catalog, &CodecLimits::default());
    assert_eq!((run, faults), (check_examples(&before, &CodecLimits::default()).0 + 2, vec![]));
}

#[test]
fn a_later_folder_replaces_a_profile_of_the_same_id() {
    let id = ProfileId::from("elsys/elt-2");
    let before = sound();
    let codec = AQ_1_CODEC.replace("/ 10", "/ 100");
    let profile = AQ_1.replace("AQ-1", "ELT-2, ours").replace("-20.0", "-2.0");
    let own = folder("elsys", &[("elt-2.toml", &profile), ("elt-2.js", &codec)]);
    let (catalog, faults) = load(&[built_in(), own.path().to_owned()]);
    assert_eq!(faults, Vec::<String>::new());
    assert_eq!(catalog.profiles().count(), before.profiles().count());
    let (ours, theirs) = (catalog.profile(&id).unwrap(), before.profile(&id).unwrap());
    assert_eq!(ours.name, "ELT-2, ours");
    assert_ne!(ours.hash, theirs.hash);
    assert_eq!(check_examples(&catalog, &CodecLimits::default()).1, vec![]);
    // The order of the folders decides, not their names.
    let (catalog, _) = load(&[own.path().to_owned(), built_in()]);
    assert_eq!(catalog.profile(&id).unwrap().hash, theirs.hash);
}

#[test]
fn a_model_may_narrow_the_range_of_a_quantity_and_never_widen_it() {
    let limits = |limits: &str| {
        AQ_1.replace("\"air_temperature\"\n\n", &format!("\"air_temperature\"\n{limits}\n\n"))
    };
    let narrow = limits("min = -10.0");
    let acme = folder("acme", &[("aq-1.toml", &narrow), ("aq-1.js", AQ_1_CODEC)]);
    let (catalog, faults) = load(&[built_in(), acme.path().to_owned()]);
    assert_eq!(faults, Vec::<String>::new());
    let (_, faults) = check_examples(&catalog, &CodecLimits::default());
    let [fault] = &faults[..] else { panic!("{faults:?}") };
    assert_eq!(fault.key, "example \"frosty morning\": air_temperature");
    assert_eq!(fault.wanted, "in range");
    let air = QuantityName::from("air_temperature");
    let profile = catalog.profile(&ProfileId::from("acme/aq-1")).unwrap();
    let (ours, of_all) = (profile.quantity(&air).unwrap(), catalog.quantity(&air).unwrap());
    assert_eq!((ours.min, ours.max), (Some(-10.0), of_all.max));

    let wide = limits("max = 61.0");
    let acme = folder("acme", &[("aq-1.toml", &wide), ("aq-1.js", AQ_1_CODEC)]);
    let (_, faults) = load(&[built_in(), acme.path().to_owned()]);
    let [fault] = &faults[..] else { panic!("{faults:?}") };
    assert!(fault.contains("measurement[1].max is 61.0"), "{fault}");
    assert!(fault.contains("a limit within the range of air_temperature"), "{fault}");
}

#[test]
fn a_broken_profile_is_named_and_leaves_the_others() {
    let broken = AQ_1.replace("air_temperature", "warmth").replace("\"10m\"", "\"often\"");
    let files = [
        ("aq-1.toml", AQ_1),
        ("aq-1.js", AQ_1_CODEC),
        ("aq-2.toml", &broken),
        ("aq-3.toml", "name ="),
    ];
    let acme = folder("acme", &files);
    let (catalog, faults) = load(&[built_in(), acme.path().to_owned()]);
    let place = format!("{}/acme/", acme.path().display());
    let places: Vec<String> = faults
        .iter()
        .map(|fault| fault.replace(&place, "").split(" is ").next().unwrap().to_owned())
        .collect();
    assert_eq!(
        places[..3],
        ["aq-2.toml:2: interval", "aq-2.toml:1: codec", "aq-2.toml:6: measurement[1].quantity"]
    );
    assert!(places.last().unwrap().starts_with("aq-3.toml:1: "), "{places:?}");
    assert!(catalog.profile(&ProfileId::from("acme/aq-1")).is_some());
    assert!(catalog.profile(&ProfileId::from("acme/aq-2")).is_none());
    assert_eq!(catalog.profiles().count(), sound().profiles().count() + 1);
}

#[test]
fn an_example_that_does_not_come_out_is_named_with_both_values() {
    let wrong = AQ_1.replace("-20.0", "-2.0");
    let acme = folder("acme", &[("aq-1.toml", &wrong), ("aq-1.js", AQ_1_CODEC)]);
    let (catalog, faults) = load(&[built_in(), acme.path().to_owned()]);
    assert_eq!(faults, Vec::<String>::new());
    let (_, faults) = check_examples(&catalog, &CodecLimits::default());
    let file = acme.path().join("acme/aq-1.toml");
    let wanted = format!(
        "{}:8: example \"frosty morning\": air_temperature is -20.0, want -2.0",
        file.display()
    );
    assert_eq!(faults.iter().map(ToString::to_string).collect::<Vec<_>>(), [wanted]);
}

/// What a bathing place is judged by when it is shown, its series is judged by when it is stored.
#[test]
fn a_jump_of_the_water_is_the_same_everywhere() {
    let catalog = sound();
    let water = catalog.quantity(&QuantityName::from("water_temperature")).unwrap();
    assert_eq!(water.jump, Some(stadspuls::derive::water::STEP));
    let ruled = catalog.quantities().filter(|one| one.jump.is_some() || one.stuck_for.is_some());
    assert!(ruled.count() > 10);
}

/// The first fenced block of a language after a heading.
fn block<'t>(text: &'t str, language: &str) -> &'t str {
    let fence = format!("```{language}\n");
    let begin = text.find(&fence).unwrap() + fence.len();
    &text[begin..begin + text[begin..].find("```").unwrap()]
}

#[test]
fn the_sensor_of_the_readme_works_as_it_stands() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let steps = &readme[readme.find("## Add a sensor in three steps").unwrap()..];
    let files = [("aq-1.toml", block(steps, "toml")), ("aq-1.js", block(steps, "js"))];
    let acme = folder("acme", &files);
    let (catalog, faults) = load(&[built_in(), acme.path().to_owned()]);
    assert_eq!(faults, Vec::<String>::new());
    assert!(catalog.profile(&ProfileId::from("acme/aq-1")).is_some());
    let fleet = TempDir::new().unwrap();
    for name in ["sites.toml", "devices.toml", "deployments.toml"] {
        fs::write(fleet.path().join(name), "").unwrap();
    }
    fs::write(fleet.path().join("box.csv"), block(steps, "csv")).unwrap();
    let found = Faults::default();
    let fleet = read_fleet(fleet.path(), &catalog, &found);
    assert_eq!(found.into_vec(), vec![]);
    assert_eq!((fleet.devices.len(), fleet.sites.len(), fleet.deployments.len()), (2, 2, 2));
    let (run, faults) = check_examples(&catalog, &CodecLimits::default());
    assert_eq!((run, faults), (check_examples(&sound(), &CodecLimits::default()).0 + 1, vec![]));
}
