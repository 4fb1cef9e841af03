//! Alerts that nobody is to be told of for a while: they open and are seen all the same.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Row, params};

use super::super::codes::{micros, time};
use super::super::write::Batch;
use super::super::{Reader, StoreError};
use crate::model::{RuleId, Subject};

/// What is not to be told, from when until when, and who has decided that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Any if none.
    pub rule: Option<RuleId>,
    /// Any if none.
    pub subject: Option<Subject>,
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
    pub who: String,
    pub why: String,
}

impl Batch<'_> {
    /// Silences alerts for a while. Returns the number of the silence.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn silence(&self, silence: &Silence) -> Result<i64, StoreError> {
        self.connection.execute(
            "insert into silence (rule, subject, from_at, until_at, who, why)
             values (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                silence.rule.as_ref().map(|rule| rule.0.to_string()),
                silence.subject.as_ref().map(ToString::to_string),
                micros(silence.from),
                micros(silence.until),
                silence.who,
                silence.why
            ],
        )?;
        Ok(self.connection.last_insert_rowid())
    }

    /// Has somebody end a silence before its time. Returns whether there was one to end.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn end_silence(&self, id: i64, who: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let ended = self.connection.execute(
            "update silence set ended_at = ?2, ended_by = ?3
             where id = ?1 and ended_at is null and until_at > ?2",
            params![id, micros(now), who],
        )?;
        Ok(ended > 0)
    }

    /// Until when nobody is to be told of a rule's alert about a subject; none if they are.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn silenced_until(
        &self,
        rule: &RuleId,
        subject: &Subject,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let until: Option<i64> = self
            .connection
            .prepare_cached(
                "select max(until_at) from silence
                 where from_at <= ?3 and until_at > ?3 and ended_at is null
                     and (rule is null or rule = ?1) and (subject is null or subject = ?2)",
            )?
            .query_row(params![rule.0, subject.to_string(), micros(now)], |row| row.get(0))?;
        Ok(until.map(time))
    }

    /// As [`Reader::silences`].
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn silences(&self, now: DateTime<Utc>) -> Result<Vec<(i64, Silence)>, StoreError> {
        silences(self.connection, now)
    }
}

impl Reader {
    /// The silences that hold or are to come, by number.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub async fn silences(&self, now: DateTime<Utc>) -> Result<Vec<(i64, Silence)>, StoreError> {
        self.ask(move |connection| silences(connection, now)).await
    }
}

fn silences(
    connection: &Connection,
    now: DateTime<Utc>,
) -> Result<Vec<(i64, Silence)>, StoreError> {
    let mut statement = connection.prepare_cached(
        "select id, rule, subject, from_at, until_at, who, why from silence
         where ended_at is null and until_at > ?1 order by id",
    )?;
    let rows = statement.query_map([micros(now)], silence)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn silence(row: &Row<'_>) -> rusqlite::Result<(i64, Silence)> {
    let (rule, subject): (Option<String>, Option<String>) = (row.get(1)?, row.get(2)?);
    Ok((
        row.get(0)?,
        Silence {
            rule: rule.map(|rule| RuleId::from(&*rule)),
            subject: subject.and_then(|subject| Subject::from_text(&subject)),
            from: time(row.get(3)?),
            until: time(row.get(4)?),
            who: row.get(5)?,
            why: row.get(6)?,
        },
    ))
}
