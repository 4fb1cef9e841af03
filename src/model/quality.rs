use std::time::Duration;

use chrono::TimeDelta;

use super::QuantityName;

/// Values are stored as binary fractions, in which 21.1 − 18.1 is a little more than 3.
const ROUNDING: f64 = 1e-6;

/// A change that a quantity does not make: more than `step` within `within`. After a longer wait
/// it may have changed by proportionally more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Jump {
    /// In the quantity's unit, above 0.
    pub step: f64,
    /// Above 0.
    pub within: Duration,
}

impl Jump {
    /// Whether a quantity may go from one value to another in a time.
    #[must_use]
    pub fn allows(&self, from: f64, to: f64, wait: TimeDelta) -> bool {
        let ratio = wait.as_seconds_f64() / self.within.as_secs_f64();
        (to - from).abs() <= self.step * (ratio.max(1.0) + ROUNDING)
    }

    /// Whether nothing is a jump by `other` and not by this.
    #[must_use]
    pub fn is_as_tight_as(&self, other: &Self) -> bool {
        let rate = |jump: &Self| jump.step / jump.within.as_secs_f64();
        self.step <= other.step && rate(self) <= rate(other)
    }
}

/// What a site says of a quantity beyond what the vocabulary says of it everywhere.
#[derive(Clone, Debug, PartialEq)]
pub struct QualityRule {
    pub quantity: QuantityName,
    /// Lowest and highest value that there can be at this site, inclusive.
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub jump: Option<Jump>,
    /// Longer than this no value stays exactly the same.
    pub stuck_for: Option<Duration>,
}

impl QualityRule {
    #[must_use]
    pub fn in_range(&self, value: f64) -> bool {
        self.min.is_none_or(|min| value >= min) && self.max.is_none_or(|max| value <= max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAKE: Jump = Jump { step: 3.0, within: Duration::from_secs(900) };

    #[test]
    fn a_longer_wait_allows_proportionally_more() {
        let cases =
            [(5, 3.0, true), (5, 3.1, false), (15, 3.0, true), (30, 6.0, true), (30, 6.1, false)];
        for (minutes, change, allowed) in cases {
            let wait = TimeDelta::minutes(minutes);
            assert_eq!(
                LAKE.allows(18.1, 18.1 + change, wait),
                allowed,
                "{change} in {minutes} min"
            );
            assert_eq!(
                LAKE.allows(18.1, 18.1 - change, wait),
                allowed,
                "-{change} in {minutes} min"
            );
        }
    }

    #[test]
    fn a_tighter_rule_allows_less_after_any_wait() {
        let rule = |step, seconds| Jump { step, within: Duration::from_secs(seconds) };
        let cases = [
            ((3.0, 900), true),
            ((1.0, 900), true),
            ((3.0, 1800), true),
            ((3.0, 600), false),
            ((4.0, 7200), false),
        ];
        for ((step, seconds), tight) in cases {
            assert_eq!(rule(step, seconds).is_as_tight_as(&LAKE), tight, "{step} in {seconds} s");
        }
    }
}
