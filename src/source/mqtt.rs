//! Subscribes to a broker: the only place, beside the listener, that knows MQTT.
//!
//! The session is durable (fixed client id, no clean start, expiry), QoS 1, acknowledged by hand
//! after the commit. A connection is used once: when it ends, its client is dropped with all
//! acknowledgements still on their way, because packet ids mean nothing to the next one.

mod link;
mod url;
mod wire;

pub use url::{BadBrokerUrl, BrokerUrl};

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::tls::Identity;
use crate::clock;
use crate::intake::{Delivery, Intake};
use crate::model::{Message, Source};
use crate::secret::Secret;
use crate::telemetry::{Health, Metrics, ReasonLabel, SourceLabel};
use link::{Incoming, Link, LinkError, Received};

/// A broker and how to subscribe to it.
#[derive(Clone, Debug)]
pub struct Config {
    pub source: Arc<Source>,
    pub host: String,
    pub port: u16,
    pub protocol: Protocol,
    /// Fixed: the broker keeps the session under this name.
    pub client_id: String,
    pub credentials: Option<Credentials>,
    /// None for a plain connection.
    pub tls: Option<Tls>,
    /// Topic filters; they should not overlap, since MQTT 5 brokers then deliver twice.
    pub filters: Vec<String>,
    pub limits: Limits,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    V5,
    V311,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    pub username: String,
    pub password: Secret,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// PEM file of the authority that signed the broker's certificate; the machine's own if none.
    pub authority: Option<std::path::PathBuf>,
    /// What the broker knows us by.
    pub identity: Option<Identity>,
}

/// How long and how much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A broker that is silent for longer than this, pings included, is gone.
    pub keep_alive: Duration,
    /// How long the broker keeps our messages while we are away (MQTT 5; 3.1.1 brokers decide
    /// themselves).
    pub session_expiry: Duration,
    /// Unacknowledged messages the broker may have on their way. Not every broker heeds it, so
    /// the bound on our memory is the intake.
    pub receive_maximum: u16,
    /// Largest packet taken from an MQTT 5 broker, which drops larger ones itself. Bodies over
    /// the pipeline's own, smaller limit become an outcome.
    pub packet_bytes: u32,
    /// First pause before connecting again; it doubles up to `backoff_max`.
    pub backoff_min: Duration,
    pub backoff_max: Duration,
    /// How long to wait at the end for commits in flight, so that they are acknowledged: with what the API waits
    /// after that, less than a service manager gives us.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            keep_alive: Duration::from_secs(30),
            session_expiry: Duration::from_secs(7 * 86_400),
            receive_maximum: 100,
            packet_bytes: 16 * 1024 * 1024,
            backoff_min: Duration::from_millis(500),
            backoff_max: Duration::from_secs(60),
            drain: Duration::from_secs(15),
        }
    }
}

/// Why a connection ended.
enum End {
    Stopped,
    /// The intake stayed full for so long that we would have missed a ping.
    Paused,
    Failed(LinkError),
}

/// Says that a source is not connected yet, before anybody can ask whether all is ready.
pub fn announce(config: &Config, health: &Health) {
    health.trouble(&part(config), "not connected yet");
}

/// The part of health that speaks of a source.
fn part(config: &Config) -> String {
    format!("source {}", config.source.name)
}

/// Follows a broker until `stop`, connecting again whenever it has to.
pub async fn run(
    config: Config,
    intake: Intake,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    stop: CancellationToken,
) {
    let mut subscriber = Subscriber {
        part: part(&config),
        label: SourceLabel { source: config.source.name.clone() },
        config,
        intake,
        metrics,
        health,
        stop,
        connections: 0,
        last_failure: None,
    };
    subscriber.run().await;
}

struct Subscriber {
    config: Config,
    intake: Intake,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    stop: CancellationToken,
    /// The part of health that speaks of this source.
    part: String,
    label: SourceLabel,
    connections: u64,
    /// A failure is logged once, not at each attempt.
    last_failure: Option<String>,
}

impl Subscriber {
    async fn run(&mut self) {
        let mut backoff = self.config.limits.backoff_min;
        while !self.stop.is_cancelled() {
            let connections = self.connections;
            let end = self.follow_one_connection().await;
            self.metrics.source_connected.get_or_create(&self.label).set(0);
            if self.connections > connections {
                backoff = self.config.limits.backoff_min;
            }
            match end {
                End::Stopped => return,
                End::Paused => self.wait_for_room().await,
                End::Failed(error) => {
                    self.report(&error);
                    let stop = self.stop.clone();
                    let paused = stop.run_until_cancelled(sleep(jitter(backoff))).await;
                    if paused.is_none() {
                        return;
                    }
                    backoff = (backoff * 2).min(self.config.limits.backoff_max);
                }
            }
        }
    }

    async fn follow_one_connection(&mut self) -> End {
        let stop = self.stop.clone();
        let mut link = match stop.run_until_cancelled(Link::open(&self.config)).await {
            None => return End::Stopped,
            Some(Ok((link, session_present))) => {
                self.connected(session_present);
                link
            }
            Some(Err(error)) => return End::Failed(error),
        };
        // Each message on its way holds a token, so that the end knows when all are acknowledged.
        let in_flight = TaskTracker::new();
        loop {
            let Some(incoming) = stop.run_until_cancelled(link.next()).await else {
                return self.leave(link, in_flight).await;
            };
            match incoming {
                Ok(Incoming::Subscribed(refusals)) => self.subscribed(&refusals),
                Ok(Incoming::Message(received)) => {
                    if let Some(end) = self.hand_over(received, &in_flight).await {
                        return match end {
                            End::Stopped => self.leave(link, in_flight).await,
                            end => end,
                        };
                    }
                }
                Err(error) => return End::Failed(error),
            }
        }
    }

    fn connected(&mut self, session_present: bool) {
        self.metrics.source_connections.get_or_create(&self.label).inc();
        let (source, broker) = (&self.config.source.name, self.config.host.as_str());
        match (session_present, self.connections) {
            (true, _) => {
                tracing::info!(source, broker, "connected; the broker has kept the session");
            }
            (false, 0) => tracing::info!(
                source,
                broker,
                "connected; the broker knows no session of ours, so this is the first time or it has forgotten"
            ),
            (false, _) => {
                self.metrics.source_sessions_lost.get_or_create(&self.label).inc();
                tracing::warn!(
                    source,
                    broker,
                    "connected; the broker has lost the session and what waited in it"
                );
            }
        }
        self.connections += 1;
        self.last_failure = None;
    }

    fn subscribed(&self, refusals: &[Option<String>]) {
        let refused: Vec<String> = self
            .config
            .filters
            .iter()
            .zip(refusals)
            .filter_map(|(filter, refusal)| Some(format!("{filter} ({})", refusal.as_ref()?)))
            .collect();
        if refused.is_empty() {
            self.metrics.source_connected.get_or_create(&self.label).set(1);
            self.health.well(&self.part);
            return;
        }
        // A refused filter would otherwise be a source that is silent for ever.
        let reason = format!("the broker refuses {}", refused.join(", "));
        tracing::error!(source = self.config.source.name, reason);
        self.count_error("subscription_refused");
        self.health.trouble(&self.part, &reason);
    }

    /// Gives a message to the pipeline. Returns how the connection ends, if it must.
    async fn hand_over(&self, received: Received, in_flight: &TaskTracker) -> Option<End> {
        if received.retain {
            // A broker repeats a retained message at each subscription, however old it is.
            self.metrics.retained_dropped.get_or_create(&self.label).inc();
            received.receipt.acknowledge();
            return None;
        }
        let delivery = Delivery {
            message: Message {
                source: Arc::clone(&self.config.source),
                topic: received.topic,
                body: received.body,
                arrived_at: clock::now(),
            },
            receipt: Some(Box::new(received.receipt.counted(in_flight.token()))),
        };
        // Without polling no ping is sent: leave before the broker throws us out.
        let patience = self.config.limits.keep_alive / 2;
        let room = self.stop.run_until_cancelled(timeout(patience, self.intake.reserve())).await;
        match room {
            None => Some(End::Stopped),
            Some(Err(_elapsed)) => {
                self.metrics.source_pauses.get_or_create(&self.label).inc();
                tracing::warn!(
                    source = self.config.source.name,
                    "the intake stays full; leaving the broker until there is room"
                );
                Some(End::Paused)
            }
            // The pipeline is gone, so the process is ending.
            Some(Ok(Err(_closed))) => Some(End::Stopped),
            Some(Ok(Ok(place))) => {
                self.metrics.messages_arrived.get_or_create(&self.label).inc();
                place.send(delivery);
                None
            }
        }
    }

    /// Polls on until what was handed over is acknowledged, then says good-bye. What arrives
    /// meanwhile stays with the broker.
    async fn leave(&self, mut link: Link, in_flight: TaskTracker) -> End {
        in_flight.close();
        let drained = timeout(self.config.limits.drain, async {
            tokio::select! {
                () = in_flight.wait() => {}
                () = async { while link.next().await.is_ok() {} } => return,
            }
            // A broker that is gone meanwhile repeats what it has not heard of.
            if let Err(error) = link.disconnect().await {
                tracing::debug!(%error, "the broker has not heard the good-bye");
            }
        });
        if drained.await.is_err() {
            tracing::warn!(
                source = self.config.source.name,
                "left the broker with messages unacknowledged; it will repeat them"
            );
        }
        End::Stopped
    }

    async fn wait_for_room(&self) {
        // The place is given back at once: it only says that there is room again.
        drop(self.stop.run_until_cancelled(self.intake.reserve()).await);
    }

    fn report(&mut self, error: &LinkError) {
        self.count_error(error.reason());
        let reason = error.to_string();
        self.health.trouble(&self.part, &reason);
        if self.last_failure.as_ref() != Some(&reason) {
            tracing::warn!(source = self.config.source.name, reason, "not connected; trying again");
            self.last_failure = Some(reason);
        }
    }

    fn count_error(&self, reason: &'static str) {
        let label = ReasonLabel { source: self.label.source.clone(), reason };
        self.metrics.source_errors.get_or_create(&label).inc();
    }
}

/// Between half and all of `pause`, so that many instances do not come back at once.
fn jitter(pause: Duration) -> Duration {
    // A fresh `RandomState` is random, which saves a dependency for one number.
    let random = RandomState::new().hash_one(0_u8) % 1000;
    pause / 2 + pause.mul_f64(random as f64 / 2000.0)
}
