use std::process::ExitCode;

use clap::Parser;
use stadspuls::cli::Cli;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("stadspuls: {error:#}");
            ExitCode::FAILURE
        }
    }
}
