//! Dead letters: what a sink has refused, until it is tried again and accepted, or given up.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};

use super::ItemId;
use super::feed::{self, HeardRow, Told, Transition};
use crate::model::{DevEui, QuantityName, SiteId};
use crate::store::codes::{micros, time};
use crate::store::write::Batch;
use crate::store::{Reader, StoreError, UplinkId};

/// Something that a sink has refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub item: ItemId,
    /// Of HTTP; 0 where nothing could be sent.
    pub status: u16,
    pub reason: String,
}

/// A refusal as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    pub id: i64,
    pub about: About,
    pub at: DateTime<Utc>,
    pub status: u16,
    pub reason: String,
    /// It waits to be tried again.
    pub again: bool,
}

/// What a dead letter is about, in the operator's words.
#[derive(Clone, Debug, PartialEq)]
pub enum About {
    Observation {
        site: SiteId,
        quantity: QuantityName,
        time: DateTime<Utc>,
    },
    Uplink {
        id: UplinkId,
        dev_eui: Option<DevEui>,
    },
    /// What has become of an alert.
    Alert {
        event: i64,
    },
}

impl Batch<'_> {
    pub(super) fn add_letters(
        &mut self,
        sink: &str,
        refused: &[Refusal],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.settle_letters(sink, &refused.iter().map(|one| one.item).collect::<Vec<_>>())?;
        let mut statement = self.connection.prepare_cached(
            "insert into dead_letter (sink, series, time, uplink, at, status, reason, alert_event)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        for Refusal { item, status, reason } in refused {
            let (series, at, uplink, alert) = match *item {
                ItemId::Observation { series, time } => (Some(series), Some(time), None, None),
                ItemId::Uplink(id) => (None, None, Some(id.0), None),
                ItemId::Alert(event) => (None, None, None, Some(event)),
            };
            let now = micros(now);
            statement.execute(params![sink, series, at, uplink, now, status, reason, alert])?;
        }
        Ok(())
    }

    /// Takes away the dead letters of what has been accepted, or is refused anew.
    pub(super) fn settle_letters(
        &mut self,
        sink: &str,
        items: &[ItemId],
    ) -> Result<(), StoreError> {
        if !self.connection.prepare_cached("select 1 from dead_letter limit 1")?.exists([])? {
            return Ok(());
        }
        let mut of_observation = self.connection.prepare_cached(
            "delete from dead_letter where sink = ?1 and series = ?2 and time = ?3",
        )?;
        let mut of_uplink = self
            .connection
            .prepare_cached("delete from dead_letter where sink = ?1 and uplink = ?2")?;
        let mut of_alert = self
            .connection
            .prepare_cached("delete from dead_letter where sink = ?1 and alert_event = ?2")?;
        for item in items {
            match *item {
                ItemId::Observation { series, time } => {
                    of_observation.execute(params![sink, series, time])?
                }
                ItemId::Uplink(id) => of_uplink.execute(params![sink, id.0])?,
                ItemId::Alert(event) => of_alert.execute(params![sink, event])?,
            };
        }
        Ok(())
    }

    /// Asks for dead letters to be tried again: those with these numbers, or all. Returns how many there are.
    ///
    /// # Errors
    ///
    /// As the store's; the whole batch is then undone.
    pub fn retry_letters(&mut self, sink: &str, ids: &[i64]) -> Result<usize, StoreError> {
        self.of_letters("update dead_letter set again = 1", sink, ids)
    }

    /// Gives dead letters up: those with these numbers, or all. Returns how many there were.
    ///
    /// # Errors
    ///
    /// As the store's; the whole batch is then undone.
    pub fn discard_letters(&mut self, sink: &str, ids: &[i64]) -> Result<usize, StoreError> {
        self.of_letters("delete from dead_letter", sink, ids)
    }

    fn of_letters(&self, what: &str, sink: &str, ids: &[i64]) -> Result<usize, StoreError> {
        if ids.is_empty() {
            return Ok(self.connection.execute(&format!("{what} where sink = ?1"), [sink])?);
        }
        let mut statement =
            self.connection.prepare(&format!("{what} where sink = ?1 and id = ?2"))?;
        let mut rows = 0;
        for id in ids {
            rows += statement.execute(params![sink, id])?;
        }
        Ok(rows)
    }

    /// The dead letters of a sink, oldest first; at most `limit`.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn letters(&self, sink: &str, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "select d.id, d.at, d.status, d.reason, d.again, d.time, d.uplink, s.site, s.quantity, h.dev_eui,
                 d.alert_event
             from dead_letter d
             left join series s on s.id = d.series
             left join uplink u on u.id = d.uplink
             left join heard h on h.id = u.device
             where d.sink = ?1 order by d.id limit ?2",
        )?;
        let rows = statement.query_map(params![sink, limit], |row| {
            let ids: (Option<i64>, Option<i64>) = (row.get(6)?, row.get(10)?);
            let about = match ids {
                (_, Some(event)) => About::Alert { event },
                (Some(id), None) => About::Uplink {
                    id: UplinkId(id),
                    dev_eui: row
                        .get::<_, Option<i64>>(9)?
                        .map(|number| DevEui(number.cast_unsigned())),
                },
                (None, None) => About::Observation {
                    site: SiteId::from(row.get::<_, String>(7)?.as_str()),
                    quantity: QuantityName::from(row.get::<_, String>(8)?.as_str()),
                    time: time(row.get(5)?),
                },
            };
            Ok(DeadLetter {
                id: row.get(0)?,
                about,
                at: time(row.get(1)?),
                status: row.get(2)?,
                reason: row.get(3)?,
                again: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// Dead letters that somebody wants tried again, as they are now.
#[derive(Clone, Debug, Default)]
pub struct Again {
    pub told: Vec<Told>,
    pub heard: Vec<HeardRow>,
    pub transitions: Vec<Transition>,
    /// Nothing is left to be told of these.
    pub gone: Vec<ItemId>,
}

impl Reader {
    /// How many dead letters a sink has.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub async fn letter_count(&self, sink: &'static str) -> Result<usize, StoreError> {
        self.ask(move |connection| {
            Ok(connection
                .prepare_cached("select count(*) from dead_letter where sink = ?1")?
                .query_row([sink], |row| row.get(0))?)
        })
        .await
    }

    /// The dead letters of a sink that are to be tried again; at most `limit`.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub async fn letters_again(
        &self,
        sink: &'static str,
        limit: usize,
    ) -> Result<Again, StoreError> {
        self.ask(move |connection| again(connection, sink, limit)).await
    }
}

fn again(connection: &Connection, sink: &str, limit: usize) -> Result<Again, StoreError> {
    let mut statement = connection.prepare_cached(
        "select series, time, uplink, alert_event from dead_letter where sink = ?1 and again = 1
         order by id limit ?2",
    )?;
    let rows = statement.query_map(params![sink, limit], |row| {
        let place: (Option<i64>, Option<i64>) = (row.get(0)?, row.get(1)?);
        Ok((place, row.get::<_, Option<i64>>(2)?, row.get::<_, Option<i64>>(3)?))
    })?;
    let mut found = Again::default();
    for row in rows {
        match row? {
            ((Some(series), Some(time)), ..) => match feed::told(connection, sink, series, time)? {
                Some(told) => found.told.push(told),
                None => found.gone.push(ItemId::Observation { series, time }),
            },
            (_, _, Some(event)) => match feed::transition(connection, event)? {
                Some(transition) => found.transitions.push(transition),
                None => found.gone.push(ItemId::Alert(event)),
            },
            (_, None, None) => {}
            (_, Some(id), None) => {
                let id = UplinkId(id);
                match feed::heard(connection, id)? {
                    Some(heard) => found.heard.push(heard),
                    None => found.gone.push(ItemId::Uplink(id)),
                }
            }
        }
    }
    Ok(found)
}
