//! The operator's file: `config/default.toml` says what the reader knows and nothing else, and each
//! fault is named with file, line, key, value and what was wanted.

mod broker;
mod channels;
mod faults;
mod fleet;
mod lists;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use stadspuls::config::Config;
use stadspuls::document::Faults;
use stadspuls::notify;
use stadspuls::sink::influxdb;
use stadspuls::source::{listener, mqtt};
use tempfile::TempDir;

/// Keys by the table in which they stand; the names of sources and listeners become `*`.
type Keys = BTreeMap<String, BTreeSet<String>>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn default_text() -> String {
    fs::read_to_string(root().join("config/default.toml")).unwrap()
}

/// The same file with its examples in use: a `#` directly before a key or a table goes away.
fn default_text_with_examples() -> String {
    let uncommented = |line: &str| match line.strip_prefix('#') {
        // The items of a list are set in below their key.
        Some(item) if item.starts_with("    \"") => item.to_owned(),
        Some(setting) if !setting.starts_with(' ') => setting.to_owned(),
        _ => line.to_owned(),
    };
    default_text().lines().map(uncommented).collect::<Vec<_>>().join("\n")
}

/// What a configuration file says and what is wrong with it, one line a fault, without its folder.
fn load(text: &str) -> (Config, Vec<String>) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("stadspuls.toml");
    fs::write(&path, text).unwrap();
    let faults = Faults::default();
    let config = Config::load(&path, &faults);
    let folder = format!("{}/", dir.path().display());
    let lines = faults.into_vec().into_iter().map(|fault| fault.to_string().replace(&folder, ""));
    (config, lines.collect())
}

/// Names of sources, listeners and users are the operator's own; a secret is the same everywhere.
fn table_name(path: &[String]) -> String {
    let parts: Vec<&str> = path.iter().map(String::as_str).collect();
    match parts.as_slice() {
        ["api", "staff_token" | "metrics_token"]
        | ["source", _, "password"]
        | ["listener", _, "users", _]
        | ["ingest", _, "token"]
        | ["sink", "influxdb", "token"]
        | ["alert", _, "password" | "url" | "secret" | "token"] => "secret".to_owned(),
        // What is known of one kind of channel counts for all.
        ["alert", channel, rest @ ..] if channel.starts_with("channel") => {
            [&["alert", "channel"], rest].concat().join(".")
        }
        [kind @ ("source" | "listener" | "ingest"), _, rest @ ..] => {
            [&[*kind, "*"], rest].concat().join(".")
        }
        parts => parts.join("."),
    }
}

fn collect(table: &toml::Table, path: &mut Vec<String>, keys: &mut Keys) {
    let name = table_name(path);
    let is_free = matches!(
        name.as_str(),
        "source" | "listener" | "listener.*.users" | "ingest" | "alert.channel.labels"
    );
    for (key, value) in table {
        if !is_free {
            keys.entry(name.clone()).or_default().insert(key.clone());
        }
        let items = value.as_array().into_iter().flatten();
        for inner in items.chain([value]).filter_map(toml::Value::as_table) {
            path.push(key.clone());
            collect(inner, path, keys);
            path.pop();
        }
    }
}

fn keys_of(text: &str) -> Keys {
    let mut keys = Keys::new();
    collect(&text.parse().unwrap(), &mut Vec::new(), &mut keys);
    keys
}

/// What the reader itself knows: a key that it does not know is answered with all that it does.
fn known_keys() -> Keys {
    const STRANGER: &str = "stranger";
    let text = r#"
        stranger = 1
        [store]
        stranger = 1
        [catalog]
        stranger = 1
        [fleet]
        stranger = 1
        [api]
        stranger = 1
        staff_token = { stranger = 1 }
        [api.contact]
        stranger = 1
        [limits]
        stranger = 1
        [retention]
        stranger = 1
        [retention.raw]
        stranger = 1
        [retention.observations]
        stranger = 1
        [retention.hourly]
        stranger = 1
        [retention.seen]
        stranger = 1
        [source.a]
        stranger = 1
        [source.a.tls]
        stranger = 1
        [listener.b]
        stranger = 1
        [listener.b.tls]
        stranger = 1
        [ingest.c]
        stranger = 1
        [sink]
        stranger = 1
        [sink.influxdb]
        stranger = 1
        [alert]
        stranger = 1
        [[alert.channel]]
        kind = "email"
        stranger = 1
        [[alert.channel]]
        kind = "webhook"
        stranger = 1
        [[alert.channel]]
        kind = "alertmanager"
        stranger = 1
    "#;
    let (_, faults) = load(text);
    let (mut known, mut answers) = (Keys::new(), 0);
    for fault in faults {
        let Some((before, keys)) = fault.split_once(", an unknown key, want one of the keys ")
        else {
            continue;
        };
        let name = before.split(": ").nth(1).unwrap().split(" is ").next().unwrap();
        let table: Vec<String> = name.split('.').map(str::to_owned).collect();
        assert_eq!(table.last().unwrap(), STRANGER);
        let table = table_name(&table[..table.len() - 1]);
        known.entry(table).or_default().extend(keys.split(", ").map(str::to_owned));
        answers += 1;
    }
    assert_eq!(answers, text.matches(STRANGER).count(), "every table has answered");
    known
}

#[test]
fn the_default_file_says_the_defaults() {
    let path = root().join("config/default.toml");
    let faults = Faults::default();
    let config = Config::load(&path, &faults);
    let defaults = Config::in_dir(&root().join("config"));
    assert_eq!(format!("{config:#?}"), format!("{defaults:#?}"));
    let faults: Vec<String> = faults.into_vec().iter().map(ToString::to_string).collect();
    let wanted = "source is missing, want at least one [source.<name>], [listener.<name>] or \
                  [ingest.<name>]";
    assert_eq!(faults, [format!("{}:1: {wanted}", path.display())]);
}

#[test]
fn the_default_file_with_its_examples_in_use_has_no_fault() {
    let (config, faults) = load(&default_text_with_examples());
    assert_eq!(faults, Vec::<String>::new());
    let sources: Vec<&str> =
        config.sources.iter().map(|source| &*source.mqtt.source.name).collect();
    assert_eq!(sources, ["chirpstack", "partner"]);
    assert_eq!(config.listeners.len(), 1);
    assert!(config.api.staff_token.is_some() && config.api.public_url.is_some());
    // What the examples show beside a key is its default too.
    for source in &config.sources {
        assert_eq!(source.mqtt.limits, mqtt::Limits::default(), "{}", source.mqtt.source.name);
        assert_eq!(source.mqtt.protocol, mqtt::Protocol::V5);
    }
    assert_eq!(config.listeners[0].limits, listener::Limits::default());
    assert_eq!(config.influxdb.unwrap().limits, influxdb::Limits::default());
    let kinds: Vec<&str> = config.channels.iter().map(|channel| &*channel.name).collect();
    assert_eq!(kinds, ["jour", "arendesystem", "chef", "alertmanager"]);
    for channel in &config.channels {
        assert_eq!(channel.limits, notify::Limits::default(), "{}", channel.name);
    }
    let bind = load("[listener.a]").0.listeners[0].bind;
    assert_eq!(config.listeners[0].bind, bind);
}

#[test]
fn the_default_file_shows_every_key_that_is_known_and_no_other() {
    let (shown, known) = (keys_of(&default_text_with_examples()), known_keys());
    assert_eq!(shown, known);
    let count: usize = known.values().map(BTreeSet::len).sum();
    assert!(count > 40, "{count} keys");
}

#[test]
fn every_key_of_the_default_file_has_a_sentence_above_it() {
    let text = default_text();
    let (mut before, mut keys, mut explained) = ("", BTreeSet::new(), 0);
    for line in text.lines() {
        let setting = line.strip_prefix('#').unwrap_or(line);
        let key = setting.split(" = ").next().unwrap();
        let is_key = !setting.starts_with(' ') && setting.contains(" = ");
        // An example that shows a key again need not say again what it is.
        if (is_key || setting.starts_with('[')) && keys.insert(key) {
            assert!(before.starts_with("# "), "nothing explains {line:?}");
            explained += 1;
        }
        before = line;
    }
    assert!(explained > 40, "{explained} settings");
}

#[test]
fn chirpstacks_filters_are_separate() {
    let (config, _) = load(&default_text_with_examples());
    let filters = &config.sources[0].mqtt.filters;
    let events = ["up", "join", "status", "log"];
    assert_eq!(*filters, events.map(|event| format!("application/+/device/+/event/{event}")));
}

#[test]
fn paths_are_relative_to_the_file() {
    let (config, faults) = load(
        "[store]\ndir = \"s\"\n[fleet]\ndir = \"/f\"\n[catalog]\npaths = [\"c\"]\n[listener.a]\n",
    );
    assert_eq!(faults, Vec::<String>::new());
    assert!(config.store.dir.is_absolute() && config.store.dir.ends_with("s"));
    assert_eq!(config.store.dir.parent(), config.catalog_paths[0].parent());
    assert_eq!(config.fleet_dir, PathBuf::from("/f"));
}
