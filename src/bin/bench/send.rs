//! A publisher at QoS 1 and a poster, neither of which repeats anything: nothing breaks here.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use crate::http::exchange;
use crate::load::Sent;
use crate::mqtt::{self, Version};

/// Publishes on their way at the same time.
const WINDOW: usize = 100;

/// Bytes that may wait for the socket.
const OUTGOING_MAX: usize = 256 * 1024;

const KEEP_ALIVE_S: u16 = 600;

pub const TOKEN: &str = "only for the benchmark";

/// Publishes as fast as it is acknowledged, or one each `pace`. Returns when the first was due.
pub async fn publish(
    to: SocketAddr,
    uplinks: impl Iterator<Item = Sent>,
    pace: Option<Duration>,
) -> Result<Instant> {
    let mut uplinks = uplinks.peekable();
    let mut stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    let (mut input, mut output) = (BytesMut::new(), BytesMut::new());
    mqtt::connect(&mut output, Version::V5, "bench-publisher", KEEP_ALIVE_S);
    stream.write_all_buf(&mut output).await?;
    let accepted = loop {
        if let Some(packet) = mqtt::take(&mut input)? {
            break packet;
        }
        ensure!(stream.read_buf(&mut input).await? > 0, "closed before it was accepted");
    };
    accepted.check_accepted()?;
    let (mut reader, mut writer) = stream.split();
    let started = Instant::now();
    let (mut due, mut on_their_way, mut id) = (started, 0, 0_u16);
    while on_their_way > 0 || uplinks.peek().is_some() {
        while (pace.is_some() || on_their_way < WINDOW)
            && output.len() < OUTGOING_MAX
            && due <= Instant::now()
            && let Some(sent) = uplinks.next()
        {
            id = id.checked_add(1).unwrap_or(1);
            mqtt::publish(&mut output, Version::V5, id, &sent.topic, sent.body.as_bytes());
            on_their_way += 1;
            due += pace.unwrap_or_default();
        }
        tokio::select! {
            read = reader.read_buf(&mut input) => ensure!(read? > 0, "the connection was closed"),
            written = writer.write_buf(&mut output), if !output.is_empty() => {
                written?;
            }
            () = sleep_until(due), if pace.is_some() && uplinks.peek().is_some() => {}
        }
        while let Some(packet) = mqtt::take(&mut input)? {
            match packet.kind {
                mqtt::PUBACK => {
                    let (_, accepted) = packet.acknowledged()?;
                    ensure!(accepted, "a publish was not accepted");
                    on_their_way -= 1;
                }
                mqtt::DISCONNECT => bail!("told to go"),
                _ => {}
            }
        }
    }
    Ok(started)
}

/// Posts the uplinks as lines, so many in a request, one request after the other.
pub async fn post(to: SocketAddr, uplinks: impl Iterator<Item = Sent>, many: usize) -> Result<()> {
    let mut uplinks = uplinks.peekable();
    let mut stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    while uplinks.peek().is_some() {
        let lines: Vec<String> = uplinks.by_ref().take(many).map(|sent| sent.body).collect();
        let wanted = format!("{{\"received\":{}}}", lines.len());
        let body = lines.join("\n");
        let head = format!(
            "POST /ingest/http?event=up HTTP/1.1\r\nHost: stadspuls\r\nAuthorization: Bearer {TOKEN}\r\n\
             Content-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let request = [head.as_bytes(), body.as_bytes()].concat();
        let (status, answer) = exchange(&mut stream, &request).await?;
        ensure!(
            status == 200 && answer == wanted.as_bytes(),
            "answered {status} {:?} instead of {wanted}",
            String::from_utf8_lossy(&answer)
        );
    }
    Ok(())
}
