//! Snow depth from the distance to its surface.

/// °C at which sound travels no distance a sensor could mean; below, a temperature is a fault.
const ABSOLUTE_ZERO_CEL: f64 = -273.15;

/// m: a little below the bare ground, which is grass and settling, and shows as no snow.
const GRASS_M: f64 = -0.03;

/// The distance in m that a sensor would have told had it known the air's temperature.
///
/// `assumed_cel` is the temperature in °C whose speed of sound the sensor reckons with: 0 (331.4 m/s) for
/// Campbell's, 22.6 (344.8 m/s, 58 µs a centimetre) for MaxBotix's. A sensor that measures the
/// temperature itself must not be corrected again. Sound travels with 20.05 · √(T + 273.15) m/s: Campbell
/// Scientific, SnowVUE 10 manual; MaxBotix, note on temperature compensation.
///
/// None below absolute zero.
#[must_use]
pub fn corrected_distance(distance_m: f64, air_cel: f64, assumed_cel: f64) -> Option<f64> {
    let ratio = (air_cel - ABSOLUTE_ZERO_CEL) / (assumed_cel - ABSOLUTE_ZERO_CEL);
    (ratio > 0.0 && ratio.is_finite()).then(|| distance_m * ratio.sqrt())
}

/// Snow in m over bare ground at `ground_distance_m` from a sensor that sees its surface `distance_m` away.
///
/// Down to 3 cm below the ground it is 0. Further below it stays as it is: there is a fault, which
/// should be seen.
#[must_use]
pub fn depth(ground_distance_m: f64, distance_m: f64) -> f64 {
    let depth = ground_distance_m - distance_m;
    if (GRASS_M..0.0).contains(&depth) { 0.0 } else { depth }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn alike(got: f64, wanted: f64) -> bool {
        (got - wanted).abs() <= 0.0006
    }

    #[test]
    fn cold_air_makes_a_simple_sensor_see_too_far() {
        let corrected = corrected_distance(1.64, -12.3, 22.6).unwrap();
        assert!(alike(corrected, 1.540) && alike(depth(3.2, corrected), 1.660));
        assert!(alike(depth(3.2, 1.64), 1.560), "a sensor that compensates by itself");
        assert!(alike(corrected_distance(2.0, -20.0, 22.6).unwrap(), 1.850));
    }

    #[test]
    fn grass_is_no_snow_and_a_fault_stays_a_fault() {
        for (distance, wanted) in [(3.2, 0.0), (3.225, 0.0), (3.26, -0.06), (3.4, -0.2)] {
            assert!(alike(depth(3.2, distance), wanted), "{distance}");
        }
    }

    proptest! {
        #[test]
        fn at_the_assumed_temperature_nothing_is_corrected(distance in 0.3..10.0, cel in -50.0..60.0) {
            let corrected = corrected_distance(distance, cel, cel).unwrap();
            prop_assert!((corrected - distance).abs() < 1e-12);
        }

        #[test]
        fn colder_air_makes_it_shorter(distance in 0.3..10.0, cel in -50.0..59.0) {
            let (cold, warm) = (
                corrected_distance(distance, cel, 22.6).unwrap(),
                corrected_distance(distance, cel + 1.0, 22.6).unwrap(),
            );
            prop_assert!(cold < warm);
        }
    }

    #[test]
    fn below_absolute_zero_there_is_no_sound() {
        assert_eq!(corrected_distance(1.0, -300.0, 0.0), None);
        assert_eq!(corrected_distance(1.0, f64::NAN, 0.0), None);
    }
}
