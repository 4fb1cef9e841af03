use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{prepare, runtime, stop_on_signal};
use crate::app::{self, App, Prepared, StartError};
use crate::config::Config;
use crate::document::{Fault, Faults};
use crate::telemetry::start_logs;

/// Runs the service until it is told to stop (Ctrl-C, SIGTERM).
///
/// Reads the whole configuration first and refuses to start with any fault in it, naming all.
/// On SIGHUP it takes in a changed catalogue and fleet, as `stadspuls reload` does. Logs go to standard error: for people in a terminal, JSON lines otherwise; RUST_LOG chooses
/// what is logged.
#[derive(Args)]
pub struct Run {
    /// The configuration file; config/default.toml explains every key.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

impl Run {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        start_logs("info");
        let Some(prepared) = prepare(&self.config) else { return Ok(ExitCode::FAILURE) };
        runtime()?.block_on(async {
            let stop = stop_on_signal()?;
            let app = App::start(prepared)
                .await
                .map_err(|error| with_remedy(error, "listener.<name>.bind", "api.bind"))?;
            tracing::info!(version = env!("CARGO_PKG_VERSION"), http = %app.http, "running");
            for (name, addr) in &app.listeners {
                tracing::info!(source = name, %addr, "listening for MQTT publishers");
            }
            serve(&app, &self.config, &stop).await?;
            tracing::info!("stopping");
            app.stop().await;
            tracing::info!("stopped");
            Ok(ExitCode::SUCCESS)
        })
    }
}

/// Waits for the end; takes the files in again on each SIGHUP meanwhile.
async fn serve(app: &App, config: &Path, stop: &CancellationToken) -> anyhow::Result<()> {
    let mut hangups = signal(SignalKind::hangup())?;
    while stop.run_until_cancelled(hangups.recv()).await.is_some() {
        let path = config.to_owned();
        let checked = tokio::task::spawn_blocking(move || check(&path)).await?;
        match checked {
            Ok(prepared) => match app.reload(prepared).await {
                Ok(()) => tracing::info!("catalogue and fleet are taken in again"),
                Err(error) => tracing::error!(%error, "catalogue and fleet stay as they were"),
            },
            Err(faults) => {
                for fault in &faults {
                    tracing::error!(fault, "catalogue and fleet stay as they were");
                }
            }
        }
    }
    Ok(())
}

/// Reads everything again; all faults, in words, where there are any.
fn check(config: &Path) -> Result<Prepared, Vec<String>> {
    let words = |faults: &[Fault]| faults.iter().map(ToString::to_string).collect::<Vec<_>>();
    let faults = Faults::default();
    let prepared =
        app::prepare(Config::load(config, &faults), faults).map_err(|faults| words(&faults))?;
    let limits = &prepared.config.limits.pipeline.codec;
    let (_, faults) = app::check_examples(&prepared.catalog, limits);
    if faults.is_empty() {
        Ok(prepared)
    } else {
        Err(faults.iter().map(ToString::to_string).collect())
    }
}

/// A taken port is an everyday event: say what to change.
pub fn with_remedy(error: StartError, mqtt_option: &str, http_option: &str) -> anyhow::Error {
    match &error {
        StartError::Taken { part, .. } => {
            let option = if part == "api" { http_option } else { mqtt_option };
            anyhow::anyhow!("{error}; choose another address with {option}")
        }
        _ => error.into(),
    }
}
