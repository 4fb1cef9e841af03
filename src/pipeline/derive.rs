//! Adds to the observations of an uplink those that follow from them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::judge::judge_range;
use crate::derive::humidity;
use crate::model::{Observation, Quality, Quantity, QuantityName, Reason, Site, SiteId, SiteKind};

/// What can be derived from the observations of one site at one time.
pub fn derive<'q, 's>(
    quantity_of: impl Fn(&QuantityName) -> Option<&'q Quantity>,
    site_of: impl Fn(&SiteId) -> Option<&'s Site>,
    observations: &[Observation],
) -> Vec<Observation> {
    let mut moments: BTreeMap<(&SiteId, DateTime<Utc>), Vec<&Observation>> = BTreeMap::new();
    for observation in observations {
        // Dew and rime are what a snow station is asked for; elsewhere nobody has use for them.
        if site_of(&observation.site).is_some_and(|site| site.kind == SiteKind::SnowStation) {
            moments.entry((&observation.site, observation.time)).or_default().push(observation);
        }
    }
    moments.into_values().flat_map(|together| dew_and_frost(&quantity_of, &together)).collect()
}

fn dew_and_frost<'q>(
    quantity_of: impl Fn(&QuantityName) -> Option<&'q Quantity>,
    together: &[&Observation],
) -> Vec<Observation> {
    let find = |name: &str| together.iter().find(|observation| *observation.quantity.0 == *name);
    let (Some(air), Some(moisture)) = (find("air_temperature"), find("relative_humidity")) else {
        return Vec::new();
    };
    // A humidity a little over saturation is bad as a humidity and yet says that air is saturated.
    let over_saturated =
        moisture.quality == Quality::Bad(Reason::OutOfRange) && moisture.value > 100.0;
    if air.quality.is_bad() || (moisture.quality.is_bad() && !over_saturated) {
        return Vec::new();
    }
    let inherited = match (air.quality, moisture.quality) {
        (Quality::Good, Quality::Good) => Quality::Good,
        (Quality::Good, unsure) => {
            Quality::Uncertain(unsure.reason().unwrap_or(Reason::OutOfRange))
        }
        (unsure, _) => unsure,
    };
    let derived = [
        ("dew_point", humidity::dew_point(air.value, moisture.value)),
        ("frost_point", humidity::frost_point(air.value, moisture.value)),
    ];
    let observation = |(name, value): (&str, Option<f64>)| {
        let quantity = quantity_of(&QuantityName::from(name))?;
        let value = value?;
        let quality = match judge_range(quantity, value) {
            Quality::Good => inherited,
            bad => bad,
        };
        Some(Observation {
            site: air.site.clone(),
            quantity: quantity.name.clone(),
            time: air.time,
            value,
            quality,
        })
    };
    derived.into_iter().filter_map(observation).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::QuantityKind;

    fn site() -> Site {
        Site {
            id: SiteId::from("fjallet"),
            kind: SiteKind::SnowStation,
            name: "Fjället".to_owned(),
            position: None,
            publication: None,
            bathing: None,
        }
    }

    fn quantity(name: &str) -> Quantity {
        Quantity {
            name: QuantityName::from(name),
            kind: QuantityKind::Number,
            unit: "Cel".to_owned(),
            min: None,
            max: None,
            sentence: String::new(),
            label_sv: String::new(),
            label_en: String::new(),
        }
    }

    fn derived(air: (f64, Quality), moisture: (f64, Quality), apart_s: i64) -> Vec<Quality> {
        let quantities = ["dew_point", "frost_point"].map(quantity);
        let quantity_of = |name: &QuantityName| quantities.iter().find(|one| one.name == *name);
        let site = site();
        let one = |name: &str, (value, quality), seconds| Observation {
            site: site.id.clone(),
            quantity: QuantityName::from(name),
            time: DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(seconds),
            value,
            quality,
        };
        let both = [one("air_temperature", air, 0), one("relative_humidity", moisture, apart_s)];
        let made = derive(quantity_of, |_| Some(&site), &both);
        made.iter().map(|observation| observation.quality).collect()
    }

    #[test]
    fn what_is_derived_is_no_better_than_what_it_comes_from() {
        let good = Quality::Good;
        let (skewed, bad) =
            (Quality::Uncertain(Reason::ClockSkew), Quality::Bad(Reason::OutOfRange));
        assert_eq!(derived((20.0, good), (50.0, good), 0), [good]);
        assert_eq!(derived((20.0, skewed), (50.0, good), 0), [skewed]);
        assert_eq!(derived((20.0, good), (50.0, skewed), 0), [skewed]);
        assert_eq!(derived((99.0, bad), (50.0, good), 0), []);
        assert_eq!(derived((20.0, good), (-1.0, bad), 0), []);
        assert_eq!(derived((20.0, good), (106.0, bad), 0), []);
        // A sensor in fog that has aged: the air is saturated, the reading is not to be trusted.
        let unsure = Quality::Uncertain(Reason::OutOfRange);
        assert_eq!(derived((20.0, good), (102.0, bad), 0), [unsure]);
        assert_eq!(derived((20.0, good), (50.0, good), 1), [], "of two moments");
    }
}
