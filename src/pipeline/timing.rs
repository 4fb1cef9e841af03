use std::time::Duration;

use chrono::{DateTime, Utc};

/// How far a network server's or a device's clock is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimingLimits {
    /// A time further ahead of the arrival than this is wrong.
    pub ahead_max: Duration,
    /// A time further behind the arrival than this is wrong: gateways without a clock send 1970.
    pub behind_max: Duration,
}

impl Default for TimingLimits {
    fn default() -> Self {
        Self {
            ahead_max: Duration::from_secs(5 * 60),
            behind_max: Duration::from_secs(30 * 86_400),
        }
    }
}

/// The time that observations get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustedTime {
    pub time: DateTime<Utc>,
    /// The time given could not be right, so the time of arrival stands in for it.
    pub replaced: bool,
}

/// Believes the time given where that is possible, else takes the time of arrival.
pub fn trust(
    given: Option<DateTime<Utc>>,
    arrived_at: DateTime<Utc>,
    limits: &TimingLimits,
) -> TrustedTime {
    let Some(given) = given else { return TrustedTime { time: arrived_at, replaced: false } };
    let ahead = (given - arrived_at).to_std().unwrap_or_default();
    let behind = (arrived_at - given).to_std().unwrap_or_default();
    if ahead > limits.ahead_max || behind > limits.behind_max {
        TrustedTime { time: arrived_at, replaced: true }
    } else {
        TrustedTime { time: given, replaced: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_times_give_way_to_the_arrival() {
        let arrival: DateTime<Utc> = "2026-07-14T10:00:00Z".parse().unwrap();
        let cases = [
            (None, "2026-07-14T10:00:00Z", false),
            (Some("2026-07-14T09:59:58Z"), "2026-07-14T09:59:58Z", false),
            (Some("2026-07-14T10:05:00Z"), "2026-07-14T10:05:00Z", false),
            (Some("2026-07-14T10:05:01Z"), "2026-07-14T10:00:00Z", true),
            (Some("2026-07-07T10:00:00Z"), "2026-07-07T10:00:00Z", false),
            (Some("1970-01-01T00:00:00Z"), "2026-07-14T10:00:00Z", true),
            (Some("2472-01-01T00:00:00Z"), "2026-07-14T10:00:00Z", true),
        ];
        for (given, time, replaced) in cases {
            let trusted =
                trust(given.map(|text| text.parse().unwrap()), arrival, &TimingLimits::default());
            assert_eq!(trusted, TrustedTime { time: time.parse().unwrap(), replaced }, "{given:?}");
        }
    }
}
