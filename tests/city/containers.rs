use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use yaml_rust2::Yaml;

use super::compose::{SERVICES, environment, mounts, service, variables};
use super::{city, read, root, texts, yaml};
use crate::support::Home;

const FILE: &str = "docker-compose.yml";

fn place(home: &Home, source: &str) -> PathBuf {
    match source.strip_prefix("{city}/") {
        Some(inner) => home.path(inner),
        None => root().join(source.strip_prefix("./").expect("a path, and not a volume's name")),
    }
}

#[test]
fn every_service_comes_back_by_itself_says_how_it_is_and_gives_up_its_rights() {
    let compose = yaml(FILE);
    let names: Vec<&str> =
        compose["services"].as_hash().unwrap().keys().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(names, SERVICES);
    for name in SERVICES {
        let service = service(&compose, name);
        assert_eq!(service["restart"].as_str(), Some("unless-stopped"), "{name}");
        assert_eq!(texts(&service["cap_drop"]), ["ALL"], "{name}");
        assert_eq!(texts(&service["security_opt"]), ["no-new-privileges:true"], "{name}");
        assert_eq!(service["user"].as_str(), Some("${STADSPULS_USER:?see .env.example}"), "{name}");
        assert!(service["privileged"].is_badvalue() && service["network_mode"].is_badvalue());
        let health = &service["healthcheck"];
        assert_eq!(texts(&health["test"])[0], "CMD", "{name}");
        for key in ["interval", "timeout", "start_period"] {
            assert!(health[key].as_str().is_some(), "{name} without {key}");
        }
        assert!(mounts(&service).iter().any(|mount| mount.is_written), "{name} forgets everything");
        assert!(service["logging"]["options"]["max-size"].as_str().is_some(), "{name}");
    }
    for name in ["mosquitto", "prometheus", "stadspuls"] {
        assert_eq!(service(&compose, name)["read_only"].as_bool(), Some(true), "{name}");
    }
}

#[test]
fn every_image_has_a_version() {
    let compose = yaml(FILE);
    for name in SERVICES {
        let service = service(&compose, name);
        let image = service["image"].as_str().unwrap();
        let (_, tag) = image.rsplit_once(':').unwrap_or_else(|| panic!("{image} has no version"));
        let numbers: Vec<_> =
            tag.trim_start_matches('v').split('.').map(str::parse::<u32>).collect();
        assert!(numbers.len() == 3 && numbers.iter().all(Result::is_ok), "{image}");
    }
    let ours = format!("stadspuls:{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(service(&compose, "stadspuls")["image"].as_str(), Some(&*ours));
    for file in [FILE, "README.md", "docs/operations.md", "Dockerfile"] {
        let text = read(file);
        for at in text.split("stadspuls:").skip(1).filter(|at| at.starts_with(char::is_numeric)) {
            assert!(at.starts_with(env!("CARGO_PKG_VERSION")), "{file}: stadspuls:{at:.10}");
        }
    }
}

#[test]
fn what_is_mounted_is_in_the_repository_or_made_by_init() {
    let (compose, home) = (yaml(FILE), city(&[]));
    let (mut seen, mut written) = (0, BTreeSet::new());
    for name in SERVICES {
        for mount in mounts(&service(&compose, name)) {
            let place = place(&home, &mount.source);
            assert!(place.exists(), "{name}: {} is not there", mount.source);
            seen += 1;
            if mount.is_written {
                written.insert(mount.source);
            }
        }
    }
    assert!(seen > 15, "{seen}");
    let written: Vec<&str> = written.iter().map(String::as_str).collect();
    assert_eq!(
        written,
        [
            "{city}/backups",
            "{city}/data/grafana",
            "{city}/data/influxdb",
            "{city}/data/influxdb-config",
            "{city}/data/mosquitto",
            "{city}/data/prometheus",
            "{city}/data/stadspuls",
            "{city}/tokens",
        ]
    );
}

#[test]
fn a_container_sees_no_other_ones_secrets() {
    let compose = yaml(FILE);
    for name in SERVICES {
        for mount in mounts(&service(&compose, name)) {
            for folder in ["{city}/secrets", "{city}/data", "{city}/tokens"] {
                let Some(inner) = mount.source.strip_prefix(folder) else { continue };
                let makes_them = name == "influxdb" && mount.source == "{city}/tokens";
                let own = inner.strip_prefix('/').is_some_and(|inner| inner.starts_with(name));
                // Whoever tests a token has to know it.
                let tests_it = name == "stadspuls" && mount.source == "{city}/secrets/prometheus";
                assert!(own || makes_them || tests_it, "{name} sees {}", mount.source);
            }
            assert_ne!(mount.source, "{city}", "{name}");
        }
    }
}

#[test]
fn every_variable_stands_in_the_example_with_a_sentence_and_no_other() {
    let example = read(".env.example");
    let (mut there, mut documented) = (BTreeSet::new(), false);
    for line in example.lines() {
        if let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
            assert!(documented, "{name} has no sentence");
            assert!(!value.is_empty(), "{name}");
            there.insert(name.to_owned());
        } else {
            documented = line.starts_with("# ");
        }
    }
    let code: String = read(FILE)
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .fold(String::new(), |text, line| text + line + "\n");
    let wanted = variables(&code);
    assert_eq!(there, wanted);
    for name in &wanted {
        assert!(code.contains(&format!("${{{name}:?see .env.example}}")), "{name} may be missing");
    }
}

#[test]
fn no_secret_is_written_out_and_each_lies_in_a_file_that_is_mounted() {
    let (compose, home) = (yaml(FILE), city(&[]));
    let mut files = 0;
    for name in SERVICES {
        let service = service(&compose, name);
        for (key, value) in environment(&service) {
            let is_secret = ["PASSWORD", "TOKEN", "SECRET"].iter().any(|word| key.contains(word));
            if !is_secret {
                continue;
            }
            assert!(key.ends_with("_FILE"), "{name}: {key} is no file");
            let found = mounts(&service).into_iter().find_map(|mount| {
                let inner = value.strip_prefix(&mount.target)?.strip_prefix('/')?;
                Some(place(&home, &mount.source).join(inner))
            });
            let file = found.unwrap_or_else(|| panic!("{name}: {value} is not mounted"));
            // InfluxDB's tokens are made by itself, see below.
            assert!(file.exists() || file.ends_with("influxdb-token"), "{}", file.display());
            files += 1;
        }
    }
    assert_eq!(files, 5);
    for file in [FILE, ".env.example", "Dockerfile"] {
        for word in ["password=", "password:", "token=", "secret="] {
            assert!(!read(file).to_lowercase().contains(word), "{file} has {word}");
        }
    }
}

#[test]
fn what_the_configuration_names_is_there_in_the_container() {
    let (compose, home) = (yaml(FILE), city(&[]));
    let service = service(&compose, "stadspuls");
    let mounts = mounts(&service);
    let command = texts(&service["command"]);
    assert_eq!(command, ["run", "--config", "/city/stadspuls.toml"]);
    let seen = |inner: &str| {
        let path = Path::new("/city").join(inner);
        mounts.iter().find(|mount| path.starts_with(&mount.target))
    };
    let config: toml::Table = home.read("stadspuls.toml").parse().unwrap();
    let source = &config["source"]["chirpstack"];
    for value in [
        &config["store"]["dir"],
        &config["catalog"]["paths"][0],
        &config["fleet"]["dir"],
        &config["api"]["staff_token"]["file"],
        &config["api"]["metrics_token"]["file"],
        &source["password"]["file"],
    ] {
        let inner = value.as_str().unwrap();
        let mount = seen(inner).unwrap_or_else(|| panic!("{inner} is not mounted"));
        assert_eq!(mount.is_written, inner == config["store"]["dir"].as_str().unwrap(), "{inner}");
    }
    assert_eq!(source["broker"].as_str(), Some("mqtt://mosquitto"));
    let port = config["api"]["bind"].as_str().unwrap().rsplit_once(':').unwrap().1;
    assert!(texts(&service["ports"])[0].ends_with(&format!(":{port}")));
}

#[test]
fn what_is_waited_for_is_a_service_and_its_health() {
    let compose = yaml(FILE);
    let mut waits = 0;
    for name in SERVICES {
        let service = service(&compose, name);
        let Some(others) = service["depends_on"].as_hash() else { continue };
        for (other, how) in others {
            assert!(SERVICES.contains(&other.as_str().unwrap()), "{name} waits for {other:?}");
            assert_eq!(how["condition"], Yaml::String("service_healthy".to_owned()), "{name}");
            // Nothing that stadspuls does depends on another being well.
            assert!(name != "stadspuls" || how["required"] == Yaml::Boolean(false), "{other:?}");
            // Nor does it wait for those that only show what it has.
            let is_shown = ["influxdb", "prometheus", "grafana"].contains(&other.as_str().unwrap());
            assert!(name != "stadspuls" || !is_shown, "{other:?}");
            waits += 1;
        }
    }
    assert_eq!(waits, 2);
}

/// Runs the script of InfluxDB's first start with a client that does what `client` says.
fn make_tokens(home: &Home, client: &str) -> std::process::Output {
    home.write("bin/influx", &format!("#!/bin/sh\n{client}\n"));
    fs::set_permissions(home.path("bin/influx"), fs::Permissions::from_mode(0o755)).unwrap();
    Command::new("sh")
        .args(["-c", "PATH=\"$BIN:$PATH\" exec \"$0\""])
        .arg(root().join("config/influxdb/tokens.sh"))
        .env("BIN", home.path("bin"))
        .env("TOKENS_DIR", home.path("tokens"))
        .env("DOCKER_INFLUXDB_INIT_ORG", "our org")
        .env("DOCKER_INFLUXDB_INIT_BUCKET_ID", "0123")
        .env("INFLUX_CONFIGS_PATH", home.path("data/influxdb-config/influx-configs"))
        .output()
        .unwrap()
}

#[test]
fn stadspuls_gets_a_token_that_writes_and_grafana_one_that_reads() {
    // The image runs what it may execute and whose name ends so.
    let script = root().join("config/influxdb/tokens.sh");
    assert_eq!(fs::metadata(script).unwrap().permissions().mode() & 0o111, 0o111);
    let home = city(&[]);
    let answer = "printf '%s|' \"$@\" >>\"$TOKENS_DIR/asked\"\n\
                  for right; do case $right in --*-bucket) break;; esac; done\n\
                  printf '{\\n\\t\"id\": \"09\",\\n\\t\"token\": \"for%s==\",\\n\\t\"status\": \"active\"\\n}\\n' \"$right\"";
    let made = make_tokens(&home, answer);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let tokens: BTreeMap<&str, String> = ["stadspuls", "grafana"]
        .map(|name| (name, home.read(&format!("tokens/{name}/influxdb-token"))))
        .into();
    assert_eq!(tokens["stadspuls"], "for--write-bucket==\n");
    assert_eq!(tokens["grafana"], "for--read-bucket==\n");
    let asked = home.read("tokens/asked");
    assert!(asked.starts_with("auth|create|--json|--org|our org|"), "{asked}");
    assert!(asked.contains("|--read-bucket|0123|"), "{asked}");
    for name in ["stadspuls", "grafana"] {
        let folder = home.path("tokens").join(name);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        let mode = fs::metadata(folder.join("influxdb-token")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn without_a_token_the_first_start_of_influxdb_fails_and_says_so() {
    let home = city(&[]);
    home.write("data/influxdb-config/influx-configs", "[default]");
    let failed = make_tokens(&home, "echo 'Error: unauthorized' >&2; exit 1");
    assert!(!failed.status.success());
    let told = String::from_utf8(failed.stderr).unwrap();
    assert!(told.contains("InfluxDB has made no token for stadspuls"), "{told}");
    assert!(!home.path("tokens/stadspuls/influxdb-token").exists());
    // The next start can set up again.
    assert!(!home.path("data/influxdb-config/influx-configs").exists());
}
