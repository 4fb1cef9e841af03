//! Invented weather: for ever July at the baths, for ever February at the snow stations. Sums of
//! sines, so that every quantity is continuous and known at any time without a history.

use std::f64::consts::TAU;

use chrono::{DateTime, Utc};

const DAY_S: f64 = 86_400.0;

/// A bathing lake, each with its own level of temperature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lake {
    Anten,
    Gerdsken,
    Mjorn,
    Savelangen,
    StoraFargen,
}

impl Lake {
    /// The mean of the July week at half a metre, °C. Shallow Gerdsken is the warmest.
    const fn mean_cel(self) -> f64 {
        match self {
            Self::Anten => 18.5,
            Self::Gerdsken => 20.3,
            Self::Mjorn => 19.2,
            Self::Savelangen => 19.7,
            Self::StoraFargen => 18.9,
        }
    }

    /// The water at half a metre, °C: it lags a day behind the weather and swings by little more
    /// than a kelvin a day, warmest in the late afternoon.
    pub(super) fn temperature_cel(self, time: DateTime<Utc>) -> f64 {
        const SWING_K: f64 = 1.3;
        let days = days(time);
        self.mean_cel() + 0.5 * front(days - 1.0) + SWING_K / 2.0 * daily(days, 16.2)
    }
}

/// The air at the baths, °C, between 11 and 27.
pub(super) fn july_air_cel(time: DateTime<Utc>) -> f64 {
    let days = days(time);
    let swing = 5.0 + 0.6 * front(days / 2.0);
    19.0 + 1.9 * front(days) + swing * daily(days, 14.2)
}

/// What a dark probe reads that lies on the planks of a jetty, °C: the air, and the sun on top.
pub(super) fn july_jetty_cel(time: DateTime<Utc>) -> f64 {
    let sun = daily(days(time), 12.2).max(0.0);
    july_air_cel(time) + 4.0 * sun - 0.5
}

/// The air at the snow stations, °C, between −15 and +3.
pub(super) fn february_air_cel(time: DateTime<Utc>) -> f64 {
    let days = days(time);
    -6.0 + 4.5 * front(days) + 3.5 * daily(days, 13.0)
}

/// Relative humidity at the snow stations, %.
pub(super) fn february_humidity_percent(time: DateTime<Utc>) -> f64 {
    let days = days(time);
    (89.0 - 5.0 * daily(days, 13.0) + 6.0 * front(days * 0.8)).clamp(60.0, 100.0)
}

/// Snow on level ground, m, between 0.3 and 0.6: falls and settles within days.
pub(super) fn snow_depth_m(time: DateTime<Utc>) -> f64 {
    let days = days(time);
    0.45 + 0.15 * front(days * 0.6 + 2.0)
}

/// How far a water level is from its mean, as a part of its usual range: between −1 and 1.
pub(super) fn level_swing(time: DateTime<Utc>, delay_days: f64) -> f64 {
    front(days(time) * 0.5 - delay_days)
}

/// Highs and lows passing, between −1 and 1, with no period a week would show.
fn front(days: f64) -> f64 {
    let wave = |period_days: f64, phase: f64| (TAU * days / period_days + phase).sin();
    (wave(6.3, 0.4) + 0.6 * wave(2.9, 1.7)) / 1.6
}

/// The course of a day, between −1 and 1, highest at `peak_hour` UTC.
fn daily(days: f64, peak_hour: f64) -> f64 {
    (TAU * (days - peak_hour / 24.0)).cos()
}

/// Days since the start of 1970, so that a whole number is midnight UTC.
fn days(time: DateTime<Utc>) -> f64 {
    time.timestamp_millis() as f64 / 1000.0 / DAY_S
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    fn year() -> impl Iterator<Item = DateTime<Utc>> {
        let start: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
        (0..366 * 24 * 2).map(move |n| start + TimeDelta::minutes(30 * n))
    }

    fn extremes(values: impl Iterator<Item = f64>) -> (f64, f64) {
        values.fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)))
    }

    #[test]
    fn the_weather_stays_within_its_month_all_year() {
        type Quantity = fn(DateTime<Utc>) -> f64;
        let cases: [(&str, Quantity, f64, f64); 9] = [
            ("air in July", july_air_cel, 11.0, 27.0),
            ("Anten", |t| Lake::Anten.temperature_cel(t), 17.0, 22.0),
            ("Gerdsken", |t| Lake::Gerdsken.temperature_cel(t), 17.0, 22.0),
            ("Mjörn", |t| Lake::Mjorn.temperature_cel(t), 17.0, 22.0),
            ("Sävelången", |t| Lake::Savelangen.temperature_cel(t), 17.0, 22.0),
            ("Stora Färgen", |t| Lake::StoraFargen.temperature_cel(t), 17.0, 22.0),
            ("air in February", february_air_cel, -15.0, 3.0),
            ("humidity in February", february_humidity_percent, 60.0, 100.0),
            ("snow", snow_depth_m, 0.3, 0.6),
        ];
        for (name, value, low, high) in cases {
            let (min, max) = extremes(year().map(value));
            assert!(low <= min && max <= high, "{name}: {min}…{max}, want {low}…{high}");
        }
    }

    #[test]
    fn the_jetty_swings_as_no_lake_does() {
        let times: Vec<_> = year().collect();
        for day in times.chunks_exact(48) {
            let (low, high) = extremes(day.iter().map(|&t| july_jetty_cel(t)));
            assert!(high - low > 8.0, "{}: {low}…{high}", day[0]);
            let (low, high) = extremes(day.iter().map(|&t| Lake::Mjorn.temperature_cel(t)));
            assert!((0.9..2.0).contains(&(high - low)), "{}: {low}…{high}", day[0]);
        }
    }
}
