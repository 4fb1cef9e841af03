//! One run: everything is started, broken by the schedule, healed, drained, stopped and checked.

mod prepare;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::Options;
use crate::book::ALL;
use crate::check::{self, Verdict};
use crate::http;
use crate::report::Report;
use crate::schedule::{Fault, Kind, schedule};
use crate::strike::World;

/// Kept back for the last life of the service, whose metrics are held to its rows.
const LAST_PART: u64 = ALL / 20;

/// How long the service may take to come back once everything is healed.
const HEAL_MAX: Duration = Duration::from_secs(90);

/// How long nothing may be acknowledged, with everything healed, before the run is given up.
const DRAIN_SILENCE_MAX: Duration = Duration::from_secs(60);

const TICK: Duration = Duration::from_millis(100);

struct Run {
    world: Arc<World>,
    schedule: Vec<Fault>,
    progress: ProgressBar,
    /// What has happened so far, for whoever has to find out why.
    log: String,
    happened: BTreeMap<Kind, u32>,
    started: Instant,
    /// Rows before the last life of the service.
    rows_before: u64,
    complaints: Vec<String>,
}

/// Returns whether nothing was lost, doubled or otherwise wrong.
pub async fn run(options: &Options) -> Result<bool> {
    let (world, senders) = prepare::prepare(options).await?;
    let length_ms = options.minutes.map(|minutes| Duration::from_secs_f64(minutes * 60.0));
    let length_ms = length_ms.map(|length| u64::try_from(length.as_millis())).transpose()?;
    let faults = match (options.parked, options.faults, length_ms) {
        (true, ..) => 0,
        (_, Some(faults), _) => faults,
        (_, None, Some(length_ms)) => usize::try_from(length_ms * 25 / 60_000)?,
        (_, None, None) => 26,
    };
    let mut run = Run {
        schedule: schedule(options.seed, faults, &world.book.plan.ways, length_ms),
        world: Arc::new(world),
        progress: progress(u64::from(options.uplinks)),
        log: String::new(),
        happened: BTreeMap::new(),
        started: Instant::now(),
        rows_before: 0,
        complaints: Vec::new(),
    };
    let stop = CancellationToken::new();
    let watcher = {
        let (world, stop) = (Arc::clone(&run.world), stop.clone());
        tokio::spawn(async move { world.service.watch(stop).await })
    };
    let done = tokio::select! {
        done = run.go(senders, options.parked, &stop) => done,
        signal = tokio::signal::ctrl_c() => signal.map_err(Into::into).and_then(|()| bail!("interrupted")),
    };
    run.progress.finish_and_clear();
    stop.cancel();
    watcher.await?;
    let verdict = match done {
        Ok(()) => run.end().await,
        Err(error) => Err(error),
    };
    run.tell(options, verdict).await
}

fn progress(uplinks: u64) -> ProgressBar {
    let style = "{elapsed_precise} {wide_bar} {pos}/{len} acknowledged, {msg}";
    let bar = ProgressBar::new(uplinks);
    match ProgressStyle::with_template(style) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

impl Run {
    async fn go(
        &mut self,
        senders: prepare::Senders,
        parked: bool,
        stop: &CancellationToken,
    ) -> Result<()> {
        let book = Arc::clone(&self.world.book);
        let _senders = senders.start(stop);
        if parked {
            self.park().await?;
        } else {
            self.break_things().await?;
            self.world.heal().await;
            self.world.service.ready(HEAL_MAX).await?;
            // A stop in the middle of the last burst, and a last life with uplinks of its own.
            self.world.service.stop().await?;
            self.rows_before = check::count_rows(&self.world.ground.store_file())?;
            self.world.service.start().await?;
            self.world.service.ready(HEAL_MAX).await?;
        }
        book.open(ALL);
        self.drain().await
    }

    /// Leaves all uplinks with the broker while the service is away.
    async fn park(&mut self) -> Result<()> {
        let world = Arc::clone(&self.world);
        world.service.stop().await?;
        self.rows_before = check::count_rows(&world.ground.store_file())?;
        world.book.open(ALL);
        loop {
            let (open, untold) = world.book.open_accounts();
            self.progress.set_message(format!("{} parked", open.len() - untold));
            if untold == 0 {
                break;
            }
            sleep(TICK * 5).await;
        }
        let parked_at = Instant::now();
        world.service.start().await?;
        self.note(&format!("parked; the service is back at {:?}", parked_at - self.started));
        Ok(())
    }

    async fn break_things(&mut self) -> Result<()> {
        let book = Arc::clone(&self.world.book);
        let end = self.schedule.last().map_or(1, |fault| fault.at_ms + 3_000);
        let started = Instant::now();
        let mut coming = std::mem::take(&mut self.schedule).into_iter().peekable();
        let mut striking: JoinSet<(Fault, Result<String>)> = JoinSet::new();
        loop {
            let now = u64::try_from(started.elapsed().as_millis())?;
            while let Some(fault) = coming.next_if(|fault| fault.at_ms <= now) {
                self.progress.set_message(fault.kind.name());
                let world = Arc::clone(&self.world);
                striking.spawn(async move { (fault, world.strike(fault).await) });
            }
            // Uplinks come in bursts too: a second's worth at a time.
            let seconds = (now / 1000 * 1000).min(end);
            book.open((ALL - LAST_PART) * seconds / end);
            self.progress.set_position(book.kept_count());
            while let Some(struck) = striking.try_join_next() {
                let (fault, result) = struck?;
                self.note_fault(fault, result);
            }
            if now >= end && coming.peek().is_none() && striking.is_empty() {
                return Ok(());
            }
            sleep(TICK).await;
        }
    }

    fn note_fault(&mut self, fault: Fault, result: Result<String>) {
        match result {
            Ok(remark) => {
                *self.happened.entry(fault.kind).or_default() += 1;
                self.note(format!("{fault} {remark}").trim_end());
            }
            // Such as a program to freeze that is just being started: the next one will.
            Err(error) => self.note(&format!("{fault}: did not happen: {error:#}")),
        }
    }

    fn note(&mut self, text: &str) {
        let at = self.started.elapsed().as_secs_f64();
        if writeln!(self.log, "{at:8.1} {text}").is_err() {
            // A text that is kept in memory takes all that is written to it.
        }
    }

    /// Waits until the service has acknowledged everything.
    async fn drain(&mut self) -> Result<()> {
        let (mut kept, mut moved_at) = (0, Instant::now());
        let wanted = u64::from(self.world.book.plan.uplinks);
        loop {
            let now = self.world.book.kept_count();
            self.progress.set_position(now);
            self.progress.set_message("draining");
            if now >= wanted {
                break;
            }
            if now != kept {
                (kept, moved_at) = (now, Instant::now());
            }
            if moved_at.elapsed() > DRAIN_SILENCE_MAX {
                let (open, untold) = self.world.book.open_accounts();
                let first: Vec<_> = open.iter().take(10).collect();
                self.complaints.push(format!(
                    "{} uplinks are not acknowledged {DRAIN_SILENCE_MAX:?} after everything was \
                     healed, {untold} of them by nobody; the first: {first:?}",
                    open.len()
                ));
                break;
            }
            sleep(TICK).await;
        }
        // Copies that were under way twice may still come.
        sleep(Duration::from_secs(2)).await;
        Ok(())
    }

    /// Stops everything and reads the store.
    async fn end(&mut self) -> Result<Verdict> {
        let metrics = http::get(self.world.service.http, "/metrics").await;
        let health = http::get(self.world.service.http, "/health/ready").await;
        self.world.service.stop().await?;
        if let Some(broker) = &self.world.broker {
            broker.stop().await?;
        }
        match health {
            Ok((200, _)) => {}
            other => {
                self.complaints.push(format!("the service is not ready at the end: {other:?}"));
            }
        }
        let (_, metrics) = metrics.context("no metrics at the end")?;
        let (file, world) = (self.world.ground.store_file(), Arc::clone(&self.world));
        let verdict = tokio::task::spawn_blocking(move || check::check(&file, &world.book));
        let verdict = verdict.await??;
        let rows = verdict.row_count().saturating_sub(self.rows_before);
        let sums = ["messages_arrived_total", "uplinks_received_total", "uplink_outcomes_total"]
            .map(|name| (name, sum(&metrics, name)));
        for (name, sum) in sums {
            if sum != rows as f64 {
                let text = format!("{name} is {sum} at the end, the rows of that life are {rows}");
                self.complaints.push(text);
            }
        }
        Ok(verdict)
    }

    async fn tell(&mut self, options: &Options, verdict: Result<Verdict>) -> Result<bool> {
        let (verdict, failure) = match verdict {
            Ok(verdict) => (verdict, None),
            Err(error) => (Verdict::default(), Some(error)),
        };
        let ended = self.world.service.stop().await;
        let ground = &self.world.ground;
        let report = Report {
            seed: options.seed,
            tallies: self.world.book.tallies(),
            faults: std::mem::take(&mut self.happened),
            notes: self.world.service.notes(),
            verdict,
            complaints: std::mem::take(&mut self.complaints),
            disk: if ground.own_disk {
                "a small disk of its own (tmpfs), which was filled"
            } else {
                "the disk of its folder; a full disk was a limit on the size of files"
            },
            took: self.started.elapsed(),
        };
        ground.write("faults.log", &self.log)?;
        let good = failure.is_none() && ended.is_ok() && report.is_good();
        report.print();
        if !good {
            eprintln!("\nwhat happened, with seed {}:\n{}", options.seed, self.log);
            report.print_findings();
            eprintln!("\nthe folder {} is left to be looked at", ground.dir.display());
        }
        ground.leave(!good)?;
        failure.map_or(Ok(good), Err)
    }
}

/// The sum of a metric over all its series.
fn sum(metrics: &str, name: &str) -> f64 {
    metrics
        .lines()
        .filter_map(|line| line.strip_prefix("stadspuls_")?.rsplit_once(' '))
        .filter(|(series, _)| series.split('{').next() == Some(name))
        .filter_map(|(_, value)| value.parse::<f64>().ok())
        .sum()
}
