//! Alerts as they stand, what has become of each, and whom it concerns.

mod outbox;
mod read;
mod rules;
mod silence;

pub use outbox::{Notice, NoticeKind, Sent, Waiting};
pub use read::{AlertEvent, AlertFilter};
pub use rules::{RuleChange, StaffRule};
pub use silence::Silence;

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, Row, params};

use super::codes::{micros, time};
use super::write::Batch;
use super::{StoreError, UplinkId};
use crate::model::{
    AlertState, DevEui, QuantityName, RuleId, Severity, Standing, Subject, Wording,
};

/// The number of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AlertId(pub i64);

/// The reading that speaks for what an alert does.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Evidence {
    pub time: Option<DateTime<Utc>>,
    pub value: Option<f64>,
    pub uplink: Option<UplinkId>,
}

/// An alert, standing or past.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    pub id: AlertId,
    pub rule: RuleId,
    pub subject: Subject,
    /// What is measured, if it is about a measurement.
    pub quantity: Option<QuantityName>,
    pub severity: Severity,
    pub state: AlertState,
    pub since: DateTime<Utc>,
    pub openings: u32,
    pub opened_at: Option<DateTime<Utc>>,
    pub clearing_since: Option<DateTime<Utc>>,
    pub resolved_at: Option<DateTime<Utc>>,
    pub acknowledged_at: Option<DateTime<Utc>>,
    pub acknowledged_by: Option<String>,
    pub wording: Wording,
    pub runbook: Option<String>,
    pub evidence: Evidence,
}

impl Alert {
    /// How it stands; none if it is resolved.
    #[must_use]
    pub fn standing(&self) -> Option<Standing> {
        (self.state != AlertState::Resolved).then_some(Standing {
            state: self.state,
            since: self.since,
            clearing_since: self.clearing_since,
            openings: self.openings,
        })
    }
}

/// What is said of an alert when it is written.
#[derive(Clone, Debug)]
pub struct Said<'a> {
    pub quantity: Option<&'a QuantityName>,
    pub severity: Severity,
    pub wording: &'a Wording,
    pub runbook: Option<&'a str>,
    pub evidence: Evidence,
    /// When time alone moves the alert on.
    pub due_at: Option<DateTime<Utc>>,
}

/// Something that has become of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    Opened,
    Acknowledged,
    Resolved,
    /// A device has come to be concerned.
    Joined,
    /// A device is no longer concerned.
    Left,
}

impl Happening {
    pub const ALL: [Self; 5] =
        [Self::Opened, Self::Acknowledged, Self::Resolved, Self::Joined, Self::Left];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
            Self::Joined => "joined",
            Self::Left => "left",
        }
    }

    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }
}

/// Who has done something, and what they say of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct By<'a> {
    pub who: Option<&'a str>,
    pub note: Option<&'a str>,
}

const COLUMNS: &str =
    "id, rule, subject, severity, state, since, openings, opened_at, clearing_since,
    resolved_at, acknowledged_at, acknowledged_by, sv, en, runbook, time, value, uplink, quantity";

impl Batch<'_> {
    /// The alert of a rule about a subject that is not resolved.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn standing_alert(
        &self,
        rule: &RuleId,
        subject: &Subject,
    ) -> Result<Option<Alert>, StoreError> {
        let sql = format!(
            "select {COLUMNS} from alert where rule = ?1 and subject = ?2 and state <> 'resolved'"
        );
        Ok(self
            .connection
            .prepare_cached(&sql)?
            .query_row(params![rule.0, subject.to_string()], alert)
            .optional()?)
    }

    /// When the last alert of a rule about a subject was resolved, and which opening that was.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn last_resolved(
        &self,
        rule: &RuleId,
        subject: &Subject,
    ) -> Result<Option<(DateTime<Utc>, u32)>, StoreError> {
        Ok(self
            .connection
            .prepare_cached(
                "select resolved_at, openings from alert
                 where rule = ?1 and subject = ?2 and state = 'resolved'
                 order by resolved_at desc limit 1",
            )?
            .query_row(params![rule.0, subject.to_string()], |row| {
                Ok((time(row.get(0)?), row.get(1)?))
            })
            .optional()?)
    }

    /// All alerts that are not resolved, or those of them that time alone moves on by `due`.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn standing_alerts(&self, due: Option<DateTime<Utc>>) -> Result<Vec<Alert>, StoreError> {
        let sql = match due {
            Some(_) => format!("select {COLUMNS} from alert where due_at <= ?1 order by id"),
            None => format!("select {COLUMNS} from alert where state <> 'resolved' order by id"),
        };
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = match due {
            Some(due) => statement.query_map([micros(due)], alert)?,
            None => statement.query_map([], alert)?,
        };
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Writes down how an alert of a rule about a subject stands now, which may be the first that is known of
    /// it.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn stand(
        &self,
        rule: &RuleId,
        subject: &Subject,
        standing: Standing,
        said: &Said<'_>,
    ) -> Result<AlertId, StoreError> {
        let Said { quantity, severity, wording, runbook, evidence, due_at } = said;
        let id = self
            .connection
            .prepare_cached(
                "insert into alert (rule, subject, severity, state, since, openings, clearing_since, due_at,
                     sv, en, runbook, time, value, uplink, quantity)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
                 on conflict (rule, subject) where state <> 'resolved' do update set
                     severity = excluded.severity, state = excluded.state, since = excluded.since,
                     openings = excluded.openings, clearing_since = excluded.clearing_since,
                     due_at = excluded.due_at, sv = excluded.sv, en = excluded.en,
                     runbook = excluded.runbook, time = excluded.time, value = excluded.value,
                     uplink = excluded.uplink, quantity = excluded.quantity
                 returning id",
            )?
            .query_row(
                params![
                    rule.0,
                    subject.to_string(),
                    severity.name(),
                    standing.state.name(),
                    micros(standing.since),
                    standing.openings,
                    standing.clearing_since.map(micros),
                    due_at.map(micros),
                    wording.sv,
                    wording.en,
                    runbook,
                    evidence.time.map(micros),
                    evidence.value,
                    evidence.uplink.map(|uplink| uplink.0),
                    quantity.map(|quantity| &quantity.0),
                ],
                |row| row.get(0).map(AlertId),
            )?;
        Ok(id)
    }

    /// Takes note of the newest reading that an alert has been judged by.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn seen_by_alert(&self, id: AlertId, evidence: Evidence) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("update alert set time = ?2, value = ?3, uplink = ?4 where id = ?1")?
            .execute(params![
                id.0,
                evidence.time.map(micros),
                evidence.value,
                evidence.uplink.map(|uplink| uplink.0)
            ])?;
        Ok(())
    }

    /// Forgets an alert that was pending and has come to nothing.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn forget_pending(&self, id: AlertId) -> Result<(), StoreError> {
        self.connection.execute("delete from alert where id = ?1 and state = 'pending'", [id.0])?;
        Ok(())
    }

    /// Writes an event into the history of an alert and, where it opens or ends there, into the alert.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn happened(
        &self,
        id: AlertId,
        what: Happening,
        at: DateTime<Utc>,
        by: By<'_>,
        evidence: Evidence,
    ) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "insert into alert_event (alert, at, what, who, note, time, value, uplink)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                id.0,
                micros(at),
                what.name(),
                by.who,
                by.note,
                evidence.time.map(micros),
                evidence.value,
                evidence.uplink.map(|uplink| uplink.0)
            ])?;
        let change = match what {
            Happening::Opened => {
                "update alert set opened_at = coalesce(opened_at, ?2) where id = ?1"
            }
            Happening::Resolved => {
                "update alert set state = 'resolved', resolved_at = ?2, due_at = null where id = ?1"
            }
            Happening::Acknowledged => {
                "update alert set state = 'acknowledged', acknowledged_at = ?2, acknowledged_by = ?3
                 where id = ?1 and state = 'open'"
            }
            Happening::Joined | Happening::Left => return Ok(()),
        };
        let mut statement = self.connection.prepare_cached(change)?;
        if what == Happening::Acknowledged {
            statement.execute(params![id.0, micros(at), by.who])?;
        } else {
            statement.execute(params![id.0, micros(at)])?;
        }
        if what == Happening::Resolved {
            self.connection
                .prepare_cached("delete from alert_member where alert = ?1")?
                .execute([id.0])?;
        }
        Ok(())
    }

    /// Somebody takes an open alert on: who has not been told of it yet need not be. Returns the alert as it
    /// then is; none if there is no such alert, or it is not open any more.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn acknowledge(
        &self,
        id: AlertId,
        who: &str,
        note: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<Option<Alert>, StoreError> {
        let Some(known) = self.alert(id)?.filter(|alert| alert.state == AlertState::Open) else {
            return Ok(None);
        };
        let by = By { who: Some(who), note };
        self.happened(id, Happening::Acknowledged, now, by, known.evidence)?;
        self.untell(id)?;
        self.alert(id)
    }

    /// An alert by its number.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn alert(&self, id: AlertId) -> Result<Option<Alert>, StoreError> {
        read::alert_by_id(self.connection, id)
    }

    /// Adds a device to those that an alert concerns. Returns whether it was not among them.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn join_alert(&self, id: AlertId, dev_eui: DevEui) -> Result<bool, StoreError> {
        let joined = self
            .connection
            .prepare_cached("insert or ignore into alert_member (alert, dev_eui) values (?1, ?2)")?
            .execute(params![id.0, dev_eui.0.cast_signed()])?;
        Ok(joined > 0)
    }

    /// Takes a device from those that an alert concerns. Returns how many are left.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn leave_alert(&self, id: AlertId, dev_eui: DevEui) -> Result<usize, StoreError> {
        self.connection
            .prepare_cached("delete from alert_member where alert = ?1 and dev_eui = ?2")?
            .execute(params![id.0, dev_eui.0.cast_signed()])?;
        Ok(self
            .connection
            .prepare_cached("select count(*) from alert_member where alert = ?1")?
            .query_row([id.0], |row| row.get(0))?)
    }

    /// The standing alerts that concern a device.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn alerts_of_member(&self, dev_eui: DevEui) -> Result<Vec<Alert>, StoreError> {
        let sql = format!(
            "select {COLUMNS} from alert where id in
                 (select alert from alert_member where dev_eui = ?1) order by id"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map([dev_eui.0.cast_signed()], alert)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// As [`super::Reader::alerts`].
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn alerts(&self, filter: &AlertFilter) -> Result<Vec<Alert>, StoreError> {
        read::alerts(self.connection, filter)
    }

    /// The devices that an alert concerns, by DevEUI.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn members(&self, id: AlertId) -> Result<Vec<DevEui>, StoreError> {
        read::members(self.connection, id)
    }

    /// All devices that standing alerts concern.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn all_members(&self) -> Result<Vec<DevEui>, StoreError> {
        let mut statement =
            self.connection.prepare_cached("select distinct dev_eui from alert_member")?;
        let rows = statement.query_map([], |row| row.get(0).map(dev_eui))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn dev_eui(number: i64) -> DevEui {
    DevEui(number.cast_unsigned())
}

fn alert(row: &Row<'_>) -> rusqlite::Result<Alert> {
    let wrong = |column: usize, what: &str| {
        let error = format!("{what} of a later version").into();
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error)
    };
    let moment = |column: usize| row.get::<_, Option<i64>>(column).map(|at| at.map(time));
    let (rule, subject): (String, String) = (row.get(1)?, row.get(2)?);
    let (severity, state): (String, String) = (row.get(3)?, row.get(4)?);
    Ok(Alert {
        id: AlertId(row.get(0)?),
        rule: RuleId::from(&*rule),
        subject: Subject::from_text(&subject).ok_or_else(|| wrong(2, "a subject"))?,
        quantity: row.get::<_, Option<String>>(18)?.map(|name| QuantityName::from(&*name)),
        severity: Severity::from_name(&severity).ok_or_else(|| wrong(3, "a severity"))?,
        state: AlertState::from_name(&state).ok_or_else(|| wrong(4, "a state"))?,
        since: time(row.get(5)?),
        openings: row.get(6)?,
        opened_at: moment(7)?,
        clearing_since: moment(8)?,
        resolved_at: moment(9)?,
        acknowledged_at: moment(10)?,
        acknowledged_by: row.get(11)?,
        wording: Wording { sv: row.get(12)?, en: row.get(13)? },
        runbook: row.get(14)?,
        evidence: Evidence {
            time: moment(15)?,
            value: row.get(16)?,
            uplink: row.get::<_, Option<i64>>(17)?.map(UplinkId),
        },
    })
}
