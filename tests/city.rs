//! What a city runs on: the folder that `stadspuls init` writes, the containers, the service, the
//! broker, Prometheus and Grafana. Images cannot be fetched where this runs, so what they are given is
//! read as they would read it; broker, Prometheus, service and scripts are the real ones.

mod broker;
mod compose;
mod containers;
mod grafana;
mod image;
mod init;
mod prometheus;
mod service;

use std::fs;
use std::path::Path;

use yaml_rust2::{Yaml, YamlLoader};

use crate::cli::{Run, stadspuls};
use crate::support::Home;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The one document of a YAML file.
fn yaml(name: &str) -> Yaml {
    let mut documents =
        YamlLoader::load_from_str(&read(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(documents.len(), 1, "{name}");
    documents.remove(0)
}

/// The texts of a list.
fn texts(list: &Yaml) -> Vec<&str> {
    let list = list.as_vec().map(Vec::as_slice).unwrap_or_default();
    list.iter().map(|one| one.as_str().unwrap()).collect()
}

/// Runs `stadspuls init` on a folder.
fn init(home: &Home, options: &[&str]) -> Run {
    let dir = home.path("");
    stadspuls(&[&["init", dir.to_str().unwrap()], options].concat())
}

/// A new city.
fn city(options: &[&str]) -> Home {
    let home = Home::empty();
    let run = init(&home, options);
    assert_eq!((run.code, &*run.err), (Some(0), ""));
    home
}
