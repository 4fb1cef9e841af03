use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::RuleId;
use crate::store::Alert;

/// What messages say beside what the store knows of an alert.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Where this service is reached, for links; without it there are none.
    pub public_url: Option<String>,
    /// What each rule watches, if it is a number.
    pub measured: BTreeMap<RuleId, Measured>,
}

/// What the value of an alert is a value of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    pub quantity: Arc<str>,
    /// In UCUM.
    pub unit: String,
}

impl Facts {
    /// Where an alert is looked at.
    #[must_use]
    pub fn link(&self, alert: &Alert) -> Option<String> {
        let base = self.public_url.as_deref()?.trim_end_matches('/');
        Some(format!("{base}/api/v1/staff/alerts/{}", alert.id.0))
    }
}
