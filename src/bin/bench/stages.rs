//! Where the time goes: the pipeline and the store on this thread, once as a whole and once each
//! part by itself with the same uplinks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use stadspuls::app::data_folder;
use stadspuls::catalog::Catalog;
use stadspuls::clock;
use stadspuls::codec::{Codec, CodecInput, CodecLimits};
use stadspuls::document::Faults;
use stadspuls::envelope::{Content, unwrap};
use stadspuls::model::{
    Format, Message, Observation, Outcome, ProfileId, Quality, QuantityName, SiteId, Source, Uplink,
};
use stadspuls::pipeline::{Codecs, DecodeRequest, Pipeline, PipelineLimits, Taken, sighting_of};
use stadspuls::registry::Registry;
use stadspuls::store::{
    Batch, Heard, LedgerEntry, Store, StoreConfig, StoreError, StoredMessage, UplinkId, Writer,
};
use stadspuls::telemetry::Metrics;

use crate::Options;
use crate::drain::least;
use crate::home::Home;
use crate::load::{Load, PROFILE, QUANTITIES, fleet, site};
use crate::usage::{micros_each, own_thread};

/// Messages in a transaction.
pub const BATCH: u64 = 1000;

/// More uplinks than this show nothing more.
pub const UPLINKS_MAX: u64 = 50_000;

#[derive(Clone, Debug, Default, Serialize)]
pub struct Stages {
    /// Everything from message to commit, in µs of the processor an uplink.
    pub whole_us: f64,
    /// Its parts; the last is what no part accounts for.
    pub parts_us: Vec<(&'static str, f64)>,
}

/// What the pipeline runs on, without a thread of its own.
pub struct Line {
    pub pipeline: Pipeline,
    pub writer: Writer,
    pub source: Arc<Source>,
}

impl Line {
    pub fn new(store: Store, catalog: Arc<Catalog>) -> Result<Self> {
        let Store { writer, .. } = store;
        let registry = Arc::new(Registry::new(writer.fleet()?));
        let pipeline = Pipeline::new(
            registry,
            catalog,
            PipelineLimits::default(),
            Arc::new(Metrics::default()),
        );
        Ok(Self { pipeline, writer, source: source() })
    }

    /// Takes messages in one transaction. Returns what that has used: all of it, and its commit.
    pub fn take(&mut self, messages: &[Message]) -> Result<(Duration, Duration)> {
        let Self { pipeline, writer, .. } = self;
        let before = own_thread();
        let (taken, worked) = writer.batch(|batch| {
            let taken: Result<Vec<Taken>, StoreError> =
                messages.iter().map(|message| pipeline.take(batch, message)).collect();
            Ok::<_, StoreError>((taken?, own_thread()))
        })?;
        let after = own_thread();
        ensure!(
            taken.iter().all(|taken| taken.outcomes == [Outcome::Stored]),
            "not every uplink was stored"
        );
        Ok((after - before, after - worked))
    }
}

pub fn source() -> Arc<Source> {
    Arc::new(Source { name: "bench".to_owned(), format: Format::ChirpStackV4Json })
}

pub fn catalog() -> Result<Arc<Catalog>> {
    let faults = Faults::default();
    let catalog = Catalog::load(&[data_folder("decoders")], &faults);
    ensure!(faults.is_empty(), "the catalogue has faults: {:?}", faults.into_vec());
    Ok(Arc::new(catalog))
}

pub fn stages(home: &Home, options: &Options) -> Result<Stages> {
    let (known, uplinks) = (u64::from(options.devices), options.uplinks.min(UPLINKS_MAX));
    let load = Load::until(clock::now(), known + uplinks, options.devices);
    let catalog = catalog()?;
    let mut rounds = Vec::new();
    for _ in 0..options.rounds.max(1) {
        let open = |name| -> Result<Store> {
            let mut store = Store::open(&StoreConfig::in_dir(&home.folder(name)?))?;
            store.writer.replace_fleet(&fleet(options.devices))?;
            Ok(store)
        };
        let mut line = Line::new(open("whole")?, Arc::clone(&catalog))?;
        let mut apart = Apart::new(open("apart")?, &catalog)?;
        let mut spent = Spent::default();
        for first in (0..known + uplinks).step_by(usize::try_from(BATCH)?) {
            let numbers = first..(first + BATCH).min(known + uplinks);
            let devices: Vec<u32> = numbers.clone().map(|number| load.device(number)).collect();
            let messages: Vec<Message> =
                numbers.map(|number| load.message(&line.source, number)).collect();
            // Each device is heard once before anything counts.
            let ignored = &mut Spent::default();
            let spent = if first < known { ignored } else { &mut spent };
            let (whole, commit) = line.take(&messages)?;
            spent.add("whole", whole);
            spent.add("commit", commit);
            apart.take(&messages, &devices, spent)?;
        }
        rounds.push(spent);
    }
    Ok(Stages::of(&rounds, uplinks))
}

#[derive(Default)]
struct Spent(BTreeMap<&'static str, Duration>);

impl Spent {
    fn add(&mut self, stage: &'static str, time: Duration) {
        *self.0.entry(stage).or_default() += time;
    }
}

impl Stages {
    fn of(rounds: &[Spent], uplinks: u64) -> Self {
        let cost = |stage| {
            let times = rounds.iter().map(|round| round.0.get(stage).copied().unwrap_or_default());
            micros_each(least(times), uplinks)
        };
        let codec = cost("codec");
        let mut parts_us = vec![
            ("envelope", cost("envelope")),
            ("identity", cost("identity")),
            ("codec", codec),
            ("normalise", (cost("decode") - codec).max(0.0)),
            ("store: seen before", cost("seen")),
            ("store: ledger row", cost("ledger")),
            ("store: device state", cost("device")),
            ("store: observations", cost("observations")),
            ("commit", cost("commit")),
        ];
        let whole_us = cost("whole");
        let accounted: f64 = parts_us.iter().map(|part| part.1).sum();
        parts_us.push(("judge, derive and the rest", whole_us - accounted));
        Self { whole_us, parts_us }
    }
}

/// Each part by itself, through what the library shows of it, a batch at a time.
struct Apart {
    writer: Writer,
    codecs: Codecs,
    codec: Codec,
    profile: ProfileId,
    hash: String,
    quantities: [QuantityName; 2],
}

/// An uplink as the parts of the store get it.
struct Prepared<'m> {
    message: &'m Message,
    uplink: Uplink,
    hash: u64,
    observations: Vec<Observation>,
}

impl Apart {
    fn new(store: Store, catalog: &Arc<Catalog>) -> Result<Self> {
        let profile = ProfileId::from(PROFILE);
        let device = catalog.profile(&profile).context("no such sensor in the catalogue")?;
        let limits = CodecLimits::default();
        Ok(Self {
            writer: store.writer,
            codec: Codec::load("bench", &device.codec, limits.clone())?,
            hash: device.hash.clone(),
            codecs: Codecs::new(Arc::clone(catalog), limits),
            profile,
            quantities: QUANTITIES.map(QuantityName::from),
        })
    }

    fn take(&mut self, messages: &[Message], devices: &[u32], spent: &mut Spent) -> Result<()> {
        let started = own_thread();
        let mut contents = Vec::with_capacity(messages.len());
        for message in messages {
            contents.push(unwrap(message.source.format, &message.topic, &message.body)?);
        }
        spent.add("envelope", own_thread() - started);
        let prepared = self.prepare(messages, devices, contents, spent)?;
        self.decode(&prepared, spent)?;
        self.store(&prepared, spent)
    }

    fn prepare<'m>(
        &self,
        messages: &'m [Message],
        devices: &[u32],
        contents: Vec<Vec<Content>>,
        spent: &mut Spent,
    ) -> Result<Vec<Prepared<'m>>> {
        let contents: Vec<Content> = contents.into_iter().flatten().collect();
        let stored: Vec<StoredMessage> = messages.iter().map(as_stored).collect();
        let started = own_thread();
        let sightings: Vec<_> = stored
            .iter()
            .zip(&contents)
            .map(|(stored, content)| sighting_of(stored, content))
            .collect();
        spent.add("identity", own_thread() - started);
        let mut prepared = Vec::with_capacity(messages.len());
        let places = messages.iter().zip(devices);
        for (((message, device), content), sighting) in places.zip(contents).zip(sightings) {
            let (_, hash) = sighting.context("an uplink without an identity")?;
            let Content::Uplink(uplink) = content else { anyhow::bail!("not an uplink") };
            let site = SiteId::from(site(*device).as_str());
            let observation = |(quantity, value): (&QuantityName, f64)| Observation {
                site: site.clone(),
                quantity: quantity.clone(),
                time: message.arrived_at,
                value,
                quality: Quality::Good,
            };
            let observations = self.quantities.iter().zip([12.5, 3.466]).map(observation).collect();
            prepared.push(Prepared { message, uplink, hash, observations });
        }
        Ok(prepared)
    }

    fn decode(&mut self, prepared: &[Prepared<'_>], spent: &mut Spent) -> Result<()> {
        let variables = BTreeMap::new();
        let started = own_thread();
        for Prepared { message, uplink, .. } in prepared {
            self.codec.decode(&CodecInput {
                bytes: &uplink.payload,
                f_port: 5,
                recv_time: message.arrived_at,
                variables: &variables,
            })?;
        }
        let between = own_thread();
        for Prepared { message, uplink, .. } in prepared {
            self.codecs.decode(&DecodeRequest {
                profile: &self.profile,
                f_port: 5,
                payload: &uplink.payload,
                recv_time: message.arrived_at,
                variables: &variables,
            })?;
        }
        spent.add("codec", between - started);
        spent.add("decode", own_thread() - between);
        Ok(())
    }

    fn store(&mut self, prepared: &[Prepared<'_>], spent: &mut Spent) -> Result<()> {
        let profile = Some((self.profile.clone(), self.hash.clone()));
        let times = self.writer.batch(|batch| -> Result<_, StoreError> {
            let started = own_thread();
            let mut ids = Vec::with_capacity(prepared.len());
            for one in prepared {
                ids.push(batch.record(&entry(one, &profile))?);
            }
            let recorded = own_thread();
            for (one, id) in prepared.iter().zip(&ids) {
                let time = one.message.arrived_at;
                batch.seen(time, one.hash)?;
                batch.mark_seen(time, one.hash, *id)?;
            }
            let marked = own_thread();
            hear(batch, prepared, &ids)?;
            let heard = own_thread();
            for (one, id) in prepared.iter().zip(&ids) {
                for observation in &one.observations {
                    batch.observe(*id, observation)?;
                }
            }
            let observed = own_thread();
            Ok([
                ("ledger", recorded - started),
                ("seen", marked - recorded),
                ("device", heard - marked),
                ("observations", observed - heard),
            ])
        })?;
        times.into_iter().for_each(|(stage, time)| spent.add(stage, time));
        Ok(())
    }
}

/// The body is not asked for.
fn as_stored(message: &Message) -> StoredMessage {
    StoredMessage {
        source: message.source.name.clone(),
        format: message.source.format,
        part: 0,
        arrived_at: message.arrived_at,
        topic: String::new(),
        body: Vec::new(),
    }
}

fn hear(
    batch: &mut Batch<'_>,
    prepared: &[Prepared<'_>],
    ids: &[UplinkId],
) -> Result<(), StoreError> {
    for (one, id) in prepared.iter().zip(ids) {
        batch.heard_uplink(Heard { uplink: *id, at: one.message.arrived_at }, &one.uplink)?;
    }
    Ok(())
}

fn entry<'m>(one: &Prepared<'m>, profile: &Option<(ProfileId, String)>) -> LedgerEntry<'m> {
    LedgerEntry {
        message: one.message,
        part: 0,
        body_bytes: one.message.body.len(),
        server_time: one.uplink.server_time,
        dev_eui: Some(one.uplink.dev_eui),
        kind: None,
        f_port: one.uplink.f_port,
        f_cnt: one.uplink.f_cnt,
        outcome: Outcome::Stored,
        reason: None,
        profile: profile.clone(),
        observed: None,
    }
}
