//! What surrounds every request: a time limit, security headers, the trace, CORS.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::{NO_CONTENT, Problem};
use super::reply::{GZIP_MARK, put};

/// No question to the store needs more than a fraction of this.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(10);

/// Longer addresses are refused by some proxies, so nobody may come to need them.
const URI_BYTES_MAX: usize = 2048;

/// How long a browser may remember that anybody may read; a day.
const PREFLIGHT_SECONDS: &str = "86400";

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Gives up requests that take too long or are too long.
pub async fn limit(request: Request, next: Next) -> Response {
    if request.uri().to_string().len() > URI_BYTES_MAX {
        return Problem::UriTooLong.into_response();
    }
    match tokio::time::timeout(REQUEST_TIME_MAX, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::TimedOut.into_response(),
    }
}

/// Marks the tag of a compressed body, whose bytes are others than the plain one's.
pub async fn mark_compressed(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding == "gzip") {
        let plain = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok());
        let marked = plain
            .and_then(|tag| tag.strip_suffix('"'))
            .and_then(|tag| HeaderValue::from_str(&format!("{tag}{GZIP_MARK}\"")).ok());
        if let Some(marked) = marked {
            headers.insert(header::ETAG, marked);
        }
    }
    response
}

/// Gives every answer its security headers and its trace. `secure` says that the service is
/// reached by HTTPS.
pub async fn dress(State(secure): State<bool>, request: Request, next: Next) -> Response {
    let trace = trace(request.headers());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    put(headers, TRACEPARENT, &trace);
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        ),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if secure {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    response
}

/// Lets pages of any origin read what is public. There are no credentials to abuse.
pub async fn open_to_all(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let fixed = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, "ETag, Retry-After, traceparent"),
        (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The answer to `OPTIONS` on what is public, asked by a browser in advance or by anybody.
pub async fn show_options() -> Response {
    let headers = [
        (header::ALLOW, "GET, HEAD, OPTIONS"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, OPTIONS"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "Accept, If-None-Match, traceparent"),
        (header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS),
    ];
    (NO_CONTENT, headers).into_response()
}

/// The `traceparent` of our part of the work: the caller's trace if it has one, else a new one
/// (W3C Trace Context, section 3.2).
fn trace(request: &HeaderMap) -> String {
    let given = request.get(TRACEPARENT).and_then(|value| value.to_str().ok()).and_then(read_trace);
    let (id, flags) =
        given.unwrap_or_else(|| (format!("{:016x}{:016x}", random(), random()), "00"));
    format!("00-{id}-{:016x}-{flags}", random())
}

fn read_trace(text: &str) -> Option<(String, &'static str)> {
    let hex = |part: &str, digits: usize| {
        part.len() == digits && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let mut parts = text.split('-');
    let (version, id, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let whole = hex(version, 2) && hex(id, 32) && hex(parent, 16) && hex(flags, 2);
    // A later version may have more parts; this one has not.
    let ours = version != "ff" && (version != "00" || parts.next().is_none());
    let named = id.bytes().any(|b| b != b'0') && parent.bytes().any(|b| b != b'0');
    let sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
    (whole && ours && named).then(|| (id.to_owned(), if sampled { "01" } else { "00" }))
}

/// A number nobody else has, not zero. It tells traces apart and guards nothing.
fn random() -> u64 {
    RandomState::new().build_hasher().finish().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_trace_goes_on_and_a_broken_one_is_replaced() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let cases = [
            (format!("00-{id}-00f067aa0ba902b7-01"), true),
            (format!("cc-{id}-00f067aa0ba902b7-00-future"), true),
            (format!("00-{id}-00f067aa0ba902b7-00-future"), false),
            (format!("ff-{id}-00f067aa0ba902b7-00"), false),
            (format!("00-{id}-0000000000000000-01"), false),
            (format!("00-{}-00f067aa0ba902b7-01", id.to_uppercase()), false),
            (format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)), false),
            ("nonsense".to_owned(), false),
        ];
        for (given, kept) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(TRACEPARENT, given.parse().unwrap());
            let ours = trace(&headers);
            assert_eq!(ours.contains(id), kept, "{given}");
            assert!(read_trace(&ours).is_some(), "{ours}");
            assert_ne!(ours, given);
        }
    }
}
