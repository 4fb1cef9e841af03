use std::time::Duration;

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Europe::Stockholm;

use super::life::Timing;
use crate::model::{QuantityName, RuleId, Season, Severity, Site, SiteId, SiteKind, Wording};

/// What a rule watches and when it is broken.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// A value of more than `limit`; it is away again at no more than `clear`.
    Above { limit: f64, clear: f64 },
    /// A value of less than `limit`; it is away again at no less than `clear`.
    Below { limit: f64, clear: f64 },
    /// A change upwards of more than `by` within a time; it is away at half as much.
    Rises { by: f64, within: Duration },
    /// A change downwards of more than `by` within a time; it is away at half as much.
    Falls { by: f64, within: Duration },
    /// A state that is on: any value but 0.
    IsOn,
    /// More than `factor` times the median of the days before, and at least `margin` more.
    OverBaseline { factor: f64, margin: f64, days: u16 },
    /// No value for so long.
    Stale { after: Duration },
}

/// Which sites a rule is about: those that are named in one of the lists, all if there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SiteChoice {
    pub ids: Vec<SiteId>,
    pub kinds: Vec<SiteKind>,
    pub tags: Vec<String>,
}

impl SiteChoice {
    #[must_use]
    pub fn includes(&self, site: &Site) -> bool {
        (self.ids.is_empty() && self.kinds.is_empty() && self.tags.is_empty())
            || self.ids.contains(&site.id)
            || self.kinds.contains(&site.kind)
            || self.tags.iter().any(|tag| site.tags.contains(tag))
    }
}

/// Hours of the day in Sweden, over midnight where they end before they begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    pub from: NaiveTime,
    pub until: NaiveTime,
}

impl Hours {
    /// When the hours that a time is in are over; none outside them.
    #[must_use]
    pub fn end(&self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let local = time.with_timezone(&Stockholm);
        let clock = local.time();
        let is_inside = if self.from <= self.until {
            self.from <= clock && clock < self.until
        } else {
            self.from <= clock || clock < self.until
        };
        if !is_inside {
            return None;
        }
        let days = i64::from(clock >= self.until);
        let end = (local.date_naive() + TimeDelta::days(days)).and_time(self.until);
        // Where the clock skips the hour, the one after it; where it comes twice, the first.
        let end = end.and_local_timezone(Stockholm).earliest();
        Some(end.map_or(time + TimeDelta::hours(1), |end| end.with_timezone(&Utc)))
    }
}

/// What a rule and a built-in watch have in common: how it is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Telling {
    pub severity: Severity,
    /// With placeholders, see [`super::words`].
    pub wording: Wording,
    pub runbook: Option<String>,
    /// Hours in which nobody is told; what is still there at their end is told then.
    pub quiet: Option<Hours>,
}

/// A rule that the staff have set up.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertRule {
    pub id: RuleId,
    pub quantity: QuantityName,
    pub condition: Condition,
    pub sites: SiteChoice,
    pub timing: Timing,
    /// When it watches, all the year if none.
    pub season: Option<Season>,
    /// A reading that is older than this when it arrives opens no alert.
    pub late_after: TimeDelta,
    pub telling: Telling,
}

impl AlertRule {
    /// Whether the rule watches at a time.
    #[must_use]
    pub fn is_on(&self, time: DateTime<Utc>) -> bool {
        let day = time.with_timezone(&Stockholm).date_naive();
        self.season.is_none_or(|season| season.contains(day))
    }
}

/// What is watched of every device and source unless it is switched off.
#[derive(Clone, Debug, PartialEq)]
pub struct BuiltIn {
    /// Reports that a device misses before it is silent.
    pub silent: Option<(u32, Telling)>,
    /// Uplinks in a row that its codec refuses.
    pub codec_failing: Option<(u32, Telling)>,
    /// Uplinks in a row whose own time cannot be right.
    pub clock_skew: Option<(u32, Telling)>,
    /// Percent of the uplinks of a day that never arrive.
    pub counter_gaps: Option<(u32, Telling)>,
    /// For how long a source brings nothing.
    pub source_quiet: Option<(Duration, Telling)>,
}

/// What nobody has heard of so long after it was due is of no use to anybody.
pub const NOTICE_EXPIRES: TimeDelta = TimeDelta::hours(24);

/// Where alerts are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub channel: String,
    /// What matters less is not told there.
    pub least: Severity,
    /// Only what nobody has acknowledged after so long is told there.
    pub after: TimeDelta,
}

impl Route {
    #[must_use]
    pub fn takes(&self, severity: Severity) -> bool {
        severity >= self.least
    }
}

impl BuiltIn {
    /// Nothing is watched.
    pub const NONE: Self = Self {
        silent: None,
        codec_failing: None,
        clock_skew: None,
        counter_gaps: None,
        source_quiet: None,
    };
}

/// All rules in force.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// Battery levels among them.
    pub rules: Vec<AlertRule>,
    /// How many of them, the first, stand in the operator's file.
    pub of_file: usize,
    pub built_in: BuiltIn,
}

impl Rules {
    /// Whether nothing at all is watched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.built_in == BuiltIn::NONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_hours_end_by_the_clock_on_the_wall() {
        let clock = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
        let night = Hours { from: clock(22), until: clock(6) };
        let noon = Hours { from: clock(11), until: clock(13) };
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let cases = [
            (night, "2026-07-01T20:30:00Z", Some("2026-07-02T04:00:00Z")),
            (night, "2026-07-02T01:10:00Z", Some("2026-07-02T04:00:00Z")),
            (night, "2026-07-02T04:00:00Z", None),
            (night, "2026-01-01T21:00:00Z", Some("2026-01-02T05:00:00Z")),
            // The night in which clocks go forward, and the one in which they go back.
            (night, "2026-03-28T22:00:00Z", Some("2026-03-29T04:00:00Z")),
            (night, "2026-10-24T21:00:00Z", Some("2026-10-25T05:00:00Z")),
            (noon, "2026-07-01T10:00:00Z", Some("2026-07-01T11:00:00Z")),
            (noon, "2026-07-01T08:00:00Z", None),
        ];
        for (hours, time, end) in cases {
            assert_eq!(hours.end(at(time)), end.map(at), "{time}");
        }
    }
}
