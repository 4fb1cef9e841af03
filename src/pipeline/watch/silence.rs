//! What nobody says: devices that have fallen silent, series without a new value, sources that bring nothing.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::{Case, Look, Pipeline, evidence, span};
use crate::alert::{Condition, LastHeard, Step, Telling, Timing, Words, causes};
use crate::model::{AlertState, DevEui, RuleId, SiteId, Standing, Subject};
use crate::store::{Alert, Batch, By, Evidence, Happening, HeardFrom, StoreError};

pub const SILENT: &str = "silent";
pub const SOURCE_QUIET: &str = "source-quiet";

/// A source is not quiet before even its most talkative sensor has missed so many reports.
const REPORTS_MISSED: i32 = 3;

pub const TAKEN_DOWN: By<'_> = By { who: None, note: Some("the device has been taken down") };

/// What has gathered with the sources while nothing was running arrives within this time.
const CATCH_UP: TimeDelta = TimeDelta::minutes(10);

impl Pipeline {
    /// Sets the time of the first look at everything that can fall silent.
    pub(super) fn begin_looks(
        &mut self,
        batch: &mut Batch<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if self.watch.rules.built_in.silent.is_some() {
            let heard = batch.heard_from()?;
            for device in self.fleet(&heard, now) {
                let at = self.silent_at(&device, now).unwrap_or(now).max(now + CATCH_UP);
                self.watch.look_at(at, Look::Device(device.dev_eui));
            }
        }
        for (at, dev_eui) in self.moves_after(now) {
            self.watch.look_at(at, Look::Device(dev_eui));
        }
        for alert in batch.standing_alerts(None)? {
            if let Subject::Source(name) = alert.subject
                && &*alert.rule.0 == SOURCE_QUIET
            {
                self.watch.quiet.insert(name);
            }
        }
        for rule in self.watch.rules.clone().rules.iter() {
            let Condition::Stale { after } = rule.condition else { continue };
            let sites: Vec<SiteId> = self
                .registry
                .sites()
                .iter()
                .filter(|site| rule.sites.includes(site))
                .map(|site| site.id.clone())
                .collect();
            for site in sites {
                let latest = batch.latest(&site, &rule.quantity)?;
                let since = latest.map_or(now, |latest| latest.time);
                let at = (since + span(after)).max(now + CATCH_UP);
                self.watch.look_at(at, Look::Series(rule.id.clone(), site));
            }
        }
        Ok(())
    }

    /// When devices come to stand somewhere or are taken down.
    fn moves_after(&self, now: DateTime<Utc>) -> Vec<(DateTime<Utc>, DevEui)> {
        let mut moves = Vec::new();
        for device in self.registry.devices() {
            for deployment in self.registry.deployments(device.dev_eui) {
                let times = [Some(deployment.from), deployment.until].into_iter().flatten();
                moves.extend(times.filter(|at| *at > now).map(|at| (at, device.dev_eui)));
            }
        }
        moves
    }

    /// All devices that stand somewhere, and when each was heard.
    fn fleet(&self, heard: &BTreeMap<DevEui, HeardFrom>, now: DateTime<Utc>) -> Vec<LastHeard> {
        let standing = self
            .registry
            .devices()
            .filter(|device| self.registry.deployment_at(device.dev_eui, now).is_some());
        standing
            .map(|device| {
                let heard = heard.get(&device.dev_eui);
                let profile = self.codecs.profile(&device.profile);
                let declared = profile.map_or(TimeDelta::days(1), |profile| span(profile.interval));
                let learned = heard.and_then(|heard| heard.rhythm);
                LastHeard {
                    dev_eui: device.dev_eui,
                    at: heard.map(|heard| heard.at),
                    // One that is set to report less often than its model usually does is not silent.
                    rhythm: learned.map_or(declared, |learned| learned.max(declared)),
                    source: heard.and_then(|heard| heard.source.clone()),
                    gateways: heard.map(|heard| heard.gateways.clone()).unwrap_or_default(),
                }
            })
            .collect()
    }

    /// From when on a device is silent if it is not heard before.
    fn silent_at(&self, device: &LastHeard, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let (missed, _) = self.watch.rules.built_in.silent.as_ref()?;
        let deployed = self.registry.deployment_at(device.dev_eui, now)?.from;
        let since = device.at.map_or(deployed, |at| at.max(deployed));
        let missed = i32::try_from(*missed).unwrap_or(i32::MAX);
        // Half a report more, since none comes to the second.
        let reports = device.rhythm.checked_mul(missed)?.checked_add(&(device.rhythm / 2))?;
        since.checked_add_signed(reports)
    }

    pub(super) fn look_at_devices(
        &mut self,
        batch: &mut Batch<'_>,
        devices: Vec<DevEui>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if devices.is_empty() {
            return Ok(());
        }
        let looked_at: BTreeSet<DevEui> = devices.into_iter().collect();
        let is_down = |dev_eui: &DevEui| self.registry.deployment_at(*dev_eui, now).is_none();
        let down: BTreeSet<DevEui> = looked_at.iter().copied().filter(is_down).collect();
        self.take_down(batch, &down, now)?;
        let rules = self.watch.rules.clone();
        let Some((_, telling)) = &rules.built_in.silent else { return Ok(()) };
        let fleet = self.fleet(&batch.heard_from()?, now);
        let mut silent = BTreeSet::new();
        for device in fleet.iter().filter(|device| looked_at.contains(&device.dev_eui)) {
            match self.silent_at(device, now) {
                Some(at) if at > now => self.watch.look_at(at, Look::Device(device.dev_eui)),
                _ => {
                    silent.insert(device.dev_eui);
                }
            }
        }
        if silent.is_empty() {
            return Ok(());
        }
        // What was silent by itself may turn out to have been the first of many.
        let alone: Vec<Alert> = standing_alone(batch)?;
        silent.extend(alone.iter().filter_map(|alert| match alert.subject {
            Subject::Device(dev_eui) => Some(dev_eui),
            _ => None,
        }));
        for (subject, members) in causes(&silent, &fleet, now) {
            self.tell_silent(batch, &subject, &members, telling, now)?;
        }
        Ok(())
    }

    fn tell_silent(
        &mut self,
        batch: &mut Batch<'_>,
        subject: &Subject,
        members: &BTreeSet<DevEui>,
        telling: &Telling,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let rule = RuleId::from(SILENT);
        let known = match batch.standing_alert(&rule, subject)? {
            // That the source is quiet is why its devices are silent.
            None => batch.standing_alert(&RuleId::from(SOURCE_QUIET), subject)?,
            known => known,
        };
        let id = if let Some(alert) = &known {
            Some(alert.id)
        } else {
            let list: Vec<String> = members.iter().map(|&one| self.device_name(one)).collect();
            let words = Words { list: &list, since: Some(now), ..about(subject) };
            let standing =
                Standing { state: AlertState::Open, since: now, clearing_since: None, openings: 1 };
            let case = silent_case(&rule, subject, telling, words, now);
            self.step(batch, &case, Step::Open(standing))?
        };
        let Some(id) = id else { return Ok(()) };
        for &dev_eui in members {
            self.watch.concerned.insert(dev_eui);
            if batch.join_alert(id, dev_eui)? && known.is_some() {
                let name = self.device_name(dev_eui);
                let by = By { who: None, note: Some(&name) };
                batch.happened(id, Happening::Joined, now, by, Evidence::default())?;
            }
            if !matches!(subject, Subject::Device(_))
                && let Some(alone) = batch.standing_alert(&rule, &Subject::Device(dev_eui))?
            {
                let note = format!("part of {subject}");
                let by = By { who: None, note: Some(&note) };
                self.resolve(batch, &alone, Evidence::default(), by, now)?;
            }
        }
        Ok(())
    }

    /// Takes in that a device has been heard: what said that it was silent says so no longer.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub(in crate::pipeline) fn watch_heard(
        &mut self,
        batch: &mut Batch<'_>,
        dev_eui: DevEui,
        evidence: Evidence,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if self.watch.concerned.remove(&dev_eui) {
            self.leave_alerts(batch, dev_eui, evidence, By::default(), now)?;
            self.watch.look_at(now, Look::Device(dev_eui));
        }
        Ok(())
    }

    /// Takes a device from the alerts that list it. One that lists nothing else is over.
    pub(super) fn leave_alerts(
        &self,
        batch: &mut Batch<'_>,
        dev_eui: DevEui,
        evidence: Evidence,
        over: By<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        for alert in batch.alerts_of_member(dev_eui)? {
            if batch.leave_alert(alert.id, dev_eui)? == 0 {
                self.resolve(batch, &alert, evidence, over, now)?;
            } else {
                let name = self.device_name(dev_eui);
                let by = By { who: None, note: Some(&name) };
                batch.happened(alert.id, Happening::Left, now, by, evidence)?;
            }
        }
        Ok(())
    }

    /// Takes in that devices stand nowhere any more: nobody is waiting to hear them.
    fn take_down(
        &mut self,
        batch: &mut Batch<'_>,
        down: &BTreeSet<DevEui>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if down.is_empty() {
            return Ok(());
        }
        for &dev_eui in down {
            if self.watch.concerned.remove(&dev_eui) {
                self.leave_alerts(batch, dev_eui, Evidence::default(), TAKEN_DOWN, now)?;
            }
        }
        for alert in batch.standing_alerts(None)? {
            let Subject::Device(dev_eui) = alert.subject else { continue };
            if down.contains(&dev_eui) && self.is_taken_down(dev_eui, &alert, now) {
                self.resolve(batch, &alert, alert.evidence, TAKEN_DOWN, now)?;
            }
        }
        Ok(())
    }

    /// Whether a device has been taken down since an alert about it began.
    pub(super) fn is_taken_down(&self, dev_eui: DevEui, alert: &Alert, now: DateTime<Utc>) -> bool {
        let deployments = self.registry.deployments(dev_eui).iter();
        let ended = deployments.filter_map(|one| one.until).filter(|until| *until <= now).max();
        self.registry.deployment_at(dev_eui, now).is_none()
            && ended.is_some_and(|until| alert.since < until)
    }

    pub(super) fn look_at_series(
        &mut self,
        batch: &mut Batch<'_>,
        id: &RuleId,
        site: &SiteId,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let rules = self.watch.rules.clone();
        let Some(rule) = rules.rules.iter().find(|rule| rule.id == *id) else { return Ok(()) };
        let Condition::Stale { after } = rule.condition else { return Ok(()) };
        let latest = batch.latest(site, &rule.quantity)?;
        let next = latest.map_or(now, |latest| latest.time) + span(after);
        if latest.is_some() && next > now {
            self.watch.look_at(next, Look::Series(id.clone(), site.clone()));
            return Ok(());
        }
        // Whether it still is will be seen after as long again.
        self.watch.look_at(now + span(after), Look::Series(id.clone(), site.clone()));
        let subject = Subject::Site(site.clone());
        if !rule.is_on(now) || batch.standing_alert(id, &subject)?.is_some() {
            return Ok(());
        }
        let Some(known) = self.registry.site(site) else { return Ok(()) };
        let standing =
            Standing { state: AlertState::Open, since: now, clearing_since: None, openings: 1 };
        let case = Case {
            rule: id,
            subject: &subject,
            quantity: Some(&rule.quantity),
            timing: rule.timing,
            telling: &rule.telling,
            alert: None,
            evidence: latest.as_ref().map(evidence).unwrap_or_default(),
            words: self.words(rule, known, latest.as_ref()),
            now,
        };
        self.step(batch, &case, Step::Open(standing)).map(|_| ())
    }

    /// Takes in that a source has brought something.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub(in crate::pipeline) fn watch_source(
        &mut self,
        batch: &mut Batch<'_>,
        source: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if let Some(last) = self.watch.sources.get_mut(source) {
            *last = Some(now);
        }
        if !self.watch.quiet.remove(source) {
            return Ok(());
        }
        let (rule, subject) = (RuleId::from(SOURCE_QUIET), Subject::Source(source.to_owned()));
        let Some(alert) = batch.standing_alert(&rule, &subject)? else { return Ok(()) };
        // Those of its devices that stay silent are so for a reason of their own.
        for dev_eui in batch.members(alert.id)? {
            self.watch.look_at(now + CATCH_UP, Look::Device(dev_eui));
        }
        let evidence = Evidence { time: Some(now), ..Evidence::default() };
        self.resolve(batch, &alert, evidence, By::default(), now)
    }

    pub(super) fn look_at_sources(
        &mut self,
        batch: &mut Batch<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let rules = self.watch.rules.clone();
        let Some((after, telling)) = &rules.built_in.source_quiet else { return Ok(()) };
        let rule = RuleId::from(SOURCE_QUIET);
        let is_quiet = |last: DateTime<Utc>, after| now - last >= after;
        let sources = self.watch.sources.iter().filter_map(|(name, last)| Some((name, (*last)?)));
        let quiet: Vec<_> = sources.filter(|(_, last)| is_quiet(*last, span(*after))).collect();
        if quiet.iter().all(|(name, _)| self.watch.quiet.contains(*name)) {
            return Ok(());
        }
        let fleet = self.fleet(&batch.heard_from()?, now);
        let mut found = Vec::new();
        for (name, last) in quiet {
            // Where sensors report each hour nothing comes for an hour.
            let of_source = fleet.iter().filter(|one| one.source.as_ref() == Some(name));
            let shortest = of_source.map(|one| one.rhythm).min().unwrap_or_default();
            if !is_quiet(last, shortest * REPORTS_MISSED) {
                continue;
            }
            found.push(name.clone());
            let subject = Subject::Source(name.clone());
            let silent = RuleId::from(SILENT);
            if batch.standing_alert(&rule, &subject)?.is_some()
                || batch.standing_alert(&silent, &subject)?.is_some()
            {
                continue;
            }
            let words = Words { since: Some(last), ..about(&subject) };
            let standing = Standing {
                state: AlertState::Open,
                since: last,
                clearing_since: None,
                openings: 1,
            };
            let case = silent_case(&rule, &subject, telling, words, now);
            self.step(batch, &case, Step::Open(standing))?;
        }
        self.watch.quiet.extend(found);
        Ok(())
    }
}

/// The alerts about devices that are silent by themselves.
fn standing_alone(batch: &Batch<'_>) -> Result<Vec<Alert>, StoreError> {
    let standing = batch.standing_alerts(None)?;
    let is_alone =
        |alert: &Alert| &*alert.rule.0 == SILENT && matches!(alert.subject, Subject::Device(_));
    Ok(standing.into_iter().filter(is_alone).collect())
}

fn silent_case<'c>(
    rule: &'c RuleId,
    subject: &'c Subject,
    telling: &'c Telling,
    words: Words<'c>,
    now: DateTime<Utc>,
) -> Case<'c> {
    let timing = Timing::default();
    let evidence = Evidence::default();
    Case { rule, subject, quantity: None, timing, telling, alert: None, evidence, words, now }
}

fn about(subject: &Subject) -> Words<'_> {
    match subject {
        Subject::Gateway(name) => Words { gateway: Some(name), ..Words::default() },
        Subject::Source(name) => Words { source: Some(name), ..Words::default() },
        _ => Words::default(),
    }
}
