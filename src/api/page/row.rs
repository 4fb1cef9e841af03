use chrono::{DateTime, Utc};

use super::curve::Curve;
use super::words::Words;
use crate::api::public::{Judged, instant, tenth};
use crate::bathing::{Shown, State, local_date, next_season};

/// A smaller change in a day is none that a bather feels.
const TREND_MIN_K: f64 = 0.5;

/// One bathing place as the page shows it.
pub struct Row {
    pub name: String,
    /// The lake where the name does not say it, and how deep the sensor hangs.
    pub meta: Option<String>,
    pub value: Option<Value>,
    /// What is said in place of a value.
    pub note: String,
}

/// A number and its time: one is never shown without the other.
pub struct Value {
    pub number: String,
    pub spoken: String,
    pub warmth: &'static str,
    pub stale: bool,
    pub when: String,
    pub time_iso: String,
    pub trend: Option<Trend>,
    pub range: Option<String>,
    pub curve: Option<Curve>,
}

pub struct Trend {
    /// The path of an arrow in a square of 16.
    pub arrow: &'static str,
    pub text: String,
}

impl Row {
    pub fn of(judged: &Judged, now: DateTime<Utc>, words: &Words) -> Self {
        let bath = &judged.bath;
        let state = &judged.assessment.state;
        let value = state
            .shown()
            .map(|shown| Value::of(shown, matches!(state, State::Stale(_)), now, words));
        let season = bath.bathing.measurement_season;
        let note = match (state, season.and_then(|season| next_season(season, local_date(now)))) {
            (State::OffSeason, Some((first, _))) => words.starts(first),
            _ => words.no_value.to_owned(),
        };
        let lake = bath.bathing.lake.clone().filter(|lake| !bath.name.contains(lake.as_str()));
        let depth = bath.bathing.depth_m.map(|depth| words.depth(depth));
        let meta: Vec<String> = lake.into_iter().chain(depth).collect();
        let meta = (!meta.is_empty()).then(|| meta.join(" · "));
        Self { name: bath.name.clone(), meta, value, note }
    }
}

impl Value {
    fn of(shown: &Shown, stale: bool, now: DateTime<Utc>, words: &Words) -> Self {
        let celsius = tenth(shown.latest.celsius);
        let number = words.number(celsius);
        let spread = shown.last_24h;
        Self {
            spoken: words.spoken(&number),
            number,
            warmth: warmth(celsius),
            stale,
            when: if stale {
                words.measured_ago(shown.latest.time, now)
            } else {
                words.measured_at(shown.latest.time, now)
            },
            time_iso: instant(shown.latest.time),
            trend: shown.change_24h.map(|change| trend(tenth(change), words)),
            range: (shown.curve.len() > 1)
                .then(|| words.range(tenth(spread.min), tenth(spread.max))),
            curve: Curve::of(&shown.curve),
        }
    }
}

/// A tint for the number; the number itself says it.
fn warmth(celsius: f64) -> &'static str {
    match celsius {
        ..15.0 => "cold",
        ..18.0 => "cool",
        ..21.0 => "mild",
        _ => "warm",
    }
}

fn trend(change: f64, words: &Words) -> Trend {
    if change >= TREND_MIN_K {
        Trend { arrow: "M3.5 12.5 12.5 3.5M6 3.5h6.5V10", text: words.rising(change) }
    } else if change <= -TREND_MIN_K {
        Trend { arrow: "M3.5 3.5l9 9M12.5 6v6.5H6", text: words.falling(-change) }
    } else {
        Trend { arrow: "M2.5 8h11M9 3.5 13.5 8 9 12.5", text: words.unchanged.to_owned() }
    }
}

/// Whether two times are on one day in Sweden.
pub fn same_day(a: DateTime<Utc>, b: DateTime<Utc>) -> bool {
    local_date(a) == local_date(b)
}
