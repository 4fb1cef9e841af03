use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Row, params};

use super::{Check, Finding, Findings, HourSpan, Inspector, disposed_days, hour_sql};
use crate::model::{DevEui, Format, Outcome};
use crate::store::codes::{self, day_of_hour, hour_of, micros, time};
use crate::store::{RetainedKind, StoreError, StoredMessage, UplinkId};

/// Rows of the ledger in one snapshot.
const CHUNK_ROWS: i64 = 4000;

/// A row of the ledger that can be read, for whoever knows what its message means.
#[derive(Clone, Debug)]
pub struct LedgerItem {
    pub id: UplinkId,
    pub outcome: Outcome,
    pub dev_eui: Option<DevEui>,
    /// The device's number in the store.
    pub device: Option<i64>,
    /// An uplink, not an event.
    pub is_uplink: bool,
    /// None where it has been disposed of or is damaged.
    pub message: Option<StoredMessage>,
    pub is_disposed: bool,
}

/// What `seen` has to say of an uplink: see [`crate::store::Batch::mark_seen`].
#[derive(Clone, Copy, Debug)]
pub struct Sighting {
    pub uplink: UplinkId,
    pub time: DateTime<Utc>,
    pub hash: u64,
}

/// A row as it lies in the file.
struct RawRow {
    item: LedgerItem,
    outcome: i64,
    source: Option<String>,
    format: Option<String>,
    part: u16,
    arrived_at: i64,
    topic_bytes: usize,
    body_bytes: usize,
    dictionary: Option<i64>,
    packed: Vec<u8>,
    disposal: Option<i64>,
    /// The day of the disposal of messages that the row names.
    disposed_day: Option<i64>,
}

impl Inspector {
    /// The first and the last row of the ledger that arrived in `span`; none if there is none.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn ledger_range(&self, span: HourSpan) -> Result<Option<(i64, i64)>, StoreError> {
        let sql = if span == HourSpan::ALL {
            "select min(id), max(id) from uplink where ?1 <= ?2"
        } else {
            "select min(uplink), max(uplink) from
                 (select uplink from uplink_of_device where hour between ?1 and ?2
                  union all select uplink from uplink_of_outcome where hour between ?1 and ?2)"
        };
        let range: (Option<i64>, Option<i64>) =
            self.connection
                .query_row(sql, [span.first, span.last], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(range.0.zip(range.1))
    }

    /// Checks the rows after `after`, up to `last`, some thousands at most. Returns those that can
    /// be read and the last number that was checked.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn ledger_chunk(
        &mut self,
        after: i64,
        last: i64,
        span: HourSpan,
        found: &mut Findings<'_>,
    ) -> Result<(Vec<LedgerItem>, i64), StoreError> {
        let end = last.min(after.saturating_add(CHUNK_ROWS));
        let snapshot = self.connection.unchecked_transaction()?;
        check_indexes(&snapshot, after, end, span, found)?;
        let message_hours = message_hours(&snapshot, after, end)?;
        let mut statement = snapshot.prepare_cached(ROWS)?;
        let mut rows = statement.query([after, end])?;
        let (mut items, mut before) = (Vec::new(), after);
        while let Some(row) = rows.next()? {
            let row = raw_row(row)?;
            refuse_gap(before, row.item.id.0, found);
            before = row.item.id.0;
            if !span.holds(time(row.arrived_at)) {
                continue;
            }
            if codes::to_outcome(row.outcome).is_none() {
                let says = format!("outcome {} is none that there is", row.outcome);
                found.add(Finding::of_uplink(Check::Ledger, before, says));
            }
            if row.disposal.is_none() && !message_hours.contains(&hour_of(row.arrived_at)) {
                let says = "retention would not find its message: its hour is not in message_hour";
                found.add(Finding::of_uplink(Check::Message, before, says));
            }
            let message = match read_message(&row, |row| {
                let (id, packed) = (row.item.id.0, &row.packed);
                self.unpacker.unpack(&snapshot, id, packed, row.dictionary)
            }) {
                Ok(message) => message,
                Err(says) => {
                    found.add(Finding::of_uplink(Check::Message, before, says));
                    None
                }
            };
            items.push(LedgerItem { message, ..row.item });
        }
        refuse_gap(before, end + 1, found);
        Ok((items, end))
    }

    /// Checks that what has been received is known by its hash, so that redelivery is recognised.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn sightings(
        &self,
        sightings: &[Sighting],
        found: &mut Findings<'_>,
    ) -> Result<(), StoreError> {
        let snapshot = self.snapshot()?;
        let disposed = disposed_days(&snapshot, RetainedKind::Seen)?;
        let mut statement = snapshot
            .prepare_cached("select 1 from seen where hour = ?1 and hash = ?2 and uplink = ?3")?;
        for sighting in sightings {
            let hour = hour_of(micros(sighting.time));
            let key = params![hour, sighting.hash.cast_signed(), sighting.uplink.0];
            if !statement.exists(key)? && !disposed.contains(&day_of_hour(hour)) {
                let says = "the hash of its identity is missing";
                found.add(Finding::of_uplink(Check::Seen, sighting.uplink.0, says));
            }
        }
        Ok(())
    }
}

const ROWS: &str = "select u.id, u.outcome, h.dev_eui, u.device, u.kind is null, s.name, s.format,
        u.part, u.arrived_at, u.topic_bytes, u.body_bytes, u.dictionary, u.message, u.disposal, x.day
    from uplink u
    left join source s on s.id = u.source
    left join heard h on h.id = u.device
    left join disposal x on x.id = u.disposal and x.kind = 'raw'
    where u.id > ?1 and u.id <= ?2 order by u.id";

fn raw_row(row: &Row<'_>) -> rusqlite::Result<RawRow> {
    let outcome = row.get(1)?;
    let item = LedgerItem {
        id: UplinkId(row.get(0)?),
        outcome: codes::to_outcome(outcome).unwrap_or(Outcome::Rejected),
        dev_eui: row.get::<_, Option<i64>>(2)?.map(|number| DevEui(number.cast_unsigned())),
        device: row.get(3)?,
        is_uplink: row.get(4)?,
        message: None,
        is_disposed: row.get::<_, Option<i64>>(13)?.is_some(),
    };
    Ok(RawRow {
        item,
        outcome,
        source: row.get(5)?,
        format: row.get(6)?,
        part: row.get(7)?,
        arrived_at: row.get(8)?,
        topic_bytes: row.get(9)?,
        body_bytes: row.get(10)?,
        dictionary: row.get(11)?,
        packed: row.get(12)?,
        disposal: row.get(13)?,
        disposed_day: row.get(14)?,
    })
}

/// Numbers are given without gaps, so that a missing one has been taken away.
fn refuse_gap(before: i64, next: i64, found: &mut Findings<'_>) {
    if next > before + 1 {
        let (first, last) = (before + 1, next - 1);
        let says = if first == last {
            "the row is missing".to_owned()
        } else {
            format!("the rows up to {last} are missing")
        };
        found.add(Finding::of_uplink(Check::Ledger, first, says));
    }
}

/// The message of a row, none where it has been disposed of as it should, or what is wrong with it.
fn read_message(
    row: &RawRow,
    mut unpack: impl FnMut(&RawRow) -> Result<Vec<u8>, StoreError>,
) -> Result<Option<StoredMessage>, String> {
    if let Some(disposal) = row.disposal {
        return match row.disposed_day {
            Some(day) if day == day_of_hour(hour_of(row.arrived_at)) && row.packed.is_empty() => {
                Ok(None)
            }
            Some(_) if !row.packed.is_empty() => {
                Err(format!("disposal {disposal} has dropped it, and it is still there"))
            }
            _ => Err(format!("disposal {disposal}, which has dropped it, is not of its day")),
        };
    }
    let Some(source) = row.source.clone() else { return Err("its source is missing".to_owned()) };
    let mut topic = unpack(row).map_err(|error| match error {
        StoreError::Unpack { error, .. } => format!("it cannot be unpacked: {error}"),
        other => format!("it cannot be read: {other}"),
    })?;
    if topic.len() < row.topic_bytes {
        return Err(format!("it has {} bytes, its topic alone {}", topic.len(), row.topic_bytes));
    }
    let body = topic.split_off(row.topic_bytes);
    if body.len() != row.body_bytes && row.item.outcome != Outcome::TooLarge {
        return Err(format!("its body has {} bytes, the row says {}", body.len(), row.body_bytes));
    }
    Ok(Some(StoredMessage {
        source,
        format: row.format.as_deref().and_then(Format::from_name).unwrap_or(Format::Auto),
        part: row.part,
        arrived_at: time(row.arrived_at),
        topic: String::from_utf8_lossy(&topic).into_owned(),
        body,
    }))
}

/// Which of the hours in which these rows arrived are known to hold messages.
fn message_hours(
    connection: &Connection,
    after: i64,
    end: i64,
) -> Result<BTreeSet<i64>, StoreError> {
    let hour = hour_sql("arrived_at");
    let mut statement = connection.prepare_cached(&format!(
        "select hour from message_hour where hour in
             (select distinct {hour} from uplink where id > ?1 and id <= ?2)"
    ))?;
    let hours = statement.query_map([after, end], |row| row.get(0))?;
    Ok(hours.collect::<Result<_, _>>()?)
}

/// Each row is found by its device and, unless it is an ordinary one, by its outcome.
fn check_indexes(
    connection: &Connection,
    after: i64,
    end: i64,
    span: HourSpan,
    found: &mut Findings<'_>,
) -> Result<(), StoreError> {
    let hour = hour_sql("u.arrived_at");
    let checks = [
        (
            Check::UplinkOfDevice,
            "it is not among its device's",
            format!(
                "select u.id from uplink u where u.id > ?1 and u.id <= ?2
                 and {hour} between ?3 and ?4 and u.device is not null and not exists
                     (select 1 from uplink_of_device d
                      where d.hour = {hour} and d.device = u.device and d.uplink = u.id)"
            ),
        ),
        (
            Check::UplinkOfOutcome,
            "it is not among those of its outcome",
            format!(
                "select u.id from uplink u where u.id > ?1 and u.id <= ?2
                 and {hour} between ?3 and ?4 and u.outcome <> {stored} and not exists
                     (select 1 from uplink_of_outcome o
                      where o.hour = {hour} and o.outcome = u.outcome and o.uplink = u.id)",
                stored = codes::STORED
            ),
        ),
        (
            Check::DeviceState,
            "nothing is known of its device",
            format!(
                "select u.id from uplink u where u.id > ?1 and u.id <= ?2
                 and {hour} between ?3 and ?4 and u.device is not null and not exists
                     (select 1 from device_state s join heard h on h.id = s.device
                      where s.device = u.device)"
            ),
        ),
    ];
    for (check, says, sql) in checks {
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params![after, end, span.first, span.last])?;
        while let Some(row) = rows.next()? {
            found.add(Finding::of_uplink(check, row.get(0)?, says));
        }
    }
    Ok(())
}
