//! The thread that takes messages into the store: gather, commit, acknowledge.

mod chores;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::runtime::Handle;
use tokio::sync::mpsc::Receiver;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{Pipeline, Taken, Watch};
use crate::catalog::Catalog;
use crate::clock;
use crate::intake::Delivery;
use crate::model::Outcome;
use crate::registry::{self, Registry};
use crate::store::{Fleet, Retention, StoreError, WriteRequest, Writer};
use crate::telemetry::{CauseLabel, Health, Metrics, OutcomeLabel, SourceLabel};
use chores::{REDECODE_PAUSE, REDECODED_BETWEEN};

/// How the worker gathers and waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerConfig {
    /// Most messages in one transaction.
    pub batch_messages: usize,
    /// First pause after the store has failed; it doubles up to `retry_max`.
    pub retry_min: Duration,
    pub retry_max: Duration,
    /// What is dropped when nothing else waits; nothing by default.
    pub retention: Retention,
    /// Sinks that follow the changes: none is dropped before they have accepted it.
    pub sinks: Vec<String>,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self {
            batch_messages: 1000,
            retry_min: Duration::from_millis(100),
            retry_max: Duration::from_secs(10),
            retention: Retention::default(),
            sinks: Vec::new(),
        }
    }
}

/// How close to each other messages arrive that are told apart.
const CLOSE_MICROS: i64 = 10_000;

/// The part of health that speaks of the store.
const PART: &str = "store";

/// What reaches the worker from outside.
pub struct Wires {
    pub intake: Receiver<Delivery>,
    pub reloads: Receiver<Reload>,
    /// What others want written between two batches.
    pub writes: Receiver<WriteRequest>,
    /// Ends the wait for a store that fails.
    pub stop: CancellationToken,
    pub runtime: Handle,
}

/// A changed catalogue and fleet, to be in force from the next message on.
pub struct Reload {
    pub catalog: Arc<Catalog>,
    pub fleet: Fleet,
    pub watch: Watch,
    /// Told what is in force now, or why all is as it was.
    pub done: oneshot::Sender<Result<Arc<Registry>, StoreError>>,
}

struct Worker {
    intake: Receiver<Delivery>,
    reloads: Receiver<Reload>,
    writes: Receiver<WriteRequest>,
    runtime: Handle,
    pipeline: Pipeline,
    writer: Writer,
    config: WorkerConfig,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    stop: CancellationToken,
    /// When to look again for something to drop.
    retention_due: Instant,
    /// When to look again for changes that everybody has accepted.
    trim_due: Instant,
    /// When to look again whether somebody wants the archive decoded again.
    redecode_due: Instant,
    /// When to look again what time alone has done to alerts.
    tick_due: Instant,
    /// A run is under way.
    is_redecoding: bool,
    /// When the message before the next one arrived.
    last_arrival: DateTime<Utc>,
}

/// Why a batch was not committed.
enum Failure {
    /// The store will take it later: wait.
    Passes(StoreError),
    /// Something in the batch, or in this program, is at fault.
    Stays(String),
}

/// Takes messages from the intake until all sources have let go of it. Returns the writer.
///
/// What has gathered while one batch was committed is the next batch, so batches grow with the
/// load and nobody waits for a timer. While the store fails nothing is acknowledged; `stop` ends
/// that wait.
pub fn run(
    wires: Wires,
    pipeline: Pipeline,
    writer: Writer,
    config: WorkerConfig,
    health: Arc<Health>,
) -> Writer {
    let Wires { intake, reloads, writes, stop, runtime } = wires;
    let metrics = Arc::clone(&pipeline.metrics);
    let retention_due = Instant::now();
    let last_arrival = DateTime::UNIX_EPOCH;
    let mut worker = Worker {
        intake,
        reloads,
        writes,
        runtime,
        pipeline,
        writer,
        config,
        metrics,
        health,
        stop,
        retention_due,
        trim_due: retention_due,
        redecode_due: retention_due,
        tick_due: retention_due,
        is_redecoding: false,
        last_arrival,
    };
    let mut deliveries = Vec::new();
    worker.follow_rules();
    worker.idle();
    while let Some(woken) = worker.next() {
        worker.reload();
        worker.write_for_others();
        let Some(first) = woken else {
            worker.tick();
            worker.idle();
            continue;
        };
        deliveries.push(first);
        while deliveries.len() < worker.config.batch_messages
            && let Ok(next) = worker.intake.try_recv()
        {
            deliveries.push(next);
        }
        worker.note_depth();
        tell_apart(&mut worker.last_arrival, &mut deliveries);
        worker.take_all(&mut deliveries);
        worker.note_depth();
        worker.tick();
        worker.redecode(REDECODED_BETWEEN);
        worker.idle();
    }
    worker.writer
}

impl Worker {
    /// Waits for a delivery: none inside where a while has passed without one or somebody wants something
    /// written, none at all where all sources have let go.
    fn next(&mut self) -> Option<Option<Delivery>> {
        match self.intake.try_recv() {
            Ok(delivery) => return Some(Some(delivery)),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => {}
        }
        let (intake, writes) = (&mut self.intake, &mut self.writes);
        let asked = self.runtime.block_on(async {
            tokio::select! {
                biased;
                received = timeout(REDECODE_PAUSE, intake.recv()) => match received {
                    Ok(delivery) => Err(delivery.map(Some)),
                    Err(_elapsed) => Err(Some(None)),
                },
                Some(request) = writes.recv() => Ok(request),
            }
        });
        match asked {
            Ok(request) => {
                self.write_for(request);
                Some(None)
            }
            Err(woken) => woken,
        }
    }

    /// Takes in a changed catalogue and fleet, if somebody wants that.
    fn reload(&mut self) {
        let Ok(Reload { catalog, fleet, watch, done }) = self.reloads.try_recv() else { return };
        let taken = self.take_in(catalog, &fleet, watch);
        if let Err(error) = &taken {
            self.count_store_error(error);
        }
        // Who has asked may have gone meanwhile.
        let _gone = done.send(taken);
    }

    fn take_in(
        &mut self,
        catalog: Arc<Catalog>,
        fleet: &Fleet,
        watch: Watch,
    ) -> Result<Arc<Registry>, StoreError> {
        let profiles = catalog.profiles().count();
        let now = clock::now();
        registry::take_fleet(&mut self.writer, fleet, now)?;
        let registry = Arc::new(Registry::of(&self.writer)?);
        self.pipeline.replace(Arc::clone(&registry), catalog);
        self.pipeline.watch(watch);
        self.follow_rules();
        self.writer.note_reload(profiles, fleet, now)?;
        self.redecode_due = Instant::now();
        Ok(registry)
    }

    /// Commits and acknowledges all deliveries, and leaves none.
    fn take_all(&mut self, deliveries: &mut Vec<Delivery>) {
        match self.commit_patiently(deliveries) {
            Ok(taken) => self.acknowledge(deliveries.drain(..), &taken),
            Err(Failure::Passes(_)) => deliveries.clear(),
            Err(Failure::Stays(reason)) => {
                tracing::error!(
                    messages = deliveries.len(),
                    reason,
                    "a batch failed; taking its messages one by one"
                );
                for delivery in deliveries.drain(..) {
                    self.take_alone(delivery);
                }
            }
        }
    }

    /// A message that fails even alone is set aside in the ledger, so that it blocks nothing.
    fn take_alone(&mut self, delivery: Delivery) {
        let alone = [delivery];
        let taken = match self.commit_patiently(&alone) {
            Err(Failure::Stays(reason)) => self.set_aside(&alone, &reason),
            other => other,
        };
        match taken {
            Ok(taken) => self.acknowledge(alone, &taken),
            Err(Failure::Passes(error)) => {
                tracing::error!(%error, "stopped before the store took a message; it is not acknowledged");
            }
            Err(Failure::Stays(reason)) => {
                tracing::error!(reason, "a message cannot be kept; it is not acknowledged");
            }
        }
    }

    fn set_aside(&mut self, alone: &[Delivery], reason: &str) -> Result<Vec<Taken>, Failure> {
        let (pipeline, writer) = (&mut self.pipeline, &mut self.writer);
        pipeline.reload();
        let aside = writer.batch(|batch| {
            alone
                .iter()
                .map(|delivery| pipeline.set_aside(batch, &delivery.message, reason))
                .collect()
        });
        aside.map_err(Failure::from)
    }

    /// Commits, waiting as long as the store needs, unless the process is to stop.
    fn commit_patiently(&mut self, deliveries: &[Delivery]) -> Result<Vec<Taken>, Failure> {
        let mut pause = self.config.retry_min;
        let mut troubled = false;
        loop {
            match self.commit(deliveries) {
                Err(Failure::Passes(error)) if !self.stop.is_cancelled() => {
                    self.count_store_error(&error);
                    // It may fail for another reason now than it did at first.
                    self.health.trouble(PART, &error.to_string());
                    if !troubled {
                        tracing::error!(
                            error = chain(&error),
                            "the store fails; nothing is acknowledged until it recovers"
                        );
                        troubled = true;
                    }
                    // Messages gather meanwhile, which is when somebody looks.
                    self.note_depth();
                    self.rest(pause);
                    pause = (pause * 2).min(self.config.retry_max);
                }
                done => {
                    if troubled && !matches!(done, Err(Failure::Passes(_))) {
                        tracing::info!("the store has recovered");
                        self.health.well(PART);
                    }
                    return done;
                }
            }
        }
    }

    /// Waits, but not beyond the moment when the process is to stop.
    fn rest(&self, pause: Duration) {
        const STEP: Duration = Duration::from_millis(50);
        let until = Instant::now() + pause;
        while !self.stop.is_cancelled() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            thread::sleep(left.min(STEP));
        }
    }

    fn note_depth(&self) {
        self.metrics.intake_depth.set(i64::try_from(self.intake.len()).unwrap_or(i64::MAX));
    }

    fn commit(&mut self, deliveries: &[Delivery]) -> Result<Vec<Taken>, Failure> {
        let (pipeline, writer) = (&mut self.pipeline, &mut self.writer);
        let started = Instant::now();
        let committed = catch_unwind(AssertUnwindSafe(|| {
            writer.batch(|batch| {
                deliveries.iter().map(|delivery| pipeline.take(batch, &delivery.message)).collect()
            })
        }));
        match committed {
            Ok(Ok(taken)) => {
                self.metrics.commit_duration.observe(started.elapsed().as_secs_f64());
                self.metrics
                    .batch_size
                    .observe(f64::from(u32::try_from(deliveries.len()).unwrap_or(u32::MAX)));
                Ok(taken)
            }
            Ok(Err(error)) => {
                self.pipeline.doubt_watch();
                Err(Failure::from(error))
            }
            Err(_panic) => {
                self.pipeline.reload();
                self.pipeline.doubt_watch();
                Err(Failure::Stays("a step panicked".to_owned()))
            }
        }
    }

    fn acknowledge(&self, deliveries: impl IntoIterator<Item = Delivery>, taken: &[Taken]) {
        for (delivery, taken) in deliveries.into_iter().zip(taken) {
            let source = &delivery.message.source.name;
            let received = self
                .metrics
                .uplinks_received
                .get_or_create(&SourceLabel { source: source.clone() });
            received.inc_by(taken.outcomes.len() as u64);
            for outcome in &taken.outcomes {
                self.count_outcome(source, *outcome);
            }
            self.metrics.observations_stored.inc_by(taken.observations as u64);
            if let Some(receipt) = delivery.receipt {
                receipt.acknowledge();
            }
        }
    }

    fn count_outcome(&self, source: &str, outcome: Outcome) {
        let label = OutcomeLabel { source: source.to_owned(), outcome: outcome.name() };
        self.metrics.uplink_outcomes.get_or_create(&label).inc();
    }

    fn count_store_error(&self, error: &StoreError) {
        let label = CauseLabel { reason: error.reason() };
        self.metrics.store_errors.get_or_create(&label).inc();
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        if error.passes() { Self::Passes(error) } else { Self::Stays(chain(&error)) }
    }
}

/// Gives each message a microsecond of its own. What has no time but that of its arrival is
/// observed then, and the second of two in one microsecond would pass for a correction of the
/// first.
fn tell_apart(last_arrival: &mut DateTime<Utc>, deliveries: &mut [Delivery]) {
    for Delivery { message, .. } in deliveries {
        let last = last_arrival.timestamp_micros();
        let behind = last - message.arrived_at.timestamp_micros();
        // Further behind than this, a message has waited or the clock was set.
        if (0..=CLOSE_MICROS).contains(&behind)
            && let Some(next) = DateTime::from_timestamp_micros(last + 1)
        {
            message.arrived_at = next;
        }
        *last_arrival = message.arrived_at;
    }
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::model::{Format, Message, Source};

    fn arriving(micros: &[i64]) -> Vec<i64> {
        let source = Arc::new(Source { name: "http".to_owned(), format: Format::PlainJson });
        let delivery = |&micros| Delivery {
            message: Message {
                source: Arc::clone(&source),
                topic: String::new(),
                body: Bytes::new(),
                arrived_at: DateTime::from_timestamp_micros(micros).unwrap(),
            },
            receipt: None,
        };
        let mut deliveries: Vec<Delivery> = micros.iter().map(delivery).collect();
        tell_apart(&mut DateTime::UNIX_EPOCH.clone(), &mut deliveries);
        deliveries.iter().map(|one| one.message.arrived_at.timestamp_micros()).collect()
    }

    #[test]
    fn no_two_messages_of_a_burst_arrive_in_the_same_microsecond() {
        let at = 1_700_000_000_000_000;
        assert_eq!(arriving(&[at, at, at, at + 1]), [at, at + 1, at + 2, at + 3]);
        assert_eq!(arriving(&[at, at + 5, at + 3]), [at, at + 5, at + 6], "two sources at once");
        assert_eq!(arriving(&[at, at + 9]), [at, at + 9], "what is apart stays as it is");
        let hour = 3_600_000_000;
        assert_eq!(arriving(&[at, at - hour]), [at, at - hour], "the clock was set back");
    }
}
