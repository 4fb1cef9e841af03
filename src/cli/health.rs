use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use serde::Deserialize;

use super::print_faults;
use crate::config::Config;
use crate::document::Faults;

/// A service that takes longer over two lines is not well.
const TIME_MAX: Duration = Duration::from_secs(5);

/// More than all troubles that there can be.
const ANSWER_BYTES_MAX: u64 = 256 * 1024;

/// Asks the running service of this machine whether it is well, and what is wrong.
///
/// Each trouble is a line. Exit code 0 means that it does its work, even where something that nothing else depends
/// on has a complaint, and 1 that it does not: for people, for the health check of a container, and for any watch
/// that can run a command.
#[derive(Args)]
pub struct Health {
    /// The configuration file that the service runs with.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

#[derive(Deserialize)]
struct Ready {
    status: String,
    #[serde(default)]
    troubles: BTreeMap<String, String>,
    #[serde(default)]
    complaints: BTreeMap<String, String>,
}

impl Health {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let faults = Faults::default();
        let config = Config::load(&self.config, &faults);
        if !faults.is_empty() {
            print_faults(&faults.into_vec());
            return Ok(ExitCode::FAILURE);
        }
        let addr = reachable(config.api.bind);
        let answer = ask(addr).with_context(|| format!("no answer from {addr}"))?;
        let Some((is_ready, ready)) = understand(&answer) else {
            bail!("what answers at {addr} is not stadspuls");
        };
        println!("{}", ready.status);
        for (part, trouble) in ready.troubles.iter().chain(&ready.complaints) {
            println!("{part}: {trouble}");
        }
        Ok(if is_ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Who listens at every address is reached at this machine's own.
fn reachable(mut bind: SocketAddr) -> SocketAddr {
    match bind.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => bind.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => bind.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    bind
}

/// Whether the status says that all is well, and what the answer says of it.
fn understand(answer: &str) -> Option<(bool, Ready)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?;
    Some((status == "200", serde_json::from_str(body).ok()?))
}

/// HTTP 1.0, so that the answer comes in one piece and the connection ends with it.
fn ask(addr: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&addr, TIME_MAX)?;
    stream.set_read_timeout(Some(TIME_MAX))?;
    stream.set_write_timeout(Some(TIME_MAX))?;
    write!(stream, "GET /health/ready HTTP/1.0\r\nHost: {addr}\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_told_and_does_not_make_it_ill() {
        let answer = |status: &str, body: &str| {
            understand(&format!("HTTP/1.0 {status}\r\ncontent-length: 9\r\n\r\n{body}"))
        };
        let (well, ready) =
            answer("200 OK", r#"{"status":"degraded","troubles":{},"complaints":{"a":"b"}}"#)
                .unwrap();
        assert!(well && ready.complaints["a"] == "b");
        let (well, ready) =
            answer("503 Service Unavailable", r#"{"status":"not_ready","troubles":{"a":"b"}}"#)
                .unwrap();
        assert!(!well && ready.troubles["a"] == "b");
        for other in ["<html></html>", r#"{"detail":"not found"}"#] {
            assert!(answer("200 OK", other).is_none(), "{other}");
        }
    }
}
