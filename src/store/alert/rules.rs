//! Alert rules that staff have set up by the API, with all that they have been before.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Row, params};

use super::super::codes::{micros, time};
use super::super::write::Batch;
use super::super::{Reader, StoreError};
use crate::model::RuleId;

/// What somebody makes of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleChange {
    pub id: RuleId,
    /// JSON with the keys of a `[[rule]]` of `alerts.toml`; none where the rule was withdrawn.
    pub body: Option<String>,
    pub at: DateTime<Utc>,
    pub who: String,
    pub why: String,
}

/// A rule as somebody has left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaffRule {
    /// Grows with each change of any rule.
    pub revision: i64,
    pub change: RuleChange,
}

impl StaffRule {
    /// Its id and what it says; none if it was withdrawn.
    #[must_use]
    pub fn holding(&self) -> Option<(&RuleId, &str)> {
        Some((&self.change.id, self.change.body.as_deref()?))
    }
}

const COLUMNS: &str = "revision, rule, body, at, who, why";

impl Batch<'_> {
    /// Writes down what a rule is from now on, or that it is none. Returns the revision.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn write_rule(&self, change: &RuleChange) -> Result<i64, StoreError> {
        let RuleChange { id, body, at, who, why } = change;
        self.connection.execute(
            "insert into alert_rule (rule, body, at, who, why) values (?1, ?2, ?3, ?4, ?5)",
            params![id.0, body, micros(*at), who, why],
        )?;
        Ok(self.connection.last_insert_rowid())
    }

    /// The newest revision of all rules; 0 where there has never been one.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn rule_revision(&self) -> Result<i64, StoreError> {
        let mut statement =
            self.connection.prepare_cached("select coalesce(max(revision), 0) from alert_rule")?;
        Ok(statement.query_row([], |row| row.get(0))?)
    }

    /// The rules that hold, by id.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn staff_rules(&self) -> Result<Vec<StaffRule>, StoreError> {
        staff_rules(self.connection)
    }
}

impl Reader {
    /// The rules that hold, by id.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub async fn staff_rules(&self) -> Result<Vec<StaffRule>, StoreError> {
        self.ask(staff_rules).await
    }

    /// All that a rule has been, the oldest first.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub async fn rule_history(&self, id: RuleId) -> Result<Vec<StaffRule>, StoreError> {
        self.ask(move |connection| {
            let sql = format!("select {COLUMNS} from alert_rule where rule = ?1 order by revision");
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map([&id.0], rule)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}

fn staff_rules(connection: &Connection) -> Result<Vec<StaffRule>, StoreError> {
    let sql = format!(
        "select {COLUMNS} from alert_rule
         where revision in (select max(revision) from alert_rule group by rule) and body is not null
         order by rule"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map([], rule)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn rule(row: &Row<'_>) -> rusqlite::Result<StaffRule> {
    let id: String = row.get(1)?;
    let change = RuleChange {
        id: RuleId::from(&*id),
        body: row.get(2)?,
        at: time(row.get(3)?),
        who: row.get(4)?,
        why: row.get(5)?,
    };
    Ok(StaffRule { revision: row.get(0)?, change })
}
