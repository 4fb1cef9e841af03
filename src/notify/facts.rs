use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::QuantityName;
use crate::store::Alert;

/// What messages say beside what the store knows of an alert.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Where this service is reached, for links; without it there are none.
    pub public_url: Option<String>,
    /// The unit of each quantity that is a number, in UCUM.
    pub units: BTreeMap<QuantityName, String>,
}

/// What the value of an alert is a value of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    pub quantity: Arc<str>,
    /// In UCUM.
    pub unit: String,
}

impl Facts {
    /// What the value of an alert is a value of, if it is a number.
    #[must_use]
    pub fn measured(&self, alert: &Alert) -> Option<Measured> {
        let quantity = alert.quantity.as_ref()?;
        let unit = self.units.get(quantity)?.clone();
        Some(Measured { quantity: Arc::clone(&quantity.0), unit })
    }

    /// Where an alert is looked at.
    #[must_use]
    pub fn link(&self, alert: &Alert) -> Option<String> {
        let base = self.public_url.as_deref()?.trim_end_matches('/');
        Some(format!("{base}/api/v1/staff/alerts/{}", alert.id.0))
    }
}
