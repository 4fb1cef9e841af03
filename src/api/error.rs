//! What goes wrong over HTTP, as RFC 9457 problems. The only place that knows status codes; what
//! is said outside is fixed text, and what happened inside goes to the log.

use std::borrow::Cow;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::document::Fault;
use crate::store::{StoreError, WriteError};

pub const NOT_MODIFIED: StatusCode = StatusCode::NOT_MODIFIED;
pub const NO_CONTENT: StatusCode = StatusCode::NO_CONTENT;
pub const UNAVAILABLE: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

/// Seconds after which a client may ask again when the store had no time for it.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// Why a request gets no answer.
#[derive(Debug)]
pub enum Problem {
    /// A query parameter is unknown, given twice or unreadable; says which are known and how.
    BadQuery(Cow<'static, str>),
    /// What was sent cannot be read; says what is wanted.
    BadBody(Cow<'static, str>),
    /// What was sent can be read and asks for what cannot be; says all that is wrong with it.
    Unfit(Vec<Fault>),
    /// Things are not any more as whoever asks believes.
    Conflict(&'static str),
    Unauthorised,
    /// Missing and hidden alike.
    NotFound,
    MethodNotAllowed,
    NotAcceptable(&'static str),
    UriTooLong,
    NoStaffToken,
    /// No such source to send to, or not the token for it: not told apart.
    UnknownSender,
    /// Says which limit.
    TooLarge(&'static str),
    /// What was sent could not be committed in time.
    NotDurable,
    TimedOut,
    Store(StoreError),
    /// A fault of this program; says what, for the log.
    Internal(&'static str),
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'a str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    /// What is wrong, each with its key (an extension member, RFC 9457 section 3.2).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Wrong<'a>>,
}

#[derive(Serialize)]
struct Wrong<'a> {
    key: &'a str,
    value: &'a str,
    wanted: &'a str,
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<WriteError> for Problem {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Store(error) => Self::Store(error),
            WriteError::Gone => Self::NotDurable,
        }
    }
}

impl Problem {
    fn status(&self) -> StatusCode {
        match self {
            Self::BadQuery(_) | Self::BadBody(_) => StatusCode::BAD_REQUEST,
            Self::Unfit(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Unauthorised | Self::UnknownSender => StatusCode::UNAUTHORIZED,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable(_) => StatusCode::NOT_ACCEPTABLE,
            Self::UriTooLong => StatusCode::URI_TOO_LONG,
            Self::NoStaffToken | Self::TimedOut | Self::NotDurable => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Store(error) if error.passes() => StatusCode::SERVICE_UNAVAILABLE,
            Self::Store(_) | Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn detail(&self) -> &str {
        match self {
            Self::BadQuery(detail) | Self::BadBody(detail) => detail,
            Self::Unfit(_) => "It cannot be as it was sent: see errors.",
            Self::Conflict(detail) => detail,
            Self::Unauthorised => {
                "This resource is for staff: send a valid token as Authorization: Bearer."
            }
            Self::UnknownSender => {
                "Nobody may send here without the token of the source: Authorization: Bearer."
            }
            Self::TooLarge(limit) => limit,
            Self::NotDurable => "What was sent is not on disk yet. Send it again.",
            Self::NotFound => "There is nothing here.",
            Self::MethodNotAllowed => "This resource does not know that method.",
            Self::NotAcceptable(offered) => offered,
            Self::UriTooLong => "The address is longer than 2048 bytes.",
            Self::NoStaffToken => {
                "No token is configured for staff, so nobody can be let in. Configure one to use this resource."
            }
            Self::TimedOut => "The answer took too long. Try again.",
            Self::Store(error) if error.passes() => {
                "The data cannot be read at the moment. Try again."
            }
            Self::Store(_) | Self::Internal(_) => "The service has a fault. It has been logged.",
        }
    }

    fn errors(&self) -> Vec<Wrong<'_>> {
        let Self::Unfit(faults) = self else { return Vec::new() };
        let errors = faults.iter();
        errors.map(|Fault { key, value, wanted, .. }| Wrong { key, value, wanted }).collect()
    }

    fn log(&self) {
        match self {
            Self::Store(error) => {
                tracing::error!(
                    reason = error.reason(),
                    error = error as &dyn std::error::Error,
                    "a request could not be answered: {error}"
                );
            }
            Self::Internal(what) => {
                tracing::error!("a request could not be answered: {what}");
            }
            Self::TimedOut => tracing::warn!("a request took too long and was given up"),
            _ => {}
        }
    }

    /// The header that tells a client what to do next.
    fn advice(&self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Self::Unauthorised => {
                let challenge = HeaderValue::from_static("Bearer realm=\"stadspuls staff\"");
                Some((header::WWW_AUTHENTICATE, challenge))
            }
            Self::UnknownSender => {
                let challenge = HeaderValue::from_static("Bearer realm=\"stadspuls ingest\"");
                Some((header::WWW_AUTHENTICATE, challenge))
            }
            Self::TimedOut | Self::NotDurable => Some((header::RETRY_AFTER, RETRY_AFTER)),
            Self::Store(error) if error.passes() => Some((header::RETRY_AFTER, RETRY_AFTER)),
            _ => None,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.log();
        let status = self.status();
        let body = Body {
            // The title says it all, which is what this type means (RFC 9457, section 4.2.1).
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: self.detail(),
            errors: self.errors(),
        };
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json")),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ];
        // Plain strings and a number always serialise.
        let json = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = (status, headers, json).into_response();
        response.headers_mut().extend(self.advice());
        response
    }
}
