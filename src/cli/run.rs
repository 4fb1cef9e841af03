use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{print_faults, runtime, stop_on_signal};
use crate::app::{self, App, StartError};
use crate::config::Config;
use crate::document::Faults;
use crate::telemetry::start_logs;

/// Runs the service until it is told to stop (Ctrl-C, SIGTERM).
///
/// Reads the whole configuration first and refuses to start with any fault in it, naming all.
/// Logs go to standard error: for people in a terminal, JSON lines otherwise; RUST_LOG chooses
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
        let faults = Faults::default();
        let config = Config::load(&self.config, &faults);
        let prepared = match app::prepare(config, faults) {
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
                .map_err(|error| with_remedy(error, "listener.<name>.bind", "api.bind"))?;
            tracing::info!(version = env!("CARGO_PKG_VERSION"), http = %app.http, "running");
            for (name, addr) in &app.listeners {
                tracing::info!(source = name, %addr, "listening for MQTT publishers");
            }
            stop.cancelled().await;
            tracing::info!("stopping");
            app.stop().await;
            tracing::info!("stopped");
            Ok(ExitCode::SUCCESS)
        })
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
