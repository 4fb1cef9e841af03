use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::run::with_remedy;
use super::{print_faults, runtime, stop_on_signal};
use crate::app::{self, App, Prepared, data_folder};
use crate::clock;
use crate::config::{Config, ListenerConfig};
use crate::document::{Fault, Faults};
use crate::model::{Format, Source};
use crate::secret::Secret;
use crate::simulate::{Broker, Fleet, Options, Summary, publish};
use crate::source::listener;
use crate::source::mqtt::BrokerUrl;
use crate::store::StoreConfig;
use crate::telemetry::start_logs;

/// Shows a whole city in one process, with nothing else installed.
///
/// An embedded MQTT listener, the store, pages and API, and a simulated fleet of some 40 sensors
/// that publishes genuine payload bytes to it over MQTT: a week of the past in seconds, then live.
/// A few things are wrong on purpose: a silent sensor, a leak, a sensor lying on the jetty, broken
/// payloads, duplicates and an unknown device. Ctrl-C ends it.
#[derive(Args)]
pub struct Demo {
    /// Where the store is kept from one time to the next.
    #[arg(value_name = "DIR", default_value = "demo-data", conflicts_with = "fresh")]
    dir: PathBuf,
    /// Start with an empty store in a temporary folder, which is removed at the end.
    #[arg(long)]
    fresh: bool,
    /// Where pages and API are served.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
    http: SocketAddr,
    /// Where the embedded MQTT listener is; only this machine can reach it.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:1883")]
    mqtt: SocketAddr,
    /// How much of the past the fleet publishes first.
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = humantime::parse_duration)]
    backfill: Duration,
}

/// The demonstration's staff token. It is no secret: everything in this store is invented.
const STAFF_TOKEN: &str = "demo";

impl Demo {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        start_logs("warn");
        // Removed when this function returns, after the store in it has been closed.
        let temporary = self.fresh.then(TempDir::new).transpose()?;
        let dir = temporary.as_ref().map_or(self.dir.as_path(), TempDir::path).to_owned();
        let prepared = match self.prepare(&dir) {
            Ok(prepared) => prepared,
            Err(faults) => {
                print_faults(&faults);
                return Ok(ExitCode::FAILURE);
            }
        };
        runtime()?.block_on(async {
            let stop = stop_on_signal()?;
            let app = App::start(prepared)
                .await
                .map_err(|error| with_remedy(error, "--mqtt", "--http"))?;
            let broker = self.broker(&app)?;
            println!("{}", greeting(&app, &broker, &dir));
            play(&app, &broker, self.backfill, &stop).await?;
            println!("\nStopping.");
            app.stop().await;
            anyhow::Ok(())
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Demo {
    fn prepare(&self, dir: &Path) -> Result<Prepared, Vec<Fault>> {
        let mut config = Config::in_dir(dir);
        config.store = StoreConfig::in_dir(dir);
        config.fleet_dir = data_folder("config").join("demo");
        config.api.bind = self.http;
        config.api.staff_token = Some(Secret::Known(STAFF_TOKEN.to_owned()));
        config.listeners = vec![ListenerConfig {
            source: Arc::new(Source { name: "demo".to_owned(), format: Format::ChirpStackV4Json }),
            bind: self.mqtt,
            users: BTreeMap::new(),
            tls: None,
            limits: listener::Limits::default(),
        }];
        app::prepare(config, Faults::default())
    }

    fn broker(&self, app: &App) -> anyhow::Result<Broker> {
        let addr = app.listeners.first().map_or(self.mqtt, |(_, addr)| *addr);
        let url: BrokerUrl = format!("mqtt://{addr}").parse()?;
        Ok(Broker::new(url))
    }
}

/// Publishes the past, says what has become of it, and goes on live until `stop`.
async fn play(
    app: &App,
    broker: &Broker,
    backfill: Duration,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let started = Instant::now();
    let fleet = Fleet::demo(clock::now());
    let past = Options { backfill, live: false, progress: true };
    let summary = publish(&fleet, broker, past, stop.child_token()).await?;
    if stop.is_cancelled() {
        return Ok(());
    }
    println!("{}", what_next(app, summary, started.elapsed()));
    // From where the past ended, which was when this began.
    let live = Options { backfill: started.elapsed(), live: true, progress: false };
    publish(&fleet, broker, live, stop.child_token()).await?;
    Ok(())
}

fn greeting(app: &App, broker: &Broker, dir: &Path) -> String {
    let http = app.http;
    let dir = dir.display();
    format!(
        "stadspuls {version}: a city of invented sensors. The weather is July at the baths and
February at the snow stations.

  Page         http://{http}/
  Public API   http://{http}/api/v1/badtemperaturer
  Staff API    http://{http}/api/v1/staff/uplinks   (Authorization: Bearer {STAFF_TOKEN})
  Health       http://{http}/health/ready
  Metrics      http://{http}/metrics
  MQTT         {broker}   (QoS 1 is acknowledged when it is on disk)
  Store        {dir}
",
        version = env!("CARGO_PKG_VERSION"),
    )
}

fn what_next(app: &App, summary: Summary, took: Duration) -> String {
    let http = app.http;
    let (acknowledged, seconds) = (summary.acknowledged, took.as_secs_f64());
    format!(
        "
{acknowledged} uplinks of the past are on disk, decoded, after {seconds:.1} s. The sensors go on live.

Try:
  curl http://{http}/api/v1/badtemperaturer
  curl -H 'Authorization: Bearer {STAFF_TOKEN}' 'http://{http}/api/v1/staff/uplinks?outcome=codec_error'
  curl -H 'Authorization: Bearer {STAFF_TOKEN}' 'http://{http}/api/v1/staff/uplinks?outcome=unknown_device'
  stadspuls decode --profile elsys/elt-2 --f-port 5 070d8a0c00c1

Ctrl-C ends it."
    )
}
