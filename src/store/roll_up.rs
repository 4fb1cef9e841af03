use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, params};

use super::codes::{self, day_of_hour, hour_of, micros};
use super::{StoreError, Writer};

impl Writer {
    /// Brings the aggregates of one hour up to date: the oldest that has changed and is over at
    /// `now`. Returns whether there was one. The caller does this when nothing else waits; an
    /// hour not yet rolled up is aggregated by whoever asks for it, so it is never wrong.
    ///
    /// # Errors
    ///
    /// As the store's; nothing has then happened.
    pub fn roll_up(&mut self, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let current = hour_of(micros(now));
        self.batch(|batch| {
            let stale: Option<i64> = batch
                .connection
                .prepare_cached(
                    "select hour from stale_hour where hour < ?1 order by hour limit 1",
                )?
                .query_row([current], |row| row.get(0))
                .optional()?;
            let Some(hour) = stale else { return Ok(false) };
            let day = day_of_hour(hour);
            batch
                .connection
                .prepare_cached(
                    "delete from hourly where day = ?1 and hour = ?2
                     and series in (select series from observation where hour = ?2)",
                )?
                .execute(params![day, hour])?;
            batch
                .connection
                .prepare_cached(
                    "insert into hourly (day, series, hour, count, sum, min, max)
                     select ?1, series, hour, count(*), sum(value), min(value), max(value)
                     from observation where hour = ?2 and quality <> ?3
                     group by series",
                )?
                .execute(params![day, hour, codes::BAD])?;
            batch
                .connection
                .prepare_cached("delete from stale_hour where hour = ?1")?
                .execute([hour])?;
            Ok(true)
        })
    }
}
