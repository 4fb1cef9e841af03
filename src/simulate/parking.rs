//! Who stands on a bay and when, as a schedule that follows from the day alone.

use chrono::{DateTime, TimeDelta, Utc};

use super::key::{Key, whole};

const DAY_MS: i64 = 86_400_000;

/// Cars come between half past five in the morning and half past seven in the evening, UTC.
const OPENS_MS: i64 = 19_800_000;
const OPEN_FOR_MS: f64 = 50_400_000.0;

/// One message of a bay on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BayReport {
    pub(super) time: DateTime<Utc>,
    pub(super) occupied: bool,
    pub(super) heartbeat: bool,
}

/// A parking space with the same number of visits every day, so that its frame counter can be
/// told from the date.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bay {
    pub(super) visits_a_day: u32,
}

impl Bay {
    pub(super) const fn reports_a_day(self) -> u32 {
        2 * self.visits_a_day + 1
    }

    /// The messages of the day that starts at `midnight`, in order of time.
    pub(super) fn day(self, key: Key, midnight: DateTime<Utc>) -> Vec<BayReport> {
        let today = key.named("visits").with_signed(midnight.timestamp());
        let at = |ms: i64| midnight + TimeDelta::milliseconds(ms);
        let window_ms = OPEN_FOR_MS / f64::from(self.visits_a_day.max(1));
        let mut reports = Vec::with_capacity(2 * 16);
        for visit in 0..self.visits_a_day {
            let key = today.with(visit.into());
            let opens = f64::from(visit) * window_ms;
            let arrives = opens + 0.35 * window_ms * key.named("arrives").unit();
            let stays = window_ms * (0.15 + 0.45 * key.named("stays").unit());
            let mut event = |ms: f64, occupied| {
                let time = at(OPENS_MS + whole(ms));
                reports.push(BayReport { time, occupied, heartbeat: false });
            };
            event(arrives, true);
            event(arrives + stays, false);
        }
        // The unit's own day starts when it was switched on.
        let beats_ms = i64::try_from(key.named("heartbeat").below(86_400_000)).unwrap_or(0);
        let beats_at = at(beats_ms.min(DAY_MS - 1));
        let place = reports.partition_point(|report| report.time <= beats_at);
        let occupied = place % 2 == 1;
        reports.insert(place, BayReport { time: beats_at, occupied, heartbeat: true });
        reports
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cars_come_and_leave_in_turn() {
        let midnight: DateTime<Utc> = "2026-07-01T00:00:00Z".parse().unwrap();
        for visits_a_day in 0..9 {
            let bay = Bay { visits_a_day };
            for n in 0..30 {
                let day = bay.day(Key::new(n), midnight + TimeDelta::days(n.cast_signed()));
                assert_eq!(day.len(), bay.reports_a_day() as usize);
                assert!(day.is_sorted_by(|a, b| a.time < b.time));
                let mut occupied = false;
                for report in day {
                    if !report.heartbeat {
                        assert_ne!(report.occupied, occupied);
                        occupied = report.occupied;
                    }
                    assert_eq!(report.occupied, occupied);
                }
                assert!(!occupied, "the bay is free at midnight");
            }
        }
    }
}
