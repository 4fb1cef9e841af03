use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{Datelike, NaiveDate};

use super::{Backwater, Direction, Lot, QualityRule, QuantityName, Rating};

/// The permanent name of a site: lower-case letters, digits and single hyphens, never reused.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SiteId(pub Arc<str>);

impl SiteId {
    /// The rule of the public API: `^[a-z0-9]+(-[a-z0-9]+)*$`.
    #[must_use]
    pub fn is_valid(text: &str) -> bool {
        text.split('-').all(|part| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
    }

    /// An id as somebody might have written it who wrote this text instead: without accents, in small letters.
    #[must_use]
    pub fn proposed(text: &str) -> String {
        let small = text.to_lowercase();
        let plain = small.chars().map(|c| match c {
            'å' | 'ä' | 'á' | 'à' => 'a',
            'ö' | 'ø' | 'ó' => 'o',
            'é' | 'è' | 'ë' => 'e',
            'ü' => 'u',
            c if c.is_ascii_alphanumeric() => c,
            _ => '-',
        });
        let plain: String = plain.collect();
        plain.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
    }
}

impl From<&str> for SiteId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

impl fmt::Display for SiteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SiteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a site is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SiteKind {
    BathingPlace,
    GaugingStation,
    LeakPoint,
    ParkingSpace,
    SnowStation,
    SoilBed,
    LitterBin,
    VisitorCounter,
    ParkingLot,
}

impl SiteKind {
    pub const ALL: [Self; 9] = [
        Self::BathingPlace,
        Self::GaugingStation,
        Self::LeakPoint,
        Self::ParkingSpace,
        Self::SnowStation,
        Self::SoilBed,
        Self::LitterBin,
        Self::VisitorCounter,
        Self::ParkingLot,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BathingPlace => "bathing_place",
            Self::GaugingStation => "gauging_station",
            Self::LeakPoint => "leak_point",
            Self::ParkingSpace => "parking_space",
            Self::SnowStation => "snow_station",
            Self::SoilBed => "soil_bed",
            Self::LitterBin => "litter_bin",
            Self::VisitorCounter => "visitor_counter",
            Self::ParkingLot => "parking_lot",
        }
    }

    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// WGS 84, degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    pub longitude_deg: f64,
    pub latitude_deg: f64,
}

/// A place where something is measured. Sites are permanent; devices come and go.
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    pub id: SiteId,
    pub kind: SiteKind,
    pub name: String,
    /// Words by which alert rules choose sites.
    pub tags: Vec<String>,
    /// The place's own position, as the public may know it; never the device's.
    pub position: Option<Position>,
    /// Present only where somebody has decided that the public may see this site.
    pub publication: Option<Publication>,
    /// Present for bathing places.
    pub bathing: Option<Bathing>,
    /// The rating curves of a gauging station, which do not overlap in time.
    pub ratings: Vec<Rating>,
    pub backwaters: Vec<Backwater>,
    /// Which direction of its counter leads in.
    pub direction: Option<Direction>,
    /// Present for car parks.
    pub lot: Option<Lot>,
    /// By quantity, one for each.
    pub quality: Vec<QualityRule>,
}

impl Site {
    /// A site of which nothing else is known.
    #[must_use]
    pub fn new(id: SiteId, kind: SiteKind, name: impl Into<String>) -> Self {
        Self {
            id,
            kind,
            name: name.into(),
            tags: Vec::new(),
            position: None,
            publication: None,
            bathing: None,
            ratings: Vec::new(),
            backwaters: Vec::new(),
            direction: None,
            lot: None,
            quality: Vec::new(),
        }
    }

    /// What this site says of a quantity.
    #[must_use]
    pub fn quality_of(&self, quantity: &QuantityName) -> Option<&QualityRule> {
        self.quality.iter().find(|rule| rule.quantity == *quantity)
    }
}

/// The decision that makes a site public: by whom, when, for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    pub purpose: String,
    pub approved_by: String,
    pub approved_on: NaiveDate,
}

/// What the public wants to know of a bathing place beside its temperature.
#[derive(Clone, Debug, PartialEq)]
pub struct Bathing {
    /// The Swedish Agency for Marine and Water Management's id, `SE0A21489…` in Alingsås.
    pub bathing_water_id: Option<String>,
    pub wikidata_id: Option<String>,
    pub lake: Option<String>,
    pub eu_bath: Option<bool>,
    pub depth_m: Option<f64>,
    /// When the municipality measures; none means all year.
    pub measurement_season: Option<Season>,
    /// The official bathing season.
    pub bathing_season: Option<Season>,
    /// Up to this age a value is current.
    pub current_for: Duration,
    /// Up to this age it is shown with its age; after it, not at all.
    pub stale_for: Duration,
}

/// A part of every year, both days included. It may run over New Year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Season {
    pub from: MonthDay,
    pub until: MonthDay,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MonthDay {
    pub month: u32,
    pub day: u32,
}

impl MonthDay {
    /// `None` for a day that no year has; 29 February is refused, since most years lack it.
    #[must_use]
    pub fn new(month: u32, day: u32) -> Option<Self> {
        NaiveDate::from_ymd_opt(2001, month, day).map(|_| Self { month, day })
    }

    fn of(date: NaiveDate) -> Self {
        Self { month: date.month(), day: date.day() }
    }

    fn in_year(self, year: i32) -> Option<NaiveDate> {
        NaiveDate::from_ymd_opt(year, self.month, self.day)
    }
}

impl Season {
    #[must_use]
    pub fn contains(&self, date: NaiveDate) -> bool {
        let day = MonthDay::of(date);
        if self.from <= self.until {
            self.from <= day && day <= self.until
        } else {
            self.from <= day || day <= self.until
        }
    }

    /// First and last day of the season that is on, or else of the next one.
    #[must_use]
    pub fn current_or_next(&self, date: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
        let over_new_year = i32::from(self.from > self.until);
        (date.year() - 1..=date.year() + 1).find_map(|year| {
            let first = self.from.in_year(year)?;
            let last = self.until.in_year(year + over_new_year)?;
            (date <= last).then_some((first, last))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn season(from: (u32, u32), until: (u32, u32)) -> Season {
        Season {
            from: MonthDay::new(from.0, from.1).unwrap(),
            until: MonthDay::new(until.0, until.1).unwrap(),
        }
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_season_includes_its_first_and_last_day() {
        let summer = season((5, 15), (9, 15));
        let cases = [
            ("2026-05-14", false),
            ("2026-05-15", true),
            ("2026-09-15", true),
            ("2026-09-16", false),
        ];
        for (date, inside) in cases {
            assert_eq!(summer.contains(day(date)), inside, "{date}");
        }
    }

    #[test]
    fn a_season_may_run_over_new_year() {
        let winter = season((11, 1), (3, 31));
        let cases = [
            ("2026-10-31", false),
            ("2026-11-01", true),
            ("2027-01-01", true),
            ("2027-04-01", false),
        ];
        for (date, inside) in cases {
            assert_eq!(winter.contains(day(date)), inside, "{date}");
        }
        assert_eq!(
            winter.current_or_next(day("2027-01-01")),
            Some((day("2026-11-01"), day("2027-03-31")))
        );
    }

    #[test]
    fn after_the_season_the_next_one_is_given() {
        let summer = season((5, 15), (9, 15));
        assert_eq!(
            summer.current_or_next(day("2026-07-01")),
            Some((day("2026-05-15"), day("2026-09-15")))
        );
        assert_eq!(
            summer.current_or_next(day("2026-11-23")),
            Some((day("2027-05-15"), day("2027-09-15")))
        );
    }
}
