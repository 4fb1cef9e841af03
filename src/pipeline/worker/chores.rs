//! What the worker does when nothing else waits, a bounded step at a time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::{Worker, chain};
use crate::alert::Unfit;
use crate::clock;
use crate::pipeline::Redecoder;
use crate::store::{Dropped, StoreError, WriteRequest};
use crate::telemetry::{CauseLabel, KindLabel};

/// How long after nothing was left to drop we look again: whole days go, so it need not be often.
const RETENTION_PAUSE: Duration = Duration::from_secs(600);

/// How long after nothing was left to trim we look again. A city brings some thousand changes meanwhile.
const TRIM_PAUSE: Duration = Duration::from_secs(60);

/// How often we look whether a run of decoding again was asked for.
pub(super) const REDECODE_PAUSE: Duration = Duration::from_secs(1);

/// How often we look what time alone has done to alerts.
const TICK_PAUSE: Duration = Duration::from_secs(10);

/// Uplinks that are decoded again in one transaction, while messages wait and while none do.
pub(super) const REDECODED_BETWEEN: usize = 25;
const REDECODED_AT_REST: usize = 200;

impl Worker {
    /// Does what can wait, a small step at a time, as long as nothing else does.
    pub(super) fn idle(&mut self) {
        while self.intake.is_empty()
            && !self.stop.is_cancelled()
            && (self.write_for_others()
                || self.redecode(REDECODED_AT_REST)
                || self.roll_up()
                || self.dispose()
                || self.trim())
        {
            self.tick();
        }
    }

    /// Lets the time pass for alerts.
    pub(super) fn tick(&mut self) {
        if Instant::now() < self.tick_due {
            return;
        }
        self.tick_due = Instant::now() + TICK_PAUSE;
        self.follow_rules();
        let (pipeline, writer) = (&mut self.pipeline, &mut self.writer);
        let ticked: Result<Result<(), StoreError>, _> = catch_unwind(AssertUnwindSafe(|| {
            writer.batch(|batch| pipeline.tick(batch, clock::now()))
        }));
        match ticked {
            Ok(Ok(())) => return,
            Ok(Err(error)) => {
                self.count_store_error(&error);
                tracing::warn!(error = chain(&error), "alerts are not looked at this time");
            }
            // Uplinks go on whatever is wrong with an alert.
            Err(_panic) => tracing::error!("a look at alerts panicked; it is tried again"),
        }
        self.pipeline.doubt_watch();
    }

    /// Writes what somebody wants written, one thing at a time. Returns whether there was something.
    pub(super) fn write_for_others(&mut self) -> bool {
        let Ok(request) = self.writes.try_recv() else { return false };
        self.write_for(request);
        true
    }

    /// Whoever asks hears of a failure; a panic is nobody's end but the request's.
    pub(super) fn write_for(&mut self, request: WriteRequest) {
        let writer = &mut self.writer;
        match catch_unwind(AssertUnwindSafe(|| request.perform(writer))) {
            Ok(None) => {}
            Ok(Some(reason)) => {
                self.metrics.store_errors.get_or_create(&CauseLabel { reason }).inc();
            }
            Err(_panic) => tracing::error!("a request to write panicked; nothing is written"),
        }
        // It may have been a rule, which holds at once.
        self.follow_rules();
    }

    /// Watches by the rules of the staff as they are now, and says which of them fit no more.
    pub(super) fn follow_rules(&mut self) {
        let (pipeline, writer) = (&mut self.pipeline, &mut self.writer);
        let followed: Result<Result<Option<Vec<Unfit>>, StoreError>, _> =
            catch_unwind(AssertUnwindSafe(|| writer.batch(|batch| pipeline.follow_rules(batch))));
        match followed {
            Ok(Ok(None)) => {}
            Ok(Ok(Some(unfit))) => {
                // What they say of what is known already is not put off.
                self.tick_due = Instant::now();
                self.tell_unfit(&unfit);
            }
            Ok(Err(error)) => {
                self.count_store_error(&error);
                tracing::warn!(error = chain(&error), "rules of the staff are not read this time");
            }
            Err(_panic) => tracing::error!("reading the rules of the staff panicked"),
        }
    }

    /// Says which rules watch nothing, and why.
    fn tell_unfit(&self, unfit: &[Unfit]) {
        const PART: &str = "alert rules";
        for Unfit { id, faults } in unfit {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            tracing::warn!(rule = %id, "a rule of the staff watches nothing: {}", faults.join("; "));
        }
        if unfit.is_empty() {
            return self.health.well(PART);
        }
        let ids: Vec<&str> = unfit.iter().map(|unfit| &*unfit.id.0).collect();
        let reason = format!(
            "{} of the staff watch nothing, since they do not fit catalogue or fleet any more",
            ids.join(", ")
        );
        self.health.complain(PART, &reason);
    }

    /// Drops changes that everybody has accepted. Returns whether there may be more to do.
    fn trim(&mut self) -> bool {
        if Instant::now() < self.trim_due {
            return false;
        }
        match self.writer.trim_changes(&self.config.sinks) {
            Ok(true) => return true,
            Ok(false) => {}
            Err(error) => {
                self.count_store_error(&error);
                tracing::warn!(error = chain(&error), "changes are not trimmed this time");
            }
        }
        self.trim_due = Instant::now() + TRIM_PAUSE;
        false
    }

    /// Takes the run that was asked for first a step further. Returns whether there may be more to do.
    pub(super) fn redecode(&mut self, limit: usize) -> bool {
        if !self.is_redecoding && Instant::now() < self.redecode_due {
            return false;
        }
        self.redecode_due = Instant::now() + REDECODE_PAUSE;
        let (pipeline, writer) = (&mut self.pipeline, &mut self.writer);
        let stepped = catch_unwind(AssertUnwindSafe(|| {
            writer.batch(|batch| {
                let Some(run) = batch.current_redecode()? else { return Ok(None) };
                let mut redecoder = Redecoder::new(run);
                redecoder.step(pipeline, batch, limit, clock::now())?;
                Ok(Some(redecoder))
            })
        }));
        self.is_redecoding = matches!(&stepped, Ok(Ok(Some(_))));
        match stepped {
            Ok(Ok(Some(redecoder))) => {
                self.metrics.uplinks_redecoded.inc_by(redecoder.step_uplinks());
                if redecoder.run.finished {
                    log_redecode(&redecoder);
                }
            }
            Ok(Ok(None)) => {}
            Ok(Err(error)) => {
                let error: StoreError = error;
                self.count_store_error(&error);
                if error.passes() {
                    tracing::warn!(
                        error = chain(&error),
                        "the archive is not decoded further this time"
                    );
                } else {
                    self.give_up_redecoding(&chain(&error));
                }
            }
            Err(_panic) => {
                self.pipeline.reload();
                self.give_up_redecoding("a step panicked");
            }
        }
        self.is_redecoding
    }

    /// Stops a run that would fail again and again at the same place. Asking for it anew tries again.
    fn give_up_redecoding(&mut self, reason: &str) {
        tracing::error!(reason, "decoding the archive again is stopped");
        let stopped: Result<(), StoreError> =
            self.writer.batch(|batch| match batch.current_redecode()? {
                Some(run) => batch.stop_redecode(&run),
                None => Ok(()),
            });
        if let Err(error) = stopped {
            self.count_store_error(&error);
        }
    }

    /// Returns whether there may be more to do.
    fn roll_up(&mut self) -> bool {
        let started = Instant::now();
        match self.writer.roll_up(clock::now()) {
            Ok(true) => {
                self.metrics.roll_up_duration.observe(started.elapsed().as_secs_f64());
                true
            }
            Ok(false) => false,
            Err(error) => {
                self.count_store_error(&error);
                tracing::warn!(
                    error = chain(&error),
                    "aggregates are not brought up to date this time"
                );
                false
            }
        }
    }

    /// Drops what retention allows. Returns whether there may be more to do.
    fn dispose(&mut self) -> bool {
        if Instant::now() < self.retention_due {
            return false;
        }
        match self.writer.dispose(&self.config.retention, clock::now()) {
            Ok(Some(dropped)) => {
                let label = KindLabel { kind: dropped.kind.name() };
                self.metrics.rows_disposed.get_or_create(&label).inc_by(dropped.rows as u64);
                log_disposal(&dropped);
                return true;
            }
            Ok(None) => {}
            Err(error) => {
                self.count_store_error(&error);
                tracing::warn!(error = chain(&error), "nothing is disposed of this time");
            }
        }
        self.retention_due = Instant::now() + RETENTION_PAUSE;
        false
    }
}

/// One line for each run, when it has come to its end.
fn log_redecode(redecoder: &Redecoder) {
    let tally = redecoder.run.tally;
    tracing::info!(
        uplinks = tally.uplinks,
        added = tally.added,
        changed = tally.changed,
        removed = tally.removed,
        derived = tally.derived,
        now_failing = tally.now_failing,
        "the archive has been decoded again"
    );
}

/// One line for each day, when all of it has gone.
fn log_disposal(dropped: &Dropped) {
    if dropped.finished {
        tracing::info!(
            kind = dropped.kind.name(),
            day = %dropped.day.date_naive(),
            rows = dropped.rows_of_day,
            decision = dropped.decision.as_deref().unwrap_or_default(),
            "a day has been disposed of"
        );
    }
}
