//! What an uplink costs the service, all included, beside what it costs to acknowledge it.

use std::ops::Range;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use stadspuls::clock;

use crate::address::Addressbook;
use crate::broker::Broker;
use crate::home::{Home, Running, Way};
use crate::load::{Load, Sent};
use crate::usage::micros_each;
use crate::{Options, floor, send};

/// Lines in a request by HTTP.
const MANY: usize = 100;

#[derive(Clone, Copy, Debug, Serialize)]
pub struct Cost {
    /// Time of the processor in µs, each round for itself.
    pub uplink_us: f64,
    /// What the pipeline's thread used of that; the rest is receiving and acknowledging.
    pub pipeline_us: f64,
    /// VmHWM.
    pub peak_mib: f64,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct Parked {
    /// The client that only acknowledges.
    pub floor_us: f64,
    pub service: Cost,
    pub ratio: f64,
    /// Of a start with this fleet and nothing to do, which is taken off above.
    pub start_ms: f64,
    pub disk_bytes_an_uplink: f64,
    /// Uplinks of all rounds that the broker sent once more on a later connection.
    pub repeated: u64,
}

/// Uplinks parked with a broker in two sessions: one for the floor, one for the service.
pub async fn parked(home: &Home, options: &Options) -> Result<Parked> {
    let broker = start_broker(home).await?;
    let way = Way::Broker(broker.addr);
    let service = home.service("parked", way, options.devices)?;
    floor::park(broker.addr, "floor").await?;
    floor::park(broker.addr, "stadspuls").await?;
    let mut numbers = Numbers::parked(options);

    // Each device is heard once, so that what is counted is the everyday.
    let first = numbers.next(options.devices.into());
    send::publish(broker.addr, numbers.uplinks(&first), None).await?;
    drain_floor(&broker, first.clone()).await?;
    service.start().await?;
    service.settle(first.end).await?;
    service.stop().await?;
    let bytes_before = service.bytes()?;

    let (mut floors, mut costs, mut starts) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..options.rounds.max(1) {
        starts.push(life(&service, numbers.done).await?.0);
        let uplinks = numbers.next(options.uplinks);
        send::publish(broker.addr, numbers.uplinks(&uplinks), None).await?;
        floors.push(drain_floor(&broker, uplinks.clone()).await?);
        costs.push(life(&service, uplinks.end).await?);
        // Takes what the broker sends again, which is none of the next round's costs.
        life(&service, uplinks.end).await?;
    }
    let start = least(starts);
    let uplinks = options.uplinks;
    let floor_us = micros_each(least(floors), uplinks);
    let service_cost = Cost {
        uplink_us: micros_each(
            least(costs.iter().map(|cost| cost.0)).saturating_sub(start),
            uplinks,
        ),
        pipeline_us: micros_each(least(costs.iter().map(|cost| cost.1)), uplinks),
        peak_mib: service.peak_kib().await as f64 / 1024.0,
    };
    let grown = service.bytes()?.saturating_sub(bytes_before);
    broker.stop().await?;
    Ok(Parked {
        floor_us,
        ratio: service_cost.uplink_us / floor_us,
        service: service_cost,
        start_ms: start.as_secs_f64() * 1e3,
        repeated: service.repeated()?,
        disk_bytes_an_uplink: grown as f64 / (uplinks * u64::from(options.rounds.max(1))) as f64,
    })
}

pub async fn start_broker(home: &Home) -> Result<Broker> {
    Broker::start(&home.folder("broker")?, Addressbook::new().free()?, false).await
}

/// One life of the service, until so many uplinks are stored: what it and its pipeline have used.
async fn life(service: &Running, uplinks: u64) -> Result<(Duration, Duration)> {
    service.start().await?;
    service.settle(uplinks).await?;
    let used = (service.used().await?, service.used_by_pipeline().await?);
    service.stop().await?;
    Ok(used)
}

async fn drain_floor(broker: &Broker, uplinks: Range<u64>) -> Result<Duration> {
    let (addr, count) = (broker.addr, uplinks.end - uplinks.start);
    tokio::task::spawn_blocking(move || floor::drain(addr, "floor", count)).await?
}

/// Uplinks straight to the embedded listener.
pub async fn listener(home: &Home, options: &Options) -> Result<Cost> {
    let service = home.service("listener", Way::Listener, options.devices)?;
    service.start().await?;
    let mut numbers = Numbers::live(options);
    let mut costs = Vec::new();
    for count in rounds(options) {
        let uplinks = numbers.next(count);
        let before = (service.used().await?, service.used_by_pipeline().await?);
        send::publish(service.listener, numbers.uplinks(&uplinks), None).await?;
        costs.push(since(&service, before, uplinks.end).await?);
    }
    end(&service, costs, options).await
}

/// Uplinks by HTTP, as lines.
pub async fn http(home: &Home, options: &Options) -> Result<Cost> {
    let service = home.service("http", Way::Http, options.devices)?;
    service.start().await?;
    let mut numbers = Numbers::live(options);
    let mut costs = Vec::new();
    for count in rounds(options) {
        let uplinks = numbers.next(count);
        let before = (service.used().await?, service.used_by_pipeline().await?);
        send::post(service.service.http, numbers.uplinks(&uplinks), MANY).await?;
        costs.push(since(&service, before, uplinks.end).await?);
    }
    end(&service, costs, options).await
}

async fn since(
    service: &Running,
    before: (Duration, Duration),
    uplinks: u64,
) -> Result<(Duration, Duration)> {
    service.settle(uplinks).await?;
    let now = (service.used().await?, service.used_by_pipeline().await?);
    Ok((now.0.saturating_sub(before.0), now.1.saturating_sub(before.1)))
}

/// The first of the costs is that of hearing each device for the first time.
async fn end(
    service: &Running,
    costs: Vec<(Duration, Duration)>,
    options: &Options,
) -> Result<Cost> {
    let peak_mib = service.peak_kib().await as f64 / 1024.0;
    service.stop().await?;
    let costs = costs.into_iter().skip(1);
    Ok(Cost {
        uplink_us: micros_each(least(costs.clone().map(|cost| cost.0)), options.uplinks),
        pipeline_us: micros_each(least(costs.map(|cost| cost.1)), options.uplinks),
        peak_mib,
    })
}

pub fn least(costs: impl IntoIterator<Item = Duration>) -> Duration {
    costs.into_iter().min().unwrap_or_default()
}

/// Which uplinks come next.
struct Numbers {
    load: Load,
    done: u64,
}

impl Numbers {
    /// A backlog that ends about now.
    fn parked(options: &Options) -> Self {
        let all = u64::from(options.devices) + u64::from(options.rounds.max(1)) * options.uplinks;
        Self { load: Load::until(clock::now(), all, options.devices), done: 0 }
    }

    fn live(options: &Options) -> Self {
        Self { load: Load::live(options.devices), done: 0 }
    }

    fn next(&mut self, count: u64) -> Range<u64> {
        let first = self.done;
        self.done += count;
        first..self.done
    }

    fn uplinks(&self, numbers: &Range<u64>) -> impl Iterator<Item = Sent> {
        let load = self.load;
        numbers.clone().map(move |number| load.uplink(number))
    }
}

/// How many uplinks each round has, the one in which each device is heard first.
fn rounds(options: &Options) -> impl Iterator<Item = u64> {
    let rounds = (0..options.rounds.max(1)).map(|_| options.uplinks);
    std::iter::once(options.devices.into()).chain(rounds)
}
