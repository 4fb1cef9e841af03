//! The public addresses, as the contract has them.

pub const PAGE: &str = "/";
pub const ASSET: &str = "/assets/{file}";
pub const LIST: &str = "/api/v1/badtemperaturer";
pub const GEOJSON: &str = "/api/v1/badtemperaturer.geojson";
pub const CSV: &str = "/api/v1/badtemperaturer.csv";
pub const SITE: &str = "/api/v1/badtemperaturer/{id}";
pub const HISTORY: &str = "/api/v1/badtemperaturer/{id}/matningar";
pub const API_INFO: &str = "/api/v1/api-info";
pub const OPENAPI: &str = "/api/v1/openapi.json";

pub fn site(id: &str) -> String {
    format!("{LIST}/{id}")
}

pub fn history(id: &str) -> String {
    format!("{LIST}/{id}/matningar")
}
