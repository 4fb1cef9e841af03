//! How a gauging station is rated: `[[site.rating]]` and `[[site.backwater]]`.

use toml::de::DeValue;

use crate::derive::discharge::of_segment;
use crate::document::{FromToml, Section};
use crate::model::{Backwater, BackwaterCause, Rating, Segment};

/// How far the discharge of two segments may differ where they meet.
const STEP_MAX: f64 = 0.02;

/// An exponent outside this is a fault of the fitting: 1.5 is a rectangular weir, 2.5 a V-notch.
const EXPONENTS: std::ops::RangeInclusive<f64> = 1.0..=4.0;

/// Reads the rating curves of a site, in order of time.
pub fn read_ratings(site: &Section<'_>) -> Vec<Rating> {
    let mut ratings: Vec<Rating> = Vec::new();
    site.tables("rating", |section| {
        let (from, until) = (section.required("from"), section.optional("until"));
        let segments = read_segments(section);
        let Some(from) = from else { return };
        if until.is_some_and(|until| until <= from) {
            section.refuse("until", "a time after from");
        }
        let rating = Rating { from, until, segments };
        if ratings.iter().any(|other| overlap(other, &rating)) {
            section.refuse("from", "a time when no other rating holds");
        }
        ratings.push(rating);
    });
    ratings.sort_by_key(|rating| rating.from);
    ratings
}

fn overlap(a: &Rating, b: &Rating) -> bool {
    a.until.is_none_or(|until| b.from < until) && b.until.is_none_or(|until| a.from < until)
}

fn read_segments(rating: &Section<'_>) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::new();
    rating.tables("segment", |section| {
        let (from_m, to_m) = (section.required("from"), section.required("to"));
        let (factor, zero_m) = (section.required("factor"), section.required("zero"));
        let exponent = section.required("exponent");
        let segment = (|| {
            let (from_m, to_m): (f64, f64) = (from_m?, to_m?);
            Some(Segment { from_m, to_m, factor: factor?, zero_m: zero_m?, exponent: exponent? })
        })();
        let Some(segment) = segment else { return };
        check_segment(section, &segment, segments.last());
        segments.push(segment);
    });
    if segments.is_empty() {
        rating.refuse("segment", "at least one [[site.rating.segment]]");
    }
    segments
}

fn check_segment(section: &Section<'_>, segment: &Segment, below: Option<&Segment>) {
    if segment.to_m <= segment.from_m {
        section.refuse("to", "a level above from");
    }
    if segment.factor <= 0.0 {
        section.refuse("factor", "a number above 0");
    }
    if segment.zero_m > segment.from_m {
        section.refuse("zero", "a level of zero flow not above from");
    }
    if !EXPONENTS.contains(&segment.exponent) {
        section.refuse("exponent", "an exponent from 1 to 4");
    }
    let Some(below) = below else { return };
    if (segment.from_m - below.to_m).abs() > 1e-9 {
        section.refuse("from", "the level at which the segment before it ends");
        return;
    }
    let (ends, begins) = (of_segment(below, segment.from_m), of_segment(segment, segment.from_m));
    if (ends - begins).abs() > STEP_MAX * ends.max(begins) {
        let wanted = format!(
            "a level where both segments agree within 2 %; they give {ends:.3} and {begins:.3} m3/s"
        );
        section.refuse("from", &wanted);
    }
}

/// Reads when something holds the water of a site back, in order of time.
pub fn read_backwaters(site: &Section<'_>) -> Vec<Backwater> {
    let read = |section: &Section<'_>| {
        let (from, until) = (section.required("from"), section.optional("until"));
        let cause = section.required("cause");
        let from = from?;
        if until.is_some_and(|until| until <= from) {
            section.refuse("until", "a time after from");
        }
        Some(Backwater { from, until, cause: cause? })
    };
    let mut backwaters: Vec<Backwater> =
        site.tables("backwater", read).into_iter().flatten().collect();
    backwaters.sort_by_key(|backwater| backwater.from);
    if backwaters.windows(2).any(|two| matches!(two, [a, b] if a.from == b.from)) {
        site.refuse("backwater", "one entry from each time");
    }
    backwaters
}

impl FromToml for BackwaterCause {
    fn wanted() -> String {
        format!("one of {}", Self::ALL.map(Self::name).join(", "))
    }

    fn names() -> Vec<&'static str> {
        Self::ALL.map(Self::name).into()
    }

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        Self::from_name(value.as_str()?)
    }
}
