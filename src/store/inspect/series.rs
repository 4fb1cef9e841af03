use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::hours::{names, observation_ids};
use super::{Check, Finding, Findings, HourSpan, Inspector, disposed_days, hour_sql};
use crate::model::{DevEui, QuantityName, SiteId};
use crate::store::codes::{self, HOURS_PER_DAY, day_of_hour, hour_of, micros, time};
use crate::store::{RetainedKind, StoreError, StoredObservation, series};

/// Changes in one snapshot.
const CHUNK_CHANGES: i64 = 20_000;

/// How far back the writer looks for a successor to a latest value that turns out to be bad.
const WITHDRAWAL_HOURS: i64 = 31 * HOURS_PER_DAY;

/// When a series was last observed, in microseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Newest {
    /// With a value that may be the latest.
    pub good: Option<i64>,
    /// With one that is bad, or a jump.
    pub bad: Option<i64>,
}

impl Inspector {
    /// Checks that the latest value of each series is what `newest`, gathered hour by hour over
    /// `span`, says.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn latest(
        &self,
        newest: &HashMap<i64, Newest>,
        span: HourSpan,
        found: &mut Findings<'_>,
    ) -> Result<(), StoreError> {
        let snapshot = self.snapshot()?;
        let hour = hour_sql("l.time");
        let mut all = snapshot.prepare_cached(&format!(
            "select s.id, s.site, s.quantity, l.time, o.time is not null
                 and o.value is l.value and o.quality is l.quality and o.reason is l.reason
                 and o.uplink is l.uplink and o.quality <> ?1 and o.reason is not ?2
             from series s left join latest l on l.series = s.id
             left join observation o on o.hour = {hour} and o.series = l.series and o.time = l.time"
        ))?;
        let mut rows = all.query([codes::BAD, codes::JUMP])?;
        while let Some(row) = rows.next()? {
            let (series, site, quantity) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let (latest, is_borne_out): (Option<i64>, Option<bool>) = (row.get(3)?, row.get(4)?);
            let walked = newest.get(&series).copied().unwrap_or_default();
            let ids = names(site, quantity, series);
            if latest.is_some() && is_borne_out != Some(true) {
                let says = "the latest value is not that of an observation that may be shown";
                found.add(Finding::new(Check::Latest, ids, says));
                continue;
            }
            if latest == walked.good
                || latest.is_some_and(|at| !span.holds(time(at)) && Some(at) > walked.good)
            {
                continue;
            }
            // The service has gone on since that hour was walked: ask again, now in one snapshot.
            let now = newest_good(&snapshot, series, latest, walked.good)?;
            let is_withdrawn = latest.is_none() && is_withdrawn(now, walked.bad);
            if now != latest && !is_withdrawn {
                let says = match (now, latest) {
                    (Some(now), Some(latest)) => {
                        format!(
                            "the latest value is of {}, the newest observation of {}",
                            time(latest),
                            time(now)
                        )
                    }
                    (Some(now), None) => {
                        format!("there is no latest value, and an observation of {}", time(now))
                    }
                    (None, _) => "there is a latest value and no observation".to_owned(),
                };
                found.add(Finding::new(Check::Latest, ids, says));
            }
        }
        Ok(())
    }

    /// Checks the changes after `after`, some thousands at most. Returns the last number that was
    /// checked and how many there were up to it, none where there are no more.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn changes(
        &self,
        after: i64,
        span: HourSpan,
        found: &mut Findings<'_>,
    ) -> Result<Option<(i64, u64)>, StoreError> {
        let snapshot = self.snapshot()?;
        let (end, count): (Option<i64>, u64) = snapshot
            .prepare_cached(
                "select max(seq), count(*) from (select seq from change where seq > ?1 order by seq limit ?2)",
            )?
            .query_row([after, CHUNK_CHANGES], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let Some(end) = end else { return Ok(None) };
        let disposed = disposed_days(&snapshot, RetainedKind::Observations)?;
        let hour = hour_sql("c.time");
        let mut statement = snapshot.prepare_cached(&format!(
            "select c.seq, s.site, s.quantity, c.series, c.time from change c
             left join series s on s.id = c.series
             where c.seq > ?1 and c.seq <= ?2 and {hour} between ?3 and ?4 and not exists
                 (select 1 from observation o
                  where o.hour = {hour} and o.series = c.series and o.time = c.time)"
        ))?;
        let mut rows = statement.query(params![after, end, span.first, span.last])?;
        while let Some(row) = rows.next()? {
            let at: i64 = row.get(4)?;
            if disposed.contains(&day_of_hour(hour_of(at))) {
                continue;
            }
            let mut ids = vec![("seq", row.get::<_, i64>(0)?.to_string())];
            ids.extend(observation_ids(row.get(1)?, row.get(2)?, row.get(3)?, at));
            found.add(Finding::new(Check::Change, ids, "the observation it tells of is missing"));
        }
        Ok(Some((end, count)))
    }

    /// The last change.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn last_change(&self) -> Result<i64, StoreError> {
        let last: Option<i64> =
            self.connection.query_row("select max(seq) from change", [], |row| row.get(0))?;
        Ok(last.unwrap_or(0))
    }

    /// Checks that what is known of each device can be so. Where the whole ledger has been counted,
    /// up to `last_uplink`, its count of `uplinks` by device must be the device's own.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn device_states(
        &self,
        uplinks: Option<(&HashMap<i64, u64>, i64)>,
        found: &mut Findings<'_>,
    ) -> Result<(), StoreError> {
        let snapshot = self.snapshot()?;
        let mut statement = snapshot.prepare_cached(
            "select h.dev_eui, s.device, s.uplinks, s.last_uplink,
                 s.first_heard_at <= s.last_heard_at,
                 s.uplinks >= 0 and s.lost >= 0 and s.counter_resets >= 0
                     and (s.battery_percent is null or s.battery_percent between 0 and 100),
                 u.device is s.device, h.id is not null
             from device_state s left join heard h on h.id = s.device
             left join uplink u on u.id = s.last_uplink",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (device, counted, last): (i64, i64, i64) = (row.get(1)?, row.get(2)?, row.get(3)?);
            let mut wrong = Vec::new();
            if !row.get::<_, bool>(7)? {
                wrong.push("its DevEUI is missing".to_owned());
            }
            if !row.get::<_, bool>(4)? {
                wrong.push("it was first heard after it was last heard".to_owned());
            }
            if !row.get::<_, bool>(5)? {
                wrong.push("a counter is negative or the battery is not a percentage".to_owned());
            }
            if !row.get::<_, bool>(6)? {
                wrong.push(format!("uplink {last}, its last, is not its own"));
            }
            if let Some((uplinks, last_counted)) = uplinks {
                let in_ledger = uplinks.get(&device).copied().unwrap_or(0).cast_signed();
                // One that has been heard since was counted further than we have.
                let has_gone_on = last > last_counted;
                if counted < in_ledger || (counted > in_ledger && !has_gone_on) {
                    wrong.push(format!("it counts {counted} uplinks, the ledger has {in_ledger}"));
                }
            }
            let dev_eui: Option<i64> = row.get(0)?;
            let id = dev_eui.map_or_else(
                || ("device", device.to_string()),
                |number| ("dev_eui", DevEui(number.cast_unsigned()).to_string()),
            );
            for says in wrong {
                found.add(Finding::new(Check::DeviceState, vec![id.clone()], says));
            }
        }
        Ok(())
    }

    /// The observation that is kept of a site, quantity and time.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn observation(
        &self,
        site: &SiteId,
        quantity: &QuantityName,
        at: chrono::DateTime<chrono::Utc>,
    ) -> Result<Option<StoredObservation>, StoreError> {
        let at = micros(at);
        Ok(self
            .connection
            .prepare_cached(
                "select o.time, o.value, o.quality, o.reason, o.uplink
                 from series s join observation o on o.hour = ?3 and o.series = s.id and o.time = ?4
                 where s.site = ?1 and s.quantity = ?2",
            )?
            .query_row(params![site.0, quantity.0, hour_of(at), at], series::observation)
            .optional()?)
    }
}

/// The writer leaves a series without a latest value where the one before a bad one is long past.
fn is_withdrawn(good: Option<i64>, bad: Option<i64>) -> bool {
    match (good, bad) {
        (Some(good), Some(bad)) => hour_of(bad) - hour_of(good) > WITHDRAWAL_HOURS,
        (None, _) => true,
        (Some(_), None) => false,
    }
}

/// The newest observation that may be the latest, none before the earlier one of the two times given.
fn newest_good(
    connection: &Connection,
    series: i64,
    latest: Option<i64>,
    walked: Option<i64>,
) -> Result<Option<i64>, StoreError> {
    let Some(first) = [latest, walked].into_iter().flatten().min() else { return Ok(None) };
    let newest = connection
        .prepare_cached(
            "with recursive back (hour) as
                 (select max(hour) from observation
                  union all select hour - 1 from back where hour > ?2)
             select o.time from back cross join observation o
                 on o.hour = back.hour and o.series = ?1
             where o.quality <> ?3 and o.reason is not ?4 order by o.time desc limit 1",
        )?
        .query_row(params![series, hour_of(first), codes::BAD, codes::JUMP], |row| row.get(0))
        .optional()?;
    Ok(newest)
}
