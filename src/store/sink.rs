//! What a sink is told: every observation that has changed, every row of the ledger, and the past when
//! somebody asks for it. How far it is, and what it has refused, is kept here too.

mod backfill;
mod feed;
mod letters;

pub use backfill::{Backfill, BackfillScope};
pub use feed::{HeardRow, Page, Told, Transition};
pub use letters::{About, Again, DeadLetter, Refusal};

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, params};

use super::codes::{micros, time};
use super::write::Batch;
use super::{Reader, StoreError, UplinkId, Writer};
use crate::model::SiteId;

/// Changes that are kept whoever has accepted them: a sink that was taken out of the configuration for a
/// while goes on where it was, as long as no more than these have come.
const KEPT_CHANGES: i64 = 100_000;

/// Most changes that are trimmed in one step, so that no uplink waits long for it.
const STEP_ROWS: usize = 5000;

/// What a sink is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ItemId {
    /// An observation: the number of its series, and its time in microseconds.
    Observation { series: i64, time: i64 },
    /// What a row of the ledger tells of radio and battery.
    Uplink(UplinkId),
    /// Something that has become of an alert, by its number.
    Alert(i64),
}

/// How far a sink is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SinkState {
    /// The last change that it has accepted.
    pub change: i64,
    /// The last row of the ledger that it has been told.
    pub uplink: UplinkId,
    /// The last event of an alert that it has been told.
    pub alert: i64,
    /// When it last had everything.
    pub caught_up_at: DateTime<Utc>,
    /// Changes have been trimmed that it had not accepted, while it was not in the configuration.
    pub missed: bool,
}

/// What a sink has done with a page, written down in one transaction.
#[derive(Clone, Debug, Default)]
pub struct Advance {
    pub change: Option<i64>,
    pub uplink: Option<UplinkId>,
    pub alert: Option<i64>,
    pub caught_up_at: Option<DateTime<Utc>>,
    pub backfill: Option<Backfill>,
    /// Dead letters of these are settled.
    pub accepted: Vec<ItemId>,
    pub refused: Vec<Refusal>,
}

impl Batch<'_> {
    /// Makes a sink known; a new one begins with what comes from now on.
    ///
    /// # Errors
    ///
    /// As the store's; the whole batch is then undone.
    pub fn register_sink(
        &mut self,
        sink: &str,
        now: DateTime<Utc>,
    ) -> Result<SinkState, StoreError> {
        self.connection.execute(
            "insert or ignore into sink (name, change, uplink, caught_up_at, alert_event)
             values (?1, coalesce((select max(seq) from change), 0),
                 coalesce((select max(id) from uplink), 0), ?2,
                 coalesce((select max(id) from alert_event), 0))",
            params![sink, micros(now)],
        )?;
        let state = self.connection.query_row(
            "select change, uplink, caught_up_at, missed, alert_event from sink where name = ?1",
            [sink],
            |row| {
                Ok(SinkState {
                    change: row.get(0)?,
                    uplink: UplinkId(row.get(1)?),
                    caught_up_at: time(row.get(2)?),
                    missed: row.get(3)?,
                    alert: row.get(4)?,
                })
            },
        )?;
        self.connection.execute("update sink set missed = 0 where name = ?1", [sink])?;
        Ok(state)
    }

    /// Writes down how far a sink is, and what it has refused.
    ///
    /// # Errors
    ///
    /// As the store's; the whole batch is then undone.
    pub fn advance_sink(
        &mut self,
        sink: &str,
        advance: &Advance,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "update sink set change = coalesce(?2, change), uplink = coalesce(?3, uplink),
                     caught_up_at = coalesce(?4, caught_up_at), alert_event = coalesce(?5, alert_event)
                 where name = ?1",
            )?
            .execute(params![
                sink,
                advance.change,
                advance.uplink.map(|uplink| uplink.0),
                advance.caught_up_at.map(micros),
                advance.alert,
            ])?;
        if let Some(backfill) = &advance.backfill {
            self.save_backfill(backfill, now)?;
        }
        self.settle_letters(sink, &advance.accepted)?;
        self.add_letters(sink, &advance.refused, now)
    }

    /// Remembers the kind by which a sink knows each of these sites from now on.
    ///
    /// # Errors
    ///
    /// As the store's; the whole batch is then undone.
    pub fn know_sites(&mut self, sink: &str, sites: &[(SiteId, String)]) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare_cached(
            "insert or ignore into sink_site (sink, site, kind) values (?1, ?2, ?3)",
        )?;
        for (site, kind) in sites {
            statement.execute(params![sink, site.0, kind])?;
        }
        Ok(())
    }
}

impl Writer {
    /// Drops some of the changes that all of `sinks` have accepted and that are not among the newest.
    /// Returns whether there may be more. The caller does this when nothing else waits.
    ///
    /// # Errors
    ///
    /// As the store's; nothing has then happened.
    pub fn trim_changes(&mut self, sinks: &[String]) -> Result<bool, StoreError> {
        let Some(border) = trim_border(&self.connection, sinks)? else { return Ok(false) };
        self.batch(|batch| {
            let rows = batch
                .connection
                .prepare_cached(
                    "delete from change where seq in
                         (select seq from change where seq <= ?1 order by seq limit ?2)",
                )?
                .execute(params![border, STEP_ROWS])?;
            // Those that are not in the configuration have not been waited for.
            batch.connection.execute(
                "update sink set missed = 1
                 where change < (select min(seq) from change) - 1 and change < ?1",
                [border],
            )?;
            Ok(rows >= STEP_ROWS)
        })
    }
}

/// The last change that may be dropped, where there is one to drop.
fn trim_border(connection: &Connection, sinks: &[String]) -> Result<Option<i64>, StoreError> {
    let ends: (Option<i64>, Option<i64>) = connection
        .prepare_cached("select (select min(seq) from change), (select max(seq) from change)")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (Some(oldest), Some(newest)) = ends else { return Ok(None) };
    let mut border = newest - KEPT_CHANGES;
    for sink in sinks {
        let accepted: Option<i64> = connection
            .prepare_cached("select change from sink where name = ?1")?
            .query_row([sink], |row| row.get(0))
            .optional()?;
        border = border.min(accepted.unwrap_or(0));
    }
    Ok((oldest <= border).then_some(border))
}

impl Reader {
    /// The newest change and the newest row of the ledger; 0 where there is none.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub async fn newest(&self) -> Result<(i64, UplinkId), StoreError> {
        self.ask(|connection| {
            Ok(connection
                .prepare_cached(
                    "select coalesce((select max(seq) from change), 0),
                         coalesce((select max(id) from uplink), 0)",
                )?
                .query_row([], |row| Ok((row.get(0)?, UplinkId(row.get(1)?))))?)
        })
        .await
    }
}
