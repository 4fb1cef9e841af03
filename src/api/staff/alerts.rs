use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{StaffState, answer, instant};
use crate::api::error::Problem;
use crate::api::query::{Name, Params};
use crate::model::{AlertState, RuleId, Subject};
use crate::store::{Alert, AlertEvent, AlertFilter, AlertId, Evidence, Silence};

const LIMIT_DEFAULT: usize = 100;
const LIMIT_MAX: usize = 1000;

/// Longest text that somebody may leave with what they do, in bytes.
const NOTE_MAX: usize = 2000;

#[derive(Serialize)]
struct AlertsJson {
    alerts: Vec<AlertJson>,
}

#[derive(Serialize)]
struct AlertJson {
    id: i64,
    rule: String,
    subject: String,
    severity: &'static str,
    state: &'static str,
    sv: String,
    en: String,
    runbook: Option<String>,
    /// Since when the condition has been there.
    since: String,
    opened_at: Option<String>,
    acknowledged_at: Option<String>,
    acknowledged_by: Option<String>,
    resolved_at: Option<String>,
    /// How often it has come without having been away for long.
    openings: u32,
    evidence: EvidenceJson,
}

/// The reading that speaks for it, and the uplink that brought it.
#[derive(Serialize)]
struct EvidenceJson {
    time: Option<String>,
    value: Option<f64>,
    uplink: Option<String>,
    observations: Option<String>,
}

#[derive(Serialize)]
struct AlertDetailJson {
    #[serde(flatten)]
    alert: AlertJson,
    history: Vec<EventJson>,
    /// The devices that it concerns now.
    devices: Vec<String>,
}

#[derive(Serialize)]
struct EventJson {
    at: String,
    what: &'static str,
    who: Option<String>,
    note: Option<String>,
    value: Option<f64>,
    uplink: Option<String>,
}

#[derive(Serialize)]
struct SilencesJson {
    silences: Vec<SilenceJson>,
}

#[derive(Serialize)]
struct SilenceJson {
    id: i64,
    rule: Option<String>,
    subject: Option<String>,
    from: String,
    until: String,
    who: String,
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Acknowledge {
    who: String,
    note: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewSilence {
    rule: Option<String>,
    subject: Option<String>,
    from: Option<DateTime<Utc>>,
    until: DateTime<Utc>,
    who: String,
    why: String,
}

impl From<Alert> for AlertJson {
    fn from(alert: Alert) -> Self {
        let observations = match &alert.subject {
            Subject::Site(id) => Some(format!("/api/v1/staff/sites/{id}/observations")),
            _ => None,
        };
        Self {
            id: alert.id.0,
            rule: alert.rule.to_string(),
            subject: alert.subject.to_string(),
            severity: alert.severity.name(),
            state: alert.state.name(),
            sv: alert.wording.sv,
            en: alert.wording.en,
            runbook: alert.runbook,
            since: instant(alert.since),
            opened_at: alert.opened_at.map(instant),
            acknowledged_at: alert.acknowledged_at.map(instant),
            acknowledged_by: alert.acknowledged_by,
            resolved_at: alert.resolved_at.map(instant),
            openings: alert.openings,
            evidence: EvidenceJson {
                time: alert.evidence.time.map(instant),
                value: alert.evidence.value,
                uplink: uplink(alert.evidence),
                observations,
            },
        }
    }
}

impl From<AlertEvent> for EventJson {
    fn from(event: AlertEvent) -> Self {
        Self {
            at: instant(event.at),
            what: event.what.name(),
            uplink: uplink(event.evidence),
            value: event.evidence.value,
            who: event.who,
            note: event.note,
        }
    }
}

fn uplink(evidence: Evidence) -> Option<String> {
    evidence.uplink.map(|uplink| format!("/api/v1/staff/uplinks/{uplink}"))
}

/// `GET /api/v1/staff/alerts?state&from&limit`: those that stand, or were in that state; newest first
pub async fn list_alerts(
    State(staff): State<StaffState>,
    params: Params,
) -> Result<Response, Problem> {
    let query = params.only(&["state", "from", "limit"])?;
    let states = AlertState::ALL.map(AlertState::name).join(", ");
    let filter = AlertFilter {
        state: query.get("state", &format!("one of {states}"), AlertState::from_name)?,
        from: query.get("from", "a time such as 2026-07-14T10:00:00Z", |text| text.parse().ok())?,
        limit: query.number("limit", LIMIT_DEFAULT, 1..=LIMIT_MAX)?,
    };
    let alerts = staff.reader.alerts(filter).await?;
    answer(&AlertsJson { alerts: alerts.into_iter().map(Into::into).collect() })
}

/// `GET /api/v1/staff/alerts/{id}`: with its history and the devices that it concerns
pub async fn find_alert(
    State(staff): State<StaffState>,
    Name(id): Name,
    params: Params,
) -> Result<Response, Problem> {
    params.none()?;
    let (alert, history, devices) =
        staff.reader.alert(number(&id)?).await?.ok_or(Problem::NotFound)?;
    answer(&AlertDetailJson {
        alert: alert.into(),
        history: history.into_iter().map(Into::into).collect(),
        devices: devices.iter().map(ToString::to_string).collect(),
    })
}

/// `POST /api/v1/staff/alerts/{id}/acknowledge` with `{"who", "note"?}`: somebody takes it on
pub async fn acknowledge_alert(
    State(staff): State<StaffState>,
    Name(id): Name,
    params: Params,
    body: Bytes,
) -> Result<Response, Problem> {
    params.none()?;
    let (id, now) = (number(&id)?, (staff.now)());
    let Acknowledge { who, note } = read(&body, "{\"who\": text, \"note\": text or nothing}")?;
    let who = named(&who, "who")?;
    let note = note.map(|note| named(&note, "note")).transpose()?;
    staff.reader.alert(id).await?.ok_or(Problem::NotFound)?;
    let work = move |batch: &mut crate::store::Batch<'_>| {
        batch.acknowledge(id, &who, note.as_deref(), now)
    };
    let acknowledged = staff.writes.ask(work).await?;
    let alert = acknowledged.ok_or(Problem::Conflict("The alert is not open any more."))?;
    answer(&AlertJson::from(alert))
}

/// `GET /api/v1/staff/silences`: those that hold or are to come
pub async fn list_silences(
    State(staff): State<StaffState>,
    params: Params,
) -> Result<Response, Problem> {
    params.none()?;
    let silences = staff.reader.silences((staff.now)()).await?;
    answer(&SilencesJson { silences: silences.into_iter().map(silence).collect() })
}

/// `POST /api/v1/staff/silences` with `{"rule"?, "subject"?, "from"?, "until", "who", "why"}`
pub async fn add_silence(
    State(staff): State<StaffState>,
    params: Params,
    body: Bytes,
) -> Result<Response, Problem> {
    params.none()?;
    let wanted = "{\"rule\", \"subject\", \"from\" or nothing, \"until\": time, \"who\": text, \"why\": text}";
    let given: NewSilence = read(&body, wanted)?;
    let now = (staff.now)();
    let subject = given.subject.as_deref().map(|text| {
        Subject::from_text(text)
            .ok_or_else(|| bad("subject must be as in an alert, such as \"site:savean\"."))
    });
    let new = Silence {
        rule: given.rule.as_deref().map(RuleId::from),
        subject: subject.transpose()?,
        from: given.from.unwrap_or(now),
        until: given.until,
        who: named(&given.who, "who")?,
        why: named(&given.why, "why")?,
    };
    if new.until <= new.from || new.until <= now {
        return Err(bad("until must be later than from and than now."));
    }
    let written = new.clone();
    let id = staff.writes.ask(move |batch| batch.silence(&written)).await?;
    answer(&silence((id, new)))
}

/// `DELETE /api/v1/staff/silences/{id}?who`: somebody ends it before its time
pub async fn end_silence(
    State(staff): State<StaffState>,
    Name(id): Name,
    params: Params,
) -> Result<Response, Problem> {
    let query = params.only(&["who"])?;
    let who = named(query.text("who")?, "who")?;
    let id: i64 = id.parse().map_err(|_| Problem::NotFound)?;
    let now = (staff.now)();
    let ended = serde_json::json!({ "id": id, "ended_at": instant(now), "ended_by": who });
    match staff.writes.ask(move |batch| batch.end_silence(id, &who, now)).await? {
        true => answer(&ended),
        false => Err(Problem::NotFound),
    }
}

fn silence((id, silence): (i64, Silence)) -> SilenceJson {
    SilenceJson {
        id,
        rule: silence.rule.map(|rule| rule.to_string()),
        subject: silence.subject.map(|subject| subject.to_string()),
        from: instant(silence.from),
        until: instant(silence.until),
        who: silence.who,
        why: silence.why,
    }
}

fn number(id: &str) -> Result<AlertId, Problem> {
    id.parse().map(AlertId).map_err(|_| Problem::NotFound)
}

pub(super) fn read<'b, T: Deserialize<'b>>(body: &'b [u8], wanted: &str) -> Result<T, Problem> {
    serde_json::from_slice(body)
        .map_err(|error| Problem::BadBody(format!("The body must be {wanted}: {error}.").into()))
}

pub(super) fn named(text: &str, key: &str) -> Result<String, Problem> {
    let text = text.trim();
    if text.is_empty() || text.len() > NOTE_MAX {
        return Err(Problem::BadBody(
            format!("{key} must be a text of 1 to {NOTE_MAX} bytes.").into(),
        ));
    }
    Ok(text.to_owned())
}

const fn bad(detail: &'static str) -> Problem {
    Problem::BadBody(std::borrow::Cow::Borrowed(detail))
}
