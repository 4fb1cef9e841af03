//! Devices that speak and are not well: codecs that fail, clocks that are wrong, uplinks that are lost.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Case, Pipeline};
use crate::alert::{BATTERY_LEVEL, Finding, Step, Telling, Timing, Words};
use crate::model::{
    AlertState, DevEui, DeviceEvent, EventDetail, Outcome, QuantityName, RuleId, Standing, Subject,
    battery_status,
};
use crate::store::{Batch, Evidence, Heard, StoreError, UplinkId};

pub const CODEC_FAILING: &str = "codec-failing";
pub const CLOCK_SKEW: &str = "clock-skew";
pub const COUNTER_GAPS: &str = "counter-gaps";

/// Fewer uplinks say nothing of how many are lost.
const GAPS_UPLINKS_MIN: u32 = 20;
const GAPS_WITHIN: TimeDelta = TimeDelta::hours(24);

/// What is not as it should be with a device.
#[derive(Clone, Copy, Debug)]
pub struct Trouble {
    /// The uplink that was counted last, so that one that is taken again after a fault counts once.
    uplink: UplinkId,
    /// Uplinks in a row that could not be decoded.
    failures: u32,
    /// Uplinks in a row whose time was wrong.
    skewed: u32,
    /// Uplinks that came, and that are missing, since then.
    heard: u32,
    lost: u32,
    since: DateTime<Utc>,
}

/// What an uplink tells of its device.
#[derive(Clone, Copy, Debug)]
pub struct Signs {
    pub uplink: UplinkId,
    pub outcome: Outcome,
    pub is_skewed: bool,
    /// Uplinks that its frame counter says are missing before it.
    pub lost: i64,
    pub at: DateTime<Utc>,
}

impl Trouble {
    fn new(uplink: UplinkId, since: DateTime<Utc>) -> Self {
        Self { uplink, failures: 0, skewed: 0, heard: 0, lost: 0, since }
    }

    const fn is_over(&self) -> bool {
        self.failures == 0 && self.skewed == 0 && self.lost == 0
    }

    fn count(&mut self, signs: &Signs) {
        let in_a_row = |count: u32, is_so: bool| if is_so { count.saturating_add(1) } else { 0 };
        self.uplink = signs.uplink;
        self.failures = in_a_row(self.failures, signs.outcome == Outcome::CodecError);
        self.skewed = in_a_row(self.skewed, signs.is_skewed);
        self.heard = self.heard.saturating_add(1);
        self.lost = self.lost.saturating_add_signed(i32::try_from(signs.lost).unwrap_or(i32::MAX));
    }

    /// Percent of the uplinks that are missing; none while too few are known of.
    fn lost_percent(&self) -> Option<u32> {
        let sent = self.heard.saturating_add(self.lost);
        (sent >= GAPS_UPLINKS_MIN)
            .then(|| u32::try_from(u64::from(self.lost) * 100 / u64::from(sent)).unwrap_or(100))
    }
}

impl Pipeline {
    /// Reads from the store which devices are in trouble. How often is not known any more, but that they are.
    pub(super) fn remember_troubles(
        &mut self,
        batch: &Batch<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        for alert in batch.standing_alerts(None)? {
            let Subject::Device(dev_eui) = alert.subject else { continue };
            let built_in = &self.watch.rules.built_in;
            let limit =
                |part: &Option<(u32, Telling)>| part.as_ref().map_or(1, |(limit, _)| *limit);
            let (failures, skewed) = (limit(&built_in.codec_failing), limit(&built_in.clock_skew));
            let trouble = self
                .watch
                .troubled
                .entry(dev_eui)
                .or_insert_with(|| Trouble::new(UplinkId(0), now));
            match &*alert.rule.0 {
                CODEC_FAILING => trouble.failures = failures,
                CLOCK_SKEW => trouble.skewed = skewed,
                COUNTER_GAPS => trouble.lost = 1,
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes in what an uplink tells of its device.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub(in crate::pipeline) fn watch_device(
        &mut self,
        batch: &mut Batch<'_>,
        dev_eui: DevEui,
        signs: Signs,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let is_well = signs.outcome != Outcome::CodecError && !signs.is_skewed && signs.lost <= 0;
        if is_well && !self.watch.troubled.contains_key(&dev_eui) {
            return Ok(());
        }
        let trouble = self
            .watch
            .troubled
            .entry(dev_eui)
            .or_insert_with(|| Trouble::new(UplinkId(0), signs.at));
        let before = *trouble;
        if trouble.uplink != signs.uplink {
            trouble.count(&signs);
        }
        let is_past = signs.at - trouble.since >= GAPS_WITHIN;
        let trouble_now = *trouble;
        if is_past {
            *trouble = Trouble { heard: 0, lost: 0, since: signs.at, ..trouble_now };
        }
        if trouble.is_over() {
            self.watch.troubled.remove(&dev_eui);
        }
        let built_in = std::sync::Arc::clone(&self.watch.rules);
        let built_in = &built_in.built_in;
        let evidence = Evidence { time: Some(signs.at), value: None, uplink: Some(signs.uplink) };
        let in_a_row = [
            (CODEC_FAILING, &built_in.codec_failing, before.failures, trouble_now.failures),
            (CLOCK_SKEW, &built_in.clock_skew, before.skewed, trouble_now.skewed),
        ];
        for (rule, part, was, is) in in_a_row {
            let Some((limit, telling)) = part else { continue };
            let state =
                if is >= *limit { Some(true) } else { (is == 0 && was > 0).then_some(false) };
            if let Some(is_there) = state {
                self.say(batch, rule, dev_eui, telling, is_there, evidence, now)?;
            }
        }
        let percent = trouble_now.lost_percent();
        if let (Some((limit, telling)), Some(percent)) = (&built_in.counter_gaps, percent) {
            let evidence = Evidence { value: Some(f64::from(percent)), ..evidence };
            if percent > *limit {
                self.say(batch, COUNTER_GAPS, dev_eui, telling, true, evidence, now)?;
            } else if is_past && percent <= *limit / 2 {
                self.say(batch, COUNTER_GAPS, dev_eui, telling, false, evidence, now)?;
            }
        }
        Ok(())
    }

    /// Opens or resolves an alert about a device, unless it stands so already.
    #[expect(clippy::too_many_arguments, reason = "each is one word of the sentence")]
    fn say(
        &self,
        batch: &mut Batch<'_>,
        rule: &str,
        dev_eui: DevEui,
        telling: &Telling,
        is_there: bool,
        evidence: Evidence,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let (rule, subject) = (RuleId::from(rule), Subject::Device(dev_eui));
        let alert = batch.standing_alert(&rule, &subject)?;
        let step = match (&alert, is_there) {
            (None, true) => Step::Open(Standing {
                state: AlertState::Open,
                since: evidence.time.unwrap_or(now),
                clearing_since: None,
                openings: 1,
            }),
            (Some(_), false) => Step::Resolve,
            _ => return Ok(()),
        };
        let name = self.device_name(dev_eui);
        let deployed = self.registry.deployments(dev_eui).last();
        let words = Words {
            device: Some(&name),
            site: deployed.and_then(|deployed| self.registry.site(&deployed.site)),
            // Where an alert about a device has a value, it is in percent.
            quantity: self.codecs.quantity(&QuantityName::from("battery_level")),
            value: evidence.value,
            ..Words::default()
        };
        let by_rule = self.watch.rules.rules.iter().find(|known| known.id == rule);
        let case = Case {
            rule: &rule,
            subject: &subject,
            quantity: by_rule.map(|rule| &rule.quantity),
            timing: Timing::default(),
            telling,
            alert: alert.as_ref(),
            evidence,
            words,
            now,
        };
        self.step(batch, &case, step).map(|_| ())
    }

    /// Takes in what an event tells of its device: that it is alive, and how full its battery is.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub(in crate::pipeline) fn watch_event(
        &mut self,
        batch: &mut Batch<'_>,
        event: &DeviceEvent,
        heard: Heard,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if !event.detail.is_sign_of_life() {
            return Ok(());
        }
        let evidence = Evidence { time: Some(heard.at), value: None, uplink: Some(heard.uplink) };
        self.watch_heard(batch, event.dev_eui, evidence, now)?;
        let EventDetail::Status { battery_percent, battery_raw, .. } = event.detail else {
            return Ok(());
        };
        let Some(percent) = battery_raw.map_or(battery_percent, |raw| battery_status(raw).0) else {
            return Ok(());
        };
        let rules = std::sync::Arc::clone(&self.watch.rules);
        let rule = rules.rules.iter().find(|rule| &*rule.id.0 == BATTERY_LEVEL);
        let Some(rule) = rule.filter(|_| self.registry.device(event.dev_eui).is_some()) else {
            return Ok(());
        };
        let evidence = Evidence { value: Some(percent), ..evidence };
        match rule.condition.find((heard.at, percent), &[]) {
            Finding::Between => Ok(()),
            finding => {
                let is_low = finding == Finding::Holds;
                self.say(batch, BATTERY_LEVEL, event.dev_eui, &rule.telling, is_low, evidence, now)
            }
        }
    }

    /// What the staff call a device: its name and where it stands, else its DevEUI.
    pub(super) fn device_name(&self, dev_eui: DevEui) -> String {
        let name = self.registry.device(dev_eui).and_then(|device| device.name.clone());
        let deployments = self.registry.deployments(dev_eui);
        let site = deployments.last().and_then(|last| self.registry.site(&last.site));
        match (name, site) {
            (Some(name), Some(site)) => format!("{name} ({})", site.name),
            (None, Some(site)) => format!("{dev_eui} ({})", site.name),
            (Some(name), None) => name,
            (None, None) => dev_eui.to_string(),
        }
    }
}
