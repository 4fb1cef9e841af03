//! One request at a time over one connection that is kept, HTTP or HTTPS, its body packed.
//!
//! The crate `influxdb2` hides the headers of an answer, and so how long a server that is busy wants to be
//! left alone; it packs nothing, and stands on a second HTTP stack. Here is the one that the API has.

use std::error::Error;
use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use hyper::{Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;

use super::Config;
use super::answer::{Answer, Retry, judge};
use crate::clock;
use crate::source::tls::{self, TlsError};

/// Bytes of an answer that are read, for its words.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

pub struct Client {
    pool: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: Uri,
    answer_timeout: std::time::Duration,
}

impl Client {
    /// # Errors
    ///
    /// If the authority's certificate cannot be read, or the machine trusts none.
    pub fn new(config: &Config) -> Result<Self, TlsError> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(config.limits.connect_timeout));
        let connector = if config.url.is_tls || config.authority.is_some() {
            let tls = tls::client_config(config.authority.as_deref(), None)?;
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
        // The address was read when the configuration was, so that it is one.
        let url = config.write_url().parse().unwrap_or_default();
        Ok(Self { pool, url, answer_timeout: config.limits.answer_timeout })
    }

    /// Sends points and waits for what the server says to them.
    pub async fn write(&self, token: &str, lines: &str) -> Answer {
        let later = |reason, says: String| Answer::Later { reason, says, after: None };
        let request = packed(lines).and_then(|body| {
            Request::post(self.url.clone())
                .header(USER_AGENT, concat!("stadspuls/", env!("CARGO_PKG_VERSION")))
                .header(AUTHORIZATION, format!("Token {token}"))
                .header(CONTENT_TYPE, "text/plain; charset=utf-8")
                .header(CONTENT_ENCODING, "gzip")
                .body(Full::new(Bytes::from(body)))
                .ok()
        });
        let Some(request) = request else {
            return Answer::Held("the token holds what no header can".to_owned());
        };
        let asked = async {
            let response = self.pool.request(request).await.map_err(|error| chain(&error))?;
            read(response).await
        };
        match timeout(self.answer_timeout, asked).await {
            Ok(Ok((status, says, after))) => judge(status, &says, after.as_deref(), clock::now()),
            Ok(Err(error)) => later(Retry::Network, error),
            Err(_elapsed) => {
                later(Retry::Timeout, format!("no answer within {:?}", self.answer_timeout))
            }
        }
    }
}

/// Status, body and Retry-After. An answer that ends in the middle is none.
async fn read(response: Response<Incoming>) -> Result<(u16, String, Option<String>), String> {
    let status = response.status().as_u16();
    let after = response.headers().get(RETRY_AFTER);
    let after = after.and_then(|value| value.to_str().ok()).map(str::to_owned);
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
    Ok((status, String::from_utf8_lossy(&bytes).into_owned(), after))
}

/// Writing to memory does not fail.
fn packed(lines: &str) -> Option<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::with_capacity(lines.len() / 8), Compression::fast());
    packer.write_all(lines.as_bytes()).ok()?;
    packer.finish().ok()
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
