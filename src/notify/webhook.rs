//! Posts a message, signed where there is something to sign it with.

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use http_body_util::Full;
use hyper::Request;
use hyper::header::CONTENT_TYPE;
use ring::hmac;
use serde_json::{Value, json};

use super::answer::{Answer, judge};
use super::card;
use super::channel::{Format, Limits, Secrets, WebhookConfig};
use super::message::{Item, Message};
use super::words::{heading, paragraphs};
use crate::alert::Language;
use crate::clock;
use crate::model::Severity;
use crate::post::{Client, Url};

pub struct Hook {
    config: WebhookConfig,
    language: Language,
    limits: Limits,
    /// For the address that it was made for.
    client: Option<(String, Client)>,
}

impl Hook {
    pub fn new(config: WebhookConfig, language: Language, limits: Limits) -> Self {
        Self { config, language, limits, client: None }
    }

    pub async fn deliver(&mut self, message: &Message, secrets: &Secrets) -> Answer {
        let body = match self.config.format {
            Format::Json => document(message, self.language),
            Format::Teams => card::teams(message, self.language),
            Format::Slack => card::slack(message, self.language),
        };
        let url = secrets.url.as_deref().unwrap_or_default();
        let client = match self.client.take() {
            Some((known, client)) if known == url => Ok(client),
            _ => connect(url, &self.config, &self.limits),
        };
        let client = match client {
            Ok(client) => client,
            Err(says) => return Answer::Held(says),
        };
        let request = signed(url, &message.id, &body.to_string(), secrets.key.as_deref());
        let answer = match request {
            // The error would show the address.
            Err(_) => {
                Answer::Held("the address or the secret holds what no request can".to_owned())
            }
            Ok(request) => judge(client.send(request).await, clock::now()),
        };
        self.client = Some((url.to_owned(), client));
        answer
    }
}

fn connect(url: &str, config: &WebhookConfig, limits: &Limits) -> Result<Client, String> {
    // Nobody is told what the address is: it may be all that one needs to post there.
    let url =
        Url::with_query(url).map_err(|_| "its url is none of http:// or https://".to_owned())?;
    Client::new(limits.timeouts(), url.is_tls, config.authority.as_deref())
        .map_err(|error| error.to_string())
}

fn signed(
    url: &str,
    id: &str,
    body: &str,
    key: Option<&str>,
) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
    let timestamp = clock::now().timestamp().to_string();
    let mut request = Request::post(url)
        .header(CONTENT_TYPE, "application/json")
        .header("Stadspuls-Id", id)
        .header("Stadspuls-Timestamp", &timestamp);
    if let Some(key) = key {
        let signature = signature(key, &timestamp, body);
        request = request.header("Stadspuls-Signature", format!("v1={signature}"));
    }
    request.body(Full::new(Bytes::from(body.to_owned())))
}

/// HMAC-SHA256 over the timestamp, a full stop and the body, in hexadecimal.
fn signature(key: &str, timestamp: &str, body: &str) -> String {
    let mut signing = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()));
    for part in [timestamp, ".", body] {
        signing.update(part.as_bytes());
    }
    hex::encode(signing.sign())
}

/// A message as our own JSON.
fn document(message: &Message, language: Language) -> Value {
    let text: Vec<String> =
        paragraphs(message, language).iter().map(|lines| lines.join("\n")).collect();
    json!({
        "id": message.id,
        "sent_at": moment(message.sent_at),
        "channel": message.channel,
        "test": message.is_test(),
        "severity": message.severity().map(Severity::name),
        "title": heading(message, language),
        "text": text.join("\n\n"),
        "alerts": message.items.iter().map(alert).collect::<Vec<_>>(),
    })
}

fn alert(item: &Item) -> Value {
    let alert = &item.alert;
    let measured = item.measured.as_ref();
    json!({
        "notice": item.notice,
        "what": item.kind.name(),
        "id": alert.id.0,
        "rule": alert.rule.to_string(),
        "subject": alert.subject.to_string(),
        "severity": alert.severity.name(),
        "state": alert.state.name(),
        "text_sv": alert.wording.sv,
        "text_en": alert.wording.en,
        "since": moment(alert.since),
        "opened_at": alert.opened_at.map(moment),
        "acknowledged_at": alert.acknowledged_at.map(moment),
        "acknowledged_by": alert.acknowledged_by,
        "resolved_at": alert.resolved_at.map(moment),
        "quantity": measured.map(|measured| measured.quantity.as_ref()),
        "value": measured.and(alert.evidence.value),
        "unit": measured.map(|measured| measured.unit.as_str()),
        "measured_at": measured.and(alert.evidence.time).map(moment),
        "runbook": alert.runbook,
        "link": item.link,
    })
}

fn moment(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_another_program_makes_of_the_same() {
        // python3: hmac.new(b"whsec", b'1700000000.{"a":1}', hashlib.sha256).hexdigest()
        let wanted = "8ad37ba156048ae0e0a5533c75cdf26fee88b07f93cb57ee4c80adb053012032";
        assert_eq!(signature("whsec", "1700000000", r#"{"a":1}"#), wanted);
    }
}
