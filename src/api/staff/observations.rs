use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use serde::Serialize;

use super::{StaffState, answer, instant};
use crate::api::error::Problem;
use crate::api::query::{Known, Name, Params};
use crate::bathing::{local_date, local_midnight};
use crate::model::{QuantityName, Reason, SiteId};
use crate::store::{HourAggregate, Range, StoredObservation};

/// Observations of a quantity unless asked otherwise: a week of them.
const LIMIT_DEFAULT: usize = 1000;

/// Observations of a quantity at most: what a browser still draws.
const LIMIT_MAX: usize = 10_000;

/// Single observations can be asked for over a month at once.
const SPAN_MAX: TimeDelta = TimeDelta::days(31);

/// Hours over a year.
const HOURLY_SPAN_MAX: TimeDelta = TimeDelta::days(366);

/// Days over ten years.
const DAILY_SPAN_MAX: TimeDelta = TimeDelta::days(3660);

const SPAN_DEFAULT: TimeDelta = TimeDelta::days(1);

const PARAMETERS: &[&str] = &["quantity", "from", "to", "aggregate", "limit"];

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Aggregate {
    Hour,
    Day,
}

#[derive(Serialize)]
struct SiteObservationsJson {
    site: String,
    name: String,
    kind: &'static str,
    from: String,
    to: String,
    aggregate: Option<Aggregate>,
    limit: usize,
    quantities: Vec<SeriesJson>,
}

#[derive(Serialize)]
struct SeriesJson {
    quantity: String,
    /// Whether there is more than `limit`.
    truncated: bool,
    observations: Vec<PointJson>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum PointJson {
    Single {
        time: String,
        value: f64,
        quality: &'static str,
        reason: Option<&'static str>,
        uplink: i64,
    },
    Hour {
        start: String,
        #[serde(flatten)]
        sum: SummaryJson,
    },
    Day {
        date: NaiveDate,
        #[serde(flatten)]
        sum: SummaryJson,
    },
}

#[derive(Serialize)]
struct SummaryJson {
    count: u64,
    mean: f64,
    min: f64,
    max: f64,
}

impl From<&HourAggregate> for SummaryJson {
    fn from(hour: &HourAggregate) -> Self {
        let count = u32::try_from(hour.count).unwrap_or(u32::MAX).max(1);
        Self { count: hour.count, mean: hour.sum / f64::from(count), min: hour.min, max: hour.max }
    }
}

/// `GET /api/v1/staff/sites/{id}/observations?quantity&from&to&aggregate&limit`
///
/// Of all quantities where none is named; bad values are among single observations, with their
/// reason, and not in aggregates. A day is a day in Sweden.
pub async fn list_observations(
    State(staff): State<StaffState>,
    Name(id): Name,
    params: Params,
) -> Result<Response, Problem> {
    let query = params.only(PARAMETERS)?;
    let limit = query.number("limit", LIMIT_DEFAULT, 1..=LIMIT_MAX)?;
    let aggregate = query.get("aggregate", "hour or day", |text| match text {
        "hour" => Some(Aggregate::Hour),
        "day" => Some(Aggregate::Day),
        _ => None,
    })?;
    let range = range(&query, aggregate, (staff.now)())?;
    let wanted = query.get("quantity", "the name of a quantity", |text| Some(text.into()))?;
    let site = staff.registry.site(&SiteId::from(id.as_str())).ok_or(Problem::NotFound)?;
    let names: Vec<QuantityName> = match wanted {
        Some(name) => vec![name],
        None => staff.reader.quantities(site.id.clone()).await?,
    };
    let mut quantities = Vec::new();
    for name in names {
        quantities.push(series(&staff, &site.id, name, (range, aggregate, limit)).await?);
    }
    answer(&SiteObservationsJson {
        site: site.id.to_string(),
        name: site.name.clone(),
        kind: site.kind.name(),
        from: instant(range.from),
        to: instant(range.until),
        aggregate,
        limit,
        quantities,
    })
}

async fn series(
    staff: &StaffState,
    site: &SiteId,
    name: QuantityName,
    (range, aggregate, limit): (Range, Option<Aggregate>, usize),
) -> Result<SeriesJson, Problem> {
    let (site, quantity) = (site.clone(), name.to_string());
    let mut observations: Vec<PointJson> = match aggregate {
        None => {
            // One more than asked for tells whether there is more.
            let found = staff.reader.observations(site, name, range, 0, limit + 1).await?;
            found.iter().map(single).collect()
        }
        Some(Aggregate::Hour) => {
            let hours = staff.reader.hourly(site, name, range).await?;
            hours
                .iter()
                .map(|hour| PointJson::Hour { start: instant(hour.start), sum: hour.into() })
                .collect()
        }
        Some(Aggregate::Day) => {
            let hours = staff.reader.hourly(site, name, range).await?;
            days(&hours)
                .iter()
                .map(|(date, sum)| PointJson::Day { date: *date, sum: sum.into() })
                .collect()
        }
    };
    let truncated = observations.len() > limit;
    observations.truncate(limit);
    Ok(SeriesJson { quantity, truncated, observations })
}

fn single(observation: &StoredObservation) -> PointJson {
    PointJson::Single {
        time: instant(observation.time),
        value: observation.value,
        quality: observation.quality.name(),
        reason: observation.quality.reason().map(Reason::name),
        uplink: observation.uplink.0,
    }
}

/// Folds hours into days in Sweden, of 23, 24 or 25 hours.
fn days(hours: &[HourAggregate]) -> BTreeMap<NaiveDate, HourAggregate> {
    let mut days: BTreeMap<NaiveDate, HourAggregate> = BTreeMap::new();
    for hour in hours {
        let day = days.entry(local_date(hour.start));
        day.and_modify(|day| {
            day.count += hour.count;
            day.sum += hour.sum;
            day.min = day.min.min(hour.min);
            day.max = day.max.max(hour.max);
        })
        .or_insert(*hour);
    }
    days
}

fn range(
    query: &Known,
    aggregate: Option<Aggregate>,
    now: DateTime<Utc>,
) -> Result<Range, Problem> {
    let until = query.instant("to")?.unwrap_or(now);
    let from = query.instant("from")?.unwrap_or(until - SPAN_DEFAULT);
    let span_max = match aggregate {
        None => SPAN_MAX,
        Some(Aggregate::Hour) => HOURLY_SPAN_MAX,
        Some(Aggregate::Day) => DAILY_SPAN_MAX,
    };
    if from >= until || until - from > span_max {
        let days = span_max.num_days();
        let wanted = format!("from must be before to, by {days} days at most.");
        return Err(Problem::BadQuery(wanted.into()));
    }
    Ok(if aggregate == Some(Aggregate::Day) {
        whole_days(from, until)
    } else {
        Range { from, until }
    })
}

/// All days that a range touches.
fn whole_days(from: DateTime<Utc>, until: DateTime<Utc>) -> Range {
    let last = local_date(until - TimeDelta::microseconds(1));
    let after = last.checked_add_days(Days::new(1)).map_or(until, local_midnight);
    Range { from: local_midnight(local_date(from)), until: after }
}
