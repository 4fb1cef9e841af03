//! The page for bathers: the list of the public API as people read it, in Swedish or English.

mod assets;
mod curve;
mod row;
mod words;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

use super::accept;
use super::error::Problem;
use super::public::{PublicState, paths};
use super::query::{Name, Params};
use super::reply::Content;
use crate::bathing::local_date;
pub use assets::Assets;
use row::Row;
use words::Words;

const HTML: &str = "text/html; charset=utf-8";

/// Only our own style and icon; no script, no frame, nothing from elsewhere.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

#[derive(Template)]
#[template(path = "baths.html")]
struct Page<'p> {
    words: &'p Words,
    publisher: &'p str,
    style: String,
    icon: String,
    today: String,
    today_iso: String,
    rows: Vec<Row>,
}

/// `GET /`, in the language of `?lang` or else of `Accept-Language`
pub async fn show_page(
    State(api): State<PublicState>,
    params: Params,
    request: HeaderMap,
) -> Result<Response, Problem> {
    // An address that people pass on collects parameters of others, which are let be.
    let english = match params.one("lang") {
        Some(lang) => lang == "en",
        None => accept::prefers_english(&request),
    };
    let words = if english { &words::ENGLISH } else { &words::SWEDISH };
    let snapshot = api.judge_all().await?;
    let today = local_date(snapshot.now);
    let page = Page {
        words,
        publisher: if english { &api.attribution.en } else { &api.attribution.sv },
        style: api.assets.style_path(),
        icon: api.assets.icon_path(),
        today: words.long_date(today),
        today_iso: today.to_string(),
        rows: snapshot.places.iter().map(|place| Row::of(place, snapshot.now, words)).collect(),
    };
    let html = page.render().map_err(|_| Problem::Internal("the page cannot be rendered"))?;
    let content = Content {
        media: HTML,
        body: html.into_bytes(),
        modified_at: None,
        cache_control: snapshot.cache_control(),
    };
    let mut response = content.answer(&request);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(words.lang));
    let vary = HeaderValue::from_static("Accept-Language, Accept-Encoding");
    headers.insert(header::VARY, vary);
    Ok(response)
}

/// `GET /assets/{file}`: what the page refers to, under names that change with the content
pub async fn show_asset(
    State(api): State<PublicState>,
    Name(file): Name,
    params: Params,
    request: HeaderMap,
) -> Result<Response, Problem> {
    params.none()?;
    Ok(api.assets.find(&file).ok_or(Problem::NotFound)?.answer(&request))
}
