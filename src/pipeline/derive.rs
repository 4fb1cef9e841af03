//! Adds to the observations of an uplink those that follow from them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::judge::judge_at;
use crate::catalog::DeviceProfile;
use crate::derive::{discharge, fill, humidity, level, snow};
use crate::model::{
    BackwaterCause, Installation, Observation, Quality, Quantity, QuantityName, Reason, Site,
    SiteId, SiteKind,
};

/// Six decimals are more than any sensor tells, and what lies behind them is noise of the arithmetic.
const DECIMALS: f64 = 1e6;

/// Where and how the device stood at a time.
#[derive(Clone, Copy, Debug)]
pub struct Place<'p> {
    pub site: &'p Site,
    pub installation: Option<&'p Installation>,
    /// °C for which an ultrasonic head reckons the speed of sound; none where it measures it.
    pub assumed_cel: Option<f64>,
}

/// °C for which the head of a device reckons the speed of sound, as the variable `sound_speed` of its
/// registration says: `"22.6 Cel"`; none for one that measures the air's temperature itself.
pub fn assumed_cel(profile: &DeviceProfile, of_device: &BTreeMap<String, String>) -> Option<f64> {
    profile.variable(of_device, "sound_speed")?.strip_suffix(" Cel")?.parse().ok()
}

impl Place<'_> {
    /// Whether anything at all may follow from what is measured here. Most sites show what their sensor says.
    pub fn derives(&self) -> bool {
        self.installation.is_some() || self.site.kind == SiteKind::SnowStation
    }
}

/// What can be derived from the observations of one uplink, moment by moment.
pub fn derive<'q, 'p>(
    quantity_of: impl Fn(&QuantityName) -> Option<&'q Quantity>,
    place_of: impl Fn(&SiteId, DateTime<Utc>) -> Option<Place<'p>>,
    observations: &[Observation],
) -> Vec<Observation> {
    let mut moments: BTreeMap<(&SiteId, DateTime<Utc>), Vec<&Observation>> = BTreeMap::new();
    for observation in observations {
        moments.entry((&observation.site, observation.time)).or_default().push(observation);
    }
    let mut derived = Vec::new();
    for ((site, time), measured) in moments {
        let Some(place) = place_of(site, time) else { continue };
        let mut moment = Moment { place, time, measured, derived: Vec::new() };
        moment.derive_all();
        for (name, value) in moment.derived {
            let Some(quantity) = quantity_of(&QuantityName::from(name)) else { continue };
            let rule = place.site.quality_of(&quantity.name);
            let quality = worse(judge_at(quantity, rule, value.value), value.quality);
            derived.push(Observation {
                site: site.clone(),
                quantity: quantity.name.clone(),
                time,
                value: (value.value * DECIMALS).round() / DECIMALS,
                quality,
            });
        }
    }
    derived
}

/// A value on its way to become an observation.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Value {
    value: f64,
    quality: Quality,
}

/// What is known of a site at one time.
struct Moment<'m> {
    place: Place<'m>,
    time: DateTime<Utc>,
    measured: Vec<&'m Observation>,
    derived: Vec<(&'static str, Value)>,
}

impl Moment<'_> {
    /// In an order in which each finds what it needs.
    fn derive_all(&mut self) {
        let level = self.level();
        self.add("water_level", level);
        let flow = level.and_then(|level| self.flow(level));
        self.add("water_flow", flow);
        let depth = self.snow();
        self.add("snow_depth", depth);
        let fill = self.fill();
        self.add("fill_level", fill);
        let (dew, frost) = self.dew_and_frost().unzip();
        self.add("dew_point", dew.flatten());
        self.add("frost_point", frost.flatten());
    }

    fn add(&mut self, name: &'static str, value: Option<Value>) {
        self.derived.extend(value.map(|value| (name, value)));
    }

    fn find(&self, name: &str) -> Option<Value> {
        let found = self.measured.iter().find(|observation| *observation.quantity.0 == *name)?;
        Some(Value { value: found.value, quality: found.quality })
    }

    /// A measured value that is not known to be wrong.
    fn usable(&self, name: &str) -> Option<Value> {
        self.find(name).filter(|value| !value.quality.is_bad())
    }

    fn flag(&self, name: &str) -> bool {
        self.usable(name).is_some_and(|flag| flag.value != 0.0)
    }

    fn level(&self) -> Option<Value> {
        let installation = self.place.installation?;
        let height = installation.height_m?;
        let found = if let Some(distance) = self.usable("distance") {
            let told = self.usable("inclination").map(|one| level::tilt_of_inclination(one.value));
            let tilt = told.or(installation.tilt_deg).unwrap_or(0.0);
            distance.map(|distance| level::from_distance(height, distance, tilt))
        } else if let Some(pressure) = self.usable("water_pressure") {
            let water_cel = self.usable("water_temperature").map(|water| water.value);
            pressure.map(|pressure| level::from_pressure(height, pressure, water_cel))
        } else {
            self.usable("water_depth")?.map(|depth| level::from_depth(height, depth))
        };
        Some(found.map(|level| installation.corrected(&QuantityName::from("water_level"), level)))
    }

    fn flow(&self, level: Value) -> Option<Value> {
        let site = self.place.site;
        let rating = site.ratings.iter().find(|rating| rating.holds(self.time))?;
        let discharge = discharge::discharge(rating, level.value)?;
        let backwater = site.backwaters.iter().find(|backwater| backwater.lasts(self.time));
        let doubt = match backwater.map(|backwater| backwater.cause) {
            Some(BackwaterCause::Ice) => Quality::Uncertain(Reason::Ice),
            Some(BackwaterCause::Vegetation) => Quality::Uncertain(Reason::Vegetation),
            Some(BackwaterCause::Downstream) => Quality::Uncertain(Reason::Backwater),
            None if discharge.is_extrapolated => Quality::Uncertain(Reason::Extrapolated),
            None => Quality::Good,
        };
        Some(Value { value: discharge.flow, quality: worse(doubt, level.quality) })
    }

    fn snow(&self) -> Option<Value> {
        let ground = self.place.installation?.ground_distance_m?;
        let distance = self.usable("distance")?;
        let Some(assumed) = self.place.assumed_cel else {
            return Some(distance.map(|distance| snow::depth(ground, distance)));
        };
        // Without the air's temperature the error may be as large as the snow is deep.
        let air = self.usable("air_temperature")?;
        let corrected = snow::corrected_distance(distance.value, air.value, assumed)?;
        let quality = worse(distance.quality, air.quality);
        Some(Value { value: snow::depth(ground, corrected), quality })
    }

    fn fill(&self) -> Option<Value> {
        let installation = self.place.installation?;
        let (empty, full) = (installation.empty_distance_m?, installation.full_distance_m?);
        // An open lid looks at the sky.
        if self.flag("tilt") {
            return None;
        }
        let distance = self.usable("distance")?;
        let level = fill::level(distance.value, empty, full)?;
        Some(Value { value: level, quality: distance.quality })
    }

    fn dew_and_frost(&self) -> Option<(Option<Value>, Option<Value>)> {
        // Dew and rime are what a snow station is asked for; elsewhere nobody has use for them.
        if self.place.site.kind != SiteKind::SnowStation {
            return None;
        }
        let (air, moisture) = (self.usable("air_temperature")?, self.moisture()?);
        let quality = worse(air.quality, moisture.quality);
        let value = |value| Value { value, quality };
        Some((
            humidity::dew_point(air.value, moisture.value).map(value),
            humidity::frost_point(air.value, moisture.value).map(value),
        ))
    }

    /// A humidity a little over saturation is bad as a humidity and yet says that the air is saturated.
    fn moisture(&self) -> Option<Value> {
        let moisture = self.find("relative_humidity")?;
        match moisture.quality {
            Quality::Bad(reason @ Reason::OutOfRange) if moisture.value > 100.0 => {
                Some(Value { quality: Quality::Uncertain(reason), ..moisture })
            }
            Quality::Bad(_) => None,
            Quality::Good | Quality::Uncertain(_) => Some(moisture),
        }
    }
}

impl Value {
    fn map(self, formula: impl FnOnce(f64) -> f64) -> Self {
        Self { value: formula(self.value), ..self }
    }
}

/// The worse of two qualities; of two equally bad ones the first.
const fn worse(a: Quality, b: Quality) -> Quality {
    match (a, b) {
        (Quality::Bad(_), _) | (Quality::Uncertain(_), Quality::Good | Quality::Uncertain(_)) => a,
        (Quality::Good | Quality::Uncertain(_), Quality::Bad(_)) | (Quality::Good, _) => b,
    }
}

#[cfg(test)]
mod tests;
