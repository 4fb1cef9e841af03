use std::fs;

use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::{Run, stadspuls, stadspuls_with_input};

const SCRIPT: &str = r#"function decodeUplink(input) {
  if (input.fPort === 2) return { errors: ["too short"], warnings: ["old firmware"] };
  if (input.fPort === 3) {
    throw new Error("boom");
  }
  if (input.fPort === 4) while (true) {}
  const buffer = Buffer.from(input.bytes);
  return {
    data: {
      word: buffer.readUInt16BE(0),
      offset: Number(input.variables.offset),
      hour: input.recvTime.getUTCHours(),
    },
    warnings: [],
  };
}
"#;

fn script(text: &str) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    fs::write(&file, text).unwrap();
    file
}

fn codec_run(args: &[&str]) -> Run {
    let script = script(SCRIPT);
    let file = script.path().to_str().unwrap();
    stadspuls(&[&["codec", "run", file], args].concat())
}

fn json_of(run: &Run) -> Value {
    assert_eq!(run.err, "");
    serde_json::from_str(&run.out).unwrap()
}

#[test]
fn a_script_gets_buffer_variables_and_time_of_reception() {
    let args =
        ["--f-port", "1", "--var", "offset=-2.5", "--recv-time", "2026-02-01T13:00:00+01:00"];
    let run = codec_run(&[&args[..], &["01", "02 ff"]].concat());
    let wanted = json!({
        "data": { "word": 0x0102, "offset": -2.5, "hour": 12 }, "warnings": [], "errors": [],
    });
    assert_eq!((json_of(&run), run.code), (wanted, Some(0)));
}

#[test]
fn what_a_script_refuses_is_printed_and_the_code_is_1() {
    let cases = [
        ("2", json!({ "data": {}, "warnings": ["old firmware"], "errors": ["too short"] })),
        ("3", json!({ "data": {}, "warnings": [], "errors": ["line 4: boom"] })),
        (
            "4",
            json!({ "data": {}, "warnings": [], "errors": ["the script ran longer than 100ms"] }),
        ),
    ];
    for (f_port, wanted) in cases {
        let run = codec_run(&["--f-port", f_port, "00"]);
        assert_eq!((json_of(&run), run.code), (wanted, Some(1)), "port {f_port}");
    }
}

#[test]
fn each_line_of_standard_input_is_answered_with_a_line() {
    let script = script(SCRIPT);
    let file = script.path().to_str().unwrap();
    let lines = [
        r#"{"f_port":1,"payload":"0001","recv_time":"2026-02-01T01:00:00Z","vars":{"offset":"1"}}"#,
        "",
        r#"{"f_port":3,"payload":"0001"}"#,
        r#"{"f_port":1,"payload":"000g"}"#,
        r#"{"f_port":1,"payload":"0002","recv_time":"2026-02-01T02:00:00Z"}"#,
    ];
    let run = stadspuls_with_input(&["codec", "run", file, "--var", "offset=7", "-"], &lines);
    assert_eq!((run.code, &*run.err), (Some(1), ""));
    let answers: Vec<Value> =
        run.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // A line that fails does not keep the next from being answered.
    assert_eq!(answers.len(), 4);
    assert_eq!(answers[0]["data"], json!({ "word": 1, "offset": 1, "hour": 1 }));
    assert_eq!(answers[1]["errors"], json!(["line 4: boom"]));
    assert!(answers[2]["errors"][0].as_str().unwrap().contains("hexadecimal"), "{}", answers[2]);
    assert_eq!(answers[3]["data"], json!({ "word": 2, "offset": 7, "hour": 2 }));
}

#[test]
fn a_script_that_cannot_be_loaded_says_where() {
    let broken = script("function decodeUplink(input) {\n  return { data: };\n}\n");
    let run = stadspuls(&["codec", "run", broken.path().to_str().unwrap(), "--f-port", "1", "00"]);
    let error = json_of(&run)["errors"][0].as_str().unwrap().to_owned();
    assert!(error.starts_with("line 2: SyntaxError"), "{error}");
    assert_eq!(run.code, Some(1));

    let run = stadspuls(&["codec", "run", "nowhere.js", "--f-port", "1", "00"]);
    assert_eq!((run.code, &*run.out), (Some(1), ""));
    assert!(run.err.starts_with("stadspuls: cannot read nowhere.js"), "{}", run.err);
}
