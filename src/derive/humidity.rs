//! Dew point and frost point of moist air.

/// Constants of the Magnus formula: e(T) = 6.112 hPa · exp(a · T / (b + T)), T and b in °C.
/// WMO-No. 8 (Guide to Instruments and Methods of Observation), volume I, annex 4.B.
struct Magnus {
    a: f64,
    b: f64,
}

const OVER_WATER: Magnus = Magnus { a: 17.62, b: 243.12 };
const OVER_ICE: Magnus = Magnus { a: 22.46, b: 272.62 };

/// °C: where the formula over water holds.
const WATER_CEL: std::ops::RangeInclusive<f64> = -45.0..=60.0;
/// °C: where the formula over ice holds. At 0 °C both points are the same.
const ICE_CEL: std::ops::RangeInclusive<f64> = -65.0..=0.0;

/// Up to this, an old sensor in saturated air; above it, a fault.
const SATURATED_MAX_PERCENT: f64 = 105.0;

/// The temperature in °C to which air of `air_cel` °C and `humidity_percent` % relative humidity
/// over water must be cooled for dew to form. Relative humidity of 100–105 % counts as saturated.
///
/// None outside −45…60 °C, and where the humidity is not above 0 or is more than 105 %.
/// Source: WMO-No. 8, volume I, annex 4.B.
#[must_use]
pub fn dew_point(air_cel: f64, humidity_percent: f64) -> Option<f64> {
    let pressure = log_vapour_pressure(air_cel, humidity_percent)?;
    Some(OVER_WATER.invert(pressure))
}

/// The temperature in °C to which air must be cooled for rime to form: as [`dew_point`], over ice.
///
/// None also above 0 °C, where there is no ice, and below −65 °C.
/// Source: WMO-No. 8, volume I, annex 4.B.
#[must_use]
pub fn frost_point(air_cel: f64, humidity_percent: f64) -> Option<f64> {
    let pressure = log_vapour_pressure(air_cel, humidity_percent)?;
    let frost = OVER_ICE.invert(pressure);
    (ICE_CEL.contains(&air_cel) && ICE_CEL.contains(&frost)).then_some(frost)
}

/// ln(e / 6.112 hPa) of the water vapour in the air.
fn log_vapour_pressure(air_cel: f64, humidity_percent: f64) -> Option<f64> {
    let known = humidity_percent > 0.0 && humidity_percent <= SATURATED_MAX_PERCENT;
    if !known || !WATER_CEL.contains(&air_cel) {
        return None;
    }
    Some((humidity_percent.min(100.0) / 100.0).ln() + OVER_WATER.log_saturation(air_cel))
}

impl Magnus {
    fn log_saturation(&self, cel: f64) -> f64 {
        self.a * cel / (self.b + cel)
    }

    fn invert(&self, log_pressure: f64) -> f64 {
        self.b * log_pressure / (self.a - log_pressure)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Computed apart from this code from the published formula, to three decimals.
    #[test]
    fn worked_examples_come_out() {
        let cases = [
            (20.0, 50.0, 9.255, None),
            (25.0, 60.0, 16.693, None),
            (0.0, 100.0, 0.0, Some(0.0)),
            (-2.5, 97.0, -2.911, Some(-2.567)),
            (-12.3, 91.0, -13.467, Some(-11.990)),
            (-30.0, 50.0, -37.104, Some(-33.751)),
        ];
        let alike = |got: f64, wanted: f64| (got - wanted).abs() <= 0.0006;
        for (air, humidity, dew, frost) in cases {
            assert!(alike(dew_point(air, humidity).unwrap(), dew), "{air} {humidity}");
            match (frost_point(air, humidity), frost) {
                (Some(got), Some(wanted)) => assert!(alike(got, wanted), "{air} {humidity}"),
                (got, wanted) => assert_eq!(got, wanted, "{air} {humidity}"),
            }
        }
    }

    #[test]
    fn what_is_no_humidity_has_no_dew_point() {
        for humidity in [f64::NAN, f64::INFINITY, -1.0, 0.0, 105.1] {
            assert_eq!(dew_point(10.0, humidity), None, "{humidity}");
            assert_eq!(frost_point(-10.0, humidity), None, "{humidity}");
        }
        for air in [f64::NAN, -45.1, 60.1] {
            assert_eq!(dew_point(air, 50.0), None, "{air}");
        }
        assert_eq!(dew_point(10.0, 105.0), dew_point(10.0, 100.0));
    }

    proptest! {
        #[test]
        fn dew_is_never_warmer_than_the_air_and_rises_with_humidity(
            air in -45.0..60.0, humidity in 1.0..99.0,
        ) {
            let dew = dew_point(air, humidity).unwrap();
            prop_assert!(dew.is_finite() && dew < air);
            prop_assert!(dew < dew_point(air, humidity + 1.0).unwrap());
            let saturated = dew_point(air, 100.0).unwrap();
            prop_assert!((saturated - air).abs() < 1e-9);
        }

        #[test]
        fn rime_forms_before_dew(air in -45.0..-0.1, humidity in 1.0..100.0) {
            if let Some(frost) = frost_point(air, humidity) {
                prop_assert!(frost > dew_point(air, humidity).unwrap() - 1e-9);
            }
        }
    }
}
