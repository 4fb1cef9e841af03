//! `docker-compose.yml` as Compose reads it.

use std::collections::BTreeSet;

use yaml_rust2::Yaml;
use yaml_rust2::yaml::Hash;

pub const SERVICES: [&str; 5] = ["mosquitto", "influxdb", "prometheus", "grafana", "stadspuls"];

/// A service with what it takes from `<<`.
pub fn service(compose: &Yaml, name: &str) -> Yaml {
    let own = compose["services"][name].as_hash().unwrap_or_else(|| panic!("no service {name}"));
    let mut whole = own[&text("<<")].as_hash().cloned().unwrap_or_default();
    whole.extend(
        own.iter().filter(|(key, _)| **key != text("<<")).map(|(k, v)| (k.clone(), v.clone())),
    );
    Yaml::Hash(whole)
}

/// The environment of a service.
pub fn environment(service: &Yaml) -> Vec<(String, String)> {
    let empty = Hash::new();
    let pairs = service["environment"].as_hash().unwrap_or(&empty).iter();
    pairs
        .map(|(key, value)| (key.as_str().unwrap().into(), value.as_str().unwrap().into()))
        .collect()
}

/// A folder or file of the machine's that a container sees.
pub struct Mount {
    pub source: String,
    pub target: String,
    pub is_written: bool,
}

/// The mounts of a service; `CITY_DIR` stays as `{city}`.
pub fn mounts(service: &Yaml) -> Vec<Mount> {
    super::texts(&service["volumes"])
        .iter()
        .map(|volume| {
            let volume = volume
                .replace("${CITY_DIR:?see .env.example}", "{city}")
                .replace("${CITY_DIR}", "{city}");
            let parts: Vec<&str> = volume.split(':').collect();
            match parts[..] {
                [source, target] => {
                    Mount { source: source.into(), target: target.into(), is_written: true }
                }
                [source, target, "ro"] => {
                    Mount { source: source.into(), target: target.into(), is_written: false }
                }
                _ => panic!("{volume}"),
            }
        })
        .collect()
}

/// The variables that a text asks for, as `${NAME}` or `${NAME:?…}`; `$$` is a dollar.
pub fn variables(text: &str) -> BTreeSet<String> {
    let text = text.replace("$$", "");
    let mut found = BTreeSet::new();
    for rest in text.split('$').skip(1) {
        let name = rest.strip_prefix('{').unwrap_or_else(|| panic!("without braces: ${rest:.20}"));
        let end = name.find(|c: char| !c.is_ascii_uppercase() && c != '_').unwrap();
        found.insert(name[..end].to_owned());
    }
    found
}

fn text(text: &str) -> Yaml {
    Yaml::String(text.to_owned())
}
