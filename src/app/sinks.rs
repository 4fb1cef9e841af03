//! The sinks, ready to run.

use std::sync::Arc;

use tokio::sync::watch;

use super::StartError;
use crate::clock;
use crate::pipeline::TimingLimits;
use crate::sink::influxdb::{self, Sink};
use crate::store::{Reader, StoreError, Writer, Writes};
use crate::telemetry::{Health, Metrics};

const PART: &str = "sink.influxdb";

/// What every sink reaches.
pub struct Wires<'a> {
    pub reader: &'a Reader,
    pub writes: &'a Writes,
    pub metrics: &'a Arc<Metrics>,
    pub health: &'a Arc<Health>,
}

pub fn token(config: &influxdb::Config) -> Result<String, StartError> {
    config.token.read().map_err(|error| StartError::Secret { part: PART.to_owned(), error })
}

/// A sink that goes on where it was, and the end at which its token is renewed.
pub fn prepare(
    config: &influxdb::Config,
    token: String,
    timing: TimingLimits,
    writer: &mut Writer,
    wires: &Wires<'_>,
) -> Result<(Sink, watch::Sender<String>), StartError> {
    let state: Result<_, StoreError> =
        writer.batch(|batch| batch.register_sink(influxdb::NAME, clock::now()));
    let (renew, token) = watch::channel(token);
    let wires = influxdb::Wires {
        reader: wires.reader.clone(),
        writes: wires.writes.clone(),
        metrics: Arc::clone(wires.metrics),
        health: Arc::clone(wires.health),
        token,
        timing,
    };
    let sink = Sink::new(config.clone(), wires, state?)
        .map_err(|error| StartError::Tls { part: PART.to_owned(), error })?;
    Ok((sink, renew))
}
