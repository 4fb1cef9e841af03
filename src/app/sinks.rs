//! The sinks: made ready with everything else, run beside it, stopped first.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::StartError;
use crate::clock;
use crate::config::Config;
use crate::sink::influxdb::{self, Sink};
use crate::store::{Reader, StoreError, Writer, Writes};
use crate::telemetry::{Health, Metrics};

const PART: &str = "sink.influxdb";

/// What sinks there are, running or about to.
pub struct Sinks {
    ready: Option<Sink>,
    config: Option<influxdb::Config>,
    /// Where a renewed token goes.
    token: Option<watch::Sender<String>>,
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

/// What a sink is given of the rest of the service.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    pub reader: &'a Reader,
    pub writes: &'a Writes,
    pub metrics: &'a Arc<Metrics>,
    pub health: &'a Arc<Health>,
}

impl Sinks {
    /// Makes what is configured ready to go on where it was.
    ///
    /// # Errors
    ///
    /// If a token or a certificate cannot be read, or as the store's.
    pub fn prepare(
        config: &Config,
        writer: &mut Writer,
        around: Around<'_>,
    ) -> Result<Self, StartError> {
        let mut sinks = Self {
            ready: None,
            config: config.influxdb.clone(),
            token: None,
            tasks: JoinSet::new(),
            stop: CancellationToken::new(),
        };
        if let Some((influxdb, token)) = sinks.config.clone().zip(sinks.read_token()?) {
            let state: Result<_, StoreError> =
                writer.batch(|batch| batch.register_sink(influxdb::NAME, clock::now()));
            let (renew, token) = watch::channel(token);
            let wires = influxdb::Wires {
                reader: around.reader.clone(),
                writes: around.writes.clone(),
                metrics: Arc::clone(around.metrics),
                health: Arc::clone(around.health),
                token,
                timing: config.limits.pipeline.timing.clone(),
            };
            let sink = Sink::new(influxdb, wires, state?)
                .map_err(|error| StartError::Tls { part: PART.to_owned(), error })?;
            (sinks.ready, sinks.token) = (Some(sink), Some(renew));
        }
        Ok(sinks)
    }

    /// Those that are configured, by the names they have in the store.
    #[must_use]
    pub fn names(config: &Config) -> Vec<String> {
        config.influxdb.iter().map(|_| influxdb::NAME.to_owned()).collect()
    }

    pub fn start(&mut self) {
        if let Some(sink) = self.ready.take() {
            self.tasks.spawn(sink.run(self.stop.clone()));
        }
    }

    /// Reads the token anew.
    ///
    /// # Errors
    ///
    /// If it is not where it should be.
    pub fn read_token(&self) -> Result<Option<String>, StartError> {
        let read = |config: &influxdb::Config| config.token.read();
        let token = self.config.as_ref().map(read).transpose();
        token.map_err(|error| StartError::Secret { part: PART.to_owned(), error })
    }

    pub fn renew(&self, token: Option<String>) {
        if let Some((renew, token)) = self.token.as_ref().zip(token) {
            drop(renew.send_replace(token));
        }
    }

    /// Ends them at once: what a sink has not written down it delivers again.
    pub async fn stop(&mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}
