//! What may be said of the water at a bathing place.
//!
//! A wrong temperature is worse than none: it is read by people who decide whether to swim. So a
//! reading is believed only after three questions, and a place whose sensor is not to be trusted
//! says nothing at all. Pure: readings and the time come in, an [`Assessment`] goes out.

mod calendar;
mod trust;

pub use calendar::{local_date, local_midnight, next_season, season_turned};
pub use trust::{Reading, believed};

pub use crate::derive::water::TEMPERATURES;

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::Bathing;
use crate::store::StoredObservation;

/// A reading is compared with the one a day before it.
const DAY: TimeDelta = TimeDelta::hours(24);

/// How far from exactly a day before the reading to compare with may lie. With less than 18 h
/// between the two, morning would be compared with afternoon.
const DAY_BEFORE_MARGIN: TimeDelta = TimeDelta::hours(6);

/// What can be said of the water, and until when.
#[derive(Clone, Debug, PartialEq)]
pub struct Assessment {
    pub state: State,
    /// When the answer last became another one, as far as the readings show.
    pub changed_at: Option<DateTime<Utc>>,
    /// When it becomes another one if no reading arrives.
    pub changes_at: Option<DateTime<Utc>>,
}

/// Only a state that may be shown has anything to show.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    Current(Shown),
    /// Too old to be current, young enough to be shown with its age.
    Stale(Shown),
    NoData,
    OffSeason,
    /// The sensor speaks and is not believed.
    Suspect,
}

/// A temperature that may be shown, with what surrounds it. All in °C.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    pub latest: Reading,
    /// From then on nobody may show it as current.
    pub valid_until: DateTime<Utc>,
    /// Kelvin since the same time the day before; none where that is not known.
    pub change_24h: Option<f64>,
    /// Of the 24 hours up to the latest reading.
    pub last_24h: Spread,
    /// The believed readings of those hours, in order of time.
    pub curve: Vec<Reading>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub min: f64,
    pub max: f64,
    pub mean: f64,
}

impl State {
    /// The word of the public API.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Current(_) => "ok",
            Self::Stale(_) => "stale",
            Self::NoData => "noData",
            Self::OffSeason => "offSeason",
            Self::Suspect => "suspect",
        }
    }

    #[must_use]
    pub const fn shown(&self) -> Option<&Shown> {
        match self {
            Self::Current(shown) | Self::Stale(shown) => Some(shown),
            Self::NoData | Self::OffSeason | Self::Suspect => None,
        }
    }
}

/// How far back [`assess`] wants to see: everything that may still be shown, and the day before
/// it, by which its change and its daily swing are judged.
#[must_use]
pub fn look_back(bathing: &Bathing) -> TimeDelta {
    span(bathing.stale_for) + DAY + DAY_BEFORE_MARGIN
}

/// When a reading is no longer shown at all.
#[must_use]
pub fn lapses_at(bathing: &Bathing, measured_at: DateTime<Utc>) -> DateTime<Utc> {
    measured_at + span(bathing.stale_for)
}

/// Judges the water of a place at `now` by its `water_temperature`, in order of time, over the
/// last [`look_back`]. Observations of the future are not looked at.
#[must_use]
pub fn assess(
    bathing: &Bathing,
    observations: &[StoredObservation],
    now: DateTime<Utc>,
) -> Assessment {
    let today = local_date(now);
    let turned = bathing.measurement_season.and_then(|season| season_turned(season, today));
    if let Some(season) = bathing.measurement_season.filter(|season| !season.contains(today)) {
        let starts = next_season(season, today).map(|(first, _)| local_midnight(first));
        return Assessment { state: State::OffSeason, changed_at: turned, changes_at: starts };
    }
    let season = bathing.measurement_season.and_then(|season| next_season(season, today));
    let season_ends = season.and_then(|(_, last)| last.succ_opt()).map(local_midnight);
    let season_began = season.map(|(first, _)| local_midnight(first));
    let from = observations.partition_point(|observation| Some(observation.time) < season_began);
    let until = observations.partition_point(|observation| observation.time <= now);
    let past = observations.get(from..until).unwrap_or_default();
    let judged = judge(bathing, past, now);
    Assessment {
        state: judged.state,
        changed_at: judged.changed_at.max(turned),
        changes_at: judged.changes_at.into_iter().chain(season_ends).min(),
    }
}

fn judge(bathing: &Bathing, past: &[StoredObservation], now: DateTime<Utc>) -> Assessment {
    let no_data = |changed_at| Assessment { state: State::NoData, changed_at, changes_at: None };
    let Some(newest) = past.last() else { return no_data(None) };
    let lapsed = |time| lapses_at(bathing, time);
    if now > lapsed(newest.time) {
        return no_data(Some(lapsed(newest.time)));
    }
    let suspect = || Assessment {
        state: State::Suspect,
        changed_at: Some(newest.time),
        changes_at: Some(lapsed(newest.time)),
    };
    let readings = believed(bathing, past);
    let distrusted = trust::distrusts(bathing, past);
    let Some(latest) = readings.last().copied().filter(|_| !distrusted) else { return suspect() };
    if now > lapsed(latest.time) {
        return no_data(Some(lapsed(latest.time)));
    }
    let shown = show(bathing, &readings, latest);
    let valid_until = shown.valid_until;
    if now <= valid_until {
        let changed_at = Some(latest.time);
        Assessment { state: State::Current(shown), changed_at, changes_at: Some(valid_until) }
    } else {
        Assessment {
            state: State::Stale(shown),
            changed_at: Some(valid_until),
            changes_at: Some(lapsed(latest.time)),
        }
    }
}

fn show(bathing: &Bathing, readings: &[Reading], latest: Reading) -> Shown {
    let curve: Vec<Reading> =
        readings.iter().copied().filter(|reading| reading.time > latest.time - DAY).collect();
    let count = u32::try_from(curve.len()).unwrap_or(u32::MAX).max(1);
    let values = || curve.iter().map(|reading| reading.celsius);
    Shown {
        latest,
        valid_until: latest.time + span(bathing.current_for),
        change_24h: change(readings, latest),
        last_24h: Spread {
            min: values().fold(latest.celsius, f64::min),
            max: values().fold(latest.celsius, f64::max),
            mean: values().sum::<f64>() / f64::from(count),
        },
        curve,
    }
}

fn change(readings: &[Reading], latest: Reading) -> Option<f64> {
    let off = |reading: &Reading| (latest.time - reading.time - DAY).abs();
    let before = readings
        .iter()
        .filter(|reading| off(reading) <= DAY_BEFORE_MARGIN)
        .min_by_key(|reading| off(reading))?;
    Some(latest.celsius - before.celsius)
}

/// A configured duration; one that is too long for the calendar is as good as a year.
fn span(duration: std::time::Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::days(366)).min(TimeDelta::days(366))
}

#[cfg(test)]
mod tests;
