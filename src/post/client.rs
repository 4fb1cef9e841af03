//! One request at a time over one connection that is kept. It is the HTTP stack that the API has.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Request, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;

use super::Retry;
use crate::source::tls::{self, TlsError};

/// Bytes of an answer that are read, for its words.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("stadspuls/", env!("CARGO_PKG_VERSION")));

/// How long a server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection to come about.
    pub connect: Duration,
    /// From the beginning of a request to the end of its answer.
    pub answer: Duration,
}

/// A connection to one server, made when it is needed.
pub struct Client {
    pool: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
    answer_timeout: Duration,
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub status: u16,
    /// The beginning of its body, for people.
    pub body: String,
    pub retry_after: Option<String>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoAnswer {
    pub reason: Retry,
    pub says: String,
}

impl Client {
    /// A client for servers at `http://` or, where `is_tls`, at `https://`. Without `authority` their certificates
    /// are held against the authorities that this machine trusts.
    ///
    /// # Errors
    ///
    /// If the authority's certificate cannot be read, or the machine trusts none.
    pub fn new(
        timeouts: Timeouts,
        is_tls: bool,
        authority: Option<&Path>,
    ) -> Result<Self, TlsError> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(timeouts.connect));
        let connector = if is_tls || authority.is_some() {
            let tls = tls::client_config(authority, None)?;
            HttpsConnectorBuilder::new().with_tls_config(tls.as_ref().clone())
        } else {
            // Never used: the address is not one of TLS.
            HttpsConnectorBuilder::new().with_tls_config(tls::no_authority()?)
        };
        let connector = connector.https_or_http().enable_http1().wrap_connector(http);
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(1)
            .build(connector);
        Ok(Self { pool, answer_timeout: timeouts.answer })
    }

    /// Sends a request and waits for the whole answer. A redirection is an answer like any other.
    ///
    /// # Errors
    ///
    /// [`NoAnswer`] where none came, or not to its end; whether the server has taken the request is then not known.
    pub async fn send(&self, mut request: Request<Full<Bytes>>) -> Result<Said, NoAnswer> {
        request.headers_mut().insert(USER_AGENT, AGENT);
        let asked = async {
            let response = self.pool.request(request).await.map_err(|error| chain(&error))?;
            read(response).await
        };
        match timeout(self.answer_timeout, asked).await {
            Ok(Ok(said)) => Ok(said),
            Ok(Err(says)) => Err(NoAnswer { reason: Retry::Network, says }),
            Err(_elapsed) => {
                let says = format!("no answer within {:?}", self.answer_timeout);
                Err(NoAnswer { reason: Retry::Timeout, says })
            }
        }
    }
}

/// An answer that ends in the middle is none.
async fn read(response: Response<Incoming>) -> Result<Said, String> {
    let status = response.status().as_u16();
    let after = response.headers().get(RETRY_AFTER);
    let retry_after = after.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| chain(&error))?;
        if let Some(data) = frame.data_ref() {
            bytes.extend_from_slice(data);
        }
        if bytes.len() > ANSWER_BYTES_MAX {
            break;
        }
    }
    Ok(Said { status, body: String::from_utf8_lossy(&bytes).into_owned(), retry_after })
}

/// An error with its causes, in one line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
