//! Senders by HTTP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::book::Book;
use crate::envelope::envelope;
use crate::http::exchange;
use crate::plan::Lane;

/// Messages in one request of lines.
const MANY: usize = 60;

/// Longer than the service takes to say that it could not.
const ANSWER_MAX: Duration = Duration::from_secs(15);

const CONNECT_MAX: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(150);
const TICK: Duration = Duration::from_millis(20);

pub const TOKEN: &str = "only for the fault test";

/// Posts one uplink, or many as lines, and repeats what was not answered with 200.
pub struct Sender {
    pub lane: Lane,
    pub to: SocketAddr,
    pub book: Arc<Book>,
}

impl Sender {
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let mut taken = Vec::new();
            let ended = stop.run_until_cancelled(self.session(&mut taken)).await;
            drop(ended);
            self.book.give_back(taken);
            sleep(PAUSE).await;
        }
    }

    async fn session(&self, taken: &mut Vec<u32>) -> Result<()> {
        let mut stream = timeout(CONNECT_MAX, TcpStream::connect(self.to)).await??;
        stream.set_nodelay(true)?;
        loop {
            let most = if self.lane == Lane::HttpMany { MANY } else { 1 };
            *taken = self.book.take(self.lane, most);
            if taken.is_empty() {
                sleep(TICK).await;
                continue;
            }
            let request = self.request(taken);
            let (status, body) = timeout(ANSWER_MAX, exchange(&mut stream, &request)).await??;
            if status != 200 {
                bail!("answered with {status}");
            }
            // Anything else would be an acknowledgement of something that was not sent.
            let wanted = format!("{{\"received\":{}}}", taken.len());
            ensure!(body == wanted.as_bytes(), "answered {body:?} instead of {wanted}");
            for number in taken.drain(..) {
                self.book.told(number);
            }
        }
    }

    fn request(&self, numbers: &[u32]) -> Vec<u8> {
        let (mut body, mut topic) = (Vec::new(), String::new());
        for &number in numbers {
            let envelope = envelope(&self.book.plan, &self.book.plan.uplink(number));
            self.book.sending(number);
            topic = envelope.topic;
            body.extend_from_slice(&envelope.body);
            if self.lane == Lane::HttpMany {
                body.push(b'\n');
            }
        }
        let query = topic.strip_prefix("http/event/").map(|event| format!("?event={event}"));
        let kind =
            if self.lane == Lane::HttpMany { "application/x-ndjson" } else { "application/json" };
        let head = format!(
            "POST /ingest/http{} HTTP/1.1\r\nHost: stadspuls\r\nAuthorization: Bearer {TOKEN}\r\n\
             Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            query.unwrap_or_default(),
            body.len()
        );
        [head.as_bytes(), &body].concat()
    }
}
