//! `POST /ingest/{source}`: network servers that push by HTTP, and devices on 4G or NB-IoT.
//!
//! The answer is 200 only when every message of the request is durable; anything else means that
//! the sender repeats, which is harmless, since a repeated message is recognised.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::Now;
use super::error::Problem;
use super::token::Token;
use crate::intake::{Acknowledge, Delivery, Intake};
use crate::model::{Format, Message, Source};
use crate::telemetry::{Metrics, ReasonLabel, SourceLabel};

/// Most bytes of a request, all its messages together. A single message has the pipeline's limit.
const REQUEST_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Most messages in one request: so many are committed in a blink.
const MESSAGES_MAX: usize = 5000;

/// How long a request waits for its commit before the sender is told to come again. Shorter than
/// the time any request may take, so that the sender gets this answer and not that one.
const COMMIT_TIME_MAX: Duration = Duration::from_secs(8);

/// Somebody who may send.
#[derive(Clone)]
pub struct Sender {
    pub source: Arc<Source>,
    pub token: Token,
}

/// All that the ingest handler holds.
#[derive(Clone)]
pub struct IngestState {
    pub senders: Arc<BTreeMap<String, Sender>>,
    pub intake: Intake,
    pub metrics: Arc<Metrics>,
    pub now: Now,
}

/// Tells the request's handler that one of its messages is durable.
struct Receipt(mpsc::Sender<()>);

impl Acknowledge for Receipt {
    fn acknowledge(self: Box<Self>) {
        if self.0.try_send(()).is_err() {
            // There is room for all messages of the request, so its handler has given up.
            tracing::debug!("a sender was told to repeat what is durable now");
        }
    }
}

/// `POST /ingest/{source}`
pub async fn take_messages(
    State(state): State<IngestState>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    // A name that is not there and a wrong token answer alike.
    let sender = state.senders.get(&name).ok_or(Problem::UnknownSender)?;
    if !sender.token.is_in(&headers) {
        state.count_error(&name, "refused");
        return Err(Problem::UnknownSender);
    }
    let Ok(body) = to_bytes(body, REQUEST_BYTES_MAX).await else {
        state.count_error(&name, "too_large");
        return Err(Problem::TooLarge(
            "The request has more than 4 MiB. Send its messages in several.",
        ));
    };
    let bodies = split(&body, sender.source.format, &headers);
    if bodies.len() > MESSAGES_MAX {
        state.count_error(&name, "too_large");
        return Err(Problem::TooLarge(
            "The request has more than 5000 messages. Send them in several.",
        ));
    }
    let received = bodies.len();
    let topic = topic(query.as_deref());
    match timeout(COMMIT_TIME_MAX, state.commit(sender, &topic, bodies)).await {
        Ok(true) => Ok(answer(received)),
        Ok(false) | Err(_) => {
            state.count_error(&name, "not_durable");
            Err(Problem::NotDurable)
        }
    }
}

impl IngestState {
    /// Hands the messages to the pipeline and waits for all of them to be durable. False if the
    /// service is ending.
    async fn commit(&self, sender: &Sender, topic: &str, bodies: Vec<Bytes>) -> bool {
        let (receipt, mut receipts) = mpsc::channel(bodies.len().max(1));
        let label = SourceLabel { source: sender.source.name.clone() };
        let mut waiting = 0;
        for body in bodies {
            let Ok(place) = self.intake.reserve().await else { return false };
            let message = Message {
                source: Arc::clone(&sender.source),
                topic: topic.to_owned(),
                body,
                arrived_at: (self.now)(),
            };
            let receipt: Box<dyn Acknowledge> = Box::new(Receipt(receipt.clone()));
            self.metrics.messages_arrived.get_or_create(&label).inc();
            place.send(Delivery { message, receipt: Some(receipt) });
            waiting += 1;
        }
        drop(receipt);
        while waiting > 0 && receipts.recv().await.is_some() {
            waiting -= 1;
        }
        waiting == 0
    }

    fn count_error(&self, source: &str, reason: &'static str) {
        let label = ReasonLabel { source: source.to_owned(), reason };
        self.metrics.source_errors.get_or_create(&label).inc();
    }
}

/// The messages of a request: each line of `application/x-ndjson`; each element of a list where
/// the format is the plain JSON, so that one bad element costs itself only; else the whole body,
/// since a network server's list is its format's business.
fn split(body: &Bytes, format: Format, headers: &HeaderMap) -> Vec<Bytes> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if content_type.is_some_and(|kind| kind.starts_with("application/x-ndjson")) {
        let lines = body.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
        return lines.filter(|line| !line.is_empty()).map(|line| body.slice_ref(line)).collect();
    }
    if format == Format::PlainJson
        && let Ok(elements) = serde_json::from_slice::<Vec<&RawValue>>(body)
    {
        return elements.iter().map(|element| body.slice_ref(element.get().as_bytes())).collect();
    }
    vec![body.clone()]
}

/// `ChirpStack` says in the query what the body does not: `?event=up`.
fn topic(query: Option<&str>) -> String {
    let event = query
        .into_iter()
        .flat_map(|query| query.split('&'))
        .find_map(|pair| pair.strip_prefix("event="))
        .filter(|event| !event.is_empty() && event.bytes().all(|b| b.is_ascii_alphanumeric()));
    event.map(|event| format!("http/event/{event}")).unwrap_or_default()
}

fn answer(received: usize) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (headers, format!("{{\"received\":{received}}}")).into_response()
}
