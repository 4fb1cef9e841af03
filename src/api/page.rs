//! The page for people.
use axum::extract::{Path, State};
use axum::response::Response;
use super::error::Problem;
use super::public::PublicState;

pub async fn show_page(State(_api): State<PublicState>) -> Result<Response, Problem> {
    Err(Problem::NotFound)
}

pub async fn show_asset(Path(_file): Path<String>) -> Result<Response, Problem> {
    Err(Problem::NotFound)
}
