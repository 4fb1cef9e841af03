//! Discharge from the level of a stream, by the rating curve of its station.
//!
//! Q = C · (h − h0)^b within each segment of the curve: ISO 18320 and WMO-No. 1044, Manual on Stream
//! Gauging, volume II.

use crate::model::{Rating, Segment};

/// A discharge and how far the curve carries it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Discharge {
    /// m³/s.
    pub flow: f64,
    /// The level lies outside what has been measured; the nearest segment was drawn out to it.
    pub is_extrapolated: bool,
}

/// m³/s of one segment at a level in m; nothing flows at and below its level of zero flow.
#[must_use]
pub fn of_segment(segment: &Segment, level_m: f64) -> f64 {
    let above_zero = level_m - segment.zero_m;
    if above_zero > 0.0 { segment.factor * above_zero.powf(segment.exponent) } else { 0.0 }
}

/// The discharge at a level in m. None of a curve without segments.
#[must_use]
pub fn discharge(rating: &Rating, level_m: f64) -> Option<Discharge> {
    let (first, last) = (rating.segments.first()?, rating.segments.last()?);
    let within = |segment: &&Segment| (segment.from_m..=segment.to_m).contains(&level_m);
    let segment = rating.segments.iter().find(within);
    let nearest = if level_m < first.from_m { first } else { last };
    let flow = of_segment(segment.unwrap_or(nearest), level_m);
    // Below the level of zero flow nothing is drawn out: there it is known that nothing flows.
    Some(Discharge { flow, is_extrapolated: segment.is_none() && flow > 0.0 })
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;

    fn rating(segments: &[(f64, f64, f64, f64, f64)]) -> Rating {
        let segment = |&(from_m, to_m, factor, zero_m, exponent)| Segment {
            from_m,
            to_m,
            factor,
            zero_m,
            exponent,
        };
        Rating {
            from: DateTime::UNIX_EPOCH,
            until: None,
            segments: segments.iter().map(segment).collect(),
        }
    }

    #[test]
    fn a_station_by_the_book() {
        let curve = rating(&[(50.9, 51.5, 8.4, 50.9, 1.6)]);
        let at = |level| discharge(&curve, level).unwrap();
        assert!((at(51.166).flow - 1.009).abs() < 0.0006, "{:?}", at(51.166));
        assert!(!at(51.166).is_extrapolated);
        assert_eq!(at(50.9), Discharge { flow: 0.0, is_extrapolated: false });
        assert_eq!(at(50.0), Discharge { flow: 0.0, is_extrapolated: false });
        assert!(at(51.501).is_extrapolated);
        assert_eq!(discharge(&rating(&[]), 51.0), None);
    }

    #[test]
    fn a_level_takes_its_own_segment() {
        let curve = rating(&[(10.0, 11.0, 2.0, 9.0, 2.0), (11.0, 12.0, 8.0, 10.0, 1.5)]);
        let at = |level| discharge(&curve, level).unwrap();
        assert_eq!(at(10.5).flow, 4.5);
        assert_eq!(at(12.0).flow, 8.0 * 2.0_f64.powf(1.5));
        // Between zero flow and the lowest measurement the lowest segment is drawn out.
        assert_eq!(at(9.5), Discharge { flow: 0.5, is_extrapolated: true });
    }

    proptest! {
        #[test]
        fn more_water_flows_faster(
            factor in 0.1..50.0, zero in 0.0..100.0, exponent in 1.0..4.0, above in 0.0..5.0,
        ) {
            let curve = rating(&[(zero, zero + 3.0, factor, zero, exponent)]);
            let low = discharge(&curve, zero + above).unwrap().flow;
            let high = discharge(&curve, zero + above + 0.01).unwrap().flow;
            prop_assert!(low.is_finite() && low >= 0.0 && high > low);
        }
    }
}
