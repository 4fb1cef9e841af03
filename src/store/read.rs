use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row, params};
use tokio::sync::Semaphore;

use super::codes::{self, hour_of, micros, time};
use super::{DeviceState, StoreError, UplinkId, device, open, pack};
use crate::model::{DevEui, Format, Outcome};

/// Rows an unfiltered question may pass over before it gives up: 2 million are read in about a
/// second.
const SCAN_ROWS_MAX: i64 = 2_000_000;

/// Hours back in which a device's uplinks are looked for, one seek each: about two years.
const DEVICE_HOURS_MAX: i64 = 17_520;

/// Reads the store, from any thread, while the writer goes on.
#[derive(Clone)]
pub struct Reader {
    pool: Arc<Pool>,
}

struct Pool {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    permits: Semaphore,
}

/// One row of the ledger, without its message.
#[derive(Clone, Debug, PartialEq)]
pub struct LedgerRow {
    pub id: UplinkId,
    pub part: u16,
    pub source: String,
    pub arrived_at: DateTime<Utc>,
    pub server_time: Option<DateTime<Utc>>,
    pub dev_eui: Option<DevEui>,
    /// `up`, or the event's name.
    pub kind: String,
    pub f_port: Option<u8>,
    pub f_cnt: Option<u32>,
    pub outcome: Outcome,
    pub reason: Option<String>,
    /// The profile that decoded it and the hash of its content.
    pub profile: Option<(String, String)>,
    pub body_bytes: usize,
    /// Present where the message of this row is no longer kept.
    pub disposed: Option<Disposed>,
}

/// By which decision, and when, a message was disposed of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disposed {
    pub decision: String,
    pub at: DateTime<Utc>,
}

/// A message of the ledger as it was received.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredMessage {
    pub source: String,
    pub format: Format,
    pub part: u16,
    pub arrived_at: DateTime<Utc>,
    pub topic: String,
    pub body: Vec<u8>,
}

/// Which ledger rows are wanted, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UplinkFilter {
    pub dev_eui: Option<DevEui>,
    pub outcome: Option<Outcome>,
    pub limit: usize,
}

impl Reader {
    pub(super) fn new(path: PathBuf, readers: usize) -> Self {
        let pool = Pool { path, idle: Mutex::new(Vec::new()), permits: Semaphore::new(readers) };
        Self { pool: Arc::new(pool) }
    }

    /// Runs `question` on a connection of its own, off the async threads.
    ///
    /// # Errors
    ///
    /// As `question`'s, or if no connection can be opened.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let pool = Arc::clone(&self.pool);
        // The semaphore is never closed; if it were, one reader more would do no harm.
        let permit = self.pool.permits.acquire().await.ok();
        let asked = tokio::task::spawn_blocking(move || pool.with(question)).await;
        drop(permit);
        match asked {
            Ok(answer) => answer,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }

    /// [`Reader::ask`] for callers that may block.
    ///
    /// # Errors
    ///
    /// As `question`'s, or if no connection can be opened.
    pub fn ask_blocking<T>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.pool.with(question)
    }

    /// The state of a device, registered or not.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub async fn device(&self, dev_eui: DevEui) -> Result<Option<DeviceState>, StoreError> {
        self.ask(move |connection| device::state(connection, dev_eui)).await
    }

    /// Ledger rows, newest first.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub async fn uplinks(&self, filter: UplinkFilter) -> Result<Vec<LedgerRow>, StoreError> {
        self.ask(move |connection| uplinks(connection, &filter)).await
    }

    /// One ledger row with its message, as long as that is kept.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub async fn uplink(
        &self,
        id: UplinkId,
    ) -> Result<Option<(LedgerRow, Option<StoredMessage>)>, StoreError> {
        self.ask(move |connection| {
            let row = connection
                .prepare_cached(&format!("{LEDGER_ROW} where u.id = ?1"))?
                .query_row([id.0], ledger_row)
                .optional()?;
            match row {
                None => Ok(None),
                Some(row) => Ok(Some((row, message(connection, id)?))),
            }
        })
        .await
    }
}

impl Pool {
    fn with<T>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle().pop();
        let connection = match kept {
            Some(connection) => connection,
            None => open::open_for_reading(&self.path)?,
        };
        let answer = question(&connection);
        idle().push(connection);
        answer
    }
}

const LEDGER_ROW: &str =
    "select u.id, u.part, s.name, u.arrived_at, u.server_time, h.dev_eui, u.kind, u.f_port,
    u.f_cnt, u.outcome, u.reason, p.profile, p.hash, u.body_bytes,
    x.id is not null, coalesce(x.decision, ''), coalesce(x.finished_at, x.begun_at)
    from uplink u
    join source s on s.id = u.source
    left join heard h on h.id = u.device
    left join profile_version p on p.id = u.profile_version
    left join disposal x on x.id = u.disposal";

fn uplinks(connection: &Connection, filter: &UplinkFilter) -> Result<Vec<LedgerRow>, StoreError> {
    let ids = match (filter.dev_eui, filter.outcome) {
        (Some(dev_eui), outcome) => of_device(connection, dev_eui, outcome, filter.limit)?,
        (None, Some(outcome)) if outcome != Outcome::Stored => {
            of_outcome(connection, outcome, filter.limit)?
        }
        (None, outcome) => newest(connection, outcome, filter.limit)?,
    };
    let mut statement = connection.prepare_cached(&format!("{LEDGER_ROW} where u.id = ?1"))?;
    let rows = ids.into_iter().map(|id| statement.query_row([id], ledger_row));
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Walks back hour by hour, from the last in which the device was heard to the first.
fn of_device(
    connection: &Connection,
    dev_eui: DevEui,
    outcome: Option<Outcome>,
    limit: usize,
) -> Result<Vec<i64>, StoreError> {
    let heard: Option<(i64, i64, i64)> = connection
        .prepare_cached(
            "select h.id, (select max(hour) from uplink_of_device),
                 coalesce((select first_heard_at from device_state where device = h.id), 0)
             from heard h where h.dev_eui = ?1",
        )?
        .query_row([dev_eui.0.cast_signed()], |row| {
            Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?.unwrap_or(0), row.get(2)?))
        })
        .optional()?;
    let Some((device, newest, first_heard_at)) = heard else { return Ok(Vec::new()) };
    let oldest = hour_of(first_heard_at).max(newest - DEVICE_HOURS_MAX);
    let mut of_hour = connection.prepare_cached(
        "select d.uplink from uplink_of_device d join uplink u on u.id = d.uplink
         where d.hour = ?1 and d.device = ?2 and (?3 is null or u.outcome = ?3)
         order by d.uplink desc",
    )?;
    let wanted = outcome.map(codes::outcome);
    let mut ids = Vec::new();
    for hour in (oldest..=newest).rev() {
        for id in of_hour.query_map(params![hour, device, wanted], |row| row.get(0))? {
            ids.push(id?);
        }
        if ids.len() >= limit {
            break;
        }
    }
    ids.truncate(limit);
    Ok(ids)
}

fn of_outcome(
    connection: &Connection,
    outcome: Outcome,
    limit: usize,
) -> Result<Vec<i64>, StoreError> {
    let mut statement = connection.prepare_cached(
        "select uplink from (select outcome, uplink from uplink_of_outcome order by hour desc limit ?2)
         where outcome = ?1 order by uplink desc limit ?3",
    )?;
    let rows = statement
        .query_map(params![codes::outcome(outcome), SCAN_ROWS_MAX, limit], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn newest(
    connection: &Connection,
    outcome: Option<Outcome>,
    limit: usize,
) -> Result<Vec<i64>, StoreError> {
    let mut statement = connection.prepare_cached(
        "select id from uplink
         where (?1 is null or outcome = ?1) and id > (select max(id) from uplink) - ?2
         order by id desc limit ?3",
    )?;
    let wanted = outcome.map(codes::outcome);
    let rows = statement.query_map(params![wanted, SCAN_ROWS_MAX, limit], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn message(
    connection: &Connection,
    id: UplinkId,
) -> Result<Option<StoredMessage>, StoreError> {
    type Kept = (StoredMessage, usize, Option<i64>, Vec<u8>);
    let kept: Option<Kept> = connection
        .prepare_cached(
            "select s.name, s.format, u.part, u.arrived_at, u.topic_bytes, u.dictionary, u.message
             from uplink u join source s on s.id = u.source
             where u.id = ?1 and u.disposal is null",
        )?
        .query_row([id.0], |row| {
            let format: String = row.get(1)?;
            let message = StoredMessage {
                source: row.get(0)?,
                format: Format::from_name(&format).unwrap_or(Format::Auto),
                part: row.get(2)?,
                arrived_at: time(row.get(3)?),
                topic: String::new(),
                body: Vec::new(),
            };
            Ok((message, row.get(4)?, row.get(5)?, row.get(6)?))
        })
        .optional()?;
    let Some((mut stored, topic_bytes, dictionary, packed)) = kept else { return Ok(None) };
    let mut topic = pack::unpack(connection, id.0, &packed, dictionary)?;
    stored.body = topic.split_off(topic_bytes.min(topic.len()));
    stored.topic = String::from_utf8_lossy(&topic).into_owned();
    Ok(Some(stored))
}

fn ledger_row(row: &Row<'_>) -> rusqlite::Result<LedgerRow> {
    let profile: Option<String> = row.get(11)?;
    let hash: Option<String> = row.get(12)?;
    Ok(LedgerRow {
        id: UplinkId(row.get(0)?),
        part: row.get(1)?,
        source: row.get(2)?,
        arrived_at: time(row.get(3)?),
        server_time: row.get::<_, Option<i64>>(4)?.map(time),
        dev_eui: row.get::<_, Option<i64>>(5)?.map(|number| DevEui(number.cast_unsigned())),
        kind: row.get::<_, Option<String>>(6)?.unwrap_or_else(|| "up".to_owned()),
        f_port: row.get(7)?,
        f_cnt: row.get(8)?,
        outcome: codes::to_outcome(row.get(9)?).unwrap_or(Outcome::Rejected),
        reason: row.get(10)?,
        profile: profile.zip(hash),
        body_bytes: row.get(13)?,
        disposed: disposed(row)?,
    })
}

fn disposed(row: &Row<'_>) -> rusqlite::Result<Option<Disposed>> {
    let is_disposed: bool = row.get(14)?;
    Ok(if is_disposed {
        Some(Disposed { decision: row.get(15)?, at: time(row.get(16)?) })
    } else {
        None
    })
}

/// The hours a time range touches, first to last.
pub(super) fn hours(from: DateTime<Utc>, until: DateTime<Utc>) -> (i64, i64) {
    (hour_of(micros(from)), hour_of(micros(until)))
}
