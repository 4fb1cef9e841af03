use chrono::TimeDelta;

use super::*;
use crate::model::{Backwater, Correction, QuantityKind, Rating, Segment};

const GOOD: Quality = Quality::Good;
const BAD: Quality = Quality::Bad(Reason::OutOfRange);
const SKEWED: Quality = Quality::Uncertain(Reason::ClockSkew);

fn site(kind: SiteKind) -> Site {
    Site::new("platsen".into(), kind, "Platsen")
}

fn installed() -> Installation {
    Installation::unknown(DateTime::UNIX_EPOCH)
}

fn quantity(name: &str) -> Quantity {
    Quantity {
        name: QuantityName::from(name),
        kind: QuantityKind::Number,
        unit: "1".to_owned(),
        min: (name == "snow_depth").then_some(-0.1),
        max: None,
        jump: None,
        stuck_for: None,
        sentence: String::new(),
        label_sv: String::new(),
        label_en: String::new(),
    }
}

/// What is derived from values of one moment: name, value to three decimals, quality.
fn derived(place: Place<'_>, measured: &[(&str, f64, Quality)]) -> Vec<(String, f64, Quality)> {
    let quantities =
        ["water_level", "water_flow", "snow_depth", "fill_level", "dew_point", "frost_point"]
            .map(quantity);
    let observations: Vec<Observation> = measured
        .iter()
        .map(|&(name, value, quality)| Observation {
            site: place.site.id.clone(),
            quantity: QuantityName::from(name),
            time: DateTime::UNIX_EPOCH + TimeDelta::hours(1),
            value,
            quality,
        })
        .collect();
    let made = derive(
        |name| quantities.iter().find(|one| one.name == *name),
        |_, _| Some(place),
        &observations,
    );
    let rounded = |value: f64| (value * 1000.0).round() / 1000.0;
    made.iter().map(|one| (one.quantity.to_string(), rounded(one.value), one.quality)).collect()
}

fn values(place: Place<'_>, measured: &[(&str, f64, Quality)]) -> Vec<(String, f64)> {
    derived(place, measured).into_iter().map(|(name, value, _)| (name, value)).collect()
}

fn named(name: &str, value: f64) -> Vec<(String, f64)> {
    vec![(name.to_owned(), value)]
}

#[test]
fn a_distance_becomes_a_level_where_the_height_is_known() {
    let site = site(SiteKind::GaugingStation);
    let installation = Installation { height_m: Some(52.4), ..installed() };
    let place = Place { site: &site, installation: Some(&installation), assumed_cel: None };
    let distance = ("distance", 1.234, GOOD);
    assert_eq!(values(place, &[distance]), named("water_level", 51.166));
    assert_eq!(
        values(place, &[distance, ("inclination", 180.0, GOOD)]),
        named("water_level", 51.166)
    );
    let tilted = values(place, &[("distance", 2.0, GOOD), ("inclination", 60.0, GOOD)]);
    assert_eq!(tilted, named("water_level", 51.4));
    assert_eq!(values(place, &[("distance", 1.234, BAD)]), []);
    assert_eq!(values(place, &[("water_depth", 1.5, GOOD)]), named("water_level", 53.9));

    let corrections =
        vec![Correction { quantity: QuantityName::from("water_level"), gain: 1.0, offset: 0.02 }];
    let corrected = Installation { corrections, ..installation.clone() };
    let place_corrected = Place { installation: Some(&corrected), ..place };
    assert_eq!(values(place_corrected, &[distance]), named("water_level", 51.186));

    let unknown = Place { installation: None, ..place };
    assert_eq!(values(unknown, &[distance]), []);
}

#[test]
fn a_level_becomes_a_flow_where_the_station_is_rated() {
    let rating = |from, until| Rating {
        from: DateTime::UNIX_EPOCH + TimeDelta::hours(from),
        until: Some(DateTime::UNIX_EPOCH + TimeDelta::hours(until)),
        segments: vec![Segment {
            from_m: 50.9,
            to_m: 51.5,
            factor: 8.4,
            zero_m: 50.9,
            exponent: 1.6,
        }],
    };
    let mut site = Site { ratings: vec![rating(0, 2)], ..site(SiteKind::GaugingStation) };
    let installation = Installation { height_m: Some(52.4), ..installed() };
    let flow = |site: &Site, distance: f64, quality| {
        let place = Place { site, installation: Some(&installation), assumed_cel: None };
        derived(place, &[("distance", distance, quality)])
            .into_iter()
            .find(|(name, ..)| name == "water_flow")
            .map(|(_, value, quality)| (value, quality))
    };
    assert_eq!(flow(&site, 1.234, GOOD), Some((1.009, GOOD)));
    assert_eq!(flow(&site, 1.234, SKEWED), Some((1.009, SKEWED)));
    assert_eq!(flow(&site, 1.6, GOOD), Some((0.0, GOOD)));
    let (_, quality) = flow(&site, 0.5, GOOD).unwrap();
    assert_eq!(quality, Quality::Uncertain(Reason::Extrapolated));

    for (cause, reason) in [
        (BackwaterCause::Ice, Reason::Ice),
        (BackwaterCause::Vegetation, Reason::Vegetation),
        (BackwaterCause::Downstream, Reason::Backwater),
    ] {
        site.backwaters = vec![Backwater { from: DateTime::UNIX_EPOCH, until: None, cause }];
        assert_eq!(flow(&site, 1.234, GOOD), Some((1.009, Quality::Uncertain(reason))));
    }
    site.backwaters.clear();
    site.ratings = vec![rating(2, 3)];
    assert_eq!(flow(&site, 1.234, GOOD), None, "before the curve holds");
}

#[test]
fn snow_is_corrected_for_cold_air_where_the_head_does_not_do_it() {
    let site = site(SiteKind::LitterBin);
    let installation = Installation { ground_distance_m: Some(3.2), ..installed() };
    let place = Place { site: &site, installation: Some(&installation), assumed_cel: None };
    let (distance, air) = (("distance", 1.64, GOOD), ("air_temperature", -12.3, GOOD));
    assert_eq!(values(place, &[distance, air]), named("snow_depth", 1.56));
    let simple = Place { assumed_cel: Some(22.6), ..place };
    assert_eq!(values(simple, &[distance, air]), named("snow_depth", 1.66));
    assert_eq!(values(simple, &[distance]), [], "how cold it is must be known");
    let too_far = derived(place, &[("distance", 3.4, GOOD)]);
    assert_eq!(too_far, [("snow_depth".to_owned(), -0.2, BAD)]);
}

#[test]
fn a_bin_with_an_open_lid_has_no_level() {
    let site = site(SiteKind::LitterBin);
    let installation =
        Installation { empty_distance_m: Some(1.4), full_distance_m: Some(0.0), ..installed() };
    let place = Place { site: &site, installation: Some(&installation), assumed_cel: None };
    let distance = ("distance", 0.928, GOOD);
    assert_eq!(values(place, &[distance, ("tilt", 0.0, GOOD)]), named("fill_level", 33.714));
    assert_eq!(values(place, &[distance, ("tilt", 1.0, GOOD)]), []);
    assert_eq!(values(place, &[("distance", 1.6, GOOD)]), []);
}

#[test]
fn what_is_derived_is_no_better_than_what_it_comes_from() {
    let site = site(SiteKind::SnowStation);
    let place = Place { site: &site, installation: None, assumed_cel: None };
    let dew = |air: (f64, Quality), moisture: (f64, Quality)| -> Vec<Quality> {
        let measured =
            [("air_temperature", air.0, air.1), ("relative_humidity", moisture.0, moisture.1)];
        derived(place, &measured).into_iter().map(|(.., quality)| quality).collect()
    };
    assert_eq!(dew((20.0, GOOD), (50.0, GOOD)), [GOOD]);
    assert_eq!(dew((20.0, SKEWED), (50.0, GOOD)), [SKEWED]);
    assert_eq!(dew((20.0, GOOD), (50.0, SKEWED)), [SKEWED]);
    assert_eq!(dew((99.0, BAD), (50.0, GOOD)), []);
    assert_eq!(dew((20.0, GOOD), (-1.0, BAD)), []);
    assert_eq!(dew((20.0, GOOD), (106.0, BAD)), []);
    // A sensor in fog that has aged: the air is saturated, the reading is not to be trusted.
    assert_eq!(dew((20.0, GOOD), (102.0, BAD)), [Quality::Uncertain(Reason::OutOfRange)]);
}
