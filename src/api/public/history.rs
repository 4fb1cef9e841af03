use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use serde::Serialize;

use super::shape::{CELSIUS, Link, instant, quality, tenth};
use super::snapshot::cache_control;
use super::{JSON, PublicState, json, json_only, paths};
use crate::api::error::Problem;
use crate::api::query::{Known, Name, Params};
use crate::api::reply::Content;
use crate::bathing::{Reading, believed, local_date};
use crate::store::Range;

/// Readings on a page unless a client asks otherwise; the number of the national API profile.
const LIMIT_DEFAULT: usize = 20;

/// Readings on a page at most: about a week of them.
const LIMIT_MAX: usize = 1000;

/// A whole season with room on both sides can be asked for at once.
const SPAN_MAX: TimeDelta = TimeDelta::days(190);

/// Readings looked through for one answer: [`SPAN_MAX`] at one each five minutes.
const READINGS_MAX: usize = 55_000;

const PARAMETERS: &[&str] = &["from", "to", "limit", "offset"];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HistoryJson {
    id: String,
    unit: &'static str,
    from: String,
    to: String,
    limit: usize,
    offset: usize,
    total: usize,
    measurements: Vec<MeasurementJson>,
    #[serde(rename = "_links")]
    links: HistoryLinks,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MeasurementJson {
    observed_at: String,
    temperature: f64,
    quality: &'static str,
}

#[derive(Serialize)]
struct HistoryLinks {
    #[serde(rename = "self")]
    itself: Link,
    site: Link,
    #[serde(skip_serializing_if = "Option::is_none")]
    prev: Option<Link>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Link>,
}

/// Which readings are asked for.
struct Page {
    range: Range,
    limit: usize,
    offset: usize,
}

/// `GET /api/v1/badtemperaturer/{id}/matningar`
///
/// Only what was or could have been shown: a step that nothing confirmed and a day in the air are
/// not in the history either.
pub async fn list_measurements(
    State(api): State<PublicState>,
    Name(id): Name,
    params: Params,
    request: HeaderMap,
) -> Result<Response, Problem> {
    let now = (api.now)();
    let page = Page::read(&params.only(PARAMETERS)?, now)?;
    json_only(&request)?;
    let bath = api.baths.find(&id, local_date(now)).ok_or(Problem::NotFound)?;
    // A day before, to know the swing; an hour after, for the witnesses of a last step.
    let seen = Range {
        from: page.range.from - TimeDelta::days(1),
        until: (page.range.until + TimeDelta::hours(1)).min(now + TimeDelta::microseconds(1)),
    };
    let observations = if seen.from < seen.until {
        api.water.temperatures(bath, seen, READINGS_MAX).await?
    } else {
        Vec::new()
    };
    let readings: Vec<Reading> = believed(&bath.bathing, &observations)
        .into_iter()
        .filter(|reading| page.range.from <= reading.time && reading.time < page.range.until)
        .collect();
    let content = Content {
        media: JSON,
        modified_at: readings.last().map(|reading| reading.time),
        body: json(&page.shape(&id, &readings))?,
        cache_control: cache_control(None),
    };
    Ok(content.answer(&request))
}

impl Page {
    fn read(query: &Known, now: DateTime<Utc>) -> Result<Self, Problem> {
        // Whole hours, so that the same question has the same answer for a while.
        let hour = TimeDelta::hours(1);
        let this_hour = now.duration_trunc(hour).unwrap_or(now);
        let to = query.instant("to")?;
        let from = query.instant("from")?;
        let day = TimeDelta::days(1);
        let until = to.or_else(|| from?.checked_add_signed(day)).unwrap_or(this_hour + hour);
        let range = Range { from: from.unwrap_or(until - day), until };
        if range.from > range.until || range.until - range.from > SPAN_MAX {
            let days = SPAN_MAX.num_days();
            let wanted = format!("from must not be after to, nor more than {days} days before it.");
            return Err(Problem::BadQuery(wanted.into()));
        }
        Ok(Self {
            range,
            limit: query.number("limit", LIMIT_DEFAULT, 1..=LIMIT_MAX)?,
            offset: query.number("offset", 0, 0..=READINGS_MAX)?,
        })
    }

    fn shape(&self, id: &str, readings: &[Reading]) -> HistoryJson {
        let measurement = |reading: &Reading| MeasurementJson {
            observed_at: instant(reading.time),
            temperature: tenth(reading.celsius),
            quality: quality(reading),
        };
        let next = self.offset.saturating_add(self.limit);
        HistoryJson {
            id: id.to_owned(),
            unit: CELSIUS,
            from: instant(self.range.from),
            to: instant(self.range.until),
            limit: self.limit,
            offset: self.offset,
            total: readings.len(),
            measurements: readings
                .iter()
                .skip(self.offset)
                .take(self.limit)
                .map(measurement)
                .collect(),
            links: HistoryLinks {
                itself: self.link(id, self.offset),
                site: Link::to(paths::site(id)),
                prev: (self.offset > 0)
                    .then(|| self.link(id, self.offset.saturating_sub(self.limit))),
                next: (next < readings.len()).then(|| self.link(id, next)),
            },
        }
    }

    fn link(&self, id: &str, offset: usize) -> Link {
        let (from, to) = (instant(self.range.from), instant(self.range.until));
        let (path, limit) = (paths::history(id), self.limit);
        Link::to(format!("{path}?from={from}&to={to}&limit={limit}&offset={offset}"))
    }
}
