use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use super::{city, read};
use crate::support::Home;

const UNIT: &str = "packaging/stadspuls.service";

/// The settings of the unit's section `[Service]`; one that stands twice has both values.
fn settings() -> BTreeMap<String, String> {
    let text = read(UNIT);
    let section = text.split("[Service]").nth(1).unwrap().split("\n[").next().unwrap();
    let mut found = BTreeMap::new();
    for line in section.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("{line}"));
        found
            .entry(key.to_owned())
            .and_modify(|all: &mut String| *all = format!("{all} {value}"))
            .or_insert_with(|| value.to_owned());
    }
    found
}

#[test]
fn the_service_gives_up_what_it_has_no_use_for() {
    let settings = settings();
    for key in [
        "LockPersonality",
        "MemoryDenyWriteExecute",
        "NoNewPrivileges",
        "PrivateDevices",
        "PrivateTmp",
        "ProtectClock",
        "ProtectControlGroups",
        "ProtectHome",
        "ProtectHostname",
        "ProtectKernelLogs",
        "ProtectKernelModules",
        "ProtectKernelTunables",
        "RestrictNamespaces",
        "RestrictRealtime",
        "RestrictSUIDSGID",
    ] {
        assert_eq!(settings.get(key).map(String::as_str), Some("yes"), "{key}");
    }
    for (key, value) in [
        ("ProtectSystem", "strict"),
        ("CapabilityBoundingSet", ""),
        ("SystemCallArchitectures", "native"),
        ("UMask", "0077"),
        ("User", "stadspuls"),
    ] {
        assert_eq!(settings.get(key).map(String::as_str), Some(value), "{key}");
    }
}

#[test]
fn the_service_finds_its_paths_and_takes_in_changes() {
    let (settings, home) = (settings(), city(&["--systemd"]));
    assert_eq!(
        settings["ExecStart"],
        "/usr/local/bin/stadspuls run --config /etc/stadspuls/stadspuls.toml"
    );
    assert_eq!(settings["ExecReload"], "/bin/kill -HUP $MAINPID");
    // All that is written is the folder that systemd makes for it, and that is the store's.
    let config: toml::Table = home.read("stadspuls.toml").parse().unwrap();
    let state = format!("/var/lib/{}", settings["StateDirectory"]);
    assert_eq!(config["store"]["dir"].as_str(), Some(&*state));
    assert!(!settings.contains_key("ReadWritePaths"));
}

#[test]
fn systemd_finds_no_fault_in_the_unit_and_little_exposed() {
    let home = Home::empty();
    // Where stadspuls is not installed, any program stands for it.
    home.write("stadspuls.service", &read(UNIT).replace("/usr/local/bin/stadspuls", "/bin/true"));
    let path = home.path("stadspuls.service");
    let analyze = |args: &[&str]| Command::new("systemd-analyze").args(args).arg(&path).output();
    let Ok(verified) = analyze(&["verify"]) else {
        // A system without systemd; the settings are read above all the same.
        assert!(!fs::exists("/run/systemd/system").unwrap());
        return;
    };
    let told = String::from_utf8_lossy(&verified.stderr).into_owned();
    let ours: Vec<&str> = told.lines().filter(|line| line.contains("stadspuls.service")).collect();
    assert!(verified.status.success() && ours.is_empty(), "{told}");
    // Tenths: 20 is what systemd calls OK, a service without any setting has 96.
    let judged = analyze(&["security", "--offline=true", "--no-pager", "--threshold=20"]).unwrap();
    assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stdout));
}
