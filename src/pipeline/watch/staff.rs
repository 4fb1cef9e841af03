//! Rules that staff have set up by the API join those of the operator's file.

use std::sync::Arc;

use super::{Pipeline, by_quantity};
use crate::alert::Unfit;
use crate::model::RuleId;
use crate::store::{Batch, StoreError};
use crate::telemetry::OriginLabel;

impl Pipeline {
    /// Watches by the rules of the staff as they stand now, if that is not what it does already. What stands by
    /// a rule that is gone is resolved when the next message or a tick is taken.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn follow_rules(&mut self, batch: &mut Batch<'_>) -> Result<(), StoreError> {
        let revision = batch.rule_revision()?;
        if self.watch.revision == Some(revision) {
            return Ok(());
        }
        let written = batch.written_rules()?;
        let bodies: Vec<(&RuleId, &str)> =
            written.iter().filter_map(|rule| Some((&rule.id, rule.body.as_deref()?))).collect();
        let (rules, unfit) =
            self.watch.files.with(bodies, self.codecs.catalog(), self.registry.sites());
        for Unfit { id, faults } in &unfit {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            tracing::warn!(rule = %id, "a rule of the staff watches nothing: {}", faults.join("; "));
        }
        let watched = rules.rules.len() - self.watch.files.rules.len();
        for (origin, count) in
            [("file", self.watch.files.written), ("staff", watched), ("unfit", unfit.len())]
        {
            let gauge = self.metrics.alert_rules.get_or_create(&OriginLabel { origin });
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        self.watch.by_quantity = by_quantity(&rules);
        self.watch.rules = Arc::new(rules);
        self.watch.unfit = unfit;
        self.watch.is_begun = false;
        self.watch.revision = Some(revision);
        Ok(())
    }

    /// The rules of the staff that watch nothing, since they do not fit the catalogue or the fleet any more.
    #[must_use]
    pub fn unfit_rules(&self) -> &[Unfit] {
        &self.watch.unfit
    }
}
