//! The demonstration's city in a store, filled by the pipeline.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use stadspuls::catalog::Catalog;
use stadspuls::document::Faults;
use stadspuls::model::{Format, Message, Source};
use stadspuls::pipeline::{Pipeline, PipelineLimits};
use stadspuls::registry::{Registry, read_fleet};
use stadspuls::simulate::Fleet;
use stadspuls::store::{Store, StoreConfig, StoreError};
use stadspuls::telemetry::Metrics;
use stadspuls::verify::{Report, Scope, verify};
use tempfile::TempDir;

pub struct City {
    pub dir: TempDir,
    pub store: Store,
    pub pipeline: Pipeline,
}

pub fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

pub fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A pipeline with the built-in catalogue and the demonstration's fleet, or a part of its fleet.
pub fn pipeline_of(fleet: stadspuls::store::Fleet, catalog: Arc<Catalog>) -> Pipeline {
    let registry = Arc::new(Registry::new(fleet));
    Pipeline::new(registry, catalog, PipelineLimits::default(), Arc::new(Metrics::default()))
}

pub fn catalog_and_fleet() -> (Arc<Catalog>, stadspuls::store::Fleet) {
    let faults = Faults::default();
    let catalog = Catalog::load(&[root("decoders")], &faults);
    let fleet = read_fleet(&root("config/demo"), &catalog, &faults);
    assert!(faults.is_empty());
    (Arc::new(catalog), fleet)
}

/// What the city's sensors say from one time to another, as it arrives.
pub fn messages(from: DateTime<Utc>, until: DateTime<Utc>) -> Vec<Message> {
    let source = Arc::new(Source { name: "demo".to_owned(), format: Format::ChirpStackV4Json });
    let fleet = Fleet::demo(until);
    let publications = fleet.uplinks(from, until);
    publications
        .map(|publication| Message {
            source: Arc::clone(&source),
            topic: publication.topic,
            body: Bytes::from(publication.body),
            arrived_at: publication.time,
        })
        .collect()
}

pub fn open(dir: &Path) -> Store {
    Store::open(&StoreConfig::in_dir(dir)).unwrap()
}

impl City {
    pub fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let mut store = open(dir.path());
        let (catalog, fleet) = catalog_and_fleet();
        store.writer.replace_fleet(&fleet).unwrap();
        let pipeline = pipeline_of(fleet, catalog);
        Self { dir, store, pipeline }
    }

    /// A city that has been running from one time to another, all aggregates up to date.
    pub fn with(from: DateTime<Utc>, until: DateTime<Utc>) -> Self {
        let mut city = Self::new();
        city.take(&messages(from, until));
        city.roll_up(until);
        city
    }

    pub fn take(&mut self, messages: &[Message]) {
        for batch in messages.chunks(200) {
            let taken: Result<(), StoreError> = self.store.writer.batch(|open| {
                for message in batch {
                    self.pipeline.take(open, message)?;
                }
                Ok(())
            });
            taken.unwrap();
        }
    }

    pub fn roll_up(&mut self, now: DateTime<Utc>) {
        while self.store.writer.roll_up(now + TimeDelta::hours(1)).unwrap() {}
    }

    /// Ends the process, as it were, and starts it again.
    pub fn reopen(self) -> Self {
        let Self { dir, store, pipeline } = self;
        drop(store);
        let store = open(dir.path());
        Self { dir, store, pipeline }
    }

    /// All that verify has to say of the whole store.
    pub fn verify(&self) -> (Report, Vec<String>) {
        verify_all(self.dir.path())
    }

    pub fn count(&self, sql: &str) -> i64 {
        let sql = sql.to_owned();
        let ask = |connection: &rusqlite::Connection| -> Result<i64, StoreError> {
            Ok(connection.query_row(&sql, [], |row| row.get(0))?)
        };
        self.store.reader.ask_blocking(ask).unwrap()
    }
}

pub fn verify_all(dir: &Path) -> (Report, Vec<String>) {
    verify_with(dir, Scope { span: stadspuls::store::HourSpan::ALL, decode: None })
}

pub fn verify_with(dir: &Path, scope: Scope) -> (Report, Vec<String>) {
    let mut lines = Vec::new();
    let mut found = |finding: stadspuls::store::Finding| lines.push(finding.to_string());
    let mut watch = |_| std::ops::ControlFlow::Continue(());
    let report = verify(dir, scope, &mut found, &mut watch).unwrap();
    (report, lines)
}
