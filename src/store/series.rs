use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::codes::{self, day_of_hour, hour_of, hour_start, micros, time};
use super::read::hours;
use super::statements::Statements;
use super::{Reader, StoreError, UplinkId};
use crate::model::{Quality, QuantityName, SiteId};

/// An observation as it is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StoredObservation {
    pub time: DateTime<Utc>,
    pub value: f64,
    pub quality: Quality,
    pub uplink: UplinkId,
}

/// Half open: `from` is in it, `until` is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
}

/// The observations of one hour that are not bad.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HourAggregate {
    /// The hour's beginning.
    pub start: DateTime<Utc>,
    pub count: u64,
    pub sum: f64,
    pub min: f64,
    pub max: f64,
}

/// An observation that was written, new or corrected.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Rises with each change; the cursor of whoever follows.
    pub seq: i64,
    pub site: SiteId,
    pub quantity: QuantityName,
    /// The observation as it is now, which may be later than this change.
    pub observation: StoredObservation,
}

impl Reader {
    /// The newest observation of a series that is neither bad nor a jump that waits to be confirmed.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub async fn latest(
        &self,
        site: SiteId,
        quantity: QuantityName,
    ) -> Result<Option<StoredObservation>, StoreError> {
        self.ask(move |connection| {
            let Some(series) = series_id(connection, &site, &quantity)? else { return Ok(None) };
            latest(connection, series)
        })
        .await
    }

    /// The observations of a series, in order of time; at most `limit` after the first `offset`.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub async fn observations(
        &self,
        site: SiteId,
        quantity: QuantityName,
        range: Range,
        offset: usize,
        limit: usize,
    ) -> Result<Vec<StoredObservation>, StoreError> {
        self.ask(move |connection| observations(connection, &site, &quantity, range, offset, limit))
            .await
    }

    /// A series by hour, in order of time; hours without observations are left out. Hours that
    /// `range` touches are given whole.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub async fn hourly(
        &self,
        site: SiteId,
        quantity: QuantityName,
        range: Range,
    ) -> Result<Vec<HourAggregate>, StoreError> {
        self.ask(move |connection| hourly(connection, &site, &quantity, range)).await
    }

    /// The quantities that have been observed at a site.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub async fn quantities(&self, site: SiteId) -> Result<Vec<QuantityName>, StoreError> {
        self.ask(move |connection| {
            let mut statement = connection
                .prepare_cached("select quantity from series where site = ?1 order by quantity")?;
            let rows = statement.query_map([&site.0], |row| row.get::<_, String>(0))?;
            Ok(rows
                .map(|name| name.map(|name| QuantityName::from(name.as_str())))
                .collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Everything written after `cursor`, in the order of writing; at most `limit`.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub async fn changes(&self, cursor: i64, limit: usize) -> Result<Vec<Change>, StoreError> {
        self.ask(move |connection| changes(connection, cursor, limit)).await
    }
}

fn series_id(
    connection: &Connection,
    site: &SiteId,
    quantity: &QuantityName,
) -> Result<Option<i64>, StoreError> {
    let id = connection
        .prepare_cached("select id from series where site = ?1 and quantity = ?2")?
        .query_row(params![site.0, quantity.0], |row| row.get(0))
        .optional()?;
    Ok(id)
}

pub(super) fn latest(
    connection: &Connection,
    series: i64,
) -> Result<Option<StoredObservation>, StoreError> {
    Ok(connection
        .prepare_cached(
            "select time, value, quality, reason, uplink from latest where series = ?1",
        )?
        .query_row([series], observation)
        .optional()?)
}

pub(super) fn observations(
    connection: &Connection,
    site: &SiteId,
    quantity: &QuantityName,
    range: Range,
    offset: usize,
    limit: usize,
) -> Result<Vec<StoredObservation>, StoreError> {
    let Some(series) = series_id(connection, site, quantity)? else { return Ok(Vec::new()) };
    let (first, last) = hours(range.from, range.until);
    // The tree is clustered by hour, so each hour is one seek; a condition on the series alone
    // would read every series.
    let mut statement = connection.prepare_cached(
        "with recursive span (hour) as
             (select ?2 union all select hour + 1 from span where hour < ?3)
         select o.time, o.value, o.quality, o.reason, o.uplink
         from span cross join observation o on o.hour = span.hour and o.series = ?1
         where o.time >= ?4 and o.time < ?5
         limit ?6 offset ?7",
    )?;
    let (from, until) = (micros(range.from), micros(range.until));
    let rows = statement
        .query_map(params![series, first, last, from, until, limit, offset], observation)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Where to begin reading a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Oldest,
    Newest,
}

/// Hour by hour from one end, so that what lies further off is not read.
pub(super) fn some_of(
    statements: &Statements<'_>,
    series: i64,
    range: Range,
    end: End,
    limit: usize,
) -> Result<Vec<StoredObservation>, StoreError> {
    let sql = match end {
        End::Oldest => {
            "select time, value, quality, reason, uplink from observation
             where hour = ?1 and series = ?2 and time >= ?3 and time < ?4 order by time limit ?5"
        }
        End::Newest => {
            "select time, value, quality, reason, uplink from observation
             where hour = ?1 and series = ?2 and time >= ?3 and time < ?4 order by time desc limit ?5"
        }
    };
    let (from, until) = (micros(range.from), micros(range.until));
    let (first, last) = (hour_of(from), hour_of(until - 1));
    let mut found = statements.with(sql, |statement| {
        let mut found: Vec<StoredObservation> = Vec::new();
        for step in 0..=last - first {
            let hour = if end == End::Oldest { first + step } else { last - step };
            let left = limit - found.len();
            for row in statement.query_map(params![hour, series, from, until, left], observation)? {
                found.push(row?);
            }
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    })?;
    if end == End::Newest {
        found.reverse();
    }
    Ok(found)
}

/// The first observation that is left to the history of its series, other than the one at `except`.
pub(super) fn first_of_history(
    connection: &Connection,
    series: i64,
    range: Range,
    except: DateTime<Utc>,
) -> Result<Option<StoredObservation>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "select o.time, o.value, o.quality, o.reason, o.uplink from observation o
         where o.hour = ?1 and o.series = ?2 and o.time >= ?3 and o.time < ?4 and o.time <> ?5 and {}
         order by o.time limit 1",
        codes::of_history_sql()
    ))?;
    let (from, until) = (micros(range.from), micros(range.until));
    for hour in hour_of(from)..=hour_of(until - 1) {
        let of_hour = params![hour, series, from, until, micros(except)];
        if let Some(first) = statement.query_row(of_hour, observation).optional()? {
            return Ok(Some(first));
        }
    }
    Ok(None)
}

/// Whether an observation that is left to the history of its series, other than the one at `except`,
/// has another value than this.
pub(super) fn has_other_value(
    connection: &Connection,
    series: i64,
    range: Range,
    value: f64,
    except: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let (from, until) = (micros(range.from), micros(range.until));
    let sql = format!(
        "with recursive span (hour) as
             (select ?2 union all select hour + 1 from span where hour < ?3)
         select 1 from span
         cross join observation o on o.hour = span.hour and o.series = ?1
         where o.time >= ?4 and o.time < ?5 and o.time <> ?6 and o.value <> ?7 and {} limit 1",
        codes::of_history_sql()
    );
    let (first, last) = (hour_of(from), hour_of(until - 1));
    Ok(connection.prepare_cached(&sql)?.exists(params![
        series,
        first,
        last,
        from,
        until,
        micros(except),
        value
    ])?)
}

fn hourly(
    connection: &Connection,
    site: &SiteId,
    quantity: &QuantityName,
    range: Range,
) -> Result<Vec<HourAggregate>, StoreError> {
    let Some(series) = series_id(connection, site, quantity)? else { return Ok(Vec::new()) };
    let (first, last) = (hour_of(micros(range.from)), hour_of(micros(range.until) - 1));
    let mut ready = connection.prepare_cached(
        "with recursive span (day) as
             (select ?2 union all select day + 1 from span where day < ?3)
         select a.hour, a.count, a.sum, a.min, a.max
         from span cross join hourly a on a.day = span.day and a.series = ?1
         where a.hour between ?4 and ?5 and a.hour not in (select hour from stale_hour)",
    )?;
    let days = (day_of_hour(first), day_of_hour(last));
    let mut hours: Vec<HourAggregate> = ready
        .query_map(params![series, days.0, days.1, first, last], aggregate)?
        .collect::<Result<_, _>>()?;
    let mut fresh = connection.prepare_cached(
        "select o.hour, count(*), sum(o.value), min(o.value), max(o.value)
         from stale_hour s cross join observation o on o.hour = s.hour and o.series = ?1
         where s.hour between ?2 and ?3 and o.quality <> ?4
         group by o.hour",
    )?;
    for hour in fresh.query_map(params![series, first, last, codes::BAD], aggregate)? {
        hours.push(hour?);
    }
    hours.sort_by_key(|hour| hour.start);
    Ok(hours)
}

fn changes(connection: &Connection, cursor: i64, limit: usize) -> Result<Vec<Change>, StoreError> {
    let mut statement = connection.prepare_cached(
        "select o.time, o.value, o.quality, o.reason, o.uplink, c.seq, s.site, s.quantity
         from change c
         join series s on s.id = c.series
         join observation o on o.hour = c.time / 3600000000 and o.series = c.series and o.time = c.time
         where c.seq > ?1 order by c.seq limit ?2",
    )?;
    let rows = statement.query_map(params![cursor, limit], |row| {
        Ok(Change {
            seq: row.get(5)?,
            site: SiteId::from(row.get::<_, String>(6)?.as_str()),
            quantity: QuantityName::from(row.get::<_, String>(7)?.as_str()),
            observation: observation(row)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn observation(row: &Row<'_>) -> rusqlite::Result<StoredObservation> {
    Ok(StoredObservation {
        time: time(row.get(0)?),
        value: row.get(1)?,
        quality: codes::to_quality(row.get(2)?, row.get(3)?),
        uplink: UplinkId(row.get(4)?),
    })
}

fn aggregate(row: &Row<'_>) -> rusqlite::Result<HourAggregate> {
    Ok(HourAggregate {
        start: time(hour_start(row.get(0)?)),
        count: row.get(1)?,
        sum: row.get(2)?,
        min: row.get(3)?,
        max: row.get(4)?,
    })
}
