use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::lines::{Answer, PayloadArgs, Request, exit_code};
use crate::codec::{self, CodecInput, CodecLimits};

/// Tries out codec scripts.
#[derive(Args)]
pub struct Codec {
    #[command(subcommand)]
    command: CodecCommand,
}

#[derive(Subcommand)]
enum CodecCommand {
    Run(CodecRun),
}

/// Runs a codec script on a payload, just as the service would.
///
/// Prints {"data": …, "warnings": […], "errors": […]}. The exit code is 1 if there are errors: the
/// script's own, an exception with its line, or a limit on time, memory or output.
#[derive(Args)]
struct CodecRun {
    /// The script, JavaScript with decodeUplink (TS013 or ChirpStack).
    #[arg(value_name = "FILE.js")]
    file: PathBuf,
    #[command(flatten)]
    payload: PayloadArgs,
}

impl Codec {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let CodecCommand::Run(run) = self.command;
        run.run()
    }
}

impl CodecRun {
    fn run(self) -> anyhow::Result<ExitCode> {
        let source = std::fs::read_to_string(&self.file)
            .with_context(|| format!("cannot read {}", self.file.display()))?;
        let name = self.file.display().to_string();
        let mut codec = match codec::Codec::load(&name, &source, CodecLimits::default()) {
            Ok(codec) => codec,
            Err(error) => {
                println!("{}", refused(&error.to_string()).json);
                return Ok(ExitCode::FAILURE);
            }
        };
        if self.payload.is_batch() {
            return self.payload.answer_lines(|request| answer(&mut codec, request), refused);
        }
        let answer = answer(&mut codec, &self.payload.request()?);
        println!("{}", answer.json);
        Ok(exit_code(answer.decoded))
    }
}

fn answer(codec: &mut codec::Codec, request: &Request) -> Answer {
    let input = CodecInput {
        bytes: &request.payload,
        f_port: request.f_port,
        recv_time: request.recv_time,
        variables: &request.variables,
    };
    match codec.decode(&input) {
        Ok(output) => Answer {
            decoded: output.errors.is_empty(),
            json: json!({
                "data": Value::Object(output.data),
                "warnings": output.warnings,
                "errors": output.errors,
            }),
        },
        Err(error) => refused(&error.to_string()),
    }
}

fn refused(error: &str) -> Answer {
    Answer { json: json!({ "data": {}, "warnings": [], "errors": [error] }), decoded: false }
}
