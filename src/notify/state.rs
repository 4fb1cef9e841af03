//! What is shown of a channel: its metrics, its part of health, its lines in the log.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::alert::NOTICE_EXPIRES;
use crate::store::Waiting;
use crate::telemetry::{ChannelLabel, FailureLabel, Health, Metrics};

pub struct Watch {
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    label: ChannelLabel,
    /// The part of health that speaks of this channel.
    part: String,
    /// What the last attempt failed with; none after one that did not.
    failing: Option<String>,
}

impl Watch {
    pub fn new(metrics: Arc<Metrics>, health: Arc<Health>, channel: &str) -> Self {
        let label = ChannelLabel { channel: channel.to_owned() };
        metrics.notices_sent.get_or_create(&label).inc_by(0);
        metrics.notices_given_up.get_or_create(&label).inc_by(0);
        Self { metrics, health, label, part: format!("channel {channel}"), failing: None }
    }

    pub fn delivered(&mut self, notices: usize) {
        self.metrics.notices_sent.get_or_create(&self.label).inc_by(notices as u64);
        if self.failing.take().is_some() {
            tracing::info!(channel = self.label.channel, "the channel delivers again");
            self.health.well(&self.part);
        }
    }

    /// An attempt has failed. `reason` is one of a few fixed words.
    pub fn failed(&mut self, reason: &'static str, says: &str, pause: Duration) {
        self.count(reason);
        if self.failing.as_deref() != Some(says) {
            tracing::warn!(
                channel = self.label.channel,
                reason = says,
                ?pause,
                "the channel does not deliver; it is tried again"
            );
        }
        self.complain(says);
    }

    pub fn gave_up(&mut self, notices: usize, reason: &'static str, says: &str) {
        self.count(reason);
        self.metrics.notices_given_up.get_or_create(&self.label).inc_by(notices as u64);
        tracing::error!(
            channel = self.label.channel,
            notices,
            reason = says,
            "nobody has been told of alerts here"
        );
        self.complain(&format!("gave up {notices} notices: {says}"));
    }

    fn count(&self, reason: &'static str) {
        let label = FailureLabel { channel: self.label.channel.clone(), reason };
        self.metrics.notice_failures.get_or_create(&label).inc();
    }

    fn complain(&mut self, says: &str) {
        self.failing = Some(says.to_owned());
        self.health.complain(&self.part, says);
    }

    pub fn waiting(&self, waiting: Waiting, now: DateTime<Utc>) {
        let count = i64::try_from(waiting.count).unwrap_or(i64::MAX);
        self.metrics.notices_waiting.get_or_create(&self.label).set(count);
        let age = waiting
            .expires_first
            .map_or(0, |first| (now - (first - NOTICE_EXPIRES)).num_seconds().max(0));
        self.metrics.notices_waiting_age.get_or_create(&self.label).set(age);
    }
}
