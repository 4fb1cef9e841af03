use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;

use super::views::{DisposedJson, LedgerJson, RawJson, UplinkJson, event};
use super::{StaffState, answer};
use crate::api::error::Problem;
use crate::api::query::{Name, Params};
use crate::envelope::{self, Content};
use crate::model::{DevEui, Outcome};
use crate::store::{StoredMessage, UplinkFilter, UplinkId};

/// Rows unless asked otherwise: a screenful or two.
const LIMIT_DEFAULT: usize = 50;

/// Rows at most: more than anybody reads.
const LIMIT_MAX: usize = 1000;

#[derive(Serialize)]
struct UplinksJson {
    limit: usize,
    uplinks: Vec<LedgerJson>,
}

#[derive(Serialize)]
struct UplinkDetailJson {
    #[serde(flatten)]
    ledger: LedgerJson,
    uplink: Option<UplinkJson>,
    event: Option<Value>,
    /// Null once it has been disposed of; then `raw_disposed` says why.
    raw: Option<RawJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_disposed: Option<DisposedJson>,
}

/// `GET /api/v1/staff/uplinks?dev_eui&outcome&limit`, newest first
pub async fn list_uplinks(
    State(staff): State<StaffState>,
    params: Params,
) -> Result<Response, Problem> {
    let query = params.only(&["dev_eui", "outcome", "limit"])?;
    let outcomes = Outcome::ALL.map(Outcome::name).join(", ");
    let limit = query.number("limit", LIMIT_DEFAULT, 1..=LIMIT_MAX)?;
    let filter = UplinkFilter {
        dev_eui: query.get("dev_eui", "16 hexadecimal digits", |text| text.parse().ok())?,
        outcome: query.get("outcome", &format!("one of {outcomes}"), Outcome::from_name)?,
        limit,
    };
    let rows = staff.reader.uplinks(filter).await?;
    answer(&UplinksJson { limit, uplinks: rows.into_iter().map(LedgerJson::from).collect() })
}

/// `GET /api/v1/staff/uplinks/{id}`: the row, what the envelope said, and the message as received
pub async fn find_uplink(
    State(staff): State<StaffState>,
    Name(id): Name,
    params: Params,
) -> Result<Response, Problem> {
    params.none()?;
    let id = id.parse().map(UplinkId).map_err(|_| Problem::NotFound)?;
    let (row, message) = staff.reader.uplink(id).await?.ok_or(Problem::NotFound)?;
    let (uplink, happened) = match message.as_ref().and_then(unwrapped) {
        Some(Content::Uplink(uplink)) => (Some(UplinkJson::from(uplink)), None),
        Some(Content::Event(happened)) => (None, Some(event(&happened))),
        None => (None, None),
    };
    answer(&UplinkDetailJson {
        raw_disposed: row.disposed.clone().map(DisposedJson::from),
        ledger: row.into(),
        uplink,
        event: happened,
        raw: message.map(RawJson::from),
    })
}

/// The part of a message that its ledger row is about; none if its envelope cannot be read.
fn unwrapped(message: &StoredMessage) -> Option<Content> {
    let contents = envelope::unwrap(message.format, &message.topic, &message.body).ok()?;
    contents.into_iter().nth(message.part.into())
}

/// A DevEUI in an address; one that cannot be is nowhere.
pub fn dev_eui(text: &str) -> Result<DevEui, Problem> {
    text.parse().map_err(|_| Problem::NotFound)
}
