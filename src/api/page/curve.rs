use std::fmt::Write;

use chrono::TimeDelta;

use crate::bathing::Reading;

const WIDTH: f64 = 120.0;
const HEIGHT: f64 = 40.0;

/// Room for the dot at the end and the width of the line.
const MARGIN: f64 = 4.0;

/// The least that fills the height: a lake that holds its temperature is a level line.
const SPAN_MIN_K: f64 = 2.0;

/// A longer silence is a gap in the line.
const GAP: TimeDelta = TimeDelta::hours(2);

/// The last day as a small line: the shape of it, no more. Who wants values reads the text.
pub struct Curve {
    pub width: f64,
    pub height: f64,
    pub line: String,
    pub area: String,
    pub end_x: String,
    pub end_y: String,
}

impl Curve {
    /// None for fewer readings than make a line.
    pub fn of(readings: &[Reading]) -> Option<Self> {
        let last = readings.last()?;
        readings.first().filter(|first| first.time < last.time)?;
        let min = readings.iter().map(|reading| reading.celsius).fold(f64::INFINITY, f64::min);
        let max = readings.iter().map(|reading| reading.celsius).fold(f64::NEG_INFINITY, f64::max);
        let span = (max - min).max(SPAN_MIN_K);
        let low = f64::midpoint(min, max) - span / 2.0;
        let day = TimeDelta::days(1).as_seconds_f64();
        let x = |reading: &Reading| {
            let back = (last.time - reading.time).as_seconds_f64();
            MARGIN + (WIDTH - 2.0 * MARGIN) * (1.0 - back / day)
        };
        let y = |reading: &Reading| {
            MARGIN + (HEIGHT - 2.0 * MARGIN) * (1.0 - (reading.celsius - low) / span)
        };
        let mut line = String::new();
        let mut area = String::new();
        for stretch in readings.chunk_by(|a, b| b.time - a.time <= GAP) {
            let mut points = String::new();
            for reading in stretch {
                // Writing to a String cannot fail.
                write!(points, "L{:.1} {:.1}", x(reading), y(reading)).ok()?;
            }
            let points = points.strip_prefix('L')?;
            write!(line, "M{points}").ok()?;
            let (start, end) = (x(stretch.first()?), x(stretch.last()?));
            write!(area, "M{start:.1} {HEIGHT}L{points}L{end:.1} {HEIGHT}z").ok()?;
        }
        let (end_x, end_y) = (format!("{:.1}", x(last)), format!("{:.1}", y(last)));
        Some(Self { width: WIDTH, height: HEIGHT, line, area, end_x, end_y })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(hours_ago: i64, celsius: f64) -> Reading {
        let noon: chrono::DateTime<chrono::Utc> = "2026-07-14T12:00:00Z".parse().unwrap();
        Reading { time: noon - TimeDelta::hours(hours_ago), celsius, uncertain: false }
    }

    #[test]
    fn a_curve_runs_over_the_day_and_breaks_at_gaps() {
        let readings = [
            reading(24, 18.0),
            reading(23, 19.0),
            reading(12, 18.5),
            reading(1, 20.0),
            reading(0, 20.0),
        ];
        let curve = Curve::of(&readings).unwrap();
        assert_eq!(curve.line, "M4.0 36.0L8.7 20.0M60.0 28.0M111.3 4.0L116.0 4.0");
        assert_eq!((curve.end_x.as_str(), curve.end_y.as_str()), ("116.0", "4.0"));
    }

    #[test]
    fn a_level_day_is_a_level_line_in_the_middle() {
        let curve = Curve::of(&[reading(1, 18.0), reading(0, 18.0)]).unwrap();
        assert_eq!(curve.line, "M111.3 20.0L116.0 20.0");
    }

    #[test]
    fn one_reading_is_no_curve() {
        assert!(Curve::of(&[reading(0, 18.0)]).is_none());
        assert!(Curve::of(&[]).is_none());
    }
}
