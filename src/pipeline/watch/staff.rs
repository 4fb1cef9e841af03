//! Rules that staff have set up by the API join those of the operator's file.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{Pipeline, by_quantity};
use crate::alert::Unfit;
use crate::store::{Batch, StaffRule, StoreError};
use crate::telemetry::OriginLabel;

impl Pipeline {
    /// Watches by the rules of the staff as they stand now. Returns those of them that watch nothing, since they do
    /// not fit the catalogue or the fleet; none if all is as it was. What stands by a rule that is gone is resolved,
    /// and the newest readings are held against a new one, when the next message or a tick is taken.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn follow_rules(
        &mut self,
        batch: &mut Batch<'_>,
    ) -> Result<Option<Vec<Unfit>>, StoreError> {
        let revision = batch.rule_revision()?;
        if self.watch.revision == Some(revision) {
            return Ok(None);
        }
        let set_up = batch.staff_rules()?;
        let holding = set_up.iter().filter_map(StaffRule::holding);
        let (rules, unfit) =
            self.watch.files.with(holding, self.codecs.catalog(), self.registry.sites());
        let watching = rules.rules.len() - self.watch.files.rules.len();
        for (origin, count) in
            [("file", self.watch.files.of_file), ("staff", watching), ("unfit", unfit.len())]
        {
            let gauge = self.metrics.alert_rules.get_or_create(&OriginLabel { origin });
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        self.watch.by_quantity = by_quantity(&rules);
        let before = std::mem::replace(&mut self.watch.rules, Arc::new(rules));
        if self.watch.revision.is_some() {
            // Rules that nothing has been held against yet are as new as these.
            self.watch.before.get_or_insert(before);
        }
        self.watch.is_begun = false;
        self.watch.revision = Some(revision);
        Ok(Some(unfit))
    }

    /// Holds the newest readings against the rules that have come or changed while this was running: who sets a
    /// limit that is passed already is told so now and not at the next reading.
    pub(super) fn judge_by_new_rules(
        &mut self,
        batch: &mut Batch<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let Some(before) = self.watch.before.clone() else { return Ok(()) };
        let rules = Arc::clone(&self.watch.rules);
        for rule in rules.rules.iter().filter(|rule| !before.rules.contains(rule)) {
            for site in self.registry.sites().iter().filter(|site| rule.sites.includes(site)) {
                self.watch_by_rule(batch, rule, site, now)?;
            }
        }
        Ok(())
    }
}
