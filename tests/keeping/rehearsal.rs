//! What a dry run says would happen, held against what then happens.

use std::fs;

use super::city::{City, at, root};
use crate::cli::stadspuls;

/// A meter that counts half as much again changes every flow that follows from its index.
const CORRECTED: &str = "site    = \"va-01\"\nfrom    = 2026-01-01T00:00:00Z\n\
    [[deployment.installation]]\n[deployment.installation.correction.water_volume]\ngain = 1.5\n";

#[test]
fn a_dry_run_without_a_service_counts_what_the_work_then_does() {
    let city = City::with(at("2026-07-01T00:00:00Z"), at("2026-07-02T12:00:00Z"));
    let City { dir, store, .. } = city;
    drop(store);
    let fleet = dir.path().join("fleet");
    fs::create_dir(&fleet).unwrap();
    for name in ["sites.toml", "devices.toml", "deployments.toml", "alerts.toml"] {
        let text = fs::read_to_string(root("config/demo").join(name)).unwrap();
        let place = "site    = \"va-01\"\nfrom    = 2026-01-01T00:00:00Z\n";
        fs::write(fleet.join(name), text.replace(place, CORRECTED)).unwrap();
    }
    let config = dir.path().join("stadspuls.toml");
    let text =
        format!("[store]\ndir = {:?}\n[fleet]\ndir = {fleet:?}\n[listener.demo]\n", dir.path());
    fs::write(&config, text).unwrap();
    let command = ["redecode", "--config", config.to_str().unwrap()];

    let rehearsed = stadspuls(&[&command[..], &["--dry-run"]].concat());
    assert_eq!((rehearsed.code, &*rehearsed.err), (Some(0), ""));
    let derived = rehearsed.out.lines().find(|line| line.contains("a value of several")).unwrap();
    assert!(derived.split_whitespace().next().unwrap().parse::<u32>().unwrap() > 20, "{derived}");
    let done = stadspuls(&command);
    assert_eq!((done.code, &*done.err), (Some(0), ""));
    assert_eq!(rehearsed.out.replace("would be", "were"), done.out);

    let nothing = stadspuls(&[&command[..], &["--dry-run", "--site", "va-1"]].concat());
    let words = "stadspuls: va-1 is no site, want one of the fleet; did you mean va-01";
    assert!(nothing.err.starts_with(words), "{}", nothing.err);
}
