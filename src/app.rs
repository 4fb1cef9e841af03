//! Builds each part, starts them in the order of the data's flow and stops them in reverse.

mod channels;
mod prepare;
mod secrets;
mod sinks;

pub use prepare::{Prepared, check_examples, data_folder, prepare};
pub use secrets::missing_secrets;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::alert::Rules;
use crate::api::{self, Router};
use crate::catalog::Catalog;
use crate::clock;
use crate::config::{Config, ListenerConfig, SenderConfig};
use crate::intake::Intake;
use crate::notify::Channel;
use crate::pipeline::{self, Pipeline, PipelineLimits, Reload, Watch, Wires, WorkerConfig};
use crate::registry::{self, Registry};
use crate::secret::{Secret, SecretError};
use crate::source::listener::{self, Listener, Password, Renewal};
use crate::source::mqtt;
use crate::source::tls::{self, TlsError};
use crate::store::{Reader, Store, StoreError, Writer, Writes};
use crate::telemetry::{Health, Metrics};
use channels::Channels;
use sinks::Sinks;

/// Why the service cannot start. Nothing is left running.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{part}: {addr} is taken by another program")]
    Taken { part: String, addr: SocketAddr },
    #[error("{part}: {error}")]
    Bind { part: String, error: String },
    #[error("secret of {part}: {error}")]
    Secret { part: String, error: SecretError },
    #[error("TLS of {part}: {error}")]
    Tls { part: String, error: TlsError },
    #[error("channel {name}: {error}")]
    Channel { name: String, error: String },
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
}

/// Why a changed catalogue and fleet are not taken in.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Secrets(#[from] StartError),
    #[error("the service is stopping")]
    Stopping,
}

/// What a reload reaches.
struct ReloadWires {
    reloads: mpsc::Sender<Reload>,
    router: watch::Sender<Router>,
    parts: api::Parts,
    renewals: Vec<(ListenerConfig, Renewal)>,
    /// As it was at the start; its secrets and certificates are read again.
    config: Config,
}

/// The service, running.
pub struct App {
    /// Where pages and API are.
    pub http: SocketAddr,
    /// Where the embedded listeners are, by name.
    pub listeners: Vec<(String, SocketAddr)>,
    pub reader: Reader,
    pub metrics: Arc<Metrics>,
    sources: JoinSet<()>,
    stop_sources: CancellationToken,
    worker: JoinHandle<Writer>,
    stop_worker: CancellationToken,
    sinks: Sinks,
    channels: Channels,
    api: tokio::task::JoinHandle<io::Result<()>>,
    stop_api: CancellationToken,
    reload: ReloadWires,
}

impl App {
    /// Starts everything. All addresses are bound and all secrets read before the first message
    /// is taken.
    ///
    /// # Errors
    ///
    /// As [`StartError`].
    pub async fn start(prepared: Prepared) -> Result<Self, StartError> {
        let Prepared { config, catalog, fleet, alerts } = prepared;
        let metrics = Arc::new(Metrics::default());
        let health = Arc::new(Health::default());
        config.sources.iter().for_each(|source| mqtt::announce(&source.mqtt, &health));
        let http = bind_http(&config).await?;
        let bound = bind_listeners(&config.listeners, &config.store.dir).await?;
        let api_config = api_config(&config)?;

        let Store { mut writer, reader } = Store::open(&config.store)?;
        registry::take_fleet(&mut writer, &fleet, clock::now())?;
        // The files say the same as the registry, and two of it would be a good part of what the service needs.
        drop(fleet);
        let registry = Arc::new(Registry::of(&writer)?);
        let (writes, requests) = Writes::channel();
        let around =
            sinks::Around { reader: &reader, writes: &writes, metrics: &metrics, health: &health };
        let mut sinks = Sinks::prepare(&config, &mut writer, around)?;
        let facts = channels::facts(&config, &catalog);
        let mut channels = Channels::prepare(&config, facts, &mut writer, around)?;

        let (intake, deliveries) = mpsc::channel(config.limits.intake.0);
        let stop_api = CancellationToken::new();
        let parts = parts((&registry, &catalog, &alerts), around, &intake);
        let (router, routers) = watch::channel(api::router(&api_config, parts.clone()));
        let http_addr = local_addr(&http)?;
        let api = tokio::spawn(api::serve(http, routers, stop_api.clone()));

        let (reloads, wanted) = mpsc::channel(1);
        metrics.intake_capacity.set(i64::try_from(config.limits.intake.0).unwrap_or(i64::MAX));
        let stop_worker = CancellationToken::new();
        let knows = Knows {
            registry,
            catalog,
            watch: watch(&config, alerts),
            limits: config.limits.pipeline.clone(),
            metrics: Arc::clone(&metrics),
            health: Arc::clone(&health),
        };
        let worker = start_worker(
            worker_config(&config),
            Wires {
                intake: deliveries,
                reloads: wanted,
                writes: requests,
                stop: stop_worker.clone(),
                runtime: tokio::runtime::Handle::current(),
            },
            knows,
            writer,
        )?;

        sinks.start();
        channels.start();
        let stop_sources = CancellationToken::new();
        let listeners =
            bound.iter().map(|(name, listener)| (name.clone(), listener.local_addr())).collect();
        let renewals = renewals(&config, &bound);
        let sources = start_sources(&config, bound, &intake, &metrics, &health, &stop_sources);
        Ok(Self {
            http: http_addr,
            listeners,
            reader,
            metrics,
            sources,
            stop_sources,
            worker,
            stop_worker,
            sinks,
            channels,
            api,
            stop_api,
            reload: ReloadWires { reloads, router, parts, renewals, config },
        })
    }

    /// Takes in a changed catalogue and fleet while everything goes on, and renewed passwords, tokens and
    /// certificates of listeners, API, sink and channels. What else the configuration says holds from the next start.
    ///
    /// # Errors
    ///
    /// If a secret or a certificate cannot be read, but for a sink's, or as the store's; all is then as it was.
    pub async fn reload(&self, prepared: Prepared) -> Result<(), ReloadError> {
        let ReloadWires { reloads, router, parts, renewals, config } = &self.reload;
        let api_config = api_config(config)?;
        let renewed: Vec<listener::Access> =
            renewals.iter().map(|(config, _)| access(config)).collect::<Result<_, _>>()?;
        let secrets = self.channels.read_secrets()?;
        let Prepared { catalog, fleet, alerts, .. } = prepared;
        let facts = channels::facts(config, &catalog);
        let (done, answer) = oneshot::channel();
        let rules = Arc::clone(&alerts);
        let watch = watch(config, alerts);
        let reload = Reload { catalog: Arc::clone(&catalog), fleet, watch, done };
        reloads.send(reload).await.map_err(|_| ReloadError::Stopping)?;
        let registry = answer.await.map_err(|_| ReloadError::Stopping)??;
        let parts = api::Parts { registry, catalog, rules, ..parts.clone() };
        drop(router.send_replace(api::router(&api_config, parts)));
        for ((_, renewal), access) in renewals.iter().zip(renewed) {
            renewal.renew(access);
        }
        self.sinks.renew();
        self.channels.renew(secrets, facts);
        Ok(())
    }

    /// Stops taking messages, commits and acknowledges those on their way, then ends the rest.
    pub async fn stop(mut self) {
        self.stop_sources.cancel();
        self.sinks.stop().await;
        self.channels.stop().await;
        // A store that fails must not keep the process alive; what it has not taken stays with
        // the broker.
        self.stop_worker.cancel();
        while self.sources.join_next().await.is_some() {}
        // Requests under way may wait for a commit, so the worker goes on until they have ended.
        self.stop_api.cancel();
        // The parts hold an end of the intake, which the pipeline waits for.
        drop(self.reload);
        match self.api.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the API ended"),
            Err(error) => tracing::error!(%error, "the API ended by a panic"),
        }
        let worker = self.worker;
        if tokio::task::spawn_blocking(move || worker.join().is_err()).await.unwrap_or(true) {
            tracing::error!("the pipeline ended by a panic");
        }
    }
}

fn worker_config(config: &Config) -> WorkerConfig {
    WorkerConfig {
        retention: config.retention.clone(),
        sinks: Sinks::names(config),
        ..config.limits.worker.clone()
    }
}

/// By which the secrets of each listener are renewed.
fn renewals(config: &Config, bound: &[(String, Listener)]) -> Vec<(ListenerConfig, Renewal)> {
    let renewals = bound.iter().map(|(_, listener)| listener.renewal());
    config.listeners.iter().cloned().zip(renewals).collect()
}

async fn bind_http(config: &Config) -> Result<tokio::net::TcpListener, StartError> {
    let part = "api".to_owned();
    api::bind(config.api.bind).await.map_err(|error| match error {
        api::BindError::Taken(addr) => StartError::Taken { part, addr },
        other => StartError::Bind { part, error: other.to_string() },
    })
}

fn local_addr(http: &tokio::net::TcpListener) -> Result<SocketAddr, StartError> {
    let part = "api".to_owned();
    http.local_addr().map_err(|error| StartError::Bind { part, error: error.to_string() })
}

/// Reads the passwords and the certificate of a listener.
fn access(config: &ListenerConfig) -> Result<listener::Access, StartError> {
    let part = format!("listener {}", config.source.name);
    let mut users = std::collections::BTreeMap::new();
    for (user, secret) in &config.users {
        let password = secret
            .read()
            .map_err(|error| StartError::Secret { part: format!("{part}, user {user}"), error })?;
        users.insert(user.clone(), Password::new(&password));
    }
    let tls = config.tls.as_ref().map(tls::server_config).transpose();
    let tls = tls.map_err(|error| StartError::Tls { part, error })?;
    Ok(listener::Access { users, tls })
}

async fn bind_listeners(
    configs: &[ListenerConfig],
    store: &Path,
) -> Result<Vec<(String, Listener)>, StartError> {
    let mut bound = Vec::new();
    for config in configs {
        let name = config.source.name.clone();
        let part = format!("listener {name}");
        let config = listener::Config {
            bind: config.bind,
            source: Arc::clone(&config.source),
            access: access(config)?,
            sessions: Some(store.join(format!("listener-{name}.sessions"))),
            limits: config.limits,
        };
        let listener = listener::bind(config).await.map_err(|error| match error {
            listener::BindError::Taken(addr) => StartError::Taken { part: part.clone(), addr },
            other => StartError::Bind { part: part.clone(), error: other.to_string() },
        })?;
        bound.push((name, listener));
    }
    Ok(bound)
}

fn api_config(config: &Config) -> Result<api::ApiConfig, StartError> {
    let read = |name: &str, secret: &Option<Secret>| {
        let token = secret.as_ref().map(Secret::read).transpose();
        token.map_err(|error| StartError::Secret { part: format!("api.{name}"), error })
    };
    Ok(api::ApiConfig {
        bind: config.api.bind,
        staff_token: read("staff_token", &config.api.staff_token)?,
        metrics_token: read("metrics_token", &config.api.metrics_token)?,
        public_url: config.api.public_url.clone(),
        contact: config.api.contact.clone(),
        senders: config.senders.iter().map(sender).collect::<Result<_, _>>()?,
    })
}

/// What is watched, and where it is told.
fn watch(config: &Config, rules: Arc<Rules>) -> Watch {
    let subscriptions = config.sources.iter().map(|source| &source.mqtt.source);
    let listeners = config.listeners.iter().map(|listener| &listener.source);
    let senders = config.senders.iter().map(|sender| &sender.source);
    let sources = subscriptions.chain(listeners).chain(senders);
    let sources: Vec<String> = sources.map(|source| source.name.clone()).collect();
    let routes = config.channels.iter().map(Channel::route).collect();
    Watch::by(rules, routes, &sources)
}

fn sender(config: &SenderConfig) -> Result<api::Sender, StartError> {
    let source = Arc::clone(&config.source);
    let part = format!("ingest {}", source.name);
    let token = config.token.read().map_err(|error| StartError::Secret { part, error })?;
    Ok(api::Sender { source, token: api::Token::new(&token) })
}

/// What files say, as far as the HTTP side needs it.
type Said<'a> = (&'a Arc<Registry>, &'a Arc<Catalog>, &'a Arc<Rules>);

/// What the HTTP side is given.
fn parts(
    (registry, catalog, rules): Said<'_>,
    around: sinks::Around<'_>,
    intake: &Intake,
) -> api::Parts {
    api::Parts {
        reader: around.reader.clone(),
        registry: Arc::clone(registry),
        catalog: Arc::clone(catalog),
        rules: Arc::clone(rules),
        metrics: Arc::clone(around.metrics),
        health: Arc::clone(around.health),
        intake: intake.clone(),
        writes: around.writes.clone(),
        now: Arc::new(clock::now),
    }
}

/// What the pipeline is given to judge by.
struct Knows {
    registry: Arc<Registry>,
    catalog: Arc<Catalog>,
    watch: Watch,
    limits: PipelineLimits,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
}

fn start_worker(
    config: WorkerConfig,
    wires: Wires,
    knows: Knows,
    writer: Writer,
) -> Result<JoinHandle<Writer>, StartError> {
    let Knows { registry, catalog, watch, limits, metrics, health } = knows;
    start_thread(move || {
        // Made on its own thread, which codecs never leave.
        let mut pipeline = Pipeline::new(registry, catalog, limits, metrics);
        pipeline.watch(watch);
        pipeline::run(wires, pipeline, writer, config, health)
    })
}

fn start_thread(
    work: impl FnOnce() -> Writer + Send + 'static,
) -> Result<JoinHandle<Writer>, StartError> {
    /// A codec's own stack is bounded below this; the rest is ours.
    const STACK_BYTES: usize = 4 * 1024 * 1024;
    std::thread::Builder::new()
        .name("pipeline".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(work)
        .map_err(StartError::Thread)
}

fn start_sources(
    config: &Config,
    bound: Vec<(String, Listener)>,
    intake: &Intake,
    metrics: &Arc<Metrics>,
    health: &Arc<Health>,
    stop: &CancellationToken,
) -> JoinSet<()> {
    let mut sources = JoinSet::new();
    for (_, listener) in bound {
        sources.spawn(listener.run(intake.clone(), Arc::clone(metrics), stop.clone()));
    }
    for source in &config.sources {
        sources.spawn(mqtt::run(
            source.mqtt.clone(),
            intake.clone(),
            Arc::clone(metrics),
            Arc::clone(health),
            stop.clone(),
        ));
    }
    sources
}
