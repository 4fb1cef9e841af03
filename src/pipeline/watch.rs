//! Holds what is stored against the alert rules, in the transaction that stores it.
//!
//! What a reading says is judged when it arrives; what nobody says, such as silence, when time passes.

mod device;
mod silence;
mod staff;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::Pipeline;
use crate::alert::{
    AlertRule, BuiltIn, Condition, Finding, NOTICE_EXPIRES, READINGS_MAX, Reading, Route, Rules,
    Step, Telling, Timing, Words, due, elapse, observe,
};
use crate::model::{
    AlertState, DevEui, Quality, QuantityName, Reason, RuleId, Severity, Site, SiteId, Subject,
};
use crate::store::{
    Alert, AlertId, Batch, By, End, Evidence, Happening, NoticeKind, Range, Said, StoreError,
    StoredObservation,
};
use crate::telemetry::AlertLabel;
pub(super) use device::Signs;
use device::Trouble;

/// What is watched, and what is remembered of it between uplinks. What matters of that is in the store
/// too and read again at the start.
#[derive(Debug)]
pub struct Watch {
    /// The rules in force: those of the operator's file and those of the staff.
    rules: Arc<Rules>,
    /// Those of the file alone.
    files: Arc<Rules>,
    /// Which of the staff's rules those in force are; none before they have been read.
    revision: Option<i64>,
    /// The rules that were in force before; none at the start.
    before: Option<Arc<Rules>>,
    routes: Vec<Route>,
    by_quantity: HashMap<QuantityName, Vec<AlertRule>>,
    /// Devices that a standing alert may concern.
    concerned: HashSet<DevEui>,
    /// Devices with which something is not as it should be.
    troubled: HashMap<DevEui, Trouble>,
    /// When to look whether something has been silent for too long.
    looks: BTreeMap<DateTime<Utc>, Vec<Look>>,
    /// When each source last brought something; none before the first look.
    sources: BTreeMap<String, Option<DateTime<Utc>>>,
    /// Sources with an alert because they bring nothing.
    quiet: BTreeSet<String>,
    /// Whether what is remembered is what the store says.
    is_begun: bool,
}

/// What is looked at when its time has come.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Look {
    Device(DevEui),
    Series(RuleId, SiteId),
}

impl Watch {
    /// Watches nothing.
    #[must_use]
    pub fn off() -> Self {
        let rules = Rules { rules: Vec::new(), of_file: 0, built_in: BuiltIn::NONE };
        Self { is_begun: true, ..Self::by(Arc::new(rules), Vec::new(), &[]) }
    }

    /// Watches by the rules of the operator's file and tells by these routes. A source has its time from now on,
    /// however long nothing was running.
    #[must_use]
    pub fn by(rules: Arc<Rules>, routes: Vec<Route>, sources: &[String]) -> Self {
        Self {
            by_quantity: by_quantity(&rules),
            files: Arc::clone(&rules),
            rules,
            revision: None,
            before: None,
            routes,
            concerned: HashSet::new(),
            troubled: HashMap::new(),
            looks: BTreeMap::new(),
            sources: sources.iter().map(|name| (name.clone(), None)).collect(),
            quiet: BTreeSet::new(),
            is_begun: false,
        }
    }

    fn look_at(&mut self, at: DateTime<Utc>, what: Look) {
        self.looks.entry(at).or_default().push(what);
    }

    /// Takes the looks whose time has come.
    fn due_looks(&mut self, now: DateTime<Utc>) -> Vec<Look> {
        let later = self.looks.split_off(&(now + TimeDelta::microseconds(1)));
        std::mem::replace(&mut self.looks, later).into_values().flatten().collect()
    }

    /// How an alert of a rule is timed and told; none if there is no such rule any more.
    fn telling(&self, id: &RuleId) -> Option<(Timing, &Telling)> {
        if let Some(rule) = self.rules.rules.iter().find(|rule| rule.id == *id) {
            return Some((rule.timing, &rule.telling));
        }
        let built_in = &self.rules.built_in;
        let telling = match &*id.0 {
            silence::SILENT => built_in.silent.as_ref().map(|(_, telling)| telling),
            device::CODEC_FAILING => built_in.codec_failing.as_ref().map(|(_, telling)| telling),
            device::CLOCK_SKEW => built_in.clock_skew.as_ref().map(|(_, telling)| telling),
            device::COUNTER_GAPS => built_in.counter_gaps.as_ref().map(|(_, telling)| telling),
            silence::SOURCE_QUIET => built_in.source_quiet.as_ref().map(|(_, telling)| telling),
            _ => None,
        };
        telling.map(|telling| (Timing::default(), telling))
    }
}

fn by_quantity(rules: &Rules) -> HashMap<QuantityName, Vec<AlertRule>> {
    let mut by_quantity: HashMap<QuantityName, Vec<AlertRule>> = HashMap::new();
    for rule in &rules.rules {
        by_quantity.entry(rule.quantity.clone()).or_default().push(rule.clone());
    }
    by_quantity
}

/// An alert that a step is taken with.
struct Case<'c> {
    rule: &'c RuleId,
    subject: &'c Subject,
    /// What is measured, if it is about a measurement.
    quantity: Option<&'c QuantityName>,
    timing: Timing,
    telling: &'c Telling,
    /// How it stands, if it does.
    alert: Option<&'c Alert>,
    evidence: Evidence,
    words: Words<'c>,
    now: DateTime<Utc>,
}

impl Pipeline {
    /// Watches otherwise from the next message on.
    pub fn watch(&mut self, watch: Watch) {
        let rules = self.watch.revision.map(|_| Arc::clone(&self.watch.rules));
        let before = self.watch.before.take().or(rules);
        self.watch = Watch { before, ..watch };
    }

    /// What was written was undone, so that what is remembered of it may be wrong: it is read again.
    pub fn doubt_watch(&mut self) {
        self.watch.is_begun = self.watch.rules.is_empty();
    }

    /// Reads how things stand where that is not known. What stands by a rule or about a site that is no longer
    /// there is resolved.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub(super) fn begin_watch(
        &mut self,
        batch: &mut Batch<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if self.watch.is_begun {
            return Ok(());
        }
        self.follow_rules(batch)?;
        for last in self.watch.sources.values_mut() {
            last.get_or_insert(now);
        }
        for alert in batch.standing_alerts(None)? {
            let is_down = match alert.subject {
                Subject::Device(dev_eui) => self.is_taken_down(dev_eui, &alert, now),
                _ => false,
            };
            if is_down {
                self.resolve(batch, &alert, alert.evidence, silence::TAKEN_DOWN, now)?;
            } else if !self.still_watched(&alert) {
                let by = By { note: Some("the rule or what it was about is gone"), who: None };
                self.resolve(batch, &alert, alert.evidence, by, now)?;
            }
        }
        for dev_eui in batch.all_members()? {
            if self.registry.deployment_at(dev_eui, now).is_none() {
                self.leave_alerts(batch, dev_eui, Evidence::default(), silence::TAKEN_DOWN, now)?;
            }
        }
        self.watch.concerned = batch.all_members()?.into_iter().collect();
        self.watch.troubled.clear();
        self.watch.looks.clear();
        self.remember_troubles(batch, now)?;
        self.begin_looks(batch, now)?;
        self.watch.is_begun = true;
        self.judge_by_new_rules(batch, now)
    }

    fn still_watched(&self, alert: &Alert) -> bool {
        let is_there = match &alert.subject {
            Subject::Site(id) => {
                let of_rule = self.watch.rules.rules.iter().find(|rule| rule.id == alert.rule);
                let site = self.registry.site(id);
                // One that has come to be about something else speaks no longer for what it has found.
                let is_of = |quantity: &QuantityName| {
                    alert.quantity.as_ref().is_none_or(|known| known == quantity)
                };
                of_rule
                    .zip(site)
                    .is_some_and(|(rule, site)| rule.sites.includes(site) && is_of(&rule.quantity))
            }
            Subject::Device(dev_eui) => self.registry.device(*dev_eui).is_some(),
            Subject::Source(name) if &*alert.rule.0 == silence::SOURCE_QUIET => {
                self.watch.sources.contains_key(name)
            }
            Subject::Source(_) | Subject::Gateway(_) | Subject::NeverHeard => true,
        };
        is_there && self.watch.telling(&alert.rule).is_some()
    }

    /// Holds the newest readings of series that have changed against the rules.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub(super) fn watch_series(
        &self,
        batch: &mut Batch<'_>,
        changed: &[(SiteId, QuantityName)],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        for (id, quantity) in changed {
            let Some(rules) = self.watch.by_quantity.get(quantity) else { continue };
            let Some(site) = self.registry.site(id) else { continue };
            for rule in rules.iter().filter(|rule| rule.sites.includes(site)) {
                self.watch_by_rule(batch, rule, site, now)?;
            }
        }
        Ok(())
    }

    fn watch_by_rule(
        &self,
        batch: &mut Batch<'_>,
        rule: &AlertRule,
        site: &Site,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let Some(newest) = batch.latest(&site.id, &rule.quantity)? else { return Ok(()) };
        let subject = Subject::Site(site.id.clone());
        let alert = batch.standing_alert(&rule.id, &subject)?;
        let seen = alert.as_ref().and_then(|alert| alert.evidence.time);
        // Late data change nothing: something newer has been judged.
        if !is_telling(newest.quality) || seen.is_some_and(|seen| newest.time < seen) {
            return Ok(());
        }
        let finding = match rule.condition {
            _ if !rule.is_on(newest.time) => Finding::Clear,
            Condition::Stale { after } if now - newest.time > span(after) => Finding::Between,
            _ => {
                let before = readings_before(batch, rule, site, newest.time)?;
                rule.condition.find((newest.time, newest.value), &before)
            }
        };
        let is_late = now - newest.time > rule.late_after;
        if alert.is_none() && (finding != Finding::Holds || is_late) {
            return Ok(());
        }
        let standing = alert.as_ref().and_then(Alert::standing);
        let before = match standing {
            Some(_) => None,
            None => batch.last_resolved(&rule.id, &subject)?,
        };
        let step = match observe(rule.timing, standing, before, finding, newest.time) {
            // What has waited to open in vain is not opened by what arrives late.
            Step::Open(_) if is_late => Step::Nothing,
            step => step,
        };
        let case = Case {
            rule: &rule.id,
            subject: &subject,
            quantity: Some(&rule.quantity),
            timing: rule.timing,
            telling: &rule.telling,
            alert: alert.as_ref(),
            evidence: evidence(&newest),
            words: self.words(rule, site, Some(&newest)),
            now,
        };
        self.step(batch, &case, step)?;
        Ok(())
    }

    fn words<'w>(
        &'w self,
        rule: &AlertRule,
        site: &'w Site,
        reading: Option<&StoredObservation>,
    ) -> Words<'w> {
        let limit = match rule.condition {
            Condition::Above { limit, .. } | Condition::Below { limit, .. } => Some(limit),
            _ => None,
        };
        Words {
            site: Some(site),
            quantity: self.codecs.quantity(&rule.quantity),
            value: reading.map(|reading| reading.value),
            since: reading.map(|reading| reading.time),
            limit,
            ..Words::default()
        }
    }

    /// Takes an alert a step further. Returns the number of one that has opened.
    fn step(
        &self,
        batch: &mut Batch<'_>,
        case: &Case<'_>,
        step: Step,
    ) -> Result<Option<AlertId>, StoreError> {
        let telling = case.telling;
        let (standing, is_open) = match step {
            Step::Nothing => {
                if let Some(alert) = case.alert {
                    batch.seen_by_alert(alert.id, case.evidence)?;
                }
                return Ok(None);
            }
            Step::Drop => {
                if let Some(alert) = case.alert {
                    batch.forget_pending(alert.id)?;
                }
                return Ok(None);
            }
            Step::Resolve => {
                if let Some(alert) = case.alert {
                    self.resolve(batch, alert, case.evidence, By::default(), case.now)?;
                }
                return Ok(None);
            }
            Step::Keep(standing) => (standing, false),
            Step::Open(standing) => (standing, true),
        };
        let said = Said {
            quantity: case.quantity,
            severity: telling.severity,
            // What an alert said when it opened stays: it is what people have been told.
            wording: &match case.alert {
                Some(alert) if alert.state != AlertState::Pending => alert.wording.clone(),
                _ => case.words.fill(&telling.wording),
            },
            runbook: telling.runbook.as_deref(),
            evidence: case.evidence,
            due_at: due(case.timing, standing),
        };
        let id = batch.stand(case.rule, case.subject, standing, &said)?;
        if !is_open {
            return Ok(None);
        }
        batch.happened(id, Happening::Opened, case.now, By::default(), case.evidence)?;
        self.metrics.alerts_opened.get_or_create(&label(telling.severity)).inc();
        for route in self.watch.routes.iter().filter(|route| route.takes(telling.severity)) {
            let due = case.now + route.after;
            let due = telling.quiet.and_then(|quiet| quiet.end(due)).unwrap_or(due);
            let silenced = batch.silenced_until(case.rule, case.subject, case.now)?;
            let due = silenced.map_or(due, |until| due.max(until));
            batch.tell(id, &route.channel, NoticeKind::Opened, due, due + NOTICE_EXPIRES)?;
        }
        Ok(Some(id))
    }

    fn resolve(
        &self,
        batch: &mut Batch<'_>,
        alert: &Alert,
        evidence: Evidence,
        by: By<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if alert.state == AlertState::Pending {
            return batch.forget_pending(alert.id);
        }
        batch.happened(alert.id, Happening::Resolved, now, by, evidence)?;
        let quiet = self.watch.telling(&alert.rule).and_then(|(_, telling)| telling.quiet);
        let due = quiet.and_then(|quiet| quiet.end(now)).unwrap_or(now);
        // Who has not heard that it opened need not hear that it is over.
        for channel in batch.untell(alert.id)? {
            batch.tell(alert.id, &channel, NoticeKind::Resolved, due, due + NOTICE_EXPIRES)?;
        }
        Ok(())
    }

    /// Does what the passing of time does.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn tick(&mut self, batch: &mut Batch<'_>, now: DateTime<Utc>) -> Result<(), StoreError> {
        if self.watch.is_begun {
            // What new rules have found is durable by now.
            self.watch.before = None;
        }
        self.begin_watch(batch, now)?;
        for alert in batch.standing_alerts(Some(now))? {
            self.elapse(batch, &alert, now)?;
        }
        let mut devices = Vec::new();
        for look in self.watch.due_looks(now) {
            match look {
                Look::Device(dev_eui) => devices.push(dev_eui),
                Look::Series(rule, site) => self.look_at_series(batch, &rule, &site, now)?,
            }
        }
        self.look_at_devices(batch, devices, now)?;
        self.look_at_sources(batch, now)
    }

    fn elapse(
        &self,
        batch: &mut Batch<'_>,
        alert: &Alert,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let Some(standing) = alert.standing() else { return Ok(()) };
        let rule = self.watch.rules.rules.iter().find(|rule| rule.id == alert.rule);
        let Some((timing, telling)) = self.watch.telling(&alert.rule) else { return Ok(()) };
        let words = match (rule, &alert.subject) {
            (Some(rule), Subject::Site(id)) => match self.registry.site(id) {
                Some(site) => Words {
                    value: alert.evidence.value,
                    since: alert.evidence.time,
                    ..self.words(rule, site, None)
                },
                None => return Ok(()),
            },
            _ => Words::default(),
        };
        let case = Case {
            rule: &alert.rule,
            subject: &alert.subject,
            quantity: alert.quantity.as_ref(),
            timing,
            telling,
            alert: Some(alert),
            evidence: alert.evidence,
            words,
            now,
        };
        match elapse(timing, standing, now) {
            Step::Nothing => Ok(()),
            step => self.step(batch, &case, step).map(|_| ()),
        }
    }
}

fn readings_before(
    batch: &mut Batch<'_>,
    rule: &AlertRule,
    site: &Site,
    newest: DateTime<Utc>,
) -> Result<Vec<Reading>, StoreError> {
    let Some(lookback) = rule.condition.lookback() else { return Ok(Vec::new()) };
    let range = Range { from: newest - lookback, until: newest };
    let readings =
        batch.some_observations(&site.id, &rule.quantity, range, End::Newest, READINGS_MAX)?;
    let telling = readings.into_iter().filter(|reading| is_telling(reading.quality));
    Ok(telling.map(|reading| (reading.time, reading.value)).collect())
}

/// Whether a value says something of its place: not what is wrong, unconfirmed, stuck or of the air.
fn is_telling(quality: Quality) -> bool {
    match quality {
        Quality::Good => true,
        Quality::Uncertain(reason) => {
            !matches!(reason, Reason::Jump | Reason::Stuck | Reason::OutOfWater)
        }
        Quality::Bad(_) => false,
    }
}

fn evidence(reading: &StoredObservation) -> Evidence {
    Evidence { time: Some(reading.time), value: Some(reading.value), uplink: Some(reading.uplink) }
}

fn span(duration: std::time::Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::days(365))
}

fn label(severity: Severity) -> AlertLabel {
    AlertLabel { severity: severity.name() }
}
