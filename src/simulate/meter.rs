//! The index of a simulated water meter as a function of time. It must never fall, and the
//! hourly history of a frame must add up with the index of the next, so the index is defined at
//! whole hours and everything else follows from it.

use chrono::{DateTime, Utc};

use super::key::{Key, whole_u16, whole_u32};
use super::payload::{W1, W1_LEAK};

const HOUR_S: i64 = 3600;

/// Alingsås is an hour ahead of UTC; these consumers do not change their clocks in summer.
const LOCAL_AHEAD_HOURS: i64 = 1;

/// The part of a day's use that has passed at each local hour. It stands still from 01 to 05,
/// which is what tells a leak from a household.
const USED_BY_HOUR: [f64; 25] = [
    0.0, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.12, 0.22, 0.28, 0.32, 0.36, 0.41, 0.45, 0.48, 0.52,
    0.57, 0.64, 0.72, 0.79, 0.85, 0.9, 0.94, 0.98, 1.0,
];

/// A consumer behind a meter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meter {
    /// Mean use, litres a day.
    pub(super) daily_l: f64,
    /// Flow that never stops, litres an hour; 0 where nothing leaks.
    pub(super) leak_l_per_h: f64,
    /// The layout with water temperature.
    pub(super) with_temperature: bool,
}

impl Meter {
    /// What the meter sends at `time`.
    pub(super) fn frame(&self, key: Key, time: DateTime<Utc>) -> W1 {
        let now = time.timestamp();
        let temperature_cel = self.with_temperature.then(|| {
            // Water from the ground, warmed a little in the pipes while it stands.
            9.0 + 1.5 * (1.0 - self.flow_share(now)) + 0.2 * key.with_signed(now).signed()
        });
        let logged = if self.with_temperature { 14 } else { 15 };
        let last_hour = now.div_euclid(HOUR_S);
        let first_hour = last_hour - logged;
        let at_hour = |hour: i64| self.litres_at_hour(key, hour).floor();
        W1 {
            time: seconds(now),
            status: if self.leak_l_per_h > 0.0 { W1_LEAK } else { 0 },
            volume_l: whole_u32(self.litres(key, now).floor()),
            temperature_cel,
            log_time: seconds(first_hour * HOUR_S),
            log_volume_l: whole_u32(at_hour(first_hour)),
            increments_l: (first_hour..last_hour)
                .map(|hour| whole_u16(at_hour(hour + 1) - at_hour(hour)))
                .collect(),
        }
    }

    /// The index at a time, litres: a straight line between whole hours.
    fn litres(&self, key: Key, unix_s: i64) -> f64 {
        let hour = unix_s.div_euclid(HOUR_S);
        let part = unix_s.rem_euclid(HOUR_S) as f64 / HOUR_S as f64;
        let from = self.litres_at_hour(key, hour);
        from + part * (self.litres_at_hour(key, hour + 1) - from)
    }

    /// The index at a whole hour since 1970, litres.
    ///
    /// Each boundary is moved by chance towards the next one, but never as far, so the index
    /// varies from hour to hour and day to day and still cannot fall.
    fn litres_at_hour(&self, key: Key, hour: i64) -> f64 {
        let local = hour + LOCAL_AHEAD_HOURS;
        let (day, hour_of_day) = (local.div_euclid(24), local.rem_euclid(24));
        let day_starts_at = |day: i64| {
            let moved = 0.3 * key.named("day").with_signed(day).unit();
            self.daily_l * (since_epoch(day) + moved)
        };
        let (used, next) = used_by(hour_of_day);
        let moved = if hour_of_day == 0 {
            0.0
        } else {
            0.7 * key.named("hour").with_signed(hour).unit() * (next - used)
        };
        let start = day_starts_at(day);
        let consumed = start + (used + moved) * (day_starts_at(day + 1) - start);
        consumed + self.leak_l_per_h * (since_epoch(day) * 24.0 + hour_of_day as f64)
    }

    /// How busy the hour is, 0…1.
    fn flow_share(&self, unix_s: i64) -> f64 {
        let local = unix_s.div_euclid(HOUR_S) + LOCAL_AHEAD_HOURS;
        let (used, next) = used_by(local.rem_euclid(24));
        ((next - used) / 0.09).clamp(0.0, 1.0)
    }
}

/// The share of the day's use at the start and at the end of an hour of the day.
fn used_by(hour_of_day: i64) -> (f64, f64) {
    let at = |hour: i64| {
        usize::try_from(hour).ok().and_then(|hour| USED_BY_HOUR.get(hour)).copied().unwrap_or(1.0)
    };
    (at(hour_of_day), at(hour_of_day + 1))
}

/// Days since 2020-01-01, when all these meters were mounted: their indices then look like those
/// of meters some years old.
fn since_epoch(day: i64) -> f64 {
    const DAY_OF_MOUNTING: i64 = 18_262;
    (day - DAY_OF_MOUNTING) as f64
}

/// Unix seconds as the meter sends them, good until 2106.
fn seconds(unix_s: i64) -> u32 {
    u32::try_from(unix_s).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    const HOUSE: Meter = Meter { daily_l: 420.0, leak_l_per_h: 0.0, with_temperature: false };
    const LEAKING: Meter = Meter { leak_l_per_h: 38.0, ..HOUSE };
    const WARM: Meter = Meter { with_temperature: true, ..HOUSE };

    fn frames(meter: &Meter) -> Vec<W1> {
        let start: DateTime<Utc> = "2026-07-01T00:17:42Z".parse().unwrap();
        (0..90).map(|n| meter.frame(Key::new(4), start + TimeDelta::hours(4 * n))).collect()
    }

    #[test]
    fn the_index_never_falls_and_the_history_adds_up() {
        for meter in [HOUSE, LEAKING, WARM] {
            for pair in frames(&meter).windows(2) {
                let (earlier, later) = (&pair[0], &pair[1]);
                assert!(earlier.volume_l <= later.volume_l);
                let last_log = later.log_volume_l
                    + later.increments_l.iter().map(|&litres| u32::from(litres)).sum::<u32>();
                assert!(last_log <= later.volume_l, "{last_log} > {}", later.volume_l);
                assert!(later.log_volume_l <= earlier.volume_l);
                assert_eq!(later.log_time - earlier.log_time, 4 * 3600);
                let four_hours: u32 = earlier.increments_l[..4].iter().map(|&l| u32::from(l)).sum();
                assert_eq!(earlier.log_volume_l + four_hours, later.log_volume_l);
                // The hours that both frames carry say the same.
                assert_eq!(
                    earlier.increments_l[4..],
                    later.increments_l[..later.increments_l.len() - 4]
                );
            }
        }
    }

    #[test]
    fn only_a_leak_flows_at_night() {
        let quietest = |meter| {
            frames(&meter).iter().flat_map(|f| f.increments_l.clone()).min().unwrap_or_default()
        };
        assert_eq!(quietest(HOUSE), 0);
        assert!(quietest(LEAKING) >= 37);
        assert!(frames(&LEAKING).iter().all(|frame| frame.status == W1_LEAK));
    }

    #[test]
    fn every_night_has_hours_without_flow() {
        for frame in frames(&HOUSE) {
            let hours = (0_i64..).zip(&frame.increments_l);
            for (n, &litres) in hours {
                let local = i64::from(frame.log_time) / HOUR_S + n + LOCAL_AHEAD_HOURS;
                if (1..5).contains(&(local % 24)) {
                    assert_eq!(litres, 0, "hour {}", local % 24);
                }
            }
        }
    }

    #[test]
    fn use_is_that_of_a_household() {
        let frames = frames(&HOUSE);
        let days = 89.0 / 6.0;
        let used = f64::from(frames[89].volume_l - frames[0].volume_l) / days;
        assert!((380.0..460.0).contains(&used), "{used} litres a day");
    }
}
