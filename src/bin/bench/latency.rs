//! What the service does at a steady rate. How soon after it was sent an uplink can be read: from the
//! moment when it was due at the sender to the first look into the store that finds its last
//! observation in the list of changes. And what it costs when few of them share a transaction.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use tokio::time::Instant;

use crate::drain::start_broker;
use crate::home::{Home, Running, Way, watch};
use crate::load::{Load, QUANTITIES};
use crate::usage::micros_each;
use crate::{Options, floor, send};

/// How long the store is left alone between two looks.
const LOOK: Duration = Duration::from_micros(500);

/// How long the last uplinks may take.
const LAST_MAX: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, Serialize)]
pub struct Latency {
    pub way: &'static str,
    pub rate: u32,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
    /// Time of the processor an uplink.
    pub uplink_us: f64,
    /// What is written to disk an uplink, the log in front of the store included.
    pub written_kib: f64,
}

pub async fn latency(home: &Home, options: &Options) -> Result<Vec<Latency>> {
    let broker = start_broker(home).await?;
    floor::park(broker.addr, "stadspuls").await?;
    let by_broker = home.service("latency-broker", Way::Broker(broker.addr), options.devices)?;
    let one = of("broker", &by_broker, broker.addr, options).await?;
    broker.stop().await?;
    let listening = home.service("latency-listener", Way::Listener, options.devices)?;
    let other = of("listener", &listening, listening.listener, options).await?;
    Ok(vec![one, other])
}

async fn of(
    way: &'static str,
    service: &Running,
    to: SocketAddr,
    options: &Options,
) -> Result<Latency> {
    service.start().await?;
    let known = u64::from(options.devices);
    let count = u64::from(options.rate) * u64::from(options.seconds);
    let load = Load::live(options.devices);
    send::publish(to, (0..known).map(|number| load.uplink(number)), None).await?;
    service.settle(known).await?;

    let looks = Looks::start(&service.store)?;
    let pace = Duration::from_secs(1) / options.rate.max(1);
    // Written out beforehand, so that the sender is on time.
    let uplinks: Vec<_> = (known..known + count).map(|number| load.uplink(number)).collect();
    let before = (service.used().await?, service.written().await?);
    let started = send::publish(to, uplinks.into_iter(), Some(pace)).await?;
    let wanted = (known + count) * QUANTITIES.len() as u64;
    let seen = tokio::task::spawn_blocking(move || looks.end(wanted)).await??;
    let used = service.used().await?.saturating_sub(before.0);
    let written = service.written().await?.saturating_sub(before.1);
    service.stop().await?;

    let mut seen = seen.into_iter().peekable();
    let mut waits = Vec::new();
    for nth in 0..count {
        let last_change = (known + nth + 1) * QUANTITIES.len() as u64;
        while seen.next_if(|(change, _)| *change < last_change).is_some() {}
        let (_, at) = seen.peek().context("an uplink cannot be seen")?;
        let due = started + pace * u32::try_from(nth)?;
        waits.push(at.saturating_duration_since(due).as_secs_f64() * 1e3);
    }
    waits.sort_by(f64::total_cmp);
    let at = |part: usize| waits.get((waits.len() * part / 1000).min(waits.len() - 1)).copied();
    Ok(Latency {
        way,
        rate: options.rate,
        p50_ms: at(500).unwrap_or(f64::NAN),
        p99_ms: at(990).unwrap_or(f64::NAN),
        max_ms: at(1000).unwrap_or(f64::NAN),
        uplink_us: micros_each(used, count),
        written_kib: written as f64 / 1024.0 / count as f64,
    })
}

/// The last change that was seen, and when it was first seen.
type Seen = Vec<(u64, Instant)>;

struct Looks {
    looking: std::thread::JoinHandle<Result<Seen>>,
    wanted: Arc<(AtomicBool, std::sync::atomic::AtomicU64)>,
}

impl Looks {
    fn start(store: &Path) -> Result<Self> {
        let store = watch(store)?;
        let wanted =
            Arc::new((AtomicBool::new(false), std::sync::atomic::AtomicU64::new(u64::MAX)));
        let told = Arc::clone(&wanted);
        let looking = std::thread::spawn(move || {
            let mut newest = store.prepare("select coalesce(max(seq), 0) from change")?;
            let mut seen: Seen = Vec::new();
            loop {
                let last: u64 = newest.query_row([], |row| row.get(0))?;
                if seen.last().is_none_or(|(before, _)| *before < last) {
                    seen.push((last, Instant::now()));
                }
                if told.0.load(Ordering::Acquire) || last >= told.1.load(Ordering::Acquire) {
                    return Ok(seen);
                }
                std::thread::sleep(LOOK);
            }
        });
        Ok(Self { looking, wanted })
    }

    /// Looks on until the change with this number is there.
    fn end(self, wanted: u64) -> Result<Seen> {
        self.wanted.1.store(wanted, Ordering::Release);
        let until = Instant::now() + LAST_MAX;
        while !self.looking.is_finished() {
            if Instant::now() > until {
                self.wanted.0.store(true, Ordering::Release);
            }
            std::thread::sleep(LOOK);
        }
        let seen = self.looking.join().map_err(|_| anyhow::anyhow!("looking failed"))??;
        ensure!(
            seen.last().is_some_and(|(last, _)| *last == wanted),
            "the list of changes ends at {:?} and not at {wanted}",
            seen.last().map(|(last, _)| last)
        );
        Ok(seen)
    }
}
