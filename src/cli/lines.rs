//! Payloads on the command line, or many on standard input, one JSON object a line.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::process::ExitCode;

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use clap::Args;
use serde::Deserialize;
use serde_json::Value;

use crate::clock;

/// A payload and what its codec may know.
#[derive(Args)]
pub struct PayloadArgs {
    /// The LoRaWAN port, 0 to 255.
    #[arg(long, value_name = "N")]
    f_port: Option<u8>,
    /// When it was received, RFC 3339; now if not given.
    #[arg(long, value_name = "TIME")]
    recv_time: Option<DateTime<Utc>>,
    /// A variable of the device; as often as needed.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = variable)]
    variables: Vec<(String, String)>,
    /// The payload in hexadecimal, spaces allowed. With - one request is read from each line of
    /// standard input, {"f_port": 5, "payload": "070d8a0c00c1"} with "recv_time" and "vars" where
    /// they matter, and answered with a line.
    #[arg(value_name = "HEX", num_args = 1.., required = true)]
    payload: Vec<String>,
}

/// One payload to be decoded.
pub struct Request {
    pub f_port: u8,
    pub payload: Vec<u8>,
    pub recv_time: DateTime<Utc>,
    pub variables: BTreeMap<String, String>,
}

/// What is printed for a request, and whether it was decoded.
pub struct Answer {
    pub json: Value,
    pub decoded: bool,
}

/// A line of standard input.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    f_port: u8,
    payload: String,
    recv_time: Option<DateTime<Utc>>,
    #[serde(default)]
    vars: BTreeMap<String, String>,
}

impl PayloadArgs {
    /// Whether requests come from standard input.
    pub fn is_batch(&self) -> bool {
        self.payload == ["-"]
    }

    /// The request on the command line.
    pub fn request(&self) -> anyhow::Result<Request> {
        let Some(f_port) = self.f_port else { bail!("--f-port is missing") };
        Ok(Request {
            f_port,
            payload: bytes(&self.payload.concat())?,
            recv_time: self.recv_time.unwrap_or_else(clock::now),
            variables: self.variables.iter().cloned().collect(),
        })
    }

    /// Answers each line of standard input with a line. A line that is no request is answered by
    /// `refuse`.
    pub fn answer_lines(
        &self,
        mut answer: impl FnMut(&Request) -> Answer,
        refuse: impl Fn(&str) -> Answer,
    ) -> anyhow::Result<ExitCode> {
        let mut all_decoded = true;
        let mut out = std::io::stdout().lock();
        for line in std::io::stdin().lock().lines() {
            let line = line.context("cannot read standard input")?;
            if line.trim().is_empty() {
                continue;
            }
            let answered = match self.line_request(&line) {
                Ok(request) => answer(&request),
                Err(error) => refuse(&error.to_string()),
            };
            all_decoded &= answered.decoded;
            writeln!(out, "{}", answered.json)?;
            out.flush()?;
        }
        Ok(exit_code(all_decoded))
    }

    fn line_request(&self, line: &str) -> anyhow::Result<Request> {
        let line: Line = serde_json::from_str(line)?;
        let mut variables: BTreeMap<String, String> = self.variables.iter().cloned().collect();
        variables.extend(line.vars);
        Ok(Request {
            f_port: line.f_port,
            payload: bytes(&line.payload)?,
            recv_time: line.recv_time.or(self.recv_time).unwrap_or_else(clock::now),
            variables,
        })
    }
}

pub fn exit_code(decoded: bool) -> ExitCode {
    if decoded { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn bytes(text: &str) -> anyhow::Result<Vec<u8>> {
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    hex::decode(&compact).with_context(|| format!("payload is {text:?}, want hexadecimal bytes"))
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("{text:?} is no variable, want NAME=VALUE")),
    }
}
