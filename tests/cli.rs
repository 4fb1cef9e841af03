//! The program as it is typed: the real binary, its words and its exit codes.

mod catalog;
mod codec;
mod decode;
mod demo;
mod help;
mod reload;

use std::io::Write;
use std::process::{Command, Stdio};

/// What a finished run has left.
pub struct Run {
    /// None where a signal has ended it.
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// The program in the source tree, where it finds `decoders` and `config`.
fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stadspuls"));
    command.args(args).current_dir(env!("CARGO_MANIFEST_DIR")).env_remove("RUST_LOG");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the program to its end.
pub fn stadspuls(args: &[&str]) -> Run {
    finish(program(args).spawn().expect("the program starts"))
}

/// Runs the program with lines on its standard input.
fn stadspuls_with_input(args: &[&str], lines: &[&str]) -> Run {
    let mut child = program(args).stdin(Stdio::piped()).spawn().expect("the program starts");
    // Dropped after writing, so that the program sees the end.
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all((lines.join("\n") + "\n").as_bytes()).expect("the program reads");
    drop(input);
    finish(child)
}

fn finish(child: std::process::Child) -> Run {
    let output = child.wait_with_output().expect("the program ends");
    let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
    Run { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

#[test]
fn check_without_faults_counts_what_it_has_checked() {
    let run = stadspuls(&["check"]);
    assert_eq!((run.code, &*run.err), (Some(0), ""));
    let words: Vec<&str> = run.out.split_whitespace().collect();
    let [quantities, "quantities,", profiles, "profiles,", examples, "examples:", "no", "faults"] =
        words[..]
    else {
        panic!("{}", run.out)
    };
    let counts = [quantities, profiles, examples].map(|count| count.parse::<usize>().unwrap());
    assert!(counts[0] >= 100 && counts[1] >= 6 && counts[2] >= 70, "{counts:?}");
}

#[test]
fn what_cannot_be_understood_ends_with_code_2() {
    for args in [&["decode"][..], &["demo", "--http", "here"], &["rnu"], &[]] {
        assert_eq!(stadspuls(args).code, Some(2), "{args:?}");
    }
}
