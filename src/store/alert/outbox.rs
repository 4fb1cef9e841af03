//! What is to be told, kept until it has been or nobody wants to know any more.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};

use super::super::codes::{micros, time};
use super::super::write::Batch;
use super::super::{Reader, StoreError};
use super::{Alert, AlertId, COLUMNS, alert, read};

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
    pub due_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    /// How often it has been tried.
    pub attempts: u32,
    pub alert: Alert,
}

/// What a channel has not been told although its time has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    pub count: usize,
    /// When the first of them expires.
    pub expires_first: Option<DateTime<Utc>>,
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

    /// Writes down that an attempt to deliver notices begins, and returns which of them are still to be told. From
    /// now on they count as told, since nobody may ever know whether they have arrived.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn begin_to_tell(&self, notices: &[i64]) -> Result<Vec<i64>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "update notification set attempts = attempts + 1 where id = ?1 and done_at is null",
        )?;
        let mut left = Vec::new();
        for id in notices {
            if statement.execute([id])? > 0 {
                left.push(*id);
            }
        }
        Ok(left)
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
                    "update notification set attempts = max(attempts, 1), done_at = ?2,
                         due_at = coalesce(?3, due_at), error = ?4 where id = ?1",
                )?
                .execute(params![id, done, due, error])?;
        }
        Ok(())
    }
}

impl Batch<'_> {
    /// Gives up what channels other than these have not been told. Returns how much that was.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn give_up_others(
        &self,
        channels: &[&str],
        now: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        let mut waiting = self
            .connection
            .prepare("select distinct channel from notification where done_at is null")?;
        let waiting = waiting.query_map([], |row| row.get(0))?;
        let mut given_up = 0;
        for channel in waiting.collect::<Result<Vec<String>, _>>()? {
            if !channels.contains(&channel.as_str()) {
                given_up += self.connection.execute(
                    "update notification set done_at = ?2, error = 'there is no such channel any more'
                     where channel = ?1 and done_at is null",
                    params![channel, micros(now)],
                )?;
            }
        }
        Ok(given_up)
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
        self.ask(move |connection| due(connection, None, now, limit)).await
    }

    /// What a channel is due to be told, in order; with `tried` also what is to be tried again later.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub async fn notices_of(
        &self,
        channel: &str,
        now: DateTime<Utc>,
        tried: bool,
        limit: usize,
    ) -> Result<Vec<Notice>, StoreError> {
        let channel = channel.to_owned();
        self.ask(move |connection| due(connection, Some((&channel, tried)), now, limit)).await
    }

    /// What a channel should have been told by now, what is to be tried again later among it.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub async fn waiting(&self, channel: &str, now: DateTime<Utc>) -> Result<Waiting, StoreError> {
        let channel = channel.to_owned();
        self.ask(move |connection| {
            let mut statement = connection.prepare_cached(
                "select count(*), min(expires_at) from notification
                 where done_at is null and channel = ?1 and (due_at <= ?2 or attempts > 0)",
            )?;
            Ok(statement.query_row(params![channel, micros(now)], |row| {
                let expires_first = row.get::<_, Option<i64>>(1)?.map(time);
                Ok(Waiting { count: row.get(0)?, expires_first })
            })?)
        })
        .await
    }

    /// The standing alerts of which a channel has been told that they opened, or should have been by now.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub async fn told_alerts(
        &self,
        channel: &str,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Alert>, StoreError> {
        let channel = channel.to_owned();
        self.ask(move |connection| {
            let sql = format!(
                "select {COLUMNS} from alert where state in ('open', 'acknowledged') and exists (
                     select 1 from notification where alert = alert.id and channel = ?1
                         and what = 'opened' and (due_at <= ?2 or attempts > 0))
                 order by id limit ?3"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map(params![channel, micros(now), limit], alert)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}

fn due(
    connection: &Connection,
    channel: Option<(&str, bool)>,
    now: DateTime<Utc>,
    limit: usize,
) -> Result<Vec<Notice>, StoreError> {
    let (channel, tried) = channel.unzip();
    let mut statement = connection.prepare_cached(
        "select id, alert, channel, what, due_at, expires_at, attempts from notification
         where done_at is null and (due_at <= ?1 or (?4 and attempts > 0))
             and (?3 is null or channel = ?3)
         order by due_at, id limit ?2",
    )?;
    let mut rows = statement.query(params![micros(now), limit, channel, tried.unwrap_or(false)])?;
    let mut notices = Vec::new();
    while let Some(row) = rows.next()? {
        let what: String = row.get(3)?;
        let alert = read::alert_by_id(connection, AlertId(row.get(1)?))?;
        let (Some(kind), Some(alert)) = (NoticeKind::from_name(&what), alert) else { continue };
        notices.push(Notice {
            id: row.get(0)?,
            channel: row.get(2)?,
            kind,
            due_at: time(row.get(4)?),
            expires_at: time(row.get(5)?),
            attempts: row.get(6)?,
            alert,
        });
    }
    Ok(notices)
}
