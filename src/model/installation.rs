use chrono::{DateTime, Utc};

use super::QuantityName;

/// How a device is installed at its site, from a time on. What is not known is not derived from.
#[derive(Clone, Debug, PartialEq)]
pub struct Installation {
    pub from: DateTime<Utc>,
    /// The sensor's zero point, m in the site's datum (RH 2000).
    pub height_m: Option<f64>,
    /// How far it looks past straight down, degrees, where it does not tell that itself.
    pub tilt_deg: Option<f64>,
    /// From a snow sensor to the bare ground: the median of a season without snow.
    pub ground_distance_m: Option<f64>,
    /// To the bottom of the empty bin.
    pub empty_distance_m: Option<f64>,
    /// To the litter when the bin must be emptied.
    pub full_distance_m: Option<f64>,
    pub corrections: Vec<Correction>,
}

/// What a control measurement has found: value × gain + offset is right.
#[derive(Clone, Debug, PartialEq)]
pub struct Correction {
    pub quantity: QuantityName,
    pub gain: f64,
    /// In the quantity's unit.
    pub offset: f64,
}

impl Installation {
    /// An installation of which nothing is known.
    #[must_use]
    pub const fn unknown(from: DateTime<Utc>) -> Self {
        Self {
            from,
            height_m: None,
            tilt_deg: None,
            ground_distance_m: None,
            empty_distance_m: None,
            full_distance_m: None,
            corrections: Vec::new(),
        }
    }

    /// A value of a quantity as it should have been read.
    #[must_use]
    pub fn corrected(&self, quantity: &QuantityName, value: f64) -> f64 {
        let correction = self.corrections.iter().find(|one| one.quantity == *quantity);
        correction.map_or(value, |correction| value * correction.gain + correction.offset)
    }
}
