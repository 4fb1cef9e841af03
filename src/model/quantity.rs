use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Jump;

/// The name of a quantity in the catalogue's vocabulary, such as `water_temperature`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QuantityName(pub Arc<str>);

impl From<&str> for QuantityName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for QuantityName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for QuantityName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuantityKind {
    Number,
    /// True or false, kept as 1 or 0.
    Flag,
}

/// What is measured: one unit and one physical range wherever the name appears.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    pub name: QuantityName,
    pub kind: QuantityKind,
    /// UCUM.
    pub unit: String,
    /// Lowest and highest value that is physically possible, inclusive, in `unit`.
    pub min: Option<f64>,
    pub max: Option<f64>,
    /// A change that it does not make.
    pub jump: Option<Jump>,
    /// Longer than this it does not stay exactly the same.
    pub stuck_for: Option<Duration>,
    pub sentence: String,
    pub label_sv: String,
    pub label_en: String,
}

impl Quantity {
    #[must_use]
    pub fn in_range(&self, value: f64) -> bool {
        self.min.is_none_or(|min| value >= min) && self.max.is_none_or(|max| value <= max)
    }
}
