//! Everything over HTTP: what the public may read, what staff may read, health and metrics.
//!
//! [`router`] lists every address. The three sides have states of their own, and the public
//! one's cannot reach what is not published.

mod accept;
mod around;
mod error;
mod health;
mod ingest;
mod page;
mod public;
mod query;
mod reply;
mod serve;
mod staff;
mod token;

use std::net::SocketAddr;
use std::sync::Arc;

pub use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, delete, get, post};
use chrono::{DateTime, Utc};
use tower_http::compression::CompressionLayer;

pub use ingest::Sender;
pub use serve::{BindError, bind, serve};
pub use token::Token;

use crate::alert::Rules;
use crate::catalog::Catalog;
use crate::intake::Intake;
use crate::registry::Registry;
use crate::store::{Reader, Writes};
use crate::telemetry::{Health, Metrics};
use error::Problem;
use health::WatchState;
use ingest::IngestState;
use public::{PublicBaths, PublicState, Water, paths};
use staff::{StaffState, StaffToken};

/// What the operator chooses.
#[derive(Clone)]
pub struct ApiConfig {
    pub bind: SocketAddr,
    /// What staff send as `Authorization: Bearer`; without it nobody is staff.
    pub staff_token: Option<String>,
    /// What Prometheus sends likewise; it opens health and metrics and nothing else.
    pub metrics_token: Option<String>,
    /// Where the public reaches this service, such as `https://data.example.se`.
    pub public_url: Option<String>,
    pub contact: Contact,
    /// Who may send messages by HTTP.
    pub senders: Vec<Sender>,
}

/// Who publishes, and whom to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    pub name_sv: String,
    pub name_en: String,
    pub url: String,
    pub email: Option<String>,
}

impl Default for Contact {
    fn default() -> Self {
        Self {
            name_sv: "Alingsås kommun".to_owned(),
            name_en: "Alingsås Municipality".to_owned(),
            url: "https://www.alingsas.se".to_owned(),
            email: None,
        }
    }
}

/// The time of day, as the API is told it.
pub type Now = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// What the API reads.
#[derive(Clone)]
pub struct Parts {
    pub reader: Reader,
    pub registry: Arc<Registry>,
    pub catalog: Arc<Catalog>,
    /// Alert rules of the operator's file, and what is built in.
    pub rules: Arc<Rules>,
    pub metrics: Arc<Metrics>,
    pub health: Arc<Health>,
    /// Where what is sent by HTTP goes.
    pub intake: Intake,
    /// Where goes what staff decide.
    pub writes: Writes,
    pub now: Now,
}

/// The whole service over HTTP.
pub fn router(config: &ApiConfig, parts: Parts) -> Router {
    let token = StaffToken::new(config.staff_token.as_deref());
    let secure = config.public_url.as_deref().is_some_and(|url| url.starts_with("https://"));
    let ingest = IngestState {
        senders: Arc::new(
            config.senders.iter().map(|s| (s.source.name.clone(), s.clone())).collect(),
        ),
        intake: parts.intake,
        metrics: Arc::clone(&parts.metrics),
        now: Arc::clone(&parts.now),
    };
    let baths = PublicBaths::of(parts.registry.sites());
    let water = Water::new(parts.reader.clone());
    let public = PublicState::new(config, baths, water, Arc::clone(&parts.now));
    let staff = StaffState {
        reader: parts.reader,
        registry: parts.registry,
        catalog: parts.catalog,
        rules: parts.rules,
        writes: parts.writes,
        now: parts.now,
    };
    let watch = WatchState {
        health: parts.health,
        metrics: parts.metrics,
        token: token.clone(),
        metrics_token: config.metrics_token.as_deref().map(Token::new),
    };

    let public = listed(public_routes()).layer(from_fn(around::open_to_all)).with_state(public);
    let staff =
        listed(staff_routes()).layer(from_fn_with_state(token, staff::guard)).with_state(staff);
    let watch = listed(watch_routes()).with_state(watch);
    let ingest = listed(ingest_routes()).with_state(ingest);

    Router::new()
        .merge(public)
        .merge(staff)
        .merge(watch)
        .merge(ingest)
        .fallback(|| async { Problem::NotFound })
        .layer(from_fn(around::limit))
        .layer(CompressionLayer::new())
        .layer(from_fn(around::mark_compressed))
        .layer(from_fn_with_state(secure, around::dress))
}

type Route<S> = (&'static str, MethodRouter<S>);

fn public_routes() -> Vec<Route<PublicState>> {
    let routes = vec![
        (paths::PAGE, get(page::show_page)),
        (paths::ASSET, get(page::show_asset)),
        (paths::LIST, get(public::list_baths)),
        (paths::GEOJSON, get(public::list_baths_geojson)),
        (paths::CSV, get(public::list_baths_csv)),
        (paths::SITE, get(public::find_bath)),
        (paths::HISTORY, get(public::list_measurements)),
        (paths::API_INFO, get(public::show_api_info)),
        (paths::OPENAPI, get(public::show_openapi)),
    ];
    routes.into_iter().map(|(path, route)| (path, route.options(around::show_options))).collect()
}

fn staff_routes() -> Vec<Route<StaffState>> {
    vec![
        ("/api/v1/staff/uplinks", get(staff::list_uplinks)),
        ("/api/v1/staff/uplinks/{id}", get(staff::find_uplink)),
        ("/api/v1/staff/devices/{dev_eui}", get(staff::find_device)),
        ("/api/v1/staff/sites/{id}/observations", get(staff::list_observations)),
        ("/api/v1/staff/alerts", get(staff::list_alerts)),
        ("/api/v1/staff/alerts/{id}", get(staff::find_alert)),
        ("/api/v1/staff/alerts/{id}/acknowledge", post(staff::acknowledge_alert)),
        ("/api/v1/staff/alert-rules", get(staff::list_rules)),
        (
            "/api/v1/staff/alert-rules/{id}",
            get(staff::find_rule).put(staff::put_rule).delete(staff::withdraw_rule),
        ),
        ("/api/v1/staff/silences", get(staff::list_silences).post(staff::add_silence)),
        ("/api/v1/staff/silences/{id}", delete(staff::end_silence)),
    ]
}

fn watch_routes() -> Vec<Route<WatchState>> {
    vec![
        ("/health/live", get(health::show_live)),
        ("/health/ready", get(health::show_ready)),
        ("/metrics", get(health::show_metrics)),
    ]
}

fn ingest_routes() -> Vec<Route<IngestState>> {
    vec![("/ingest/{source}", post(ingest::take_messages))]
}

fn listed<S: Clone + Send + Sync + 'static>(routes: Vec<Route<S>>) -> Router<S> {
    routes
        .into_iter()
        .fold(Router::new(), |router, (path, route)| router.route(path, route))
        .method_not_allowed_fallback(|| async { Problem::MethodNotAllowed })
}

#[cfg(test)]
mod tests;
