//! Retention: drops what a decision allows to be dropped, whole days at a time and in small steps,
//! and writes down in the same transaction what it dropped.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, OptionalExtension, params};

use super::codes::{self, HOURS_PER_DAY, day_of_hour, hour_of, micros};
use super::write::Batch;
use super::{StoreError, Writer};

/// Most rows a step drops: some 50 ms, for which a batch of uplinks may have to wait.
const STEP_ROWS: usize = 2000;

/// How long things are kept. None is for ever, which is the default of all of them: what a
/// municipality has received is an official document, and destroying it takes a decision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// The messages as received; their rows in the ledger stay.
    pub raw: Option<Rule>,
    pub observations: Option<Rule>,
    /// The aggregates by hour.
    pub hourly: Option<Rule>,
    /// The hashes by which redelivery is recognised. They say nothing by themselves, so that no
    /// decision is asked for.
    pub seen: Option<Duration>,
}

/// A limit, and the decision that allows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub keep: Duration,
    /// Such as `KS 2026/123`.
    pub decision: String,
}

/// What is limited on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RetainedKind {
    Raw,
    Observations,
    Hourly,
    Seen,
}

impl RetainedKind {
    /// In the order in which they are dropped: aggregates outlive what they were made from.
    pub const ALL: [Self; 4] = [Self::Seen, Self::Raw, Self::Observations, Self::Hourly];

    /// The name in the store, the configuration and the metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Observations => "observations",
            Self::Hourly => "hourly",
            Self::Seen => "seen",
        }
    }
}

impl fmt::Display for RetainedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What one step has dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    pub kind: RetainedKind,
    /// Midnight UTC at which the day begins.
    pub day: DateTime<Utc>,
    pub decision: Option<String>,
    /// By this step.
    pub rows: usize,
    /// Of this day so far.
    pub rows_of_day: u64,
    /// Nothing of the day is left.
    pub finished: bool,
}

/// A limit as a step needs it.
struct Limit<'r> {
    kind: RetainedKind,
    decision: Option<&'r str>,
    /// The first day that is kept, counted from 1970.
    first_kept_day: i64,
}

/// The row of the disposal that is under way.
struct Open {
    id: i64,
    day: i64,
}

impl Retention {
    fn limit(&self, kind: RetainedKind, now: DateTime<Utc>) -> Option<Limit<'_>> {
        let (keep, decision) = match kind {
            RetainedKind::Raw => {
                self.raw.as_ref().map(|rule| (rule.keep, Some(&*rule.decision)))?
            }
            RetainedKind::Observations => {
                self.observations.as_ref().map(|rule| (rule.keep, Some(&*rule.decision)))?
            }
            RetainedKind::Hourly => {
                self.hourly.as_ref().map(|rule| (rule.keep, Some(&*rule.decision)))?
            }
            RetainedKind::Seen => (self.seen?, None),
        };
        // A limit before all calendars drops nothing.
        let border = now.checked_sub_signed(TimeDelta::from_std(keep).ok()?)?;
        Some(Limit { kind, decision, first_kept_day: day_of_hour(hour_of(micros(border))) })
    }
}

impl Writer {
    /// Drops some rows of the oldest day that `retention` allows to be dropped at `now`. Returns
    /// what went, or none if there is nothing to drop. Each step is whole by itself, so that the
    /// process may end between any two. The caller does this when nothing else waits and all
    /// aggregates are up to date.
    ///
    /// # Errors
    ///
    /// As the store's; nothing has then happened.
    pub fn dispose(
        &mut self,
        retention: &Retention,
        now: DateTime<Utc>,
    ) -> Result<Option<Dropped>, StoreError> {
        for limit in RetainedKind::ALL.into_iter().filter_map(|kind| retention.limit(kind, now)) {
            if !is_due(&self.connection, &limit)? {
                continue;
            }
            // What has been disposed of must not be found in the file's free pages either.
            self.connection.pragma_update(None, "secure_delete", "on")?;
            let dropped = self.batch(|batch| batch.dispose(&limit, now));
            self.connection.pragma_update(None, "secure_delete", "fast")?;
            return dropped.map(Some);
        }
        Ok(None)
    }
}

impl Batch<'_> {
    fn dispose(&mut self, limit: &Limit<'_>, now: DateTime<Utc>) -> Result<Dropped, StoreError> {
        let open = self.open_disposal(limit, now)?;
        let hours = (open.day * HOURS_PER_DAY, open.day * HOURS_PER_DAY + HOURS_PER_DAY - 1);
        let (rows, is_more) = match limit.kind {
            RetainedKind::Raw => self.drop_messages(&open, hours)?,
            RetainedKind::Observations => self.drop_observations(hours)?,
            RetainedKind::Hourly => self.drop_hourly(open.day)?,
            RetainedKind::Seen => self.drop_seen(limit, hours)?,
        };
        let finished_at = (!is_more).then(|| micros(now));
        let rows_of_day = self
            .connection
            .prepare_cached(
                "update disposal set rows = rows + ?2, finished_at = ?3 where id = ?1
                 returning rows",
            )?
            .query_row(params![open.id, rows, finished_at], |row| row.get(0))?;
        Ok(Dropped {
            kind: limit.kind,
            day: codes::time(codes::hour_start(hours.0)),
            decision: limit.decision.map(str::to_owned),
            rows,
            rows_of_day,
            finished: !is_more,
        })
    }

    /// Goes on with the day that is under way, or begins the oldest. What was begun by another
    /// decision is closed as it is: each row names the decision by which its rows went.
    fn open_disposal(&self, limit: &Limit<'_>, now: DateTime<Utc>) -> Result<Open, StoreError> {
        let kind = limit.kind.name();
        self.connection
            .prepare_cached(
                "update disposal set finished_at = ?3
                 where kind = ?1 and finished_at is null and decision is not ?2",
            )?
            .execute(params![kind, limit.decision, micros(now)])?;
        let open = self
            .connection
            .prepare_cached(
                "select id, day from disposal
                 where kind = ?1 and finished_at is null and day < ?2 order by day limit 1",
            )?
            .query_row(params![kind, limit.first_kept_day], |row| {
                Ok(Open { id: row.get(0)?, day: row.get(1)? })
            })
            .optional()?;
        if let Some(open) = open {
            return Ok(open);
        }
        // The caller has seen that there is a day; the first one that is kept holds nothing to drop.
        let day = oldest_day(self.connection, limit)?.unwrap_or(limit.first_kept_day);
        self.connection
            .prepare_cached(
                "insert into disposal (kind, day, decision, rows, begun_at)
                 values (?1, ?2, ?3, 0, ?4)",
            )?
            .execute(params![kind, day, limit.decision, micros(now)])?;
        Ok(Open { id: self.connection.last_insert_rowid(), day })
    }

    /// Empties messages of the day's first hour that has any. Every row of the ledger has a device
    /// or an outcome other than `stored`, so that the two indexes together name them all.
    fn drop_messages(
        &self,
        open: &Open,
        (first, last): (i64, i64),
    ) -> Result<(usize, bool), StoreError> {
        let next_hour = || -> Result<Option<i64>, StoreError> {
            let hour = self
                .connection
                .prepare_cached(
                    "select hour from message_hour where hour between ?1 and ?2
                     order by hour limit 1",
                )?
                .query_row([first, last], |row| row.get(0))
                .optional()?;
            Ok(hour)
        };
        let mut rows = 0;
        while let Some(hour) = next_hour()? {
            for index in ["uplink_of_device", "uplink_of_outcome"] {
                let of_hour = format!(
                    "id in (select i.uplink from {index} i cross join uplink u on u.id = i.uplink
                            where i.hour = ?1 and u.disposal is null limit ?2)"
                );
                let most = STEP_ROWS.saturating_sub(rows);
                // Written over where it lies: a row that shrinks may move to another page and leave
                // what it held in the unused part of the old one.
                self.connection
                    .prepare_cached(&format!(
                        "update uplink set message = zeroblob(length(message)) where {of_hour}"
                    ))?
                    .execute(params![hour, most])?;
                rows += self
                    .connection
                    .prepare_cached(&format!(
                        "update uplink set message = x'', disposal = ?3 where {of_hour}"
                    ))?
                    .execute(params![hour, most, open.id])?;
            }
            if rows >= STEP_ROWS {
                return Ok((rows, true));
            }
            self.connection
                .prepare_cached("delete from message_hour where hour = ?1")?
                .execute([hour])?;
        }
        Ok((rows, false))
    }

    /// The latest value of a series and the notes of changes go with the observation they are of.
    /// The newest note stays, whatever its age: followers count on rising numbers.
    fn drop_observations(&self, (first, last): (i64, i64)) -> Result<(usize, bool), StoreError> {
        let end = codes::hour_start(last + 1);
        self.connection.prepare_cached("delete from latest where time < ?1")?.execute([end])?;
        let rows = self
            .connection
            .prepare_cached(
                "delete from observation where (hour, series, time) in
                     (select hour, series, time from observation
                      where hour between ?1 and ?2 limit ?3)",
            )?
            .execute(params![first, last, STEP_ROWS])?;
        let notes = self
            .connection
            .prepare_cached(
                "delete from change where seq in
                     (select seq from change order by seq limit ?2)
                 and time < ?1 and seq < (select max(seq) from change)",
            )?
            .execute(params![end, STEP_ROWS])?;
        Ok((rows, rows >= STEP_ROWS || notes >= STEP_ROWS))
    }

    fn drop_hourly(&self, day: i64) -> Result<(usize, bool), StoreError> {
        let rows = self
            .connection
            .prepare_cached(
                "delete from hourly where (day, series, hour) in
                     (select day, series, hour from hourly where day = ?1 limit ?2)",
            )?
            .execute(params![day, STEP_ROWS])?;
        Ok((rows, rows >= STEP_ROWS))
    }

    fn drop_seen(
        &self,
        limit: &Limit<'_>,
        (first, last): (i64, i64),
    ) -> Result<(usize, bool), StoreError> {
        let border = first_kept_uplink(self.connection, limit)?;
        let rows = self
            .connection
            .prepare_cached(
                "delete from seen where (hour, hash, uplink) in
                     (select hour, hash, uplink from seen
                      where hour between ?1 and ?2 and uplink < ?3 limit ?4)",
            )?
            .execute(params![first, last, border, STEP_ROWS])?;
        Ok((rows, rows >= STEP_ROWS))
    }
}

/// Whether a day is under way, of which the last rows may just have gone, or one can be begun.
fn is_due(connection: &Connection, limit: &Limit<'_>) -> Result<bool, StoreError> {
    let is_under_way = connection
        .prepare_cached(
            "select 1 from disposal where kind = ?1 and finished_at is null and day < ?2
                 and decision is ?3",
        )?
        .exists(params![limit.kind.name(), limit.first_kept_day, limit.decision])?;
    Ok(is_under_way || oldest_day(connection, limit)?.is_some())
}

/// The oldest day of which something can be dropped.
fn oldest_day(connection: &Connection, limit: &Limit<'_>) -> Result<Option<i64>, StoreError> {
    let end = limit.first_kept_day * HOURS_PER_DAY;
    let first = |sql: &str| -> Result<Option<i64>, StoreError> {
        Ok(connection.prepare_cached(sql)?.query_row([end], |row| row.get(0)).optional()?)
    };
    let hour = match limit.kind {
        RetainedKind::Raw => {
            first("select hour from message_hour where hour < ?1 order by hour limit 1")?
        }
        // An hour that is not rolled up yet would take its aggregates with it.
        RetainedKind::Observations => first(
            "select hour from observation where hour < ?1 and not exists
                 (select 1 from stale_hour s where s.hour < ?1)
             order by hour limit 1",
        )?,
        RetainedKind::Hourly => {
            first("select day * 24 from hourly where day * 24 < ?1 order by day limit 1")?
        }
        RetainedKind::Seen => connection
            .prepare_cached(
                "select hour from seen where hour < ?1 and uplink < ?2 order by hour limit 1",
            )?
            .query_row([end, first_kept_uplink(connection, limit)?], |row| row.get(0))
            .optional()?,
    };
    Ok(hour.map(day_of_hour))
}

/// The first uplink that arrived on a day that is kept. Hashes lie under the network server's time,
/// which may be years off: that of an uplink that has just come is kept, whatever it says.
fn first_kept_uplink(connection: &Connection, limit: &Limit<'_>) -> Result<i64, StoreError> {
    let first: Option<i64> = connection
        .prepare_cached(
            "select min(uplink) from uplink_of_device where hour =
                 (select min(hour) from uplink_of_device where hour >= ?1)",
        )?
        .query_row([limit.first_kept_day * HOURS_PER_DAY], |row| row.get(0))?;
    Ok(first.unwrap_or(i64::MAX))
}
