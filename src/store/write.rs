use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::codes::{self, hour_of, micros};
use super::pack::Packer;
use super::statements::Statements;
use super::{End, Range, StoreError, StoredObservation, UplinkId, series};
use crate::model::{DevEui, Observation, ProfileId, QuantityName, SiteId, Source};

/// The one connection that writes.
pub struct Writer {
    pub(super) connection: Connection,
    pub(super) caches: Caches,
    /// False from the beginning of a batch to its commit: what the caches learn in a transaction
    /// that is undone, by an error or a panic, is not true.
    caches_hold: bool,
    /// Held, not read: the folder is ours until it closes. None beside the service that has it.
    _lock: Option<File>,
}

/// Row ids that are asked for with every uplink.
pub(super) struct Caches {
    pub packer: Packer,
    /// A handful, so that looking through them is cheaper than asking a map.
    pub sources: Vec<(Arc<Source>, i64)>,
    pub heard: HashMap<DevEui, i64>,
    pub profiles: HashMap<ProfileId, (String, i64)>,
    pub series: HashMap<SiteId, Vec<(QuantityName, i64)>>,
}

impl Caches {
    fn open(connection: &Connection) -> Result<Self, StoreError> {
        Ok(Self {
            packer: Packer::open(connection)?,
            sources: Vec::new(),
            heard: HashMap::new(),
            profiles: HashMap::new(),
            series: HashMap::new(),
        })
    }
}

/// A transaction that is open: all of it is committed, or nothing.
pub struct Batch<'w> {
    pub(super) connection: &'w Connection,
    pub(super) caches: &'w mut Caches,
    pub(super) statements: Statements<'w>,
    /// Hours whose observations have changed.
    touched_hours: BTreeSet<i64>,
    /// Hours in which messages have arrived.
    pub(super) message_hours: BTreeSet<i64>,
}

impl Writer {
    pub(super) fn new(connection: Connection, lock: Option<File>) -> Result<Self, StoreError> {
        let caches = Caches::open(&connection)?;
        Ok(Self { connection, caches, caches_hold: true, _lock: lock })
    }

    /// Runs `work` in one transaction. When this returns `Ok`, everything it wrote is durable.
    ///
    /// # Errors
    ///
    /// Any error of `work` or of the commit; nothing of the batch has then happened.
    pub fn batch<T, E: From<StoreError>>(
        &mut self,
        work: impl FnOnce(&mut Batch<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        if !self.caches_hold {
            self.caches = Caches::open(&self.connection)?;
        }
        self.caches_hold = false;
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(StoreError::from)?;
        let mut batch = Batch {
            connection: &transaction,
            caches: &mut self.caches,
            statements: Statements::new(&transaction),
            touched_hours: BTreeSet::new(),
            message_hours: BTreeSet::new(),
        };
        let value = work(&mut batch)?;
        batch.finish()?;
        transaction.commit().map_err(StoreError::from)?;
        self.caches_hold = true;
        Ok(value)
    }
}

impl Batch<'_> {
    /// Stores an observation made from `uplink`. Returns whether anything changed: the same
    /// value again for the same (site, quantity, time) changes nothing, another value corrects.
    ///
    /// # Errors
    ///
    /// As the store's; the whole batch is then undone.
    pub fn observe(
        &mut self,
        uplink: UplinkId,
        observation: &Observation,
    ) -> Result<bool, StoreError> {
        let series = self.series_id(&observation.site, &observation.quantity)?;
        let time = micros(observation.time);
        let hour = hour_of(time);
        let (quality, reason) = codes::quality(observation.quality);
        let changed = self.statements.execute(
            "insert into observation (hour, series, time, value, quality, reason, uplink)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 on conflict do update set
                     value = excluded.value, quality = excluded.quality,
                     reason = excluded.reason, uplink = excluded.uplink
                 where value <> excluded.value or quality <> excluded.quality
                     or reason is not excluded.reason",
            params![hour, series, time, observation.value, quality, reason, uplink.0],
        )?;
        if changed == 0 {
            return Ok(false);
        }
        self.statements
            .execute("insert into change (series, time) values (?1, ?2)", params![series, time])?;
        self.touched_hours.insert(hour);
        if quality == codes::BAD || reason == Some(codes::JUMP) {
            self.withdraw_latest(series, time)?;
        } else {
            self.advance_latest(series, time, observation.value, (quality, reason), uplink)?;
        }
        Ok(true)
    }

    /// The newest observation of a series that is neither bad nor a jump that waits to be confirmed.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn latest(
        &mut self,
        site: &SiteId,
        quantity: &QuantityName,
    ) -> Result<Option<StoredObservation>, StoreError> {
        let Some(series) = self.known_series(site, quantity)? else { return Ok(None) };
        series::latest(self.connection, series)
    }

    /// The observations of a series at one end of a range, at most `limit`, in order of time.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn some_observations(
        &mut self,
        site: &SiteId,
        quantity: &QuantityName,
        range: Range,
        end: End,
        limit: usize,
    ) -> Result<Vec<StoredObservation>, StoreError> {
        let Some(series) = self.known_series(site, quantity)? else { return Ok(Vec::new()) };
        series::some_of(&self.statements, series, range, end, limit)
    }

    /// The first observation of a range that is left to the history of its series, as if there were
    /// none at `except`.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn first_of_history(
        &mut self,
        site: &SiteId,
        quantity: &QuantityName,
        range: Range,
        except: DateTime<Utc>,
    ) -> Result<Option<StoredObservation>, StoreError> {
        let series = self.series_id(site, quantity)?;
        series::first_of_history(self.connection, series, range, except)
    }

    /// Whether one of the observations of a range that are left to the history of their series has
    /// another value, as if there were none at `except`.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn has_other_value(
        &mut self,
        site: &SiteId,
        quantity: &QuantityName,
        range: Range,
        value: f64,
        except: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let series = self.series_id(site, quantity)?;
        series::has_other_value(self.connection, series, range, value, except)
    }

    /// "Latest" moves only forward in time, so late data never replaces a newer value.
    fn advance_latest(
        &self,
        series: i64,
        time: i64,
        value: f64,
        (quality, reason): (i64, Option<i64>),
        uplink: UplinkId,
    ) -> Result<(), StoreError> {
        self.statements.execute(
            "insert into latest (series, time, value, quality, reason, uplink)
                 values (?1, ?2, ?3, ?4, ?5, ?6)
                 on conflict do update set
                     time = excluded.time, value = excluded.value, quality = excluded.quality,
                     reason = excluded.reason, uplink = excluded.uplink
                 where excluded.time >= latest.time",
            params![series, time, value, quality, reason, uplink.0],
        )?;
        Ok(())
    }

    /// Where the latest value turns out to be bad or a jump, the one before it takes its place, and
    /// none does where that lies further back than anybody would show it.
    fn withdraw_latest(&self, series: i64, time: i64) -> Result<(), StoreError> {
        const HOURS_BACK: i64 = 31 * codes::HOURS_PER_DAY;
        let removed = self
            .statements
            .execute("delete from latest where series = ?1 and time = ?2", params![series, time])?;
        if removed == 0 {
            return Ok(());
        }
        let hour = hour_of(time);
        self.connection
            .prepare_cached(
                "with recursive back (hour) as
                     (select ?2 union all select hour - 1 from back where hour > ?2 - ?3)
                 insert into latest (series, time, value, quality, reason, uplink)
                 select o.series, o.time, o.value, o.quality, o.reason, o.uplink
                 from back cross join observation o on o.hour = back.hour and o.series = ?1
                 where o.quality <> ?4 and o.reason is not ?5
                 order by o.time desc limit 1",
            )?
            .execute(params![series, hour, HOURS_BACK, codes::BAD, codes::JUMP])?;
        Ok(())
    }

    pub(super) fn series_id(
        &mut self,
        site: &SiteId,
        quantity: &QuantityName,
    ) -> Result<i64, StoreError> {
        if let Some(known) = self.known_series(site, quantity)? {
            return Ok(known);
        }
        self.connection.execute(
            "insert into series (site, quantity) values (?1, ?2)",
            params![site.0, quantity.0],
        )?;
        let id = self.connection.last_insert_rowid();
        self.caches.series.entry(site.clone()).or_default().push((quantity.clone(), id));
        Ok(id)
    }

    fn known_series(
        &mut self,
        site: &SiteId,
        quantity: &QuantityName,
    ) -> Result<Option<i64>, StoreError> {
        let of_site = self.caches.series.get(site).map_or(&[][..], Vec::as_slice);
        if let Some((_, id)) = of_site.iter().find(|(name, _)| name == quantity) {
            return Ok(Some(*id));
        }
        let known: Option<i64> = self
            .connection
            .prepare_cached("select id from series where site = ?1 and quantity = ?2")?
            .query_row(params![site.0, quantity.0], |row| row.get(0))
            .optional()?;
        if let Some(id) = known {
            self.caches.series.entry(site.clone()).or_default().push((quantity.clone(), id));
        }
        Ok(known)
    }

    fn finish(self) -> Result<(), StoreError> {
        // Where observations of a day have been disposed of, its aggregates are all that is left:
        // they must not be made anew from one that comes late.
        let mut mark = self.connection.prepare_cached(
            "insert or ignore into stale_hour (hour) select ?1 where not exists
                 (select 1 from disposal where kind = 'observations' and day = ?2)",
        )?;
        for &hour in &self.touched_hours {
            mark.execute([hour, codes::day_of_hour(hour)])?;
        }
        let mut mark = self
            .connection
            .prepare_cached("insert or ignore into message_hour (hour) values (?1)")?;
        for hour in &self.message_hours {
            mark.execute([hour])?;
        }
        self.caches.packer.learn(self.connection)
    }
}
