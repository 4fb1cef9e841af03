//! The copy in InfluxDB: against a real server that takes its line protocol, and against one that answers
//! whatever it is told to.

mod alerts;
mod answers;
mod backfill;
mod identity;
mod influxdb;
mod server;
mod trim;
mod victoria;

use stadspuls::store::Change;

use crate::support::{Home, TestApp};

/// Everything an operator would write for a sink at `url`, and a listener to publish to.
pub fn configure(home: &Home, url: &str, settings: &str) {
    home.write("influx.token", "first token\n");
    home.configure(&format!(
        "[listener.inside]\nbind = \"127.0.0.1:0\"\n\
         [sink.influxdb]\nurl = \"{url}\"\norg = \"alingsas\"\nbucket = \"stadspuls\"\n\
         token = {{ file = \"influx.token\" }}\nretry_min = \"20ms\"\nretry_max = \"200ms\"\n{settings}\n"
    ));
}

/// Waits until the sink has been given everything that is in the store.
pub fn drained(app: &TestApp) {
    let file = rusqlite::Connection::open(app.home().store_file()).unwrap();
    let left = "select (select max(seq) from change) - change, (select max(id) from uplink) - uplink from sink";
    crate::support::eventually("the sink has everything", || {
        let left = file.query_row(left, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        (left == (0, 0)).then_some(())
    });
}

/// The observations in the store as (site and quantity, time in microseconds, value).
pub fn kept(app: &TestApp) -> Vec<(String, i64, f64)> {
    let key = |change: &Change| format!("{}/{}", change.site, change.quantity);
    let mut kept: Vec<_> = app
        .changes()
        .iter()
        .map(|one| (key(one), one.observation.time.timestamp_micros(), one.observation.value))
        .collect();
    kept.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    kept.dedup();
    kept
}
