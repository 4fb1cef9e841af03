use std::collections::HashMap;

use rusqlite::{Connection, params};

use super::{Check, Finding, Findings, HourSpan, Inspector, Newest, disposed_days, hour_sql};
use crate::store::codes::{self, day_of_hour, hour_start, time};
use crate::store::{RetainedKind, StoreError};

/// The tables that are walked hour by hour.
const BY_HOUR: [&str; 4] = ["uplink_of_device", "uplink_of_outcome", "seen", "observation"];

/// What one hour held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HourCounts {
    pub observations: u64,
    /// Those of an uplink whose message is kept, so that they could be made again.
    pub repeatable: u64,
    pub aggregates: u64,
}

impl Inspector {
    /// The first hour from `from` of which anything is kept; none after the last.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn next_hour(&self, from: i64) -> Result<Option<i64>, StoreError> {
        let mut first: Option<i64> = None;
        for table in BY_HOUR {
            let next: Option<i64> = self
                .connection
                .prepare_cached(&format!("select min(hour) from {table} where hour >= ?1"))?
                .query_row([from], |row| row.get(0))?;
            first = [first, next].into_iter().flatten().min();
        }
        Ok(first)
    }

    /// The last hour of which anything is kept.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn last_hour(&self) -> Result<Option<i64>, StoreError> {
        let mut last: Option<i64> = None;
        for table in BY_HOUR {
            let hour: Option<i64> = self.connection.query_row(
                &format!("select max(hour) from {table}"),
                [],
                |row| row.get(0),
            )?;
            last = last.max(hour);
        }
        Ok(last)
    }

    /// Checks one hour of everything that is kept by hour, in one snapshot, and notes the newest
    /// observations of each series. Observations count as repeatable where their uplink arrived in
    /// `span` and is not after `last_uplink`.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn hour(
        &self,
        hour: i64,
        span: HourSpan,
        last_uplink: i64,
        newest: &mut HashMap<i64, Newest>,
        found: &mut Findings<'_>,
    ) -> Result<HourCounts, StoreError> {
        let snapshot = self.snapshot()?;
        check_strays(&snapshot, hour, found)?;
        let mut counts = count(&snapshot, hour, span, last_uplink)?;
        if counts.observations > 0 {
            check_observations(&snapshot, hour, found)?;
            counts.aggregates = check_aggregates(&snapshot, hour, newest, found)?;
        }
        Ok(counts)
    }

    /// Checks that the aggregates of a day are of observations.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn day_of_aggregates(
        &self,
        day: i64,
        span: HourSpan,
        found: &mut Findings<'_>,
    ) -> Result<(), StoreError> {
        let snapshot = self.snapshot()?;
        if disposed_days(&snapshot, RetainedKind::Observations)?.contains(&day) {
            return Ok(());
        }
        let mut statement = snapshot.prepare_cached(
            "select s.site, s.quantity, a.series, a.hour from hourly a
             left join series s on s.id = a.series
             where a.day = ?1 and a.hour between ?2 and ?3
             and a.hour not in (select hour from stale_hour)
             and not exists (select 1 from observation o
                 where o.hour = a.hour and o.series = a.series and o.quality <> ?4)",
        )?;
        let mut rows = statement.query(params![day, span.first, span.last, codes::BAD])?;
        while let Some(row) = rows.next()? {
            let ids = series_ids(row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            found.add(Finding::new(Check::Hourly, ids, "there is an aggregate and no observation"));
        }
        Ok(())
    }

    /// The first day from `from` that has aggregates.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn next_day_of_aggregates(&self, from: i64) -> Result<Option<i64>, StoreError> {
        Ok(self
            .connection
            .prepare_cached("select min(day) from hourly where day >= ?1")?
            .query_row([from], |row| row.get(0))?)
    }
}

/// Entries of the indexes and of `seen` that are of no row, or of another one.
fn check_strays(
    connection: &Connection,
    hour: i64,
    found: &mut Findings<'_>,
) -> Result<(), StoreError> {
    let arrived = hour_sql("u.arrived_at");
    let given = hour_sql("coalesce(u.server_time, u.arrived_at)");
    let checks = [
        (
            Check::UplinkOfDevice,
            format!(
                "select i.uplink, u.id is null from uplink_of_device i
                 left join uplink u on u.id = i.uplink
                 where i.hour = ?1 and (u.id is null or u.device is not i.device or {arrived} <> i.hour)"
            ),
        ),
        (
            Check::UplinkOfOutcome,
            format!(
                "select i.uplink, u.id is null from uplink_of_outcome i
                 left join uplink u on u.id = i.uplink
                 where i.hour = ?1 and (u.id is null or u.outcome <> i.outcome or {arrived} <> i.hour)"
            ),
        ),
        (
            Check::Seen,
            format!(
                "select i.uplink, u.id is null from seen i left join uplink u on u.id = i.uplink
                 where i.hour = ?1 and (u.id is null or u.outcome = {duplicate} or {given} <> i.hour)",
                duplicate = codes::outcome(crate::model::Outcome::Duplicate)
            ),
        ),
    ];
    for (check, sql) in checks {
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query([hour])?;
        while let Some(row) = rows.next()? {
            let is_missing: bool = row.get(1)?;
            let says = if is_missing {
                "there is an entry, and no such row in the ledger"
            } else {
                "there is an entry that its row in the ledger does not bear out"
            };
            found.add(Finding::of_uplink(check, row.get(0)?, says));
        }
    }
    Ok(())
}

fn count(
    connection: &Connection,
    hour: i64,
    span: HourSpan,
    last_uplink: i64,
) -> Result<HourCounts, StoreError> {
    let arrived = hour_sql("u.arrived_at");
    let mut statement = connection.prepare_cached(&format!(
        "select count(*), count(*) filter (where u.disposal is null and u.id <= ?2
             and {arrived} between ?3 and ?4 and o.reason is not {withdrawn})
         from observation o left join uplink u on u.id = o.uplink where o.hour = ?1",
        withdrawn = codes::WITHDRAWN
    ))?;
    Ok(statement.query_row(params![hour, last_uplink, span.first, span.last], |row| {
        Ok(HourCounts { observations: row.get(0)?, repeatable: row.get(1)?, aggregates: 0 })
    })?)
}

fn check_observations(
    connection: &Connection,
    hour: i64,
    found: &mut Findings<'_>,
) -> Result<(), StoreError> {
    let of_time = hour_sql("o.time");
    let mut statement = connection.prepare_cached(&format!(
        "select s.site, s.quantity, o.series, o.time, o.uplink, u.outcome, {of_time} <> o.hour
         from observation o
         left join uplink u on u.id = o.uplink left join series s on s.id = o.series
         where o.hour = ?1
         and (u.id is null or (u.outcome <> {stored} and o.reason is not {withdrawn}) or s.id is null or {of_time} <> o.hour)",
        stored = codes::STORED,
        withdrawn = codes::WITHDRAWN
    ))?;
    let mut rows = statement.query([hour])?;
    while let Some(row) = rows.next()? {
        let (site, uplink): (Option<String>, i64) = (row.get(0)?, row.get(4)?);
        let outcome: Option<i64> = row.get(5)?;
        let says = match outcome {
            _ if site.is_none() => "its series is missing".to_owned(),
            _ if row.get(6)? => "it lies under another hour than that of its time".to_owned(),
            None => format!("uplink {uplink}, of which it was made, is not in the ledger"),
            Some(code) => {
                let outcome = codes::to_outcome(code).map_or("unknown", |known| known.name());
                format!("uplink {uplink}, of which it was made, has the outcome {outcome}")
            }
        };
        let ids = observation_ids(site, row.get(1)?, row.get(2)?, row.get(3)?);
        found.add(Finding::new(Check::Observation, ids, says));
    }
    Ok(())
}

/// Folds an hour's observations, compares with its aggregates if they are to be right, and notes
/// the newest of each series. Returns how many aggregates were compared.
fn check_aggregates(
    connection: &Connection,
    hour: i64,
    newest: &mut HashMap<i64, Newest>,
    found: &mut Findings<'_>,
) -> Result<u64, StoreError> {
    let day = day_of_hour(hour);
    let is_stale =
        connection.prepare_cached("select 1 from stale_hour where hour = ?1")?.exists([hour])?;
    let is_disposed = disposed_days(connection, RetainedKind::Observations)?.contains(&day)
        || disposed_days(connection, RetainedKind::Hourly)?.contains(&day);
    let mut compared = 0;
    let mut statement = connection.prepare_cached(
        "with folded as (
             select series, count(*) filter (where quality <> ?2) as count,
                 sum(value) filter (where quality <> ?2) as sum,
                 min(value) filter (where quality <> ?2) as min,
                 max(value) filter (where quality <> ?2) as max,
                 max(time) filter (where quality <> ?2 and reason is not ?4) as newest,
                 max(time) filter (where quality = ?2 or reason is ?4) as newest_bad
             from observation where hour = ?1 group by series)
         select f.series, f.newest, f.newest_bad, f.count, a.count, s.site, s.quantity,
             a.min is f.min and a.max is f.max
             and abs(a.sum - f.sum) <= 1e-9 * (abs(f.sum) + 1.0)
         from folded f left join series s on s.id = f.series
         left join hourly a on a.day = ?3 and a.series = f.series and a.hour = ?1",
    )?;
    let mut rows = statement.query(params![hour, codes::BAD, day, codes::JUMP])?;
    while let Some(row) = rows.next()? {
        let (series, good, bad): (i64, Option<i64>, Option<i64>) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        let known = newest.entry(series).or_default();
        known.good = known.good.max(good);
        known.bad = known.bad.max(bad);
        let (wanted, kept): (u64, Option<u64>) = (row.get(3)?, row.get(4)?);
        if is_stale || is_disposed || (wanted == 0 && kept.is_none()) {
            continue;
        }
        compared += 1;
        let says = match kept {
            None => format!("{wanted} observations are in no aggregate"),
            Some(kept) if kept != wanted => {
                format!("the aggregate counts {kept} observations, there are {wanted}")
            }
            Some(_) if row.get::<_, Option<bool>>(7)? == Some(true) => continue,
            Some(_) => "sum, least or greatest value is not that of the observations".to_owned(),
        };
        found.add(Finding::new(
            Check::Hourly,
            series_ids(row.get(5)?, row.get(6)?, series, hour),
            says,
        ));
    }
    Ok(compared)
}

fn series_ids(
    site: Option<String>,
    quantity: Option<String>,
    series: i64,
    hour: i64,
) -> Vec<(&'static str, String)> {
    let mut ids = names(site, quantity, series);
    ids.push(("hour", rfc3339(hour_start(hour))));
    ids
}

pub(super) fn observation_ids(
    site: Option<String>,
    quantity: Option<String>,
    series: i64,
    at: i64,
) -> Vec<(&'static str, String)> {
    let mut ids = names(site, quantity, series);
    ids.push(("time", rfc3339(at)));
    ids
}

/// A series by its names, and by its number where it has none.
pub(super) fn names(
    site: Option<String>,
    quantity: Option<String>,
    series: i64,
) -> Vec<(&'static str, String)> {
    match site.zip(quantity) {
        Some((site, quantity)) => vec![("site", site), ("quantity", quantity)],
        None => vec![("series", series.to_string())],
    }
}

fn rfc3339(micros: i64) -> String {
    time(micros).to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}
