//! What staff may see and do: the ledger, devices, every observation, alerts. Names are those of the field,
//! in snake_case. For people, not for machines that poll.

mod alerts;
mod devices;
mod observations;
mod rules;
mod token;
mod uplinks;
mod views;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

pub use alerts::{
    acknowledge_alert, add_silence, end_silence, find_alert, list_alerts, list_silences,
};
pub use devices::find_device;
pub use observations::list_observations;
pub use rules::{find_rule, list_rules, put_rule, withdraw_rule};
pub use token::StaffToken;
pub use uplinks::{find_uplink, list_uplinks};

use super::Now;
use super::error::Problem;
use crate::alert::Rules;
use crate::catalog::Catalog;
use crate::registry::Registry;
use crate::store::{Reader, Writes};

/// All that a staff handler holds.
#[derive(Clone)]
pub struct StaffState {
    pub reader: Reader,
    pub registry: Arc<Registry>,
    pub catalog: Arc<Catalog>,
    /// Of the operator's file, and what is built in.
    pub rules: Arc<Rules>,
    pub writes: Writes,
    pub now: Now,
}

/// Lets nobody by without the token, and no cache keep what passes.
pub async fn guard(State(token): State<StaffToken>, request: Request, next: Next) -> Response {
    let mut response = match token.admit(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn answer(value: &impl Serialize) -> Result<Response, Problem> {
    let json = serde_json::to_vec(value).map_err(|_| Problem::Internal("an answer is not JSON"))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], json).into_response())
}

/// UTC with as many decimals as there are, RFC 3339.
fn instant(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
