//! How full a litter bin is.

/// A reading this much beyond the bottom of the bin has missed it.
const BEYOND_BOTTOM: f64 = 1.1;

/// Per cent from the distance in m to the litter: 0 at `empty_m`, 100 at `full_m` and nearer.
///
/// None where the reading lies more than a tenth beyond the bottom, and where `empty_m` is not further than
/// `full_m`.
#[must_use]
pub fn level(distance_m: f64, empty_m: f64, full_m: f64) -> Option<f64> {
    let depth = empty_m - full_m;
    let is_possible = depth > 0.0 && distance_m >= 0.0 && distance_m <= empty_m * BEYOND_BOTTOM;
    is_possible.then(|| (100.0 * (empty_m - distance_m) / depth).clamp(0.0, 100.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The first is a municipal platform's worked example.
    #[test]
    fn a_bin_fills_from_its_bottom() {
        let cases = [
            (0.928, 1.4, 0.0, Some(33.714)),
            (1.4, 1.4, 0.2, Some(0.0)),
            (1.5, 1.4, 0.2, Some(0.0)),
            (1.55, 1.4, 0.2, None),
            (0.8, 1.4, 0.2, Some(50.0)),
            (0.1, 1.4, 0.2, Some(100.0)),
            (1.0, 0.2, 1.4, None),
        ];
        for (distance, empty, full, wanted) in cases {
            let got = level(distance, empty, full).map(|level| (level * 1000.0).round() / 1000.0);
            assert_eq!(got, wanted, "{distance}");
        }
    }

    proptest! {
        #[test]
        fn it_is_a_percentage_or_nothing(
            distance in -1.0..20.0, empty in 0.1..5.0, full in 0.0..5.0,
        ) {
            if let Some(level) = level(distance, empty, full) {
                prop_assert!((0.0..=100.0).contains(&level));
            }
        }
    }
}
