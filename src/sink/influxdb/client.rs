//! Sends points, packed. The crate `influxdb2` hides the headers of an answer, and so how long a server that is busy
//! wants to be left alone; it packs nothing, and stands on a second HTTP stack.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use hyper::{Request, Uri};

use super::Config;
use super::answer::{Answer, judge};
use crate::clock;
use crate::post::{self, NoAnswer, Said, Timeouts};
use crate::source::tls::TlsError;

pub struct Client {
    server: post::Client,
    url: Uri,
}

impl Client {
    /// # Errors
    ///
    /// If the authority's certificate cannot be read, or the machine trusts none.
    pub fn new(config: &Config) -> Result<Self, TlsError> {
        let limits = &config.limits;
        let timeouts = Timeouts { connect: limits.connect_timeout, answer: limits.answer_timeout };
        let server = post::Client::new(timeouts, config.url.is_tls, config.authority.as_deref())?;
        // The address was read when the configuration was, so that it is one.
        let url = config.write_url().parse().unwrap_or_default();
        Ok(Self { server, url })
    }

    /// Sends points and waits for what the server says to them.
    pub async fn write(&self, token: &str, lines: &str) -> Answer {
        let request = packed(lines).and_then(|body| {
            Request::post(self.url.clone())
                .header(AUTHORIZATION, format!("Token {token}"))
                .header(CONTENT_TYPE, "text/plain; charset=utf-8")
                .header(CONTENT_ENCODING, "gzip")
                .body(Full::new(Bytes::from(body)))
                .ok()
        });
        let Some(request) = request else {
            return Answer::Held("the token holds what no header can".to_owned());
        };
        match self.server.send(request).await {
            Ok(Said { status, body, retry_after }) => {
                judge(status, &body, retry_after.as_deref(), clock::now())
            }
            Err(NoAnswer { reason, says }) => Answer::Later { reason, says, after: None },
        }
    }
}

/// Writing to memory does not fail.
fn packed(lines: &str) -> Option<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::with_capacity(lines.len() / 8), Compression::fast());
    packer.write_all(lines.as_bytes()).ok()?;
    packer.finish().ok()
}
