//! The middle of several readings, which a single stray one does not move.

/// Readings of which at least the median is one: fewer have no middle that a stray one could be told by.
pub const READINGS_MIN: usize = 3;

/// The middle of the values, or the mean of the two in the middle. None of fewer than three.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    if values.len() < READINGS_MIN {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = (sorted.get((sorted.len() - 1) / 2)?, sorted.get(sorted.len() / 2)?);
    Some(f64::midpoint(*low, *high))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_stray_reading_moves_nothing() {
        assert_eq!(median(&[0.41, 3.2, 0.42]), Some(0.42));
        assert_eq!(median(&[33.7, 100.0, 34.1]), Some(34.1));
        assert_eq!(median(&[0.4, 0.1, 0.2, 0.3]), Some(0.25));
        assert_eq!(median(&[0.4, 0.2]), None);
    }

    proptest! {
        #[test]
        fn half_of_the_values_lie_on_either_side(
            values in proptest::collection::vec(-100.0..100.0, 3..20),
        ) {
            let middle = median(&values).unwrap();
            let below = values.iter().filter(|&&value| value < middle).count();
            let above = values.iter().filter(|&&value| value > middle).count();
            prop_assert!(2 * below <= values.len() && 2 * above <= values.len());
        }
    }
}
