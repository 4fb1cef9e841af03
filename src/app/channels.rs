//! The channels by which alerts are told, ready to run.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::StartError;
use super::sinks::Around;
use crate::catalog::Catalog;
use crate::clock;
use crate::config::Config;
use crate::model::QuantityKind;
use crate::notify::{self, Channel, Facts, Notifier, Secrets};
use crate::store::{StoreError, Writer};

/// What channels there are, running or about to.
pub struct Channels {
    ready: Vec<Notifier>,
    configs: Vec<Channel>,
    /// Where renewed secrets go, a place for each channel.
    secrets: Vec<watch::Sender<Secrets>>,
    facts: watch::Sender<Arc<Facts>>,
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

/// What channels say beside what the store knows.
pub fn facts(config: &Config, catalog: &Catalog) -> Facts {
    let numbers = catalog.quantities().filter(|quantity| quantity.kind == QuantityKind::Number);
    let units = numbers.map(|quantity| (quantity.name.clone(), quantity.unit.clone()));
    Facts { public_url: config.api.public_url.clone(), units: units.collect() }
}

impl Channels {
    /// Makes what is configured ready to deliver. What waits for a channel that is no longer there is given up.
    ///
    /// # Errors
    ///
    /// If a secret or a certificate cannot be read, or as the store's.
    pub fn prepare(
        config: &Config,
        facts: Facts,
        writer: &mut Writer,
        around: Around<'_>,
    ) -> Result<Self, StartError> {
        let (facts, known) = watch::channel(Arc::new(facts));
        let mut channels = Self {
            ready: Vec::new(),
            configs: config.channels.clone(),
            secrets: Vec::new(),
            facts,
            tasks: JoinSet::new(),
            stop: CancellationToken::new(),
        };
        for (channel, secrets) in config.channels.iter().zip(channels.read_secrets()?) {
            let (renew, secrets) = watch::channel(secrets);
            let wires = notify::Wires {
                reader: around.reader.clone(),
                writes: around.writes.clone(),
                metrics: Arc::clone(around.metrics),
                health: Arc::clone(around.health),
                secrets,
                facts: known.clone(),
            };
            let notifier = Notifier::new(channel.clone(), wires)
                .map_err(|error| StartError::Channel { name: channel.name.clone(), error })?;
            channels.ready.push(notifier);
            channels.secrets.push(renew);
        }
        let names: Vec<&str> = config.channels.iter().map(|channel| &*channel.name).collect();
        let given_up: Result<usize, StoreError> =
            writer.batch(|batch| batch.give_up_others(&names, clock::now()));
        let given_up = given_up?;
        if given_up > 0 {
            tracing::warn!(notices = given_up, "given up, since their channels are not there");
        }
        Ok(channels)
    }

    pub fn start(&mut self) {
        for notifier in self.ready.drain(..) {
            self.tasks.spawn(notifier.run(self.stop.clone()));
        }
    }

    /// Reads the secrets of all channels anew.
    ///
    /// # Errors
    ///
    /// If one is not where it should be.
    pub fn read_secrets(&self) -> Result<Vec<Secrets>, StartError> {
        let read = |channel: &Channel| {
            let part = format!("channel {}", channel.name);
            channel.secrets().map_err(|error| StartError::Secret { part, error })
        };
        self.configs.iter().map(read).collect()
    }

    /// Has channels know other secrets, in their order, and other facts. One whose secrets are the same is not
    /// bothered.
    pub fn renew(&self, secrets: Vec<Secrets>, facts: Facts) {
        for (renew, new) in self.secrets.iter().zip(secrets) {
            renew.send_if_modified(|known| {
                let is_new = *known != new;
                *known = new;
                is_new
            });
        }
        drop(self.facts.send_replace(Arc::new(facts)));
    }

    /// Ends them. What is on its way may arrive, so that it need not be sent again.
    pub async fn stop(&mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}
