//! What is shown of the sink: its metrics, its part of health, its lines in the log.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::NAME;
use crate::post::Retry;
use crate::telemetry::{Health, Metrics, RetryLabel, SinkLabel, WaitingLabel};

const LABEL: SinkLabel = SinkLabel { sink: NAME };

/// The part of health that speaks of this sink.
const PART: &str = "sink influxdb";

pub struct Watch {
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    lag_max: Duration,
    /// When the sink last had everything.
    pub caught_up_at: DateTime<Utc>,
    /// What keeps the sink from going on, until somebody changes something.
    held: Option<String>,
    /// What the last request failed with; none after one that did not.
    failing: Option<String>,
}

impl Watch {
    pub fn new(
        metrics: Arc<Metrics>,
        health: Arc<Health>,
        lag_max: Duration,
        caught_up_at: DateTime<Utc>,
    ) -> Self {
        metrics.sink_held.get_or_create(&LABEL).set(0);
        metrics.sink_points.get_or_create(&LABEL).inc_by(0);
        Self { metrics, health, lag_max, caught_up_at, held: None, failing: None }
    }

    pub fn accepted(&mut self, points: usize) {
        self.metrics.sink_points.get_or_create(&LABEL).inc_by(points as u64);
        self.answers();
    }

    /// The server has answered, and not that it cannot.
    pub fn answers(&mut self) {
        if self.failing.take().is_some() {
            tracing::info!(sink = NAME, "the sink takes points again");
        }
        self.release();
    }

    pub fn retry(&mut self, reason: Retry, says: &str, pause: Duration) {
        let label = RetryLabel { sink: NAME, reason: reason.name() };
        self.metrics.sink_retries.get_or_create(&label).inc();
        if self.failing.is_none() {
            tracing::warn!(
                sink = NAME,
                reason = says,
                ?pause,
                "the sink takes nothing; it is tried again"
            );
        }
        self.failing = Some(says.to_owned());
        self.release();
    }

    pub fn hold(&mut self, says: &str) {
        if self.held.as_deref() != Some(says) {
            tracing::error!(
                sink = NAME,
                reason = says,
                "the sink is held until somebody changes that"
            );
        }
        self.held = Some(says.to_owned());
        self.metrics.sink_held.get_or_create(&LABEL).set(1);
        self.health.complain(PART, &format!("held: {says}"));
    }

    pub fn release(&mut self) {
        if self.held.take().is_some() {
            tracing::info!(sink = NAME, "the sink is no longer held");
            self.metrics.sink_held.get_or_create(&LABEL).set(0);
            self.health.well(PART);
        }
    }

    pub fn dead_letters(&self, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.metrics.sink_dead_letters.get_or_create(&LABEL).set(count);
    }

    /// What waits: changes and rows of the ledger.
    pub fn waiting(&self, changes: i64, uplinks: i64, now: DateTime<Utc>) {
        for (kind, count) in [("changes", changes), ("uplinks", uplinks)] {
            self.metrics.sink_waiting.get_or_create(&WaitingLabel { sink: NAME, kind }).set(count);
        }
        let lag = if changes == 0 && uplinks == 0 {
            Duration::ZERO
        } else {
            (now - self.caught_up_at).to_std().unwrap_or_default()
        };
        let seconds = i64::try_from(lag.as_secs()).unwrap_or(i64::MAX);
        self.metrics.sink_lag.get_or_create(&LABEL).set(seconds);
        if self.held.is_some() {
            return;
        }
        if lag > self.lag_max {
            let why = self.failing.as_deref().unwrap_or("it takes less than there is");
            let lag = humantime::format_duration(Duration::from_secs(lag.as_secs()));
            self.health.complain(PART, &format!("lags by {lag}, {changes} changes wait: {why}"));
        } else {
            self.health.well(PART);
        }
    }
}
