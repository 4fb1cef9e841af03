//! Runs that give a sink the past: asked for by somebody, taken on by the sink between what is new.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::feed::{self, Page, Told};
use crate::store::codes::micros;
use crate::store::write::Batch;
use crate::store::{HourSpan, Reader, StoreError, UplinkId};

/// Which of the past is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackfillScope {
    /// Hours of observations, and of the arrival of uplinks.
    pub span: HourSpan,
    /// The sink holds nothing any more, so what it knew of sites may be said anew.
    pub emptied: bool,
}

/// A run, as far as it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backfill {
    id: i64,
    first_hour: i64,
    last_hour: i64,
    /// The last observation that was told: hour, series and time.
    at: (i64, i64, i64),
    first_uplink: i64,
    last_uplink: i64,
    at_uplink: i64,
    /// All observations have been told, and all uplinks.
    pub finished: bool,
}

impl Backfill {
    /// What is being told, how much of it has been, and of how much, in hours or in rows of the ledger.
    #[must_use]
    pub fn progress(&self) -> (&'static str, u64, u64) {
        let span = |from: i64, to: i64| to.saturating_sub(from).max(0).unsigned_abs();
        if self.at.0 <= self.last_hour {
            let total = span(self.first_hour, self.last_hour) + 1;
            ("observations, by hour", span(self.first_hour, self.at.0), total)
        } else {
            let total = span(self.first_uplink, self.last_uplink);
            ("radio and battery, by uplink", span(self.first_uplink, self.at_uplink), total)
        }
    }

    /// Whether observations are still to be told; then come the rows of the ledger.
    #[must_use]
    pub const fn is_at_observations(&self) -> bool {
        self.at.0 <= self.last_hour
    }

    /// The rows of the ledger that are still to be told: after the first, up to and with the last.
    #[must_use]
    pub const fn uplinks(&self) -> (UplinkId, UplinkId) {
        (UplinkId(self.at_uplink), UplinkId(self.last_uplink))
    }

    /// The run behind a page of the ledger.
    #[must_use]
    pub fn past_uplinks(&self, end: i64, is_last: bool) -> Self {
        Self { at_uplink: end, finished: is_last, ..self.clone() }
    }
}

impl Batch<'_> {
    /// Begins a run, or goes on with one that asks for the same and has not ended. None where there is
    /// nothing of what it asks for.
    ///
    /// # Errors
    ///
    /// As the store's; the whole batch is then undone.
    pub fn begin_backfill(
        &mut self,
        sink: &str,
        scope: &BackfillScope,
        now: DateTime<Utc>,
    ) -> Result<Option<Backfill>, StoreError> {
        if scope.emptied {
            self.connection.execute("delete from sink_site where sink = ?1", [sink])?;
        }
        let (first, last) = (scope.span.first(), scope.span.last());
        let hours: (Option<i64>, Option<i64>) = self.connection.query_row(
            "select (select hour from observation where hour >= ?1 order by hour limit 1),
                 (select hour from observation where hour <= ?2 order by hour desc limit 1)",
            [first, last],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let uplinks: (Option<i64>, Option<i64>) = self.connection.query_row(
            "select (select min(uplink) from uplink_of_device where hour =
                         (select min(hour) from uplink_of_device where hour >= ?1)),
                 (select max(uplink) from uplink_of_device where hour =
                         (select max(hour) from uplink_of_device where hour <= ?2))",
            [first, last],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let (first_hour, last_hour) = hours.0.zip(hours.1).unwrap_or((0, -1));
        let (first_uplink, last_uplink) = uplinks.0.zip(uplinks.1).unwrap_or((1, 0));
        if first_hour > last_hour && first_uplink > last_uplink {
            return Ok(None);
        }
        let unfinished = self
            .connection
            .prepare_cached(
                "select * from sink_backfill where sink = ?1 and finished_at is null
                     and first_hour = ?2 and first_uplink = ?3 and last_hour <= ?4 and last_uplink <= ?5
                 order by id desc limit 1",
            )?
            .query_row(params![sink, first_hour, first_uplink - 1, last_hour, last_uplink], run)
            .optional()?;
        if let Some(run) = unfinished.filter(|_| !scope.emptied) {
            self.connection
                .execute("update sink_backfill set stopped = 0 where id = ?1", [run.id])?;
            return Ok(Some(run));
        }
        // A bucket that was emptied in the middle of a run needs all of it.
        self.connection.execute(
            "insert into sink_backfill (sink, begun_at, first_hour, last_hour, at_hour, at_series, at_time,
                 first_uplink, last_uplink, at_uplink)
             values (?1, ?2, ?3, ?4, ?3, 0, 0, ?5, ?6, ?5)",
            params![sink, micros(now), first_hour, last_hour, first_uplink - 1, last_uplink],
        )?;
        let id = self.connection.last_insert_rowid();
        backfill(self.connection, id)
    }

    /// Stops a run where it is; asking for the same again makes it go on.
    ///
    /// # Errors
    ///
    /// As the store's; the whole batch is then undone.
    pub fn stop_backfill(&self, run: &Backfill) -> Result<(), StoreError> {
        self.connection.execute("update sink_backfill set stopped = 1 where id = ?1", [run.id])?;
        Ok(())
    }

    /// A run as far as it has come by now.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn follow_backfill(&self, known: &Backfill) -> Result<Backfill, StoreError> {
        Ok(backfill(self.connection, known.id)?.unwrap_or_else(|| known.clone()))
    }

    pub(super) fn save_backfill(
        &mut self,
        run: &Backfill,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "update sink_backfill set at_hour = ?2, at_series = ?3, at_time = ?4, at_uplink = ?5,
                     finished_at = ?6 where id = ?1",
            )?
            .execute(params![
                run.id,
                run.at.0,
                run.at.1,
                run.at.2,
                run.at_uplink,
                run.finished.then(|| micros(now)),
            ])?;
        Ok(())
    }
}

impl Reader {
    /// The run that a sink is to take on: the first that has neither ended nor been stopped.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub async fn current_backfill(
        &self,
        sink: &'static str,
    ) -> Result<Option<Backfill>, StoreError> {
        self.ask(move |connection| {
            Ok(connection
                .prepare_cached(
                    "select * from sink_backfill where sink = ?1 and finished_at is null and stopped = 0
                     order by id limit 1",
                )?
                .query_row([sink], run)
                .optional()?)
        })
        .await
    }

    /// The next observations of a run, at most `limit`, as they are now, and the run behind them.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub async fn told_of_backfill(
        &self,
        sink: &'static str,
        run: Backfill,
        limit: usize,
    ) -> Result<(Page<Told>, Backfill), StoreError> {
        self.ask(move |connection| told_of(connection, sink, &run, limit)).await
    }
}

fn told_of(
    connection: &Connection,
    sink: &str,
    run: &Backfill,
    limit: usize,
) -> Result<(Page<Told>, Backfill), StoreError> {
    let mut statement = connection.prepare_cached(
        "select hour, series, time from observation
         where (hour, series, time) > (?1, ?2, ?3) and hour <= ?4
         order by hour, series, time limit ?5",
    )?;
    let (hour, series, time) = run.at;
    let places: Vec<(i64, i64, i64)> = statement
        .query_map(params![hour, series, time, run.last_hour, limit], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect::<Result<_, _>>()?;
    let mut items = Vec::with_capacity(places.len());
    for &(_, series, time) in &places {
        items.extend(feed::told(connection, sink, series, time)?);
    }
    let is_last = places.len() < limit;
    let at =
        if is_last { (run.last_hour + 1, 0, 0) } else { places.last().copied().unwrap_or(run.at) };
    let finished = is_last && run.at_uplink >= run.last_uplink;
    Ok((Page { items, end: at.0, is_last }, Backfill { at, finished, ..run.clone() }))
}

fn backfill(connection: &Connection, id: i64) -> Result<Option<Backfill>, StoreError> {
    Ok(connection
        .prepare_cached("select * from sink_backfill where id = ?1")?
        .query_row([id], run)
        .optional()?)
}

fn run(row: &Row<'_>) -> rusqlite::Result<Backfill> {
    let finished_at: Option<i64> = row.get("finished_at")?;
    Ok(Backfill {
        id: row.get("id")?,
        first_hour: row.get("first_hour")?,
        last_hour: row.get("last_hour")?,
        at: (row.get("at_hour")?, row.get("at_series")?, row.get("at_time")?),
        first_uplink: row.get("first_uplink")?,
        last_uplink: row.get("last_uplink")?,
        at_uplink: row.get("at_uplink")?,
        finished: finished_at.is_some(),
    })
}
