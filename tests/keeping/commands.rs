//! The commands as they are typed, and the service that drops while nothing else waits.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::Value;
use stadspuls::clock;
use stadspuls::pipeline::{Pipeline, PipelineLimits, Wires, WorkerConfig, run};
use stadspuls::registry::Registry;
use stadspuls::store::{Retention, Rule};
use stadspuls::telemetry::{Health, Metrics};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::city::{City, at, catalog_and_fleet, messages, root};

fn stadspuls(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stadspuls"));
    command.args(arguments).current_dir(root("")).output().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_store_is_backed_up_verified_and_restored_by_command() {
    let until = at("2026-07-14T12:00:00Z");
    // Open all the while, as by a running service.
    let city = City::with(until - TimeDelta::hours(5), until);
    let dir = TempDir::new().unwrap();
    let config = dir.path().join("stadspuls.toml");
    let fleet = root("config/demo");
    let toml = format!(
        "[store]\ndir = {:?}\n[fleet]\ndir = {fleet:?}\n[listener.demo]\n",
        city.dir.path()
    );
    std::fs::write(&config, toml).unwrap();
    let (copy, to) = (dir.path().join("copy"), dir.path().join("to"));

    let made = stadspuls(&["backup", "--config", text(&config), text(&copy)]);
    assert!(made.status.success(), "{made:?}");
    assert!(out(&made).contains(" rows of the ledger, "), "{made:?}");
    let again = stadspuls(&["backup", "--config", text(&config), text(&copy)]);
    assert_eq!(again.status.code(), Some(1));

    let verified = stadspuls(&["verify", "--config", text(&config), "--decode"]);
    assert!(verified.status.success(), "{verified:?}");
    let summary = out(&verified);
    assert!(summary.contains("0 observations would differ"), "{summary}");
    assert!(summary.ends_with("no disagreement\n"), "{summary}");
    assert!(stadspuls(&["verify", "--store", text(&copy)]).status.success());

    let restored = stadspuls(&["restore", text(&copy), "--to", text(&to)]);
    assert!(restored.status.success(), "{restored:?}");
    assert_eq!(stadspuls(&["restore", text(&copy), "--to", text(&to)]).status.code(), Some(1));

    let tampered = rusqlite::Connection::open(to.join("stadspuls.sqlite")).unwrap();
    tampered.execute("delete from seen where uplink in (4, 5)", []).unwrap();
    drop(tampered);
    let found = stadspuls(&["verify", "--store", text(&to)]);
    assert_eq!(found.status.code(), Some(1));
    let lines = out(&found);
    for id in [4, 5] {
        let line = format!("seen: uplink {id}, the hash of its identity is missing\n");
        assert!(lines.contains(&line), "{lines}");
    }
    assert!(lines.ends_with("2 disagreements: 2 seen\n"), "{lines}");
    let found = stadspuls(&["verify", "--store", text(&to), "--json"]);
    let lines: Vec<Value> =
        out(&found).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!((&lines[0]["check"], &lines[0]["ids"]["uplink"]), (&"seen".into(), &"4".into()));
    assert_eq!(lines[2]["summary"]["disagreements"]["seen"], 2);
    assert_eq!(lines[2]["summary"]["clean"], false);
}

#[test]
fn the_service_drops_what_is_due_when_nothing_else_waits() {
    let rule = Rule { keep: Duration::from_secs(90 * 86_400), decision: "KS 2026/123".to_owned() };
    let retention = Retention { raw: Some(rule), ..Retention::default() };
    let metrics = Arc::new(Metrics::default());
    let mut city = City::new();
    let (catalog, fleet) = catalog_and_fleet();
    let registry = Arc::new(Registry::new(fleet));
    city.pipeline =
        Pipeline::new(registry, catalog, PipelineLimits::default(), Arc::clone(&metrics));
    let long_ago = clock::now() - TimeDelta::days(100);
    city.take(&messages(long_ago, long_ago + TimeDelta::hours(1)));
    city.take(&messages(clock::now() - TimeDelta::hours(1), clock::now()));

    let City { dir, store, pipeline } = city;
    let (sources, intake) = tokio::sync::mpsc::channel(1);
    drop(sources);
    let config = WorkerConfig { retention, ..WorkerConfig::default() };
    let (health, stop) = (Arc::new(Health::default()), CancellationToken::new());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (_nobody, reloads) = tokio::sync::mpsc::channel(1);
    let (_, writes) = stadspuls::store::Writes::channel();
    let wires = Wires { intake, reloads, writes, stop, runtime: runtime.handle().clone() };
    drop(run(wires, pipeline, store.writer, config, health));

    let connection = rusqlite::Connection::open(dir.path().join("stadspuls.sqlite")).unwrap();
    let count = |disposed: &str| -> i64 {
        let sql = format!("select count(*) from uplink where disposal is {disposed}");
        connection.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    let dropped = count("not null");
    assert!(dropped > 50 && count("null") > 50);
    let line = format!("stadspuls_rows_disposed_total{{kind=\"raw\"}} {dropped}");
    assert!(metrics.encode().contains(&line), "{}", metrics.encode());
}
