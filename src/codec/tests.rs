//! What a codec may rely on, and what it cannot do.

mod buffer;
mod hostile;
mod output;
mod outset;
mod state;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::{Codec, CodecError, CodecInput, CodecLimits, CodecOutput};

/// Limits wide enough for a debug build on a busy machine.
fn patient() -> CodecLimits {
    CodecLimits { time: Duration::from_secs(10), ..CodecLimits::default() }
}

fn load(source: &str) -> Codec {
    Codec::load("acme/aq-1.js", source, patient()).unwrap()
}

fn decode(codec: &mut Codec, f_port: u8, bytes: &[u8]) -> Result<CodecOutput, CodecError> {
    let variables = BTreeMap::from([("offset".to_owned(), "2.5".to_owned())]);
    let recv_time = "2024-05-01T10:00:00Z".parse().unwrap();
    codec.decode(&CodecInput { bytes, f_port, recv_time, variables: &variables })
}

fn json_of(codec: &mut Codec, f_port: u8, bytes: &[u8]) -> serde_json::Value {
    serde_json::to_value(decode(codec, f_port, bytes).unwrap()).unwrap()
}

/// Decodes with a script whose `decodeUplink` has this body.
fn data_of(body: &str) -> serde_json::Value {
    let output = json_of(
        &mut load(&format!("function decodeUplink(input) {{ {body} }}")),
        1,
        &[1, 2, 3, 255],
    );
    output["data"].clone()
}

fn error_of(body: &str) -> CodecError {
    decode(&mut load(&format!("function decodeUplink(input) {{ {body} }}")), 1, &[1, 2, 3, 255])
        .unwrap_err()
}

#[test]
fn a_vendors_codec_of_records_runs_unchanged() {
    let mut codec = load(
        r#"
        var TYPE_TEMP = 0x01, TYPE_RH = 0x02, TYPE_VDD = 0x07;
        function bin16dec(bin) {
            var num = bin & 0xFFFF;
            if (0x8000 & num) num = -(0x010000 - num);
            return num;
        }
        function DecodeElsysPayload(data) {
            var obj = new Object();
            for (i = 0; i < data.length; i++) {
                switch (data[i]) {
                    case TYPE_TEMP: var temp = (data[i + 1] << 8) | data[i + 2]; obj.temperature = bin16dec(temp) / 10; i += 2; break;
                    case TYPE_RH: obj.humidity = data[i + 1]; i += 1; break;
                    case TYPE_VDD: obj.vdd = (data[i + 1] << 8) | data[i + 2]; i += 2; break;
                    default: i = data.length; break;
                }
            }
            return obj;
        }
        function decodeUplink(input) { return { "data": DecodeElsysPayload(input.bytes) } }
        "#,
    );
    for _ in 0..3 {
        assert_eq!(
            json_of(&mut codec, 5, &[0x01, 0xff, 0x38, 0x02, 41, 0x07, 0x0e, 0x42]),
            json!({"data": {"temperature": -20, "humidity": 41, "vdd": 3650}, "warnings": [], "errors": []})
        );
    }
    assert!(
        format!("{codec:?}").contains("kept"),
        "the undeclared i does not cost a context for each uplink"
    );
}

#[test]
fn a_chirpstack_codec_gets_buffer_variables_and_time() {
    let mut codec = load(
        r#"
        function decodeUplink(input) {
            const buf = Buffer.from(input.bytes);
            return { data: {
                temperature: buf.readInt16BE(0) / 100 + parseFloat(input.variables.offset),
                raw: buf.toString("hex"), port: input.fPort,
                received: input.recvTime.toISOString(), isDate: input.recvTime instanceof Date,
                isArray: Array.isArray(input.bytes), texts: input.bytes.map(x => "b" + x).slice(1),
            } };
        }
        "#,
    );
    assert_eq!(
        json_of(&mut codec, 7, &[0xf8, 0x30])["data"],
        json!({
            "temperature": -17.5, "raw": "f830", "port": 7, "received": "2024-05-01T10:00:00.000Z",
            "isDate": true, "isArray": true, "texts": ["b48"],
        })
    );
}

#[test]
fn a_decoder_is_found_however_it_is_defined() {
    for source in [
        "function decodeUplink() { return { data: { a: 1 } } }",
        "const decodeUplink = () => ({ data: { a: 1 } });",
        "var decodeUplink; decodeUplink = function () { return { data: { a: 1 } } }",
        "module.exports = { decodeUplink: () => ({ data: { a: 1 } }) };",
        "module.exports.decodeUplink = () => ({ data: { a: 1 } });",
        "exports.decodeUplink = () => ({ data: { a: 1 } });",
        "module.exports = function () { return { data: { a: 1 } } } // no newline at the end",
        "decodeUplink = function () { return { data: { a: 1 } } }",
        "this.decodeUplink = function () { return { data: { a: 1 } } }",
        "(function (root) { root.decodeUplink = function () { return { data: { a: 1 } } } })(globalThis);",
    ] {
        let mut codec = load(source);
        for _ in 0..2 {
            assert_eq!(json_of(&mut codec, 1, &[])["data"], json!({"a": 1}), "{source}");
        }
    }
}

#[test]
fn a_script_that_cannot_work_does_not_load() {
    let script =
        |source: &str| Codec::load("acme/aq-1.js", source, patient()).unwrap_err().to_string();
    assert_eq!(script("function decode() {}"), "the script has no function decodeUplink");
    assert_eq!(
        script("\n\nfunction decodeUplink( {"),
        "line 3: SyntaxError: invalid property name"
    );
    assert_eq!(script("\nthrow new Error('not today');"), "line 2: not today");
    assert_eq!(
        script("var x = 1;\nx.y.z"),
        "line 2: TypeError: cannot read property 'z' of undefined"
    );
    let limits = CodecLimits { source_bytes: 10, ..patient() };
    let error = Codec::load("acme/aq-1.js", "function decodeUplink() {}", limits).unwrap_err();
    assert_eq!(error, CodecError::Source { bytes: 26, limit: 10 });
    // It would otherwise close the function that it is wrapped in.
    let escape = "function decodeUplink() {} }); let kept = 0; (function () {";
    assert!(matches!(Codec::load("x", escape, patient()), Err(CodecError::Script { .. })));
}

#[test]
fn an_error_names_the_line_of_the_script() {
    let mut codec = load(
        "function check(bytes) {\n  if (bytes.length < 2) throw new Error(\"payload has \" + bytes.length + \" byte\");\n}\n\
         function decodeUplink(input) {\n  check(input.bytes);\n  return input.nothing.at;\n}",
    );
    assert_eq!(
        decode(&mut codec, 1, &[1]).unwrap_err(),
        CodecError::Script { message: "payload has 1 byte".to_owned(), line: Some(2) }
    );
    let error = decode(&mut codec, 1, &[1, 2]).unwrap_err();
    assert_eq!(error.to_string(), "line 6: TypeError: cannot read property 'at' of undefined");
}

#[test]
fn a_script_that_needs_sloppy_mode_works() {
    for body in [
        "x = 5; return { data: { v: x } };",
        "try { y = 5; return { data: { v: y } }; } catch (e) { return { errors: [e.message] }; }",
        "this.z = 5; return { data: { v: z } };",
        "return { data: { v: 05 } };",
        "var o = { v: 5 }; with (o) { return { data: { v: v } }; }",
        "if (typeof seen === 'undefined') seen = 5; return { data: { v: seen } };",
        "{ function inner() { return 5; } } return { data: { v: inner() } };",
        "var e = new Error('x'); e.name = 'Mine'; return { data: { v: e.name.length + 1 } };",
        "Array.prototype.last = function () { return this[this.length - 1]; }; return { data: { v: [5].last() } };",
        "for (n = 0; n < 5; n++) { total = n; } return { data: { v: n } };",
    ] {
        let mut codec = load(&format!("function decodeUplink(input) {{ {body} }}"));
        for _ in 0..3 {
            assert_eq!(json_of(&mut codec, 1, &[])["data"], json!({"v": 5}), "{body}");
        }
    }
}

#[test]
fn an_undeclared_variable_is_undefined_until_it_is_written() {
    let mut codec = load(
        "function decodeUplink(input) { if (input.fPort === 1) { u = 1; return { data: { u } }; }\n\
         if (input.fPort === 2) return { data: { u: typeof u } };\n\
         return { data: { u } }; }",
    );
    for _ in 0..2 {
        assert_eq!(json_of(&mut codec, 1, &[])["data"], json!({"u": 1}));
        let error = decode(&mut codec, 3, &[]).unwrap_err().to_string();
        assert!(error.ends_with("ReferenceError: u is not defined"), "{error}");
        assert_eq!(json_of(&mut codec, 2, &[])["data"], json!({"u": "undefined"}));
    }
}

#[test]
fn clocks_show_the_time_of_reception_in_utc() {
    assert_eq!(
        data_of(
            "return { data: { now: Date.now(), made: new Date(), hour: new Date().getHours(), zone: new Date().getTimezoneOffset(),
             from: new Date(0), parts: new Date(2024, 1, 29, 12), text: new Date('2024-02-29T12:00:00'), day: new Date('2024-02-29'),
             offset: new Date('2024-02-29T12:00:00+02:00'), utc: Date.UTC(2024, 0, 1), called: typeof Date(),
             copy: new Date(new Date(5)).getTime(), real: new Date() instanceof Date, bad: new Date('x') } };"
        ),
        json!({
            "now": 1_714_557_600_000_i64, "made": "2024-05-01T10:00:00.000Z", "hour": 10, "zone": 0,
            "from": "1970-01-01T00:00:00.000Z", "parts": "2024-02-29T12:00:00.000Z", "text": "2024-02-29T12:00:00.000Z",
            "day": "2024-02-29T00:00:00.000Z", "offset": "2024-02-29T10:00:00.000Z", "utc": 1_704_067_200_000_i64,
            "called": "string", "copy": 5, "real": true,
        })
    );
    let mut at_load = load(
        "const started = Date.now(); function decodeUplink() { return { data: { started } } }",
    );
    assert_eq!(json_of(&mut at_load, 1, &[])["data"], json!({"started": 1_714_557_600_000_i64}));
}

#[test]
fn what_would_make_two_runs_differ_is_refused_by_name() {
    for (body, wanted) in [
        (
            "Math.random()",
            "Math.random is not available to a codec: the same uplink must always decode to the same values",
        ),
        ("eval('1')", "eval is not available to a codec"),
        ("new Function('return 1')()", "Function is not available to a codec"),
        ("(() => {}).constructor('return 1')()", "Function is not available to a codec"),
        (
            "(function* () {}).constructor('yield 1')",
            "GeneratorFunction is not available to a codec",
        ),
        ("(async () => {}).constructor('1')", "AsyncFunction is not available to a codec"),
        ("Reflect.construct(Function, ['1'])", "Function is not available to a codec"),
        ("setTimeout(() => {}, 1)", "setTimeout is not defined"),
        ("new SharedArrayBuffer(4)", "SharedArrayBuffer is not defined"),
        ("new WeakRef({})", "WeakRef is not defined"),
        ("performance.now()", "performance is not defined"),
        ("WebAssembly.compile", "WebAssembly is not defined"),
        ("queueMicrotask(() => {})", "queueMicrotask is not defined"),
    ] {
        let error = error_of(&format!("return {{ data: {{ v: {body} }} }};")).to_string();
        assert!(error.contains(wanted), "{body}: {error}");
    }
    assert_eq!(
        data_of(
            "console.log('x', input); console.error(); return { data: { f: (() => {}) instanceof Function } };"
        ),
        json!({"f": true})
    );
}
