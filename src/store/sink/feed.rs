//! What there is to tell, page by page, always as it stands now.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, params};

use super::ItemId;
use crate::model::{AlertState, DevEui, Outcome, QuantityName, SiteId, Subject};
use crate::store::codes::{self, hour_of};
use crate::store::{
    Happening, Reader, StoreError, StoredMessage, StoredObservation, UplinkId, read, series,
};

/// Some of what there is to tell, and where it ends.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// The place behind the last row that was looked at, told or not.
    pub end: i64,
    /// No further row was there.
    pub is_last: bool,
}

/// An observation with everything a sink tells of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    pub id: ItemId,
    pub site: SiteId,
    pub quantity: QuantityName,
    /// The kind by which the sink knows the site; none for a site that was never registered.
    pub kind: Option<String>,
    /// The sink has not been told of this site before.
    pub is_new_site: bool,
    pub observation: StoredObservation,
    pub dev_eui: Option<DevEui>,
    /// Of the last decoding.
    pub profile: Option<String>,
}

/// A row of the ledger with its message, for what it tells of radio and battery.
#[derive(Clone, Debug, PartialEq)]
pub struct HeardRow {
    pub id: UplinkId,
    pub dev_eui: DevEui,
    pub source: String,
    pub message: StoredMessage,
    /// Frames lost before this one, as its counter says; −1 where it had been counted and was only late.
    pub lost: i64,
}

/// Something that has become of an alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    pub id: i64,
    pub at: DateTime<Utc>,
    pub rule: String,
    pub subject: Subject,
    pub severity: String,
    /// How the alert stood from then on.
    pub state: AlertState,
    pub value: Option<f64>,
}

impl Reader {
    /// The observations that have changed after `change`, each once, as they are now; at most `limit`.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub async fn told_after(
        &self,
        sink: &'static str,
        change: i64,
        limit: usize,
    ) -> Result<Page<Told>, StoreError> {
        self.ask(move |connection| told_after(connection, sink, change, limit)).await
    }

    /// What has become of alerts after `after`; at most `limit` events are looked at.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub async fn transitions_after(
        &self,
        after: i64,
        limit: usize,
    ) -> Result<Page<Transition>, StoreError> {
        self.ask(move |connection| transitions_after(connection, after, limit)).await
    }

    /// What was heard in the rows of the ledger after `after`, up to and with `last`; at most `limit` rows
    /// are looked at.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub async fn heard_after(
        &self,
        after: UplinkId,
        last: Option<UplinkId>,
        limit: usize,
    ) -> Result<Page<HeardRow>, StoreError> {
        let last = last.map_or(i64::MAX, |last| last.0);
        self.ask(move |connection| heard_after(connection, after.0, last, limit)).await
    }
}

fn told_after(
    connection: &Connection,
    sink: &str,
    change: i64,
    limit: usize,
) -> Result<Page<Told>, StoreError> {
    let mut statement = connection.prepare_cached(
        "select seq, series, time from change where seq > ?1 order by seq limit ?2",
    )?;
    let rows = statement.query_map(params![change, limit], |row| {
        Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?))
    })?;
    let (mut end, mut seen, mut rows_seen) = (change, BTreeSet::new(), 0);
    let mut items = Vec::new();
    for row in rows {
        let (seq, series, at) = row?;
        (end, rows_seen) = (seq, rows_seen + 1);
        // What has changed twice is told once: it is read as it is now.
        if seen.insert((series, at)) {
            items.extend(told(connection, sink, series, at)?);
        }
    }
    Ok(Page { items, end, is_last: rows_seen < limit })
}

/// One observation; none where retention has dropped it.
pub(super) fn told(
    connection: &Connection,
    sink: &str,
    series: i64,
    at: i64,
) -> Result<Option<Told>, StoreError> {
    let told = connection
        .prepare_cached(
            "select o.time, o.value, o.quality, o.reason, o.uplink, s.site, s.quantity,
                 coalesce(k.kind, p.kind), k.kind is null and p.kind is not null, h.dev_eui, v.profile
             from observation o
             join series s on s.id = o.series
             left join sink_site k on k.sink = ?1 and k.site = s.site
             left join site p on p.id = s.site
             left join uplink u on u.id = o.uplink
             left join heard h on h.id = u.device
             left join profile_version v on v.id = u.profile_version
             where o.hour = ?2 and o.series = ?3 and o.time = ?4",
        )?
        .query_row(params![sink, hour_of(at), series, at], |row| {
            Ok(Told {
                id: ItemId::Observation { series, time: at },
                observation: series::observation(row)?,
                site: SiteId::from(row.get::<_, String>(5)?.as_str()),
                quantity: QuantityName::from(row.get::<_, String>(6)?.as_str()),
                kind: row.get(7)?,
                is_new_site: row.get(8)?,
                dev_eui: row.get::<_, Option<i64>>(9)?.map(|number| DevEui(number.cast_unsigned())),
                profile: row.get(10)?,
            })
        })
        .optional()?;
    Ok(told)
}

fn transitions_after(
    connection: &Connection,
    after: i64,
    limit: usize,
) -> Result<Page<Transition>, StoreError> {
    let mut statement = connection
        .prepare_cached("select id from alert_event where id > ?1 order by id limit ?2")?;
    let rows: Vec<i64> =
        statement.query_map(params![after, limit], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut items = Vec::new();
    for &id in &rows {
        items.extend(transition(connection, id)?);
    }
    let end = rows.last().copied().unwrap_or(after);
    Ok(Page { items, end, is_last: rows.len() < limit })
}

/// One event of an alert; none where it changes nothing of how the alert stands.
pub(super) fn transition(
    connection: &Connection,
    id: i64,
) -> Result<Option<Transition>, StoreError> {
    let row: Option<(i64, String, String, String, String, Option<f64>)> = connection
        .prepare_cached(
            "select e.at, e.what, a.rule, a.subject, a.severity, e.value
             from alert_event e join alert a on a.id = e.alert where e.id = ?1",
        )?
        .query_row([id], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
        })
        .optional()?;
    let Some((at, what, rule, subject, severity, value)) = row else { return Ok(None) };
    let state = match Happening::from_name(&what) {
        Some(Happening::Opened) => AlertState::Open,
        Some(Happening::Acknowledged) => AlertState::Acknowledged,
        Some(Happening::Resolved) => AlertState::Resolved,
        Some(Happening::Joined | Happening::Left) | None => return Ok(None),
    };
    let Some(subject) = Subject::from_text(&subject) else { return Ok(None) };
    Ok(Some(Transition { id, at: codes::time(at), rule, subject, severity, state, value }))
}

fn heard_after(
    connection: &Connection,
    after: i64,
    last: i64,
    limit: usize,
) -> Result<Page<HeardRow>, StoreError> {
    let mut statement = connection
        .prepare_cached("select id from uplink where id > ?1 and id <= ?2 order by id limit ?3")?;
    let rows: Vec<i64> = statement
        .query_map(params![after, last, limit], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut items = Vec::new();
    for &id in &rows {
        items.extend(heard(connection, UplinkId(id))?);
    }
    let end = rows.last().copied().unwrap_or(after);
    Ok(Page { items, end, is_last: rows.len() < limit })
}

/// One row of the ledger; none where it tells nothing: a copy, a message of no device, one that is no
/// longer kept.
pub(super) fn heard(connection: &Connection, id: UplinkId) -> Result<Option<HeardRow>, StoreError> {
    let row: Option<(i64, i64, Option<i64>)> = connection
        .prepare_cached(
            "select h.dev_eui, u.outcome, u.lost from uplink u join heard h on h.id = u.device
             where u.id = ?1 and u.disposal is null and (u.kind is null or u.kind = 'status')",
        )?
        .query_row([id.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((number, outcome, lost)) = row else { return Ok(None) };
    if codes::to_outcome(outcome).is_none_or(|outcome| !tells(outcome)) {
        return Ok(None);
    }
    let Some(message) = read::message(connection, id)? else { return Ok(None) };
    let source = message.source.clone();
    let dev_eui = DevEui(number.cast_unsigned());
    Ok(Some(HeardRow { id, dev_eui, source, message, lost: lost.unwrap_or(0) }))
}

/// Whether a device was heard by itself and for the first time.
const fn tells(outcome: Outcome) -> bool {
    !matches!(
        outcome,
        Outcome::Duplicate | Outcome::Simulated | Outcome::Rejected | Outcome::TooLarge
    )
}
