//! The page for people.
use super::error::Problem;
use super::public::PublicState;
use axum::extract::{Path, State};
use axum::response::Response;

pub async fn show_page(State(_api): State<PublicState>) -> Result<Response, Problem> {
    Err(Problem::NotFound)
}

pub async fn show_asset(Path(_file): Path<String>) -> Result<Response, Problem> {
    Err(Problem::NotFound)
}
