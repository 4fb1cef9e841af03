//! Gives alerts to Prometheus Alertmanager, API v2.
//!
//! It is told again and again what stands, each time with an end a few minutes ahead, so that it takes an alert to be
//! resolved when nobody tells it any more; and once of each alert that it is over. Whom it wakes then, and what it
//! silences, is its own matter.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Request, Uri};
use serde_json::{Value, json};

use super::answer::{Answer, judge};
use super::channel::{AlertmanagerConfig, Limits, Secrets};
use super::facts::Facts;
use crate::clock;
use crate::model::Subject;
use crate::post::{Client, shown};
use crate::source::tls::TlsError;
use crate::store::Alert;

/// Alerts in one request.
const ALERTS_MAX: usize = 500;

pub struct Manager {
    config: AlertmanagerConfig,
    client: Client,
    url: Uri,
}

/// Whether an Alertmanager takes a label of this name.
#[must_use]
pub fn is_label(name: &str) -> bool {
    let is_letter = |b: u8| b.is_ascii_alphabetic() || b == b'_';
    name.bytes().next().is_some_and(is_letter)
        && name.bytes().all(|b| is_letter(b) || b.is_ascii_digit())
}

impl Manager {
    /// # Errors
    ///
    /// If the authority's certificate cannot be read, or the machine trusts none.
    pub fn new(config: AlertmanagerConfig, limits: &Limits) -> Result<Self, TlsError> {
        let client =
            Client::new(limits.timeouts(), config.url.is_tls, config.authority.as_deref())?;
        // The address was read when the configuration was, so that it is one.
        let url = format!("{}/api/v2/alerts", config.url.as_str()).parse().unwrap_or_default();
        Ok(Self { config, client, url })
    }

    /// How long after it was told of all that stands it is told again.
    pub fn resend(&self) -> TimeDelta {
        TimeDelta::from_std(self.config.resend).unwrap_or(TimeDelta::minutes(1))
    }

    /// Tells of what stands and of what is over.
    pub async fn tell(&self, alerts: &[Alert], facts: &Facts, secrets: &Secrets) -> Answer {
        let now = clock::now();
        let alerts: Vec<Value> =
            alerts.iter().map(|alert| entry(alert, &self.config, facts, now)).collect();
        let mut answer = Answer::Delivered(String::new());
        for some in alerts.chunks(ALERTS_MAX) {
            answer = self.post(some, secrets).await;
            if !matches!(answer, Answer::Delivered(_)) {
                break;
            }
        }
        answer
    }

    /// Opens an alert that says it is a test and is over by itself.
    pub async fn test(&self, secrets: &Secrets) -> Answer {
        let now = clock::now();
        let mut labels = self.config.labels.clone();
        labels.insert("alertname".to_owned(), "stadspuls_test".to_owned());
        labels.insert("severity".to_owned(), "info".to_owned());
        let entry = json!({
            "labels": labels,
            "annotations": {
                "summary_sv": "PROV: det här är ett prov, ingenting har hänt",
                "summary_en": "TEST: this is a test, nothing has happened",
            },
            "startsAt": moment(now),
            "endsAt": moment(now + TimeDelta::minutes(1)),
        });
        self.post(&[entry], secrets).await
    }

    async fn post(&self, alerts: &[Value], secrets: &Secrets) -> Answer {
        let mut request = Request::post(self.url.clone()).header(CONTENT_TYPE, "application/json");
        if let Some(token) = &secrets.key {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = Value::from(alerts).to_string();
        match request.body(Full::new(Bytes::from(body))) {
            Ok(request) => judge(self.client.send(request).await, clock::now()),
            Err(error) => Answer::Held(shown(&error.to_string())),
        }
    }
}

/// An alert as the API wants it.
fn entry(alert: &Alert, config: &AlertmanagerConfig, facts: &Facts, now: DateTime<Utc>) -> Value {
    let ahead = TimeDelta::from_std(config.resend.saturating_mul(4)).unwrap_or(TimeDelta::hours(1));
    let ends_at = match alert.resolved_at {
        Some(resolved_at) => resolved_at.min(now),
        None => now + ahead,
    };
    let mut annotations = BTreeMap::from([
        ("summary_sv", alert.wording.sv.clone()),
        ("summary_en", alert.wording.en.clone()),
    ]);
    if let Some(runbook) = &alert.runbook {
        annotations.insert("runbook", runbook.clone());
    }
    if let (Some(measured), Some(value)) = (facts.measured(alert), alert.evidence.value) {
        annotations.insert("value", format!("{value} {}", measured.unit));
    }
    if let Some(who) = &alert.acknowledged_by {
        annotations.insert("acknowledged_by", who.clone());
    }
    let mut entry = json!({
        "labels": labels(alert, config),
        "annotations": annotations,
        // It refuses an alert that ends before it starts.
        "startsAt": moment(alert.since.min(ends_at)),
        "endsAt": moment(ends_at),
    });
    if let (Some(link), Some(entry)) = (facts.link(alert), entry.as_object_mut()) {
        entry.insert("generatorURL".to_owned(), link.into());
    }
    entry
}

/// What makes an alert the same one the next time. Labels of the configuration come first, so that none of them
/// can make two alerts one.
fn labels(alert: &Alert, config: &AlertmanagerConfig) -> BTreeMap<String, String> {
    let mut labels = config.labels.clone();
    let mut label = |name: &str, value: String| labels.insert(name.to_owned(), value);
    label("alertname", alert.rule.to_string());
    label("severity", alert.severity.name().to_owned());
    label("subject", alert.subject.to_string());
    match &alert.subject {
        Subject::Site(id) => label("site", id.to_string()),
        Subject::Device(dev_eui) => label("device", dev_eui.to_string()),
        Subject::Gateway(name) => label("gateway", name.clone()),
        Subject::Source(name) => label("source", name.clone()),
        Subject::NeverHeard => None,
    };
    labels
}

fn moment(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}
