use chrono::{DateTime, Utc};

use super::{QuantityName, SiteId};

/// A quantity and its value as decoded, in the quantity's unit; flags are 1 or 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    pub quantity: QuantityName,
    pub value: f64,
    /// When the device measured it, where the frame says so; else it is the frame's time.
    pub time: Option<DateTime<Utc>>,
}

/// A measurement at a site and a time. Its identity is (site, quantity, time).
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    pub site: SiteId,
    pub quantity: QuantityName,
    pub time: DateTime<Utc>,
    pub value: f64,
    pub quality: Quality,
}

/// Whether a value can be trusted. Bad values are kept and never shown as current.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quality {
    Good,
    Uncertain(Reason),
    Bad(Reason),
}

/// Why a value is not plainly good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Outside the physical range of its quantity.
    OutOfRange,
    /// The time given with it could not be right, so the time of arrival stands in.
    ClockSkew,
    /// The level lies outside what its rating curve was fitted to.
    Extrapolated,
    /// Ice holds the water back, so its level says little of its flow.
    Ice,
    /// Plants hold the water back.
    Vegetation,
    /// Something below the station holds the water back.
    Backwater,
    /// Decoding its uplink again has not made it again.
    Withdrawn,
    /// Too far from the reading before it. Uncertain until the next reading, bad where the series
    /// goes on without it.
    Jump,
    /// Exactly the same value for longer than the quantity stays so.
    Stuck,
    /// The day up to it swings as only the air's does.
    OutOfWater,
}

impl Quality {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Uncertain(_) => "uncertain",
            Self::Bad(_) => "bad",
        }
    }

    #[must_use]
    pub const fn reason(self) -> Option<Reason> {
        match self {
            Self::Good => None,
            Self::Uncertain(reason) | Self::Bad(reason) => Some(reason),
        }
    }

    #[must_use]
    pub const fn is_bad(self) -> bool {
        matches!(self, Self::Bad(_))
    }

    /// Whether the reading has nothing against it but, at most, what its series has said: a later
    /// reading may change that. Every other reason lies in the reading itself, and stays.
    #[must_use]
    pub const fn is_left_to_history(self) -> bool {
        match self.reason() {
            None => true,
            Some(reason) => reason.is_of_history(),
        }
    }

    /// A jump that the next reading has neither confirmed nor refuted: not to be shown as current.
    #[must_use]
    pub const fn is_unconfirmed(self) -> bool {
        matches!(self, Self::Uncertain(Reason::Jump))
    }
}

impl Reason {
    pub const ALL: [Self; 10] = [
        Self::OutOfRange,
        Self::ClockSkew,
        Self::Extrapolated,
        Self::Ice,
        Self::Vegetation,
        Self::Backwater,
        Self::Withdrawn,
        Self::Jump,
        Self::Stuck,
        Self::OutOfWater,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OutOfRange => "out_of_range",
            Self::ClockSkew => "clock_skew",
            Self::Extrapolated => "extrapolated",
            Self::Ice => "ice",
            Self::Vegetation => "vegetation",
            Self::Backwater => "backwater",
            Self::Withdrawn => "withdrawn",
            Self::Jump => "jump",
            Self::Stuck => "stuck",
            Self::OutOfWater => "out_of_water",
        }
    }

    /// Whether it is said of a reading by those around it.
    #[must_use]
    pub const fn is_of_history(self) -> bool {
        match self {
            Self::Jump | Self::Stuck | Self::OutOfWater => true,
            Self::OutOfRange
            | Self::ClockSkew
            | Self::Extrapolated
            | Self::Ice
            | Self::Vegetation
            | Self::Backwater
            | Self::Withdrawn => false,
        }
    }
}
