//! An answer that caches can keep: validators, freshness and 304.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::error::NOT_MODIFIED;

/// What a client that compresses adds to a tag: another body is another representation.
pub const GZIP_MARK: &str = "-gzip";

/// A representation of a public resource.
pub struct Content {
    pub media: &'static str,
    pub body: Vec<u8>,
    pub modified_at: Option<DateTime<Utc>>,
    pub cache_control: String,
}

impl Content {
    /// The whole answer, or 304 where the client has it already.
    pub fn answer(self, request: &HeaderMap) -> Response {
        let tag = tag(self.media, &self.body);
        let known = known_tag(request, &tag);
        let mut headers = HeaderMap::new();
        put(&mut headers, header::ETAG, &format!("\"{}\"", known.as_deref().unwrap_or(&tag)));
        put(&mut headers, header::CACHE_CONTROL, &self.cache_control);
        put(&mut headers, header::VARY, "Accept, Accept-Encoding");
        if let Some(modified_at) = self.modified_at {
            let date = modified_at.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
            put(&mut headers, header::LAST_MODIFIED, &date);
        }
        if known.is_some() {
            return (NOT_MODIFIED, headers).into_response();
        }
        put(&mut headers, header::CONTENT_TYPE, self.media);
        (headers, self.body).into_response()
    }
}

fn tag(media: &str, body: &[u8]) -> String {
    let hash = Sha256::new().chain_update(media).chain_update(body).finalize();
    hex::encode(hash.get(..16).unwrap_or_default())
}

/// The tag the client has, if it is this one's, by weak comparison (RFC 9110, section 13.1.2).
fn known_tag(request: &HeaderMap, tag: &str) -> Option<String> {
    let lines = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).find_map(|candidate| {
        if candidate == "*" {
            return Some(tag.to_owned());
        }
        let strong = candidate.strip_prefix("W/").unwrap_or(candidate);
        let given = strong.strip_prefix('"')?.strip_suffix('"')?;
        (given.strip_suffix(GZIP_MARK).unwrap_or(given) == tag).then(|| given.to_owned())
    })
}

/// Sets a header; a value that HTTP cannot carry is left out, and ours are all plain ASCII.
pub fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    headers.extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
}
