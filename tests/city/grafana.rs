use std::collections::BTreeSet;

use yaml_rust2::Yaml;

use super::compose::{environment, mounts, service};
use super::{read, yaml};

const INFLUXDB: &str = "provisioning/datasources/influxdb.yml";
const PROMETHEUS: &str = "provisioning/datasources/prometheus.yml";
const ALERTS: &str = "provisioning/alerting/stadspuls.yml";

fn grafana() -> Yaml {
    service(&yaml("docker-compose.yml"), "grafana")
}

/// The one source of data in a file. What it takes from Grafana's environment is given there.
fn source(file: &str, uid: &str, kind: &str) -> Yaml {
    let file = yaml(file);
    let sources = file["datasources"].as_vec().unwrap();
    assert_eq!((file["apiVersion"].as_i64(), sources.len()), (Some(1), 1));
    let source = &sources[0];
    for (key, value) in [("uid", uid), ("type", kind), ("access", "proxy")] {
        assert_eq!(source[key].as_str(), Some(value));
    }
    assert_eq!(source["editable"].as_bool(), Some(false));
    // The image makes NAME of NAME__FILE.
    let given: BTreeSet<String> = environment(&grafana())
        .into_iter()
        .map(|(name, _)| name.trim_end_matches("__FILE").to_owned())
        .collect();
    for value in [
        &source["url"],
        &source["jsonData"]["organization"],
        &source["jsonData"]["defaultBucket"],
        &source["secureJsonData"]["token"],
    ] {
        let Some(value) = value.as_str() else { continue };
        let name = value.strip_prefix('$').unwrap_or_else(|| panic!("{value} is written out"));
        assert!(given.contains(name), "{name} is not in Grafana's environment");
    }
    source.clone()
}

#[test]
fn the_sources_of_data_are_those_that_dashboards_know() {
    let influxdb = source(INFLUXDB, "stadspuls", "influxdb");
    assert_eq!(influxdb["jsonData"]["version"].as_str(), Some("Flux"));
    for key in ["organization", "defaultBucket"] {
        assert!(influxdb["jsonData"][key].as_str().is_some(), "{key}");
    }
    assert!(influxdb["secureJsonData"]["token"].as_str().is_some());
    let prometheus = source(PROMETHEUS, "stadspuls-prometheus", "prometheus");
    let gathered = yaml("config/prometheus.yml");
    let interval = &gathered["global"]["scrape_interval"];
    assert_eq!(&prometheus["jsonData"]["timeInterval"], interval);
    let defaults = [&influxdb, &prometheus].map(|source| source["isDefault"].as_bool());
    assert_eq!(defaults, [Some(true), Some(false)]);

    // What each board takes at first is one of them.
    let mut chosen = BTreeSet::new();
    for (name, board) in crate::dashboards::boards() {
        for variable in board["templating"]["list"].as_array().unwrap() {
            if variable["type"] == "datasource" {
                let uid = variable["current"]["value"].as_str().unwrap().to_owned();
                let wanted = if variable["query"] == "influxdb" { &influxdb } else { &prometheus };
                assert_eq!(Some(&*uid), wanted["uid"].as_str(), "{name}");
                chosen.insert(uid);
            }
        }
    }
    assert_eq!(chosen.len(), 2);
}

#[test]
fn dashboards_are_those_of_the_repository_and_change_with_it_alone() {
    let file = yaml("provisioning/dashboards/stadspuls.yml");
    let provider = &file["providers"][0];
    assert_eq!(provider["allowUiUpdates"].as_bool(), Some(false));
    assert_eq!(provider["options"]["foldersFromFilesStructure"].as_bool(), Some(true));
    let path = provider["options"]["path"].as_str().unwrap();
    let grafana = grafana();
    let seen = mounts(&grafana).into_iter().find(|mount| mount.target == path).unwrap();
    assert_eq!((&*seen.source, seen.is_written), ("./dashboards", false));
}

#[test]
fn alert_rules_say_what_silence_means_and_where_the_remedy_stands() {
    let file = yaml(ALERTS);
    let operations = read("docs/operations.md");
    let mut uids = BTreeSet::new();
    for group in file["groups"].as_vec().unwrap() {
        assert!(group["interval"].as_str().is_some() && group["folder"].as_str().is_some());
        for rule in group["rules"].as_vec().unwrap() {
            let uid = rule["uid"].as_str().unwrap();
            assert!(uids.insert(uid.to_owned()), "{uid} twice");
            let is_state = |key: &str| ["OK", "Alerting"].contains(&rule[key].as_str().unwrap());
            assert!(is_state("noDataState") && is_state("execErrState"), "{uid}");
            assert!(rule["for"].as_str().is_some(), "{uid}");
            for key in ["allvarlighet", "omrade"] {
                assert!(rule["labels"][key].as_str().is_some(), "{uid} has no {key}");
            }
            for key in ["summary", "description"] {
                assert!(rule["annotations"][key].as_str().is_some(), "{uid} has no {key}");
            }
            assert!(operations.contains(rule["title"].as_str().unwrap()), "{uid}: no remedy");
            let data = rule["data"].as_vec().unwrap();
            let ids: Vec<&str> = data.iter().map(|step| step["refId"].as_str().unwrap()).collect();
            assert!(ids.contains(&rule["condition"].as_str().unwrap()), "{uid}");
            for (place, step) in data.iter().enumerate() {
                assert_eq!(step["model"]["refId"], step["refId"], "{uid}");
                match step["datasourceUid"].as_str().unwrap() {
                    "__expr__" => {
                        let of = step["model"]["expression"].as_str().unwrap();
                        assert!(ids[..place].contains(&of), "{uid}: {of}");
                    }
                    // What it asks is asked in tests/city/prometheus.rs.
                    source => {
                        assert_eq!(source, "stadspuls-prometheus", "{uid}");
                        assert!(step["model"]["expr"].as_str().is_some(), "{uid}");
                        // A single value for each series is what a threshold can be held against.
                        assert_eq!(step["model"]["instant"].as_bool(), Some(true), "{uid}");
                    }
                }
            }
        }
    }
    assert_eq!(uids.len(), 2);
    // Grafana would take it for a variable.
    assert!(!read(ALERTS).contains('$'));
}

#[test]
fn grafana_lets_nobody_in_without_a_name() {
    let environment = environment(&grafana());
    let is = |name: &str, value: &str| environment.contains(&(name.to_owned(), value.to_owned()));
    assert!(is("GF_AUTH_ANONYMOUS_ENABLED", "false"));
    assert!(is("GF_USERS_ALLOW_SIGN_UP", "false"));
    assert!(is("GF_PUBLIC_DASHBOARDS_ENABLED", "false"));
}
