use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, params};

use super::super::codes::{micros, time};
use super::super::{Reader, StoreError, UplinkId};
use super::{Alert, AlertId, COLUMNS, Evidence, Happening, alert, dev_eui};
use crate::model::{AlertState, DevEui};

/// Which alerts are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertFilter {
    /// None for all that are open or acknowledged.
    pub state: Option<AlertState>,
    /// Only those that opened no earlier.
    pub from: Option<DateTime<Utc>>,
    /// At most so many, the newest first.
    pub limit: usize,
}

/// An entry in the history of an alert.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertEvent {
    pub at: DateTime<Utc>,
    pub what: Happening,
    pub who: Option<String>,
    pub note: Option<String>,
    pub evidence: Evidence,
}

impl Reader {
    /// Alerts, the newest first.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub async fn alerts(&self, filter: AlertFilter) -> Result<Vec<Alert>, StoreError> {
        self.ask(move |connection| alerts(connection, &filter)).await
    }

    /// An alert with its history, in order, and the devices that it concerns.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub async fn alert(
        &self,
        id: AlertId,
    ) -> Result<Option<(Alert, Vec<AlertEvent>, Vec<DevEui>)>, StoreError> {
        self.ask(move |connection| {
            let Some(alert) = alert_by_id(connection, id)? else { return Ok(None) };
            Ok(Some((alert, events(connection, id)?, members(connection, id)?)))
        })
        .await
    }
}

pub(super) fn alerts(
    connection: &Connection,
    filter: &AlertFilter,
) -> Result<Vec<Alert>, StoreError> {
    let states = match filter.state {
        Some(state) => format!("state = '{}'", state.name()),
        None => "state in ('open', 'acknowledged')".to_owned(),
    };
    let sql = format!(
        "select {COLUMNS} from alert where {states} and coalesce(opened_at, since) >= ?1
         order by id desc limit ?2"
    );
    let from = filter.from.map_or(i64::MIN, micros);
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params![from, filter.limit], alert)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn alert_by_id(
    connection: &Connection,
    id: AlertId,
) -> Result<Option<Alert>, StoreError> {
    let sql = format!("select {COLUMNS} from alert where id = ?1");
    Ok(connection.prepare_cached(&sql)?.query_row([id.0], alert).optional()?)
}

fn events(connection: &Connection, id: AlertId) -> Result<Vec<AlertEvent>, StoreError> {
    let mut statement = connection.prepare_cached(
        "select at, what, who, note, time, value, uplink from alert_event where alert = ?1 order by id",
    )?;
    let rows = statement.query_map([id.0], |row| {
        let what: String = row.get(1)?;
        // What a later version has written is left out rather than guessed.
        let Some(what) = Happening::from_name(&what) else { return Ok(None) };
        Ok(Some(AlertEvent {
            at: time(row.get(0)?),
            what,
            who: row.get(2)?,
            note: row.get(3)?,
            evidence: Evidence {
                time: row.get::<_, Option<i64>>(4)?.map(time),
                value: row.get(5)?,
                uplink: row.get::<_, Option<i64>>(6)?.map(UplinkId),
            },
        }))
    })?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

pub(super) fn members(connection: &Connection, id: AlertId) -> Result<Vec<DevEui>, StoreError> {
    let mut statement = connection
        .prepare_cached("select dev_eui from alert_member where alert = ?1 order by dev_eui")?;
    let rows = statement.query_map([id.0], |row| row.get(0).map(dev_eui))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
