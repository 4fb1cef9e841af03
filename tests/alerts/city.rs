//! A city of invented sensors that say what a test wants them to say, by a clock of its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use stadspuls::alert::{Route, read_rules};
use stadspuls::catalog::Catalog;
use stadspuls::document::Faults;
use stadspuls::model::{DevEui, Format, Message, Severity, Source};
use stadspuls::pipeline::{Pipeline, PipelineLimits, Watch};
use stadspuls::registry::{Registry, read_fleet, take_fleet};
use stadspuls::store::{Alert, AlertFilter, Sent, Store, StoreConfig, StoreError};
use stadspuls::telemetry::Metrics;
use tempfile::TempDir;

/// Reports each hour: a port for each quantity, and the value in thousandths.
const PROFILE: &str = r#"
name = "SIM-1"
datasheet = "https://example.com/sim-1"
interval = "1h"

[[measurement]]
from = "level"
quantity = "water_level"
[[measurement]]
from = "leak"
quantity = "leak"
[[measurement]]
from = "battery"
quantity = "battery_level"
[[measurement]]
from = "air"
quantity = "air_temperature"

[[example]]
name = "a level"
f_port = 1
payload = "0000f618"
expect = { water_level = 63.0 }
[[example]]
name = "a leak"
f_port = 2
payload = "000003e8"
expect = { leak = 1 }
[[example]]
name = "a battery"
f_port = 3
payload = "000186a0"
expect = { battery_level = 100 }
[[example]]
name = "frost"
f_port = 4
payload = "ffffd8f0"
expect = { air_temperature = -10.0 }
"#;

const CODEC: &str = r#"
function decodeUplink(input) {
  if (input.bytes.length !== 4) return { errors: ["wanted 4 bytes"] };
  var b = input.bytes;
  var value = ((b[0] << 24) | (b[1] << 16) | (b[2] << 8) | b[3]) / 1000;
  var name = ["level", "leak", "battery", "air"][input.fPort - 1];
  var data = {};
  data[name] = value;
  return { data: data };
}
"#;

pub const LEVEL: u8 = 1;
pub const LEAK: u8 = 2;
pub const BATTERY: u8 = 3;
pub const AIR: u8 = 4;

pub fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub struct City {
    dir: TempDir,
    catalog: Arc<Catalog>,
    store: Store,
    pipeline: Pipeline,
    uplinks: u64,
    counters: BTreeMap<u64, u32>,
}

/// A reading of a sensor.
#[derive(Clone)]
pub struct Says {
    pub sensor: u64,
    pub port: u8,
    pub value: f64,
    pub measured_at: DateTime<Utc>,
    pub gateways: &'static [&'static str],
}

impl City {
    /// With so many sensors, each at a site of its own: `plats-<number>`.
    pub fn new(sensors: u64, rules: &str, now: DateTime<Utc>) -> Self {
        Self::standing(sensors, rules, |_| "from = 2026-01-01T00:00:00Z", now)
    }

    /// As [`Self::new`], with when each sensor stands at its site.
    pub fn standing(
        sensors: u64,
        rules: &str,
        when: impl Fn(u64) -> &'static str,
        now: DateTime<Utc>,
    ) -> Self {
        let dir = TempDir::new().unwrap();
        let decoders = dir.path().join("decoders");
        fs::create_dir_all(decoders.join("acme")).unwrap();
        let vendor = "name = \"Acme\"\nhomepage = \"https://example.com\"\n";
        fs::write(decoders.join("acme/vendor.toml"), vendor).unwrap();
        fs::write(decoders.join("acme/sim-1.toml"), PROFILE).unwrap();
        fs::write(decoders.join("acme/sim-1.js"), CODEC).unwrap();
        fs::write(dir.path().join("alerts.toml"), rules).unwrap();
        let (mut sites, mut devices, mut deployments) =
            (String::new(), String::new(), String::new());
        for number in 1..=sensors {
            let (id, dev_eui) = (format!("plats-{number}"), DevEui(number));
            sites += &format!(
                "[[site]]\nid = \"{id}\"\nkind = \"gauging_station\"\nname = \"Plats {number}\"\n\
                 position = [12.5, 57.9]\ntags = [\"{}\"]\n",
                if number % 2 == 0 { "jämn" } else { "udda" }
            );
            devices += &format!("[[device]]\ndev_eui = \"{dev_eui}\"\nprofile = \"acme/sim-1\"\n");
            deployments += &format!(
                "[[deployment]]\ndev_eui = \"{dev_eui}\"\nsite = \"{id}\"\n{}\n",
                when(number)
            );
        }
        fs::write(dir.path().join("sites.toml"), sites).unwrap();
        fs::write(dir.path().join("devices.toml"), devices).unwrap();
        fs::write(dir.path().join("deployments.toml"), deployments).unwrap();
        let faults = Faults::default();
        let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("decoders");
        let catalog = Arc::new(Catalog::load(&[built_in, decoders], &faults));
        let (store, pipeline) = start(dir.path(), &catalog, &faults, now);
        let faults: Vec<String> = faults.into_vec().iter().map(ToString::to_string).collect();
        assert_eq!(faults, Vec::<String>::new());
        Self { dir, catalog, store, pipeline, uplinks: 0, counters: BTreeMap::new() }
    }

    /// Ends the process, as it were, and starts it again.
    pub fn restart(&mut self, now: DateTime<Utc>) {
        let dir = TempDir::new().unwrap();
        self.store = Store::open(&StoreConfig::in_dir(dir.path())).unwrap();
        let (store, pipeline) = start(self.dir.path(), &self.catalog, &Faults::default(), now);
        (self.store, self.pipeline) = (store, pipeline);
    }

    /// What sensors say arrives.
    pub fn hear(&mut self, all: &[Says], arrived_at: DateTime<Utc>) {
        let messages: Vec<Message> =
            all.iter().map(|says| self.message(says, arrived_at)).collect();
        let (pipeline, writer) = (&mut self.pipeline, &mut self.store.writer);
        let taken: Result<(), StoreError> = writer.batch(|batch| {
            for message in &messages {
                pipeline.take(batch, message)?;
            }
            Ok(())
        });
        taken.unwrap();
    }

    /// The same as one that says nonsense.
    pub fn mumble(&mut self, sensor: u64, arrived_at: DateTime<Utc>) {
        let says =
            Says { sensor, port: LEVEL, value: 0.0, measured_at: arrived_at, gateways: &["a"] };
        let mut message = self.message(&says, arrived_at);
        let body = String::from_utf8(message.body.to_vec()).unwrap().replace("AAAAAA==", "AA==");
        message.body = Bytes::from(body);
        let (pipeline, writer) = (&mut self.pipeline, &mut self.store.writer);
        let taken: Result<_, StoreError> = writer.batch(|batch| pipeline.take(batch, &message));
        taken.unwrap();
    }

    /// The network server tells how full a sensor's battery is.
    pub fn report_battery(&mut self, sensor: u64, percent: f64, arrived_at: DateTime<Utc>) {
        let dev_eui = DevEui(sensor).to_string();
        self.uplinks += 1;
        let body = json!({
            "deduplicationId": format!("00000000-0000-0000-0000-{:012}", self.uplinks),
            "time": arrived_at.to_rfc3339(),
            "deviceInfo": { "devEui": dev_eui },
            "margin": 10, "batteryLevel": percent,
        });
        let name = "chirpstack".to_owned();
        let message = Message {
            source: Arc::new(Source { name, format: Format::ChirpStackV4Json }),
            topic: format!("application/1/device/{dev_eui}/event/status"),
            body: Bytes::from(body.to_string()),
            arrived_at,
        };
        let (pipeline, writer) = (&mut self.pipeline, &mut self.store.writer);
        let taken: Result<_, StoreError> = writer.batch(|batch| pipeline.take(batch, &message));
        taken.unwrap();
    }

    /// The time passes.
    pub fn tick(&mut self, now: DateTime<Utc>) {
        let (pipeline, writer) = (&mut self.pipeline, &mut self.store.writer);
        let ticked: Result<(), StoreError> = writer.batch(|batch| pipeline.tick(batch, now));
        ticked.unwrap();
    }

    /// What is due is delivered.
    pub fn deliver(&mut self, now: DateTime<Utc>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let due = runtime.block_on(self.store.reader.notices(now, 1000)).unwrap();
        let due: Vec<i64> = due.into_iter().map(|notice| notice.id).collect();
        let sent: Result<(), StoreError> =
            self.store.writer.batch(|batch| batch.note_sent(&due, &Sent::Delivered, now));
        sent.unwrap();
    }

    fn message(&mut self, says: &Says, arrived_at: DateTime<Utc>) -> Message {
        use base64::Engine as _;
        self.uplinks += 1;
        let counter = self.counters.entry(says.sensor).or_default();
        *counter += 1;
        let Says { sensor, port, value, measured_at, gateways } = says;
        #[expect(clippy::cast_possible_truncation, reason = "values of a few thousand")]
        let payload = ((value * 1000.0).round() as i32).to_be_bytes();
        let heard: Vec<_> = gateways
            .iter()
            .map(|gateway| json!({ "gatewayId": gateway, "rssi": -90, "snr": 5.0 }))
            .collect();
        let body = json!({
            "deduplicationId": format!("00000000-0000-0000-0000-{:012}", self.uplinks),
            "time": measured_at.to_rfc3339(),
            "deviceInfo": { "devEui": DevEui(*sensor).to_string() },
            "fCnt": *counter,
            "fPort": port,
            "data": base64::prelude::BASE64_STANDARD.encode(payload),
            "rxInfo": heard,
        });
        Message {
            source: Arc::new(Source {
                name: "chirpstack".to_owned(),
                format: Format::ChirpStackV4Json,
            }),
            topic: format!("application/1/device/{}/event/up", DevEui(*sensor)),
            body: Bytes::from(body.to_string()),
            arrived_at,
        }
    }

    /// All alerts that have ever opened, in order.
    pub fn opened(&self) -> Vec<Alert> {
        let mut all = Vec::new();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for state in [None, Some(stadspuls::model::AlertState::Resolved)] {
            let filter = AlertFilter { state, from: None, limit: 10_000 };
            all.extend(runtime.block_on(self.store.reader.alerts(filter)).unwrap());
        }
        all.sort_by_key(|alert| alert.id);
        all
    }

    /// Rule and subject of each of them, and whether it is over.
    pub fn told(&self) -> Vec<(String, String, bool)> {
        self.opened()
            .into_iter()
            .map(|one| (one.rule.to_string(), one.subject.to_string(), one.resolved_at.is_some()))
            .collect()
    }

    /// How many notices there are by channel and kind.
    pub fn notices(&self, channel: &str, what: &str) -> i64 {
        let (channel, what) = (channel.to_owned(), what.to_owned());
        let ask = move |connection: &rusqlite::Connection| -> Result<i64, StoreError> {
            let sql = "select count(*) from notification where channel = ?1 and what = ?2";
            Ok(connection.query_row(sql, [channel, what], |row| row.get(0))?)
        };
        self.store.reader.ask_blocking(ask).unwrap()
    }

    pub fn store(&mut self) -> &mut Store {
        &mut self.store
    }
}

fn start(
    dir: &Path,
    catalog: &Arc<Catalog>,
    faults: &Faults,
    now: DateTime<Utc>,
) -> (Store, Pipeline) {
    let mut store = Store::open(&StoreConfig::in_dir(&dir.join("data"))).unwrap();
    let fleet = read_fleet(dir, catalog, faults);
    let rules = read_rules(dir, catalog, &fleet.sites, faults);
    take_fleet(&mut store.writer, &fleet, now).unwrap();
    let registry = Arc::new(Registry::of(&store.writer).unwrap());
    let metrics = Arc::new(Metrics::default());
    let mut pipeline =
        Pipeline::new(registry, Arc::clone(catalog), PipelineLimits::default(), metrics);
    let routes = vec![
        Route { channel: "jour".to_owned(), least: Severity::Critical, after: TimeDelta::zero() },
        Route { channel: "drift".to_owned(), least: Severity::Info, after: TimeDelta::zero() },
        Route {
            channel: "chef".to_owned(),
            least: Severity::Critical,
            after: TimeDelta::minutes(30),
        },
    ];
    pipeline.watch(Watch::by(Arc::new(rules), routes, &["chirpstack".to_owned()]));
    (store, pipeline)
}
