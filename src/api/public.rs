//! What anybody may read: the temperature of the water at published bathing places.

mod baths;
mod collate;
mod document;
mod formats;
mod history;
pub mod paths;
mod shape;
mod snapshot;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Serialize;

pub use baths::{PublicBaths, Water};
pub use document::Document;
pub use formats::{CSV, GEO_JSON};
pub use history::list_measurements;
pub use shape::{AttributionJson, instant, tenth};
pub use snapshot::{Judged, Snapshot};

use super::error::Problem;
use super::page::Assets;
use super::query::{Name, Params};
use super::reply::Content;
use super::{ApiConfig, Now, accept};
use shape::{ListJson, ListLinks, SiteJson};

pub const JSON: &str = "application/json";

/// CC0, as the national data portal writes it.
pub const LICENCE: &str = "http://creativecommons.org/publicdomain/zero/1.0/";

/// All that a public handler holds.
#[derive(Clone)]
pub struct PublicState(Arc<Inner>);

pub struct Inner {
    pub baths: PublicBaths,
    pub water: Water,
    pub now: Now,
    pub attribution: AttributionJson,
    pub assets: Assets,
    /// Since when this answers; what stands for the newest change of an empty list.
    started_at: DateTime<Utc>,
    document: Document,
}

impl std::ops::Deref for PublicState {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl PublicState {
    pub fn new(config: &ApiConfig, baths: PublicBaths, water: Water, now: Now) -> Self {
        let attribution = AttributionJson {
            sv: config.contact.name_sv.clone(),
            en: config.contact.name_en.clone(),
        };
        let (started_at, document) = (now(), Document::new(config));
        Self(Arc::new(Inner {
            baths,
            water,
            now,
            attribution,
            assets: Assets::default(),
            started_at,
            document,
        }))
    }

    fn list(&self, snapshot: &Snapshot) -> ListJson {
        ListJson {
            updated_at: instant(snapshot.updated_at().unwrap_or(self.started_at)),
            license: LICENCE,
            attribution: self.attribution.clone(),
            sites: snapshot.places.iter().map(|place| SiteJson::of(place, snapshot.now)).collect(),
            links: ListLinks::default(),
        }
    }

    /// The list in one of its forms.
    async fn answer_list(
        &self,
        media: &'static str,
        request: &HeaderMap,
    ) -> Result<Response, Problem> {
        let snapshot = self.judge_all().await?;
        let body = match media {
            CSV => formats::csv(&snapshot),
            GEO_JSON => json(&formats::geojson(&self.list(&snapshot), &snapshot))?,
            _ => json(&self.list(&snapshot))?,
        };
        let content = Content {
            media,
            body,
            modified_at: Some(snapshot.updated_at().unwrap_or(self.started_at)),
            cache_control: snapshot.cache_control(),
        };
        Ok(content.answer(request))
    }
}

/// `GET /api/v1/badtemperaturer`
pub async fn list_baths(
    State(api): State<PublicState>,
    params: Params,
    request: HeaderMap,
) -> Result<Response, Problem> {
    params.none()?;
    let media = accept::choose(&request, &[JSON, GEO_JSON, CSV]).ok_or(Problem::NotAcceptable(
        "This resource is given as application/json, application/geo+json or text/csv.",
    ))?;
    api.answer_list(media, &request).await
}

/// `GET /api/v1/badtemperaturer.geojson`, for programs that cannot set `Accept`
pub async fn list_baths_geojson(
    State(api): State<PublicState>,
    params: Params,
    request: HeaderMap,
) -> Result<Response, Problem> {
    params.none()?;
    api.answer_list(GEO_JSON, &request).await
}

/// `GET /api/v1/badtemperaturer.csv`, for programs that cannot set `Accept`
pub async fn list_baths_csv(
    State(api): State<PublicState>,
    params: Params,
    request: HeaderMap,
) -> Result<Response, Problem> {
    params.none()?;
    api.answer_list(CSV, &request).await
}

/// `GET /api/v1/badtemperaturer/{id}`
pub async fn find_bath(
    State(api): State<PublicState>,
    Name(id): Name,
    params: Params,
    request: HeaderMap,
) -> Result<Response, Problem> {
    params.none()?;
    json_only(&request)?;
    let snapshot = api.judge_one(&id).await?;
    let place = snapshot.places.first().ok_or(Problem::NotFound)?;
    let content = Content {
        media: JSON,
        body: json(&SiteJson::of(place, snapshot.now))?,
        modified_at: snapshot.updated_at(),
        cache_control: snapshot.cache_control(),
    };
    Ok(content.answer(&request))
}

/// `GET /api/v1/api-info`
pub async fn show_api_info(
    State(api): State<PublicState>,
    params: Params,
    request: HeaderMap,
) -> Result<Response, Problem> {
    params.none()?;
    json_only(&request)?;
    Ok(fixed(api.document.info.clone(), &request))
}

/// `GET /api/v1/openapi.json`
pub async fn show_openapi(
    State(api): State<PublicState>,
    params: Params,
    request: HeaderMap,
) -> Result<Response, Problem> {
    params.none()?;
    json_only(&request)?;
    Ok(fixed(api.document.openapi.clone(), &request))
}

fn fixed(body: Bytes, request: &HeaderMap) -> Response {
    let cache_control = "public, max-age=3600".to_owned();
    Content { media: JSON, body: body.into(), modified_at: None, cache_control }.answer(request)
}

fn json_only(request: &HeaderMap) -> Result<(), Problem> {
    let offered = "This resource is given as application/json.";
    accept::choose(request, &[JSON]).map(drop).ok_or(Problem::NotAcceptable(offered))
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(value).map_err(|_| Problem::Internal("an answer is not JSON"))
}
