//! The operator's file, read and checked whole before anything starts.
//!
//! Paths in it are relative to the file itself. Secrets are named in it, never written.

mod channels;
mod retention;
mod sinks;
mod sources;
mod values;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::api::Contact;
use crate::document::{self, Faults, Section};
use crate::notify::Channel;
use crate::pipeline::{BodyLimit, PipelineLimits, WorkerConfig};
use crate::secret::Secret;
use crate::sink::influxdb;
use crate::store::{Retention, StoreConfig};
pub use sources::{ListenerConfig, SenderConfig, SourceConfig};

/// Everything that can be set.
#[derive(Clone, Debug)]
pub struct Config {
    pub store: StoreConfig,
    /// Catalogue folders beside the built-in one; a later one may replace an earlier's profiles.
    pub catalog_paths: Vec<PathBuf>,
    /// The folder with `sites.toml`, `devices.toml` and `deployments.toml`.
    pub fleet_dir: PathBuf,
    pub api: ApiConfig,
    pub listeners: Vec<ListenerConfig>,
    pub sources: Vec<SourceConfig>,
    pub senders: Vec<SenderConfig>,
    pub limits: Limits,
    pub retention: Retention,
    /// Where observations are copied to; none without the table.
    pub influxdb: Option<influxdb::Config>,
    /// Where alerts are told.
    pub channels: Vec<Channel>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiConfig {
    pub bind: SocketAddr,
    /// What staff show to read the ledger; without one the staff API is closed.
    pub staff_token: Option<Secret>,
    /// What Prometheus shows to read the metrics from another machine.
    pub metrics_token: Option<Secret>,
    /// How the public reaches this service, for links and the API's description.
    pub public_url: Option<String>,
    /// Who publishes the data, and whom to ask.
    pub contact: Contact,
}

/// What a message may cost and how many may wait.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    pub intake: IntakeLimit,
    pub worker: WorkerConfig,
    pub pipeline: PipelineLimits,
}

/// Messages that may wait for the pipeline, of all sources together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntakeLimit(pub usize);

impl Default for IntakeLimit {
    fn default() -> Self {
        Self(2000)
    }
}

impl Config {
    /// The defaults, with the store and the fleet relative to `base`.
    #[must_use]
    pub fn in_dir(base: &Path) -> Self {
        Self {
            store: StoreConfig::in_dir(&base.join("data")),
            catalog_paths: Vec::new(),
            fleet_dir: base.join("fleet"),
            api: ApiConfig {
                bind: SocketAddr::from(([127, 0, 0, 1], 8080)),
                staff_token: None,
                metrics_token: None,
                public_url: None,
                contact: Contact::default(),
            },
            listeners: Vec::new(),
            sources: Vec::new(),
            senders: Vec::new(),
            limits: Limits::default(),
            retention: Retention::default(),
            influxdb: None,
            channels: Vec::new(),
        }
    }

    /// Reads a configuration file. What is wrong is added to `faults`; the value returned is then
    /// good for finding more faults and for nothing else.
    #[must_use]
    pub fn load(path: &Path, faults: &Faults) -> Self {
        let base = path.parent().unwrap_or(Path::new("")).to_owned();
        let defaults = Self::in_dir(&base);
        document::read(path, faults, |root| read(root, &base, defaults.clone())).unwrap_or(defaults)
    }
}

fn read(root: &Section<'_>, base: &Path, mut config: Config) -> Config {
    root.table("store", |section| {
        let store = &mut config.store;
        set(&mut store.dir, section.optional::<PathBuf>("dir").map(|dir| base.join(dir)));
        set(&mut store.cache_kib, section.optional("cache_kib"));
        set(&mut store.readers, positive(section, "readers"));
    });
    root.table("catalog", |section| {
        let paths = section.or::<Vec<PathBuf>>("paths", Vec::new());
        config.catalog_paths = paths.iter().map(|path| base.join(path)).collect();
    });
    root.table("fleet", |section| {
        set(&mut config.fleet_dir, section.optional::<PathBuf>("dir").map(|dir| base.join(dir)));
    });
    root.table("api", |section| {
        set(&mut config.api.bind, section.optional("bind"));
        config.api.staff_token = values::secret(section, "staff_token", base);
        config.api.metrics_token = values::secret(section, "metrics_token", base);
        config.api.public_url = section.optional("public_url");
        section.table("contact", |section| {
            let contact = &mut config.api.contact;
            set(&mut contact.name_sv, section.optional("name_sv"));
            set(&mut contact.name_en, section.optional("name_en"));
            set(&mut contact.url, section.optional("url"));
            contact.email = section.optional("email");
        });
    });
    root.table("limits", |section| read_limits(section, &mut config.limits));
    let behind_max = config.limits.pipeline.timing.behind_max;
    set(
        &mut config.retention,
        root.table("retention", |section| retention::read_retention(section, behind_max)),
    );
    config.influxdb = root
        .table("sink", |section| section.table("influxdb", |section| sinks::read(section, base)))
        .flatten()
        .flatten();
    let channels = root.table("alert", |section| channels::read(section, base));
    config.channels = channels.unwrap_or_default();
    read_sources(root, base, &mut config);
    config
}

/// Whatever messages come from: their names are part of each uplink's identity, so no two share one.
fn read_sources(root: &Section<'_>, base: &Path, config: &mut Config) {
    let mut names = BTreeSet::new();
    let mut silent = true;
    let mut read = |key: &str, read_one: &mut dyn FnMut(&str, &Section<'_>)| {
        // A table that is there but is no table has its own fault, and is not missing.
        silent &= root.is_table(key) != Some(false);
        root.named_tables(key, |name, section| {
            silent = false;
            if !names.insert(name.to_owned()) {
                section.refuse_name("a name that no other source, listener or ingest has");
            }
            read_one(name, section);
        });
    };
    read("source", &mut |name, section| {
        config.sources.extend(sources::read_source(name, section, base));
    });
    read("listener", &mut |name, section| {
        config.listeners.extend(sources::read_listener(name, section, base));
    });
    read("ingest", &mut |name, section| {
        config.senders.extend(sources::read_sender(name, section, base));
    });
    if silent {
        root.refuse("source", "at least one [source.<name>], [listener.<name>] or [ingest.<name>]");
    }
}

fn read_limits(section: &Section<'_>, limits: &mut Limits) {
    set(&mut limits.intake.0, positive(section, "intake_messages"));
    set(&mut limits.worker.batch_messages, positive(section, "batch_messages"));
    set(&mut limits.pipeline.body, positive(section, "body_bytes").map(BodyLimit));
    set(&mut limits.pipeline.timing.ahead_max, section.optional("uplink_ahead_max"));
    set(&mut limits.pipeline.timing.behind_max, section.optional("uplink_behind_max"));
    set(&mut limits.pipeline.codec.time, section.optional("codec_time"));
    set(&mut limits.pipeline.codec.memory_bytes, positive(section, "codec_memory_bytes"));
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn positive(section: &Section<'_>, key: &str) -> Option<usize> {
    let value = section.optional(key);
    if value == Some(0) {
        section.refuse(key, "at least 1");
    }
    value.filter(|&value| value > 0)
}
