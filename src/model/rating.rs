use chrono::{DateTime, Utc};

/// The rating curve of a gauging station, as long as it holds: levels and the discharge at each.
#[derive(Clone, Debug, PartialEq)]
pub struct Rating {
    pub from: DateTime<Utc>,
    /// Exclusive; none while it holds.
    pub until: Option<DateTime<Utc>>,
    /// Rising, each beginning where the one before it ends.
    pub segments: Vec<Segment>,
}

/// A part of a rating curve: discharge = factor × (level − zero) ^ exponent, in m and m³/s.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment {
    /// The levels it was fitted to, m in the site's datum.
    pub from_m: f64,
    pub to_m: f64,
    pub factor: f64,
    /// The level of zero flow.
    pub zero_m: f64,
    pub exponent: f64,
}

/// A time in which the level says little of the discharge, because something holds the water back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backwater {
    pub from: DateTime<Utc>,
    /// Exclusive; none while it lasts.
    pub until: Option<DateTime<Utc>>,
    pub cause: BackwaterCause,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackwaterCause {
    Ice,
    Vegetation,
    /// A dam, a jam or a lake below.
    Downstream,
}

impl BackwaterCause {
    pub const ALL: [Self; 3] = [Self::Ice, Self::Vegetation, Self::Downstream];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ice => "ice",
            Self::Vegetation => "vegetation",
            Self::Downstream => "downstream",
        }
    }

    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.name() == name)
    }
}

impl Rating {
    #[must_use]
    pub fn holds(&self, time: DateTime<Utc>) -> bool {
        self.from <= time && self.until.is_none_or(|until| time < until)
    }
}

impl Backwater {
    #[must_use]
    pub fn lasts(&self, time: DateTime<Utc>) -> bool {
        self.from <= time && self.until.is_none_or(|until| time < until)
    }
}
