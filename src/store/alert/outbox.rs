//! What is to be told, kept until it has been or nobody wants to know any more.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};

use super::super::codes::{micros, time};
use super::super::write::Batch;
use super::super::{Reader, StoreError};
use super::{Alert, AlertId, read};

/// What a notice tells of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoticeKind {
    Opened,
    Resolved,
}

impl NoticeKind {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Resolved => "resolved",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Opened, Self::Resolved].into_iter().find(|kind| kind.name() == name)
    }
}

/// Something that a channel is to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    pub id: i64,
    pub channel: String,
    pub kind: NoticeKind,
    pub expires_at: DateTime<Utc>,
    /// How often it has been tried.
    pub attempts: u32,
    pub alert: Alert,
}

/// How an attempt to deliver notices ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    Delivered,
    /// To be tried again at that time.
    Later {
        at: DateTime<Utc>,
        error: String,
    },
    GaveUp {
        error: String,
    },
}

impl Batch<'_> {
    /// Has a channel told of an alert.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn tell(
        &self,
        alert: AlertId,
        channel: &str,
        kind: NoticeKind,
        due_at: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "insert into notification (alert, channel, what, due_at, expires_at)
                 values (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![alert.0, channel, kind.name(), micros(due_at), micros(expires_at)])?;
        Ok(())
    }

    /// Drops what nobody has been told of an alert yet, and returns the channels that have been told that it
    /// opened.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn untell(&self, alert: AlertId) -> Result<Vec<String>, StoreError> {
        // What was tried may have arrived without its answer, so it counts as told.
        self.connection
            .prepare_cached(
                "delete from notification where alert = ?1 and done_at is null and attempts = 0",
            )?
            .execute([alert.0])?;
        let mut statement = self.connection.prepare_cached(
            "select distinct channel from notification where alert = ?1 and what = 'opened'",
        )?;
        let rows = statement.query_map([alert.0], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Writes down how an attempt to deliver notices ended.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn note_sent(
        &self,
        notices: &[i64],
        sent: &Sent,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        for id in notices {
            let done = Some(micros(now));
            let (done, due, error) = match sent {
                Sent::Delivered => (done, None, None),
                Sent::Later { at, error } => (None, Some(micros(*at)), Some(error)),
                Sent::GaveUp { error } => (done, None, Some(error)),
            };
            self.connection
                .prepare_cached(
                    "update notification set attempts = attempts + 1, done_at = ?2,
                         due_at = coalesce(?3, due_at), error = ?4 where id = ?1",
                )?
                .execute(params![id, done, due, error])?;
        }
        Ok(())
    }
}

impl Reader {
    /// What is due to be told, in order.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub async fn notices(
        &self,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Notice>, StoreError> {
        self.ask(move |connection| due(connection, now, limit)).await
    }
}

fn due(
    connection: &Connection,
    now: DateTime<Utc>,
    limit: usize,
) -> Result<Vec<Notice>, StoreError> {
    let mut statement = connection.prepare_cached(
        "select id, alert, channel, what, expires_at, attempts from notification
         where done_at is null and due_at <= ?1 order by due_at, id limit ?2",
    )?;
    let mut rows = statement.query(params![micros(now), limit])?;
    let mut notices = Vec::new();
    while let Some(row) = rows.next()? {
        let what: String = row.get(3)?;
        let alert = read::alert_by_id(connection, AlertId(row.get(1)?))?;
        let (Some(kind), Some(alert)) = (NoticeKind::from_name(&what), alert) else { continue };
        notices.push(Notice {
            id: row.get(0)?,
            channel: row.get(2)?,
            kind,
            expires_at: time(row.get(4)?),
            attempts: row.get(5)?,
            alert,
        });
    }
    Ok(notices)
}
