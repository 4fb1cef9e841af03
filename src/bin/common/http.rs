//! One request and its answer.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const CONNECT_MAX: Duration = Duration::from_secs(5);

/// Status and body of the answer.
pub async fn exchange(stream: &mut TcpStream, request: &[u8]) -> Result<(u16, Vec<u8>)> {
    stream.write_all(request).await?;
    let mut input = BytesMut::new();
    loop {
        if let Some(end) = input.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(input.get(..end).unwrap_or_default()).into_owned();
            input.advance(end + 4);
            let status = head.split(' ').nth(1).context("no status")?.parse()?;
            let length = head
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .context("an answer without a length")?;
            let length: usize = length.1.trim().parse()?;
            while input.len() < length {
                ensure!(stream.read_buf(&mut input).await? > 0, "closed within an answer");
            }
            return Ok((status, input.split_to(length).to_vec()));
        }
        ensure!(stream.read_buf(&mut input).await? > 0, "closed before an answer");
    }
}

/// Asks on a connection of its own.
pub async fn get(from: SocketAddr, path: &str) -> Result<(u16, String)> {
    let asked = async {
        let mut stream = TcpStream::connect(from).await?;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: stadspuls\r\nConnection: close\r\n\r\n");
        exchange(&mut stream, request.as_bytes()).await
    };
    let (status, body) = timeout(CONNECT_MAX, asked).await??;
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
