//! How a result becomes JSON.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{Codec, CodecError, CodecInput, CodecLimits, OutputFault};
use super::{data_of, decode, error_of, json_of, load, patient};

#[test]
fn values_become_json_by_the_rules() {
    for (expression, wanted) in [
        ("null", json!(null)),
        ("true", json!(true)),
        ("20.0", json!(20)),
        ("-0", json!(0)),
        ("0.1 + 0.2", json!(0.1 + 0.2)),
        ("2 ** 40", json!(1_099_511_627_776_i64)),
        ("1e300", json!(1e300)),
        ("'å\\u0000😀'", json!("å\u{0}😀")),
        ("'\\ud800x'", json!("\u{fffd}x")),
        ("'ab' + input.bytes.join('') + 'c'.repeat(3)", json!("ab123255ccc")),
        ("[1, undefined, NaN, () => 1, , 2]", json!([1, null, null, null, null, 2])),
        (
            "({ a: 1, b: undefined, c: NaN, d: -Infinity, e() {}, f: Symbol('s'), g: { h: Infinity } })",
            json!({"a": 1, "g": {}}),
        ),
        (
            "({ '\\ud800': 1, '\\u0000': 2, 7: 3, '': 4, __proto__: { inherited: 5 } })",
            json!({"\u{fffd}": 1, "\u{0}": 2, "7": 3, "": 4}),
        ),
        ("JSON.parse('{\"__proto__\": 1}')", json!({"__proto__": 1})),
        ("new Date(0)", json!("1970-01-01T00:00:00.000Z")),
        ("[new Date(NaN)]", json!([null])),
        ("new Uint8Array([1, 255])", json!([1, 255])),
        ("new Float32Array([0.5, NaN])", json!([0.5, null])),
        ("new Uint8Array([7, 8]).buffer", json!([7, 8])),
        ("new DataView(new Uint8Array([7, 8, 9]).buffer, 1)", json!([8, 9])),
        ("Buffer.from('ff01', 'hex')", json!([255, 1])),
        ("12n", json!(12)),
        ("2n ** 64n - 1n", json!(u64::MAX)),
        ("-(2n ** 63n)", json!(i64::MIN)),
        ("2n ** 64n", json!("18446744073709551616")),
        ("new Map([['a', 1], ['b', [2]]])", json!({"a": 1, "b": [2]})),
        ("new Set([1, 'x'])", json!([1, "x"])),
        ("new Error('broken')", json!("Error: broken")),
        (
            "[new Number(5), new String('s'), new Boolean(false), Object(1n)]",
            json!([5, "s", false, 1]),
        ),
        (
            "new (class Reading { constructor() { this.a = 1; } get hidden() { return 2; } })()",
            json!({"a": 1}),
        ),
        (
            "Object.create(null, { a: { value: 1, enumerable: true }, b: { value: 2 } })",
            json!({"a": 1}),
        ),
        (
            "({ get a() { return 6; }, toJSON() { return 'no'; }, toString() { return 'no'; } })",
            json!({"a": 6}),
        ),
        ("(() => { const same = { x: 1 }; return [same, same]; })()", json!([{"x": 1}, {"x": 1}])),
        ("(function () { return arguments; })(1, 2)", json!({"0": 1, "1": 2})),
    ] {
        assert_eq!(
            data_of(&format!("return {{ data: {{ v: {expression} }} }};"))["v"],
            wanted,
            "{expression}"
        );
    }
}

#[test]
fn the_parts_of_a_result_may_be_missing_or_untidy() {
    for (result, wanted) in [
        ("{}", json!({"data": {}, "warnings": [], "errors": []})),
        (
            "{ data: null, warnings: null, errors: undefined }",
            json!({"data": {}, "warnings": [], "errors": []}),
        ),
        ("{ errors: ['too short'] }", json!({"data": {}, "warnings": [], "errors": ["too short"]})),
        ("{ errors: 'too short' }", json!({"data": {}, "warnings": [], "errors": ["too short"]})),
        (
            "{ data: { a: 1 }, warnings: [1, null, 'w', { code: 2 }, new Error('e')], errors: { no: 1 } }",
            json!({"data": {"a": 1}, "warnings": ["1", "null", "w", "{\"code\":2}", "Error: e"], "errors": ["{\"no\":1}"]}),
        ),
    ] {
        let mut codec = load(&format!("function decodeUplink() {{ return {result}; }}"));
        assert_eq!(json_of(&mut codec, 1, &[]), wanted, "{result}");
    }
}

#[test]
fn a_result_of_another_shape_is_said_to_be_one() {
    for (result, wanted) in [
        ("null", "null"),
        ("undefined", "nothing"),
        ("5", "a value of type int, not an object"),
        ("'x'", "a value of type string, not an object"),
        ("[1]", "a value of type array, not an object"),
        ("() => 1", "a value of type function, not an object"),
        ("Promise.resolve({ data: {} })", "a promise: it must not be async"),
        ("{ data: [1] }", "data that are a list, not an object"),
        ("{ data: 'x' }", "data that are a text, not an object"),
        ("{ data: 7 }", "data that are not an object"),
    ] {
        assert_eq!(
            error_of(&format!("return {result};")),
            CodecError::Shape(wanted.to_owned()),
            "{result}"
        );
    }
}

#[test]
fn an_output_has_limits() {
    let limits =
        CodecLimits { output_nodes: 100, output_text_bytes: 50, output_depth: 4, ..patient() };
    for (data, wanted) in [
        ("{ list: new Array(90).fill(1) }", Ok(())),
        ("{ list: new Array(101).fill(1) }", Err(OutputFault::Nodes(100))),
        ("{ list: new Array(4294967295) }", Err(OutputFault::Nodes(100))),
        ("{ list: new Uint8Array(200) }", Err(OutputFault::Nodes(100))),
        ("{ rows: new Array(20).fill([1, 2, 3, 4, 5]) }", Err(OutputFault::Nodes(100))),
        (
            "Object.fromEntries(new Array(200).fill(0).map((_, i) => [i, 0]))",
            Err(OutputFault::Nodes(100)),
        ),
        ("{ text: 'x'.repeat(46) }", Ok(())),
        ("{ text: 'x'.repeat(47) }", Err(OutputFault::Text(50))),
        ("{ ['k'.repeat(51)]: 1 }", Err(OutputFault::Text(50))),
        ("{ a: { b: { c: 1 } } }", Ok(())),
        ("{ a: { b: { c: [1] } } }", Ok(())),
        ("{ a: { b: { c: [[1]] } } }", Err(OutputFault::Depth(4))),
        ("(() => { const o = {}; o.self = { o }; return o; })()", Err(OutputFault::Cycle)),
        ("(() => { const o = []; o.push(o); return { o }; })()", Err(OutputFault::Cycle)),
    ] {
        let source = format!("function decodeUplink() {{ return {{ data: {data} }}; }}");
        let got =
            decode(&mut Codec::load("x", &source, limits.clone()).unwrap(), 1, &[]).map(|_| ());
        assert_eq!(got, wanted.map_err(CodecError::Output), "{data}");
    }
}

fn has_only_finite_numbers(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_f64().is_some_and(f64::is_finite),
        Value::Array(items) => items.iter().all(has_only_finite_numbers),
        Value::Object(fields) => fields.values().all(has_only_finite_numbers),
        _ => true,
    }
}

/// Reads whatever comes as every type there is, with divisions that may be by zero and reads past the end.
const ANYTHING: &str = "
function decodeUplink(input) {
  const buffer = Buffer.from(input.bytes), data = { ratio: input.bytes[0] / input.bytes[1], past: input.bytes[999] * 2 };
  if (input.fPort === 7) throw input.bytes;
  if (input.fPort === 9) return input.bytes;
  for (let at = 0; at + 8 <= buffer.length; at++) {
    data['f' + at] = [buffer.readFloatLE(at), buffer.readDoubleBE(at), buffer.readBigInt64LE(at), 1 / buffer.readInt16BE(at)];
    data[buffer.toString('latin1', at, at + 4)] = new Float32Array(buffer.slice(at, at + 8).map((x) => x).buffer);
  }
  data.text = buffer.toString() + String.fromCharCode(input.bytes[0] << 8 | input.bytes[1]);
  data.when = new Date(buffer.readUIntBE(0, 6));
  return { data, warnings: input.bytes, errors: data.text };
}";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_bytes_give_finite_numbers_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..64), ports in prop::collection::vec(any::<u8>(), 1..3)) {
        let mut codec = load(ANYTHING);
        let variables = BTreeMap::new();
        let recv_time = chrono::DateTime::UNIX_EPOCH;
        for f_port in ports {
            if let Ok(output) = codec.decode(&CodecInput { bytes: &bytes, f_port, recv_time, variables: &variables }) {
                let read_back: Value = serde_json::from_str(&serde_json::to_string(&output).unwrap()).unwrap();
                prop_assert!(has_only_finite_numbers(&read_back));
            }
        }
    }
}
