//! What watches over the service: whether it lives, whether it is ready, its metrics.
//!
//! `/health/live` is for anybody. The reasons of `/health/ready` and all of `/metrics` are for
//! this very machine, for staff and for whoever gathers metrics: a peer on the loopback interface is let
//! in unless a proxy says that it speaks for somebody else, anybody else needs a token.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::error::{Problem, UNAVAILABLE};
use super::staff::StaffToken;
use super::token::Token;
use crate::telemetry::{Health, Metrics};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const NO_STORE: (header::HeaderName, HeaderValue) =
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));

#[derive(Clone)]
pub struct WatchState {
    pub health: Arc<Health>,
    pub metrics: Arc<Metrics>,
    pub token: StaffToken,
    pub metrics_token: Option<Token>,
}

#[derive(Serialize)]
struct ReadyJson {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    troubles: Option<BTreeMap<String, String>>,
    /// What is wrong with parts that nothing else depends on.
    #[serde(skip_serializing_if = "Option::is_none")]
    complaints: Option<BTreeMap<String, String>>,
}

/// A request that may see what is inside, or why it may not.
pub struct Insider(Result<(), Problem>);

impl FromRequestParts<WatchState> for Insider {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &WatchState,
    ) -> Result<Self, Self::Rejection> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let near = peer.is_some_and(|ConnectInfo(peer)| peer.ip().to_canonical().is_loopback());
        let gathers = state.metrics_token.as_ref().is_some_and(|token| token.is_in(&parts.headers));
        let admitted = if gathers || near && !is_forwarded(&parts.headers) {
            Ok(())
        } else {
            state.token.admit(&parts.headers)
        };
        Ok(Self(admitted))
    }
}

/// Whether a proxy passed the request on; the peer is then the proxy and not the one who asks.
fn is_forwarded(headers: &HeaderMap) -> bool {
    ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"]
        .iter()
        .any(|name| headers.contains_key(*name))
}

/// `GET /health/live`
pub async fn show_live() -> Response {
    (
        [NO_STORE, (header::CONTENT_TYPE, HeaderValue::from_static("application/json"))],
        r#"{"status":"live"}"#,
    )
        .into_response()
}

/// `GET /health/ready`
pub async fn show_ready(
    State(watch): State<WatchState>,
    insider: Insider,
) -> Result<Response, Problem> {
    let (troubles, complaints) = (watch.health.troubles(), watch.health.complaints());
    let ready = troubles.is_empty();
    let inside = insider.0.is_ok();
    let body = ReadyJson {
        status: match (ready, complaints.is_empty() || !inside) {
            (true, true) => "ready",
            (true, false) => "degraded",
            (false, _) => "not_ready",
        },
        troubles: inside.then_some(troubles),
        complaints: (inside && !complaints.is_empty()).then_some(complaints),
    };
    let json = serde_json::to_vec(&body).map_err(|_| Problem::Internal("an answer is not JSON"))?;
    let headers = [NO_STORE, (header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    Ok(if ready {
        (headers, json).into_response()
    } else {
        (UNAVAILABLE, headers, json).into_response()
    })
}

/// `GET /metrics`
pub async fn show_metrics(
    State(watch): State<WatchState>,
    insider: Insider,
) -> Result<Response, Problem> {
    insider.0?;
    let headers = [NO_STORE, (header::CONTENT_TYPE, HeaderValue::from_static(OPEN_METRICS))];
    Ok((headers, watch.metrics.encode()).into_response())
}
