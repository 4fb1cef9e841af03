//! The channels by which alerts are told, ready to run.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{StartError, sinks};
use crate::alert::Rules;
use crate::catalog::Catalog;
use crate::clock;
use crate::config::Config;
use crate::model::QuantityKind;
use crate::notify::{self, Channel, Facts, Measured, Notifier, Secrets};
use crate::store::{StoreError, Writer};

/// All channels, and the ends at which what they know is renewed.
pub struct Channels {
    notifiers: Vec<Notifier>,
    pub renewal: Renewal,
}

/// Secrets and facts of running channels.
pub struct Renewal {
    secrets: Vec<watch::Sender<Secrets>>,
    facts: watch::Sender<Arc<Facts>>,
}

/// Reads the secrets of all channels.
pub fn secrets(channels: &[Channel]) -> Result<Vec<Secrets>, StartError> {
    let read = |channel: &Channel| {
        let part = format!("channel {}", channel.name);
        channel.secrets().map_err(|error| StartError::Secret { part, error })
    };
    channels.iter().map(read).collect()
}

/// What channels say beside what the store knows.
pub fn facts(config: &Config, rules: &Rules, catalog: &Catalog) -> Facts {
    let measured = rules.rules.iter().filter_map(|rule| {
        let quantity = catalog.quantity(&rule.quantity)?;
        let measured =
            Measured { quantity: Arc::clone(&quantity.name.0), unit: quantity.unit.clone() };
        (quantity.kind == QuantityKind::Number).then(|| (rule.id.clone(), measured))
    });
    Facts { public_url: config.api.public_url.clone(), measured: measured.collect() }
}

/// Makes the channels. What waits for one that is no longer there is given up.
pub fn prepare(
    channels: &[Channel],
    secrets: Vec<Secrets>,
    facts: Facts,
    writer: &mut Writer,
    wires: &sinks::Wires<'_>,
) -> Result<Channels, StartError> {
    let names: Vec<&str> = channels.iter().map(|channel| channel.name.as_str()).collect();
    let given_up: Result<usize, StoreError> =
        writer.batch(|batch| batch.give_up_others(&names, clock::now()));
    let given_up = given_up?;
    if given_up > 0 {
        tracing::warn!(notices = given_up, "given up, since their channels are no longer there");
    }
    let (facts, known) = watch::channel(Arc::new(facts));
    let mut all =
        Channels { notifiers: Vec::new(), renewal: Renewal { secrets: Vec::new(), facts } };
    for (channel, secrets) in channels.iter().zip(secrets) {
        let (renew, secrets) = watch::channel(secrets);
        let wires = notify::Wires {
            reader: wires.reader.clone(),
            writes: wires.writes.clone(),
            metrics: Arc::clone(wires.metrics),
            health: Arc::clone(wires.health),
            secrets,
            facts: known.clone(),
        };
        let notifier = Notifier::new(channel.clone(), wires)
            .map_err(|error| StartError::Channel { name: channel.name.clone(), error })?;
        all.notifiers.push(notifier);
        all.renewal.secrets.push(renew);
    }
    Ok(all)
}

impl Channels {
    /// Starts all of them among the sinks, since they end with those.
    pub fn start(self, tasks: &mut JoinSet<()>, stop: &CancellationToken) -> Renewal {
        for notifier in self.notifiers {
            tasks.spawn(notifier.run(stop.clone()));
        }
        self.renewal
    }
}

impl Renewal {
    /// Has running channels know other secrets, in the order of the channels, and other facts. One whose secrets
    /// are the same is not bothered.
    pub fn renew(&self, secrets: Vec<Secrets>, facts: Facts) {
        for (renewal, new) in self.secrets.iter().zip(secrets) {
            renewal.send_if_modified(|known| {
                let is_new = *known != new;
                *known = new;
                is_new
            });
        }
        drop(self.facts.send_replace(Arc::new(facts)));
    }
}
