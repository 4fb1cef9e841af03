//! Runs: asked for, taken up, stopped, written down.

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, Row, params};

use super::{Place, RedecodeRun, RedecodeScope, Tally};
use crate::model::{DevEui, SiteId};
use crate::store::StoreError;
use crate::store::codes::{micros, time};
use crate::store::write::Batch;

impl Batch<'_> {
    /// Begins a run, or goes on with one that asks for the same and was stopped. None where nothing has
    /// been heard of what it asks for.
    ///
    /// # Errors
    ///
    /// As the store's; the whole batch is then undone.
    pub fn begin_redecode(
        &mut self,
        scope: &RedecodeScope,
        now: DateTime<Utc>,
    ) -> Result<Option<RedecodeRun>, StoreError> {
        let devices = scope.devices.as_ref().map(|all| self.heard_of(all)).transpose()?;
        let kept: (Option<i64>, Option<i64>) = self.connection.query_row(
            "select (select min(hour) from uplink_of_device), (select max(hour) from uplink_of_device)",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let (Some(oldest), Some(newest)) = kept else { return Ok(None) };
        let first_hour = scope.span.first().max(oldest);
        let last_hour = scope.span.last().min(newest);
        if devices.as_ref().is_some_and(Vec::is_empty) || first_hour > last_hour {
            return Ok(None);
        }
        let unfinished = self.unfinished_redecodes()?.into_iter().find(|run| {
            run.devices == devices && run.first_hour == first_hour && run.last_hour <= last_hour
        });
        if let Some(run) = unfinished {
            self.connection.execute("update redecode set stopped = 0 where id = ?1", [run.id])?;
            return Ok(Some(run));
        }
        self.connection.execute(
            "insert into redecode (begun_at, cause, all_devices, first_hour, last_hour, at_hour, at_device, at_uplink)
             values (?1, ?2, ?3, ?4, ?5, ?4, 0, 0)",
            params![micros(now), scope.cause, devices.is_none(), first_hour, last_hour],
        )?;
        let id = self.connection.last_insert_rowid();
        for device in devices.iter().flatten() {
            self.connection.execute(
                "insert into redecode_device (redecode, device) values (?1, ?2)",
                [id, *device],
            )?;
        }
        let at = Place { hour: first_hour, device: 0, uplink: 0 };
        let tally = Tally::default();
        Ok(Some(RedecodeRun { id, devices, first_hour, last_hour, at, tally, finished: false }))
    }

    /// The run that is to be taken on: the first that has neither ended nor been stopped.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn current_redecode(&self) -> Result<Option<RedecodeRun>, StoreError> {
        let run = self
            .connection
            .prepare_cached(
                "select * from redecode where finished_at is null and stopped = 0 order by id limit 1",
            )?
            .query_row([], run)
            .optional()?;
        run.map(|run| self.with_devices(run)).transpose()
    }

    /// Stops a run where it is; asking for the same again makes it go on.
    ///
    /// # Errors
    ///
    /// As the store's; the whole batch is then undone.
    pub fn stop_redecode(&self, run: &RedecodeRun) -> Result<(), StoreError> {
        self.connection.execute("update redecode set stopped = 1 where id = ?1", [run.id])?;
        Ok(())
    }

    /// A run as far as it has come by now.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn follow_redecode(&self, known: &RedecodeRun) -> Result<RedecodeRun, StoreError> {
        let run = self
            .connection
            .prepare_cached("select * from redecode where id = ?1")?
            .query_row([known.id], run)
            .optional()?;
        Ok(run.map_or_else(
            || known.clone(),
            |run| RedecodeRun { devices: known.devices.clone(), ..run },
        ))
    }

    /// The runs that have not come to their end, in the order in which they were begun.
    fn unfinished_redecodes(&self) -> Result<Vec<RedecodeRun>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("select * from redecode where finished_at is null order by id")?;
        let runs: Vec<RedecodeRun> = statement.query_map([], run)?.collect::<Result<_, _>>()?;
        runs.into_iter().map(|run| self.with_devices(run)).collect()
    }

    fn with_devices(&self, run: RedecodeRun) -> Result<RedecodeRun, StoreError> {
        if run.devices.is_none() {
            return Ok(run);
        }
        let mut statement = self.connection.prepare_cached(
            "select device from redecode_device where redecode = ?1 order by device",
        )?;
        let devices = statement.query_map([run.id], |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(RedecodeRun { devices: Some(devices), ..run })
    }

    /// Writes down how far a run has come.
    ///
    /// # Errors
    ///
    /// As the store's; the whole batch is then undone.
    pub fn save_redecode(&self, run: &RedecodeRun, now: DateTime<Utc>) -> Result<(), StoreError> {
        let Tally { uplinks, added, changed, removed, same, now_failing, now_decoded, not_kept } =
            run.tally;
        self.connection
            .prepare_cached(
                "update redecode set at_hour = ?2, at_device = ?3, at_uplink = ?4, uplinks = ?5, added = ?6,
                     changed = ?7, removed = ?8, same = ?9, now_failing = ?10, now_decoded = ?11,
                     not_kept = ?12, finished_at = ?13 where id = ?1",
            )?
            .execute(params![
                run.id,
                run.at.hour,
                run.at.device,
                run.at.uplink,
                uplinks,
                added,
                changed,
                removed,
                same,
                now_failing,
                now_decoded,
                not_kept,
                run.finished.then(|| micros(now)),
            ])?;
        Ok(())
    }

    /// The devices that have ever been registered at a site.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn devices_at(&self, site: &SiteId) -> Result<Vec<DevEui>, StoreError> {
        let mut statement =
            self.connection.prepare_cached("select dev_eui from device_site where site = ?1")?;
        let rows = statement.query_map([&site.0], |row| row.get::<_, i64>(0))?;
        rows.map(|number| Ok(DevEui(number?.cast_unsigned()))).collect()
    }

    /// The numbers under which devices are kept, in order; those that were never heard are left out.
    fn heard_of(&self, devices: &[DevEui]) -> Result<Vec<i64>, StoreError> {
        let mut statement =
            self.connection.prepare_cached("select id from heard where dev_eui = ?1")?;
        let mut heard = Vec::new();
        for dev_eui in devices {
            heard.extend(
                statement
                    .query_row([dev_eui.0.cast_signed()], |row| row.get::<_, i64>(0))
                    .optional()?,
            );
        }
        heard.sort_unstable();
        heard.dedup();
        Ok(heard)
    }
}

fn run(row: &Row<'_>) -> rusqlite::Result<RedecodeRun> {
    let all_devices: bool = row.get("all_devices")?;
    let finished_at: Option<i64> = row.get("finished_at")?;
    Ok(RedecodeRun {
        id: row.get("id")?,
        devices: (!all_devices).then(Vec::new),
        first_hour: row.get("first_hour")?,
        last_hour: row.get("last_hour")?,
        at: Place {
            hour: row.get("at_hour")?,
            device: row.get("at_device")?,
            uplink: row.get("at_uplink")?,
        },
        tally: Tally {
            uplinks: row.get("uplinks")?,
            added: row.get("added")?,
            changed: row.get("changed")?,
            removed: row.get("removed")?,
            same: row.get("same")?,
            now_failing: row.get("now_failing")?,
            now_decoded: row.get("now_decoded")?,
            not_kept: row.get("not_kept")?,
        },
        finished: finished_at.map(time).is_some(),
    })
}
