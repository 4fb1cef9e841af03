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
    /// By which a sink is told that its token may have been renewed.
    renewals: watch::Sender<()>,
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
    /// If a certificate cannot be read, or as the store's. A token that cannot is the sink's own business.
    pub fn prepare(
        config: &Config,
        writer: &mut Writer,
        around: Around<'_>,
    ) -> Result<Self, StartError> {
        let mut sinks = Self {
            ready: None,
            renewals: watch::Sender::new(()),
            tasks: JoinSet::new(),
            stop: CancellationToken::new(),
        };
        if let Some(influxdb) = config.influxdb.clone() {
            let state: Result<_, StoreError> =
                writer.batch(|batch| batch.register_sink(influxdb::NAME, clock::now()));
            let wires = influxdb::Wires {
                reader: around.reader.clone(),
                writes: around.writes.clone(),
                metrics: Arc::clone(around.metrics),
                health: Arc::clone(around.health),
                renewed: sinks.renewals.subscribe(),
                timing: config.limits.pipeline.timing.clone(),
                public_url: config.api.public_url.clone(),
            };
            let sink = Sink::new(influxdb, wires, state?)
                .map_err(|error| StartError::Tls { part: PART.to_owned(), error })?;
            sinks.ready = Some(sink);
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

    /// Has each read its token anew. One that cannot be read holds the sink and nothing else.
    pub fn renew(&self) {
        self.renewals.send_replace(());
    }

    /// Ends them at once: what a sink has not written down it delivers again.
    pub async fn stop(&mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}
