use axum::body::Bytes;
use serde_json::{Value, json};

use super::paths;
use crate::api::ApiConfig;

/// Written by hand; a test holds it to what is served.
const OPENAPI: &str = include_str!("openapi.json");

/// What the API says of itself, completed with what only the operator knows.
pub struct Document {
    pub openapi: Bytes,
    pub info: Bytes,
}

impl Document {
    pub fn new(config: &ApiConfig) -> Self {
        // A test reads the document; were it broken, it would be served as it is.
        let mut document: Value = serde_json::from_str(OPENAPI).unwrap_or_default();
        let base = config.public_url.as_deref().unwrap_or_default().trim_end_matches('/');
        let contact = &config.contact;
        if let Some(head) = document.as_object_mut() {
            head.insert("servers".to_owned(), json!([{ "url": format!("{base}/api/v1") }]));
        }
        if !base.is_empty()
            && let Some(url) = document.pointer_mut("/externalDocs/url")
        {
            *url = json!(format!("{base}{}", paths::PAGE));
        }
        if let Some(info) = document.get_mut("info").and_then(Value::as_object_mut) {
            let mut card = json!({ "name": contact.name_sv, "url": contact.url });
            if let (Some(card), Some(email)) = (card.as_object_mut(), &contact.email) {
                card.insert("email".to_owned(), json!(email));
            }
            info.insert("contact".to_owned(), card);
        }
        let fact = |name| document.pointer(name).cloned().unwrap_or_default();
        let info = json!({
            "apiName": fact("/info/title"),
            "apiVersion": fact("/info/version"),
            "apiReleased": fact("/info/x-api-released"),
            "apiDocumentation": format!("{base}{}", paths::OPENAPI),
            "apiStatus": fact("/info/x-api-status"),
        });
        Self { openapi: document.to_string().into(), info: info.to_string().into() }
    }
}
