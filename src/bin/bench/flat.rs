//! Whether the cost of an uplink stays what it is as fleet and history grow, and how long it takes to
//! read a month of one series.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use stadspuls::catalog::Catalog;
use stadspuls::clock;
use stadspuls::model::{Message, QuantityName, SiteId};
use stadspuls::store::{Range, Reader, Store, StoreConfig};

use crate::Options;
use crate::drain::least;
use crate::home::Home;
use crate::load::{INTERVAL, Load, QUANTITIES, site};
use crate::prefill::prefill;
use crate::stages::{BATCH, Line, UPLINKS_MAX, catalog};
use crate::usage::micros_each;

const MONTH: TimeDelta = TimeDelta::days(31);

/// Uplinks before anything counts, if each device has sent by then: the dictionary is trained, the
/// codec loaded, and each device known to this process.
const WARM_UP: u64 = 2 * BATCH;

/// Series that are read.
const SERIES: u32 = 50;

#[derive(Clone, Debug, Serialize)]
pub struct Flat {
    pub fleets: Vec<OfFleet>,
    pub history: OfHistory,
    pub month: Month,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct OfFleet {
    pub devices: u32,
    /// Devices send in turn, as those with a fixed interval do.
    pub in_turn_us: f64,
    pub in_turn_ratio: f64,
    /// Devices send in any order.
    pub any_order_us: f64,
    pub any_order_ratio: f64,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct OfHistory {
    pub observations: u64,
    pub devices: u32,
    pub gib: f64,
    pub empty_us: f64,
    pub full_us: f64,
    pub ratio: f64,
    pub prefill_seconds: f64,
}

fn warm_up(devices: u32) -> u64 {
    WARM_UP.max(devices.into())
}

/// A month of one series, in ms.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Month {
    pub observations: usize,
    pub median_ms: f64,
    pub most_ms: f64,
    pub hourly_ms: f64,
}

pub fn flat(home: &Home, options: &Options) -> Result<Flat> {
    let uplinks = options.uplinks.min(UPLINKS_MAX);
    let bench = Bench { home, catalog: catalog()?, now: clock::now(), options, uplinks };
    let mut fleets: Vec<OfFleet> = Vec::new();
    for &devices in &options.fleets {
        let (in_turn_us, any_order_us) = bench.by_order(devices)?;
        let first = fleets
            .first()
            .map_or((in_turn_us, any_order_us), |first| (first.in_turn_us, first.any_order_us));
        fleets.push(OfFleet {
            devices,
            in_turn_us,
            in_turn_ratio: in_turn_us / first.0,
            any_order_us,
            any_order_ratio: any_order_us / first.1,
        });
    }
    let (history, month) = bench.history()?;
    Ok(Flat { fleets, history, month })
}

struct Bench<'b> {
    home: &'b Home,
    catalog: Arc<Catalog>,
    now: DateTime<Utc>,
    options: &'b Options,
    uplinks: u64,
}

impl Bench<'_> {
    /// Uplinks that count.
    fn counted(&self) -> u64 {
        u64::from(self.options.rounds.max(1)) * self.uplinks
    }

    fn store(&self, load: &Load, uplinks: u64) -> Result<PathBuf> {
        let dir = self.home.folder("flat")?;
        prefill(&dir, load, uplinks)?;
        Ok(dir)
    }

    fn line(&self, dir: &Path) -> Result<Line> {
        Line::new(Store::open(&StoreConfig::in_dir(dir))?, Arc::clone(&self.catalog))
    }

    /// Takes uplinks from `first` on, `warm_up` of them before those that count. Returns µs for each.
    fn cost(&self, line: &mut Line, load: &Load, first: u64, warm_up: u64) -> Result<f64> {
        let mut next = first;
        let mut take = |count: u64| -> Result<Duration> {
            let mut used = Duration::ZERO;
            let end = next + count;
            while next < end {
                let numbers = next..(next + BATCH).min(end);
                next = numbers.end;
                let messages: Vec<Message> =
                    numbers.map(|number| load.message(&line.source, number)).collect();
                used += line.take(&messages)?.0;
            }
            Ok(used)
        };
        take(warm_up)?;
        let rounds = (0..self.options.rounds.max(1)).map(|_| take(self.uplinks));
        let rounds: Vec<Duration> = rounds.collect::<Result<_>>()?;
        Ok(micros_each(least(rounds), self.uplinks))
    }

    /// With devices that send in turn, and in any order.
    fn by_order(&self, devices: u32) -> Result<(f64, f64)> {
        let (first, again) = (warm_up(devices), WARM_UP);
        let load = Load::until(self.now, first + again + 2 * self.counted(), devices);
        let mut line = self.line(&self.store(&load, 0)?)?;
        let in_turn = self.cost(&mut line, &load, 0, first)?;
        let any_order = Load { in_turn: false, ..load };
        Ok((in_turn, self.cost(&mut line, &any_order, first + self.counted(), again)?))
    }

    /// The same fleet with and without a history, which ends where the new uplinks begin.
    fn history(&self) -> Result<(OfHistory, Month)> {
        let of_device = u64::try_from(MONTH.num_seconds() / INTERVAL.num_seconds())?;
        let old = self.options.history / QUANTITIES.len() as u64;
        let devices = u32::try_from((old / of_device).max(1))?;
        let first = warm_up(devices);
        let load = Load::until(self.now, old + first + self.counted(), devices);
        let empty_us = self.cost(&mut self.line(&self.store(&load, 0)?)?, &load, old, first)?;
        let started = Instant::now();
        let dir = self.store(&load, old)?;
        let prefill_seconds = started.elapsed().as_secs_f64();
        let bytes = std::fs::metadata(dir.join("stadspuls.sqlite"))?.len();
        let full_us = self.cost(&mut self.line(&dir)?, &load, old, first)?;
        let history = OfHistory {
            observations: self.options.history,
            devices,
            gib: bytes as f64 / f64::from(1 << 30),
            empty_us,
            full_us,
            ratio: full_us / empty_us,
            prefill_seconds,
        };
        let Store { reader, .. } = Store::open(&StoreConfig::in_dir(&dir))?;
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let month = runtime.block_on(month(&reader, load.time(0), devices))?;
        Ok((history, month))
    }
}

async fn month(reader: &Reader, from: DateTime<Utc>, devices: u32) -> Result<Month> {
    let range = Range { from, until: from + MONTH };
    let quantity = QuantityName::from(QUANTITIES[0]);
    let (mut raw, mut hourly, mut observations) = (Vec::new(), Vec::new(), 0);
    for nth in 0..SERIES {
        let device = u64::from(nth) * u64::from(devices) / u64::from(SERIES);
        let site = SiteId::from(site(u32::try_from(device)?).as_str());
        let started = Instant::now();
        let read = reader.observations(site.clone(), quantity.clone(), range, 0, 1_000_000).await?;
        raw.push(started.elapsed());
        observations = read.len();
        ensure!(observations > 0, "no observations of {site}");
        let started = Instant::now();
        reader.hourly(site, quantity.clone(), range).await?;
        hourly.push(started.elapsed());
    }
    raw.sort_unstable();
    hourly.sort_unstable();
    let ms = |time: Option<&Duration>| time.map_or(f64::NAN, |time| time.as_secs_f64() * 1e3);
    Ok(Month {
        observations,
        median_ms: ms(raw.get(raw.len() / 2)),
        most_ms: ms(raw.last()),
        hourly_ms: ms(hourly.get(hourly.len() / 2)),
    })
}
