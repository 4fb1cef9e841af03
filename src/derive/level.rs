//! The height of a water surface in the datum of the sensor's own height, RH 2000 in Sweden.

/// m/s²: normal gravity at 57.9° N by the formula of WGS 84 (NIMA TR8350.2, section 4.2).
const GRAVITY: f64 = 9.8175;

/// °C: where the formula for the density of water holds.
const WATER_CEL: std::ops::RangeInclusive<f64> = -5.0..=45.0;

/// The surface in m below a sensor at `height_m` that sees it `distance_m` away and looks `tilt_deg` past
/// straight down.
#[must_use]
pub fn from_distance(height_m: f64, distance_m: f64, tilt_deg: f64) -> f64 {
    height_m - distance_m * tilt_deg.to_radians().cos()
}

/// The surface in m above a probe at `height_m` under `pressure_pa` Pa of water (gauge pressure) of
/// `water_cel` °C; without a temperature, water at its densest is meant.
#[must_use]
pub fn from_pressure(height_m: f64, pressure_pa: f64, water_cel: Option<f64>) -> f64 {
    let density = water_cel.filter(|cel| WATER_CEL.contains(cel)).map_or(1000.0, water_density);
    height_m + pressure_pa / (density * GRAVITY)
}

/// The surface in m above a probe at `height_m` that reports `depth_m` of water.
#[must_use]
pub fn from_depth(height_m: f64, depth_m: f64) -> f64 {
    height_m + depth_m
}

/// How far a sensor looks past straight down, in degrees, from an `inclination` of 0…180: sensors count it
/// from either end.
#[must_use]
pub fn tilt_of_inclination(inclination_deg: f64) -> f64 {
    inclination_deg.min(180.0 - inclination_deg).max(0.0)
}

/// kg/m³ of fresh water at `cel` °C: McCutcheon, Martin and Barnwell in Maidment, Handbook of Hydrology
/// (1993), section 11.3.
#[must_use]
pub fn water_density(cel: f64) -> f64 {
    1000.0 * (1.0 - (cel + 288.9414) * (cel - 3.9863).powi(2) / (508_929.2 * (cel + 68.12963)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn alike(got: f64, wanted: f64, tolerance: f64) -> bool {
        (got - wanted).abs() <= tolerance
    }

    #[test]
    fn a_radar_above_a_river_tells_its_level() {
        assert!(alike(from_distance(52.4, 1.234, 0.0), 51.166, 1e-9));
        // cos 60° is a half.
        assert!(alike(from_distance(52.4, 2.0, 60.0), 51.4, 1e-9));
    }

    /// The known densities of water, to two decimals.
    #[test]
    fn water_is_densest_at_four_degrees() {
        for (cel, density) in [(0.0, 999.87), (4.0, 1000.0), (10.0, 999.73), (20.0, 998.23)] {
            assert!(alike(water_density(cel), density, 0.006), "{cel}: {}", water_density(cel));
        }
    }

    #[test]
    fn ten_metres_of_water_weigh_about_a_bar() {
        assert!(alike(from_pressure(40.0, 98_175.0, Some(3.9863)), 50.0, 1e-6));
        assert!(alike(from_pressure(40.0, 98_175.0, None), 50.0, 1e-6));
        assert!(from_pressure(40.0, 98_175.0, Some(20.0)) > 50.01);
    }

    #[test]
    fn inclination_counts_from_either_end() {
        for (inclination, tilt) in
            [(0.0, 0.0), (3.0, 3.0), (178.0, 2.0), (180.0, 0.0), (90.0, 90.0)]
        {
            assert!(alike(tilt_of_inclination(inclination), tilt, 1e-9), "{inclination}");
        }
    }

    proptest! {
        #[test]
        fn what_is_further_away_is_lower(
            height in -5.0..2000.0, near in 0.1..15.0, more in 0.01..15.0, tilt in 0.0..80.0,
        ) {
            let (high, low) =
                (from_distance(height, near, tilt), from_distance(height, near + more, tilt));
            prop_assert!(high.is_finite() && low < high && high < height);
        }

        #[test]
        fn more_pressure_is_more_water(
            height in -5.0..2000.0, pressure in 0.0..1e6, more in 10.0..1e5, cel in -5.0..45.0,
        ) {
            let low = from_pressure(height, pressure, Some(cel));
            prop_assert!(low >= height && from_pressure(height, pressure + more, Some(cel)) > low);
        }
    }
}
