//! Which quantities are derived of which, and what each window holds.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use chrono::{DateTime, TimeDelta, Utc};

use crate::derive::{median, metering, parking, people};
use crate::model::{Direction, Quality, QuantityName, Site, SiteKind};
use crate::pipeline::derive::{Value, rounded, worse};
use crate::store::StoredObservation;

pub const FLOW: &str = "water_flow_hourly";
pub const NIGHT_MIN: &str = "water_flow_night_min";
pub const CONTINUOUS: &str = "continuous_flow";
pub const PEOPLE_IN: &str = "people_count_in";
pub const PEOPLE_OUT: &str = "people_count_out";
pub const OCCUPIED: &str = "occupied_spaces";
pub const SNOW_MEDIAN: &str = "snow_depth_median";
pub const FILL_MEDIAN: &str = "fill_level_median";

/// Fill levels of which the middle one is taken.
const FILL_READINGS: usize = 3;

/// The values of a quantity by time.
pub type Series = BTreeMap<DateTime<Utc>, Value>;

/// Times, both ends included.
pub type Wanted = RangeInclusive<DateTime<Utc>>;

/// What is derived, by quantity.
pub type Derived = BTreeMap<&'static str, Series>;

/// What is known of a site.
#[derive(Clone, Copy, Debug)]
pub struct Place<'p> {
    pub site: Option<&'p Site>,
    /// When a device began to stand there, in order of time.
    pub arrivals: &'p [DateTime<Utc>],
}

/// Something that is derived of the series of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Hourly flow, night minimum and continuous flow of a meter's index.
    Metering,
    /// In and out of what a counter counts.
    People,
    /// Cars in a car park.
    Parking,
    SnowMedian,
    FillMedian,
}

/// The values that a rule is given.
#[derive(Debug)]
pub struct Inputs {
    readings_max: usize,
    series: BTreeMap<QuantityName, Series>,
    /// The times of all readings of each quantity that has many, bad ones too, in order.
    crowded: Vec<Vec<DateTime<Utc>>>,
}

impl Inputs {
    /// Of a window that holds more than so many readings of a quantity nothing is derived.
    pub const fn new(readings_max: usize) -> Self {
        Self { readings_max, series: BTreeMap::new(), crowded: Vec::new() }
    }

    /// Takes the readings of a quantity, in order of time; those that are known to be wrong take no part.
    pub fn add(&mut self, quantity: QuantityName, readings: &[StoredObservation]) {
        if readings.len() > self.readings_max {
            self.crowded.push(readings.iter().map(|one| one.time).collect());
        }
        let usable = readings.iter().filter(|one| !one.quality.is_bad());
        let series = usable
            .map(|one| (one.time, Value { value: one.value, quality: one.quality }))
            .collect();
        self.series.insert(quantity, series);
    }

    fn of(&self, quantity: &str) -> Option<&Series> {
        self.series.get(&QuantityName::from(quantity))
    }

    /// Whether a window holds more readings of a quantity than are read.
    fn is_crowded(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> bool {
        self.crowded.iter().any(|times| {
            let before = times.partition_point(|&time| time < from);
            times.partition_point(|&time| time <= to).saturating_sub(before) > self.readings_max
        })
    }
}

impl Rule {
    /// The rule that an observation may be an input of.
    pub fn touched(quantity: &QuantityName) -> Option<Self> {
        Some(match &*quantity.0 {
            "water_volume" => Self::Metering,
            "people_count_ltr" | "people_count_rtl" | "people_count_a" | "people_count_b"
            | "people_total_ltr" | "people_total_rtl" | "people_total_a" | "people_total_b" => {
                Self::People
            }
            "vehicle_count_ltr" | "vehicle_count_rtl" => Self::Parking,
            "snow_depth" => Self::SnowMedian,
            "fill_level" => Self::FillMedian,
            _ => return None,
        })
    }

    /// Whether the rule is one for a site of this kind, and what it needs to know of it is known.
    pub fn holds(self, place: &Place<'_>) -> bool {
        place.site.is_some_and(|site| match self {
            Self::Metering => site.kind == SiteKind::LeakPoint,
            Self::People => site.kind == SiteKind::VisitorCounter && site.direction.is_some(),
            Self::Parking => {
                site.kind == SiteKind::ParkingLot && site.direction.is_some() && site.lot.is_some()
            }
            Self::SnowMedian => site.kind == SiteKind::SnowStation,
            Self::FillMedian => site.kind == SiteKind::LitterBin,
        })
    }

    /// What is derived of a time depends on nothing that is longer ago.
    pub fn lookback(self) -> TimeDelta {
        match self {
            Self::People => TimeDelta::hours(24),
            // An hour of a meter's own may begin a little before the day does.
            Self::Metering => TimeDelta::hours(25),
            // The day on which clocks are put back is so long.
            Self::Parking => TimeDelta::hours(25),
            Self::SnowMedian => TimeDelta::hours(1),
            // Bins speak rarely.
            Self::FillMedian => TimeDelta::hours(48),
        }
    }

    /// What is observed at a time matters to nothing that is later than this; where the rule does not hold, to
    /// what has stood at the time itself.
    pub fn reach(self, place: &Place<'_>) -> TimeDelta {
        if self.holds(place) { self.lookback() } else { TimeDelta::zero() }
    }

    /// Where the window of what is derived of a time begins.
    pub fn window_start(self, place: &Place<'_>, time: DateTime<Utc>) -> DateTime<Utc> {
        match (self, place.site.and_then(|site| site.lot)) {
            (Self::Parking, Some(lot)) => parking::last_reset(lot.reset_at, time),
            _ => time - self.lookback(),
        }
    }

    pub const fn outputs(self) -> &'static [&'static str] {
        match self {
            Self::Metering => &[FLOW, NIGHT_MIN, CONTINUOUS],
            Self::People => &[PEOPLE_IN, PEOPLE_OUT],
            Self::Parking => &[OCCUPIED],
            Self::SnowMedian => &[SNOW_MEDIAN],
            Self::FillMedian => &[FILL_MEDIAN],
        }
    }

    /// The quantities whose values the rule needs; none where it does not hold.
    pub fn inputs(self, place: &Place<'_>) -> Vec<QuantityName> {
        if !self.holds(place) {
            return Vec::new();
        }
        let inwards = place.site.and_then(|site| site.direction);
        let both = inwards.map(|inwards| [inwards, inwards.opposite()]);
        let counted = |kind: &'static str| {
            let names = both.into_iter().flatten();
            names.map(move |direction| QuantityName::from(&*counter(kind, direction)))
        };
        match self {
            Self::Metering => vec![QuantityName::from("water_volume")],
            Self::People => counted("people_count").chain(counted("people_total")).collect(),
            Self::Parking => counted("vehicle_count").collect(),
            Self::SnowMedian => vec![QuantityName::from("snow_depth")],
            Self::FillMedian => vec![QuantityName::from("fill_level")],
        }
    }

    /// The times of a series that are wanted and of which something can be derived.
    fn times(
        self,
        place: &Place<'_>,
        inputs: &Inputs,
        series: &Series,
        wanted: &Wanted,
    ) -> impl Iterator<Item = DateTime<Utc>> {
        let times = series.range(wanted.clone()).map(|(&time, _)| time);
        times.filter(move |&time| !inputs.is_crowded(self.window_start(place, time), time))
    }

    /// Whether there are more readings in a window that is wanted than are read.
    pub fn is_crowded(self, place: &Place<'_>, inputs: &Inputs, wanted: &Wanted) -> bool {
        let all = inputs.crowded.iter().flatten().filter(|&time| wanted.contains(time));
        all.into_iter().any(|&time| inputs.is_crowded(self.window_start(place, time), time))
    }

    /// All values at the times wanted; none where the rule does not hold.
    pub fn derive(self, place: &Place<'_>, inputs: &Inputs, wanted: &Wanted) -> Derived {
        match self {
            _ if !self.holds(place) => Derived::default(),
            Self::Metering => metering(place, inputs, wanted),
            Self::People => people(place, inputs, wanted),
            Self::Parking => parking(place, inputs, wanted),
            Self::SnowMedian => {
                let medians = self.medians(place, inputs, "snow_depth", usize::MAX, wanted);
                [(SNOW_MEDIAN, medians)].into()
            }
            Self::FillMedian => {
                let medians = self.medians(place, inputs, "fill_level", FILL_READINGS, wanted);
                [(FILL_MEDIAN, medians)].into()
            }
        }
    }

    /// The median of the last readings at each of them, of `most` at most.
    fn medians(
        self,
        place: &Place<'_>,
        inputs: &Inputs,
        quantity: &str,
        most: usize,
        wanted: &Wanted,
    ) -> Series {
        let mut medians = Series::new();
        let Some(readings) = inputs.of(quantity) else { return medians };
        for time in self.times(place, inputs, readings, wanted) {
            let window = readings.range(time - self.lookback()..=time);
            let last: Vec<Value> = window.rev().take(most).map(|(_, value)| *value).collect();
            let values: Vec<f64> = last.iter().map(|value| value.value).collect();
            let Some(value) = median::median(&values).map(rounded) else { continue };
            let quality = worst(last.iter().map(|value| value.quality));
            medians.insert(time, Value { value, quality });
        }
        medians
    }
}

impl Place<'_> {
    /// Whether a device began to stand here after `from`, up to `to`.
    fn has_arrived(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> bool {
        self.arrivals.iter().any(|&arrival| from < arrival && arrival <= to)
    }
}

fn counter(kind: &str, direction: Direction) -> String {
    format!("{kind}_{}", direction.name())
}

/// The worst of the qualities of what something is derived of.
fn worst(qualities: impl IntoIterator<Item = Quality>) -> Quality {
    qualities.into_iter().fold(Quality::Good, worse)
}

fn metering(place: &Place<'_>, inputs: &Inputs, wanted: &Wanted) -> Derived {
    let Some(indices) = inputs.of("water_volume") else { return Derived::default() };
    let (whole, own) = (whole_hours(place, indices), own_hours(place, indices));
    let (mut flows, mut continuous, mut nights) = (Series::new(), Series::new(), Series::new());
    let ends: BTreeSet<_> = Rule::Metering.times(place, inputs, indices, wanted).collect();
    for end in ends {
        let is_whole = metering::is_whole_hour(end);
        // What a meter tells of whole hours says all that its other readings could.
        let day_before = end - Rule::Metering.lookback()..=end;
        if !is_whole && indices.range(day_before).any(|(&at, _)| metering::is_whole_hour(at)) {
            continue;
        }
        let of = if is_whole { &whole } else { &own };
        let Some(flow) = of.get(&end) else { continue };
        flows.insert(end, *flow);
        let at = |hour: DateTime<Utc>| of.get(&hour).copied();
        let day: Vec<Option<Value>> = match is_whole {
            true => metering::hours_of_day(end).map(at).collect(),
            false => metering::own_hours_of_day(of, end),
        };
        let (day, quality) = known(&day);
        let is_continuous = metering::is_continuous(&day);
        continuous.extend(is_continuous.map(|is| (end, Value { value: f64::from(is), quality })));
        let night: Vec<Option<Value>> = match is_whole {
            true if metering::ends_night(end) => metering::hours_of_night(end).map(at).collect(),
            true => Vec::new(),
            false => metering::own_hours_of_night(of, end),
        };
        let (night, quality) = known(&night);
        let least = metering::night_min(&night);
        nights.extend(least.map(|value| (end, Value { value, quality })));
    }
    [(FLOW, flows), (CONTINUOUS, continuous), (NIGHT_MIN, nights)].into()
}

/// The flows of hours, and the worst quality of those that are known.
fn known(hours: &[Option<Value>]) -> (Vec<Option<f64>>, Quality) {
    let quality = worst(hours.iter().flatten().map(|value| value.quality));
    (hours.iter().map(|value| value.map(|known| known.value)).collect(), quality)
}

/// The flow through each whole hour, by its end.
fn whole_hours(place: &Place<'_>, indices: &Series) -> Series {
    let mut flows = Series::new();
    for (&end, index) in indices.iter().filter(|(time, _)| metering::is_whole_hour(**time)) {
        let begin = end - TimeDelta::hours(1);
        let Some(before) = indices.get(&begin) else { continue };
        // The index of the meter that stood here before says nothing of this one's.
        if place.has_arrived(begin, end) {
            continue;
        }
        let Some(value) = metering::flow(before.value, index.value) else { continue };
        flows.insert(end, Value { value, quality: worse(before.quality, index.quality) });
    }
    flows
}

/// The flow between each reading and the one about an hour before it, by its end.
fn own_hours(place: &Place<'_>, indices: &Series) -> Series {
    let mut flows = Series::new();
    for (&end, index) in indices {
        let hour = end - TimeDelta::hours(1);
        let before =
            indices.range(..end).rev().take_while(|(begin, _)| end - **begin < TimeDelta::hours(2));
        let before = before.filter(|(begin, _)| metering::is_own_hour(**begin, end));
        let Some((&begin, was)) = before.min_by_key(|(begin, _)| (**begin - hour).abs()) else {
            continue;
        };
        if place.has_arrived(begin, end) {
            continue;
        }
        let flow = metering::flow_between((begin, was.value), (end, index.value));
        let Some(value) = flow else { continue };
        flows.insert(end, Value { value, quality: worse(was.quality, index.quality) });
    }
    flows
}

fn people(place: &Place<'_>, inputs: &Inputs, wanted: &Wanted) -> Derived {
    let inwards = place.site.and_then(|site| site.direction);
    let ways = inwards.map(|inwards| [(PEOPLE_IN, inwards), (PEOPLE_OUT, inwards.opposite())]);
    let ways = ways.into_iter().flatten();
    ways.map(|(name, way)| (name, passed(place, inputs, way, wanted))).collect()
}

/// How many have passed in a direction at each uplink.
fn passed(place: &Place<'_>, inputs: &Inputs, way: Direction, wanted: &Wanted) -> Series {
    let empty = Series::new();
    let counts = inputs.of(&counter("people_count", way)).unwrap_or(&empty);
    let totals = inputs.of(&counter("people_total", way)).unwrap_or(&empty);
    let gained = |time: DateTime<Utc>| -> Option<Value> {
        let is = totals.get(&time)?;
        let (&before, was) = totals.range(time - Rule::People.lookback()..time).next_back()?;
        // The total of the counter that stood here before says nothing of this one's.
        if place.has_arrived(before, time) {
            return None;
        }
        let value = people::gained(was.value, is.value, time - before)?;
        Some(Value { value, quality: worse(was.quality, is.quality) })
    };
    let mut passed = Series::new();
    let times = [counts, totals].map(|series| Rule::People.times(place, inputs, series, wanted));
    for time in times.into_iter().flatten() {
        let (count, gain) = (counts.get(&time).copied(), gained(time));
        let all = people::passed(count.map(|one| one.value), gain.map(|one| one.value));
        let quality = worst([count, gain].into_iter().flatten().map(|one| one.quality));
        passed.extend(all.map(|value| (time, Value { value, quality })));
    }
    passed
}

fn parking(place: &Place<'_>, inputs: &Inputs, wanted: &Wanted) -> Derived {
    let Some((inwards, lot)) = place.site.and_then(|site| site.direction.zip(site.lot)) else {
        return Derived::default();
    };
    let empty = Series::new();
    let counts = |way| inputs.of(&counter("vehicle_count", way)).unwrap_or(&empty);
    let (came, left) = (counts(inwards), counts(inwards.opposite()));
    let mut occupied = Series::new();
    let times = [came, left].map(|series| Rule::Parking.times(place, inputs, series, wanted));
    for time in times.into_iter().flatten() {
        let reset = parking::last_reset(lot.reset_at, time);
        let mut quality = Quality::Good;
        let mut since = |counts: &Series| -> f64 {
            let counted = || counts.range(reset..=time);
            quality = worse(quality, worst(counted().map(|(_, count)| count.quality)));
            // What is told at the hour itself was counted before it.
            counted().filter(|(at, _)| **at > reset).map(|(_, count)| count.value).sum()
        };
        let value = parking::occupied(&lot, since(came), since(left));
        occupied.insert(time, Value { value, quality });
    }
    [(OCCUPIED, occupied)].into()
}
