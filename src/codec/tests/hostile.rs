//! A codec that misbehaves costs its own uplink and nothing else.

use std::time::Duration;

use serde_json::json;

use super::super::{Codec, CodecError, CodecLimits};
use super::decode;

/// What becomes of a hostile uplink.
enum Fate {
    Time,
    Memory,
    Stack,
    Output,
    Shape,
    /// A script error whose text contains this.
    Script(&'static str),
    /// An ordinary answer with these data.
    Data(&'static str),
}
use Fate::{Data, Memory, Output, Script, Shape, Stack, Time};

/// Bodies of `decodeUplink`, run on port 2.
const HOSTILE: &[(&str, Fate)] = &[
    // Time.
    ("for (;;);", Time),
    ("for (;;) try { for (;;); } catch (e) {}", Time),
    ("try { for (;;); } finally { for (;;); }", Time),
    ("return { data: { v: /^(a+)+$/.test('a'.repeat(40) + 'b') } };", Time),
    ("return { data: { v: [2, 1].sort(() => { for (;;); }) } };", Time),
    ("return { data: { v: `${{ toString() { for (;;); } }}` } };", Time),
    ("return { get data() { for (;;); } };", Time),
    ("return { data: { get v() { for (;;); } } };", Time),
    ("throw { get message() { for (;;); } };", Time),
    ("async function f() { for (;;); } f(); return { data: { v: 1 } };", Time),
    ("function* g() { for (;;); } return { data: { v: [...g()] } };", Time),
    ("new Array(4294967295).map(() => 1);", Time),
    ("for (;;) 'ab'.repeat(1e5).toUpperCase();", Time),
    ("for (;;) new Float64Array(1e5).fill(3).sort();", Time),
    // Loops inside the engine, where the time is not looked at.
    (
        "new Array(4294967295).slice();",
        Script("slice is asked for more than a codec may do at once"),
    ),
    ("new Array(4294967295).join('');", Script("join is asked for more")),
    ("String(new Array(4294967295));", Script("is asked for more")),
    ("[].concat(new Array(4294967295));", Script("concat is asked for more")),
    ("[].slice.call({ length: 2 ** 53 - 1 });", Script("slice is asked for more")),
    (
        "let n = 0; [].slice.call({ get length() { return n++ ? 2 ** 53 - 1 : 1; } }); throw new Error('once');",
        Script("once"),
    ),
    ("[].reverse.call({ length: 2 ** 53 - 1 });", Script("reverse needs an array")),
    ("[new Array(4294967295)].flat();", Time),
    ("'a'.repeat(1e6).indexOf('a'.repeat(5e5) + 'b');", Script("indexOf is asked for more")),
    ("String.raw({ raw: { length: 2 ** 53 - 1 } });", Script("raw is asked for more")),
    // Memory and stack.
    ("const a = []; for (;;) a.push(a.slice());", Memory),
    ("let s = 'x'; for (;;) s += s;", Script("string too long")),
    ("const a = []; for (let i = 0; ; i++) a.push(('x' + i).repeat(1e5));", Memory),
    ("return { data: { v: new Uint8Array(2e9) } };", Memory),
    ("let f = () => 1; for (;;) f = f.bind(f, f);", Memory),
    (
        "try { const a = []; for (;;) a.push({}); } catch (e) { return { data: { v: e.message } }; }",
        Data("{\"v\":\"out of memory\"}"),
    ),
    ("function f() { return f() + 1; } f();", Stack),
    ("const f = () => [1].map(f); f();", Stack),
    ("JSON.parse('['.repeat(1e5));", Stack),
    // Output.
    ("return { data: { v: new Array(1e5).fill(1) } };", Output),
    ("return { data: { v: 'x'.repeat(1e5) } };", Output),
    ("let v = 1; for (let i = 0; i < 100; i++) v = { v }; return { data: v };", Output),
    ("const v = {}; v.v = v; return { data: v };", Output),
    // Shape.
    ("return null;", Shape),
    ("(async () => {})(); return (async () => ({ data: {} }))();", Shape),
    ("return (function* () { yield 1; })().next;", Shape),
    ("return { get data() { throw new Error('from a getter'); } };", Script("from a getter")),
    ("return { data: { get v() { throw new Error('from within'); } } };", Script("from within")),
    ("return new Proxy({}, {});", Script("Proxy is not defined")),
    // Tampering.
    (
        "Array.prototype.map = () => 'stolen'; return { data: { v: [1].map((x) => x) } };",
        Data("{\"v\":\"stolen\"}"),
    ),
    (
        "Date = null; return { data: { v: new Map([[1, 2]]) } };",
        Script("cannot read property 'prototype' of null"),
    ),
    ("JSON = null; Math = 1; return { data: { v: 1 } };", Data("{\"v\":1}")),
    ("Object.prototype.data = { v: 1 }; return {};", Data("{\"v\":1}")),
    (
        "Object.defineProperty(Array.prototype, 0, { set() { throw new Error('trapped'); } }); return { data: { v: 1 } };",
        Data("{\"v\":1}"),
    ),
    ("Object.setPrototypeOf(globalThis, { x: 1 }); return { data: { v: x } };", Data("{\"v\":1}")),
    ("globalThis.decodeUplink = null; return { data: { v: 1 } };", Data("{\"v\":1}")),
    (
        "input.bytes.length = 0; input.variables = null; return { data: { v: 1 } };",
        Data("{\"v\":1}"),
    ),
    (
        "Function.prototype.call = Function.prototype.apply = null; return { data: { v: 1 } };",
        Data("{\"v\":1}"),
    ),
    (
        "return { data: { v: 1, toJSON() { return 7; }, toString: null, valueOf: 1 } };",
        Data("{\"toString\":null,\"v\":1,\"valueOf\":1}"),
    ),
    ("Promise.resolve().then(() => { for (;;); }); return { data: { v: 1 } };", Data("{\"v\":1}")),
    ("import('fs'); return { data: { v: 1 } };", Data("{\"v\":1}")),
    // Throwing whatever.
    ("throw 'a text';", Script("a text")),
    ("throw 42;", Script("42")),
    ("throw undefined;", Script("undefined")),
    ("throw Symbol('s');", Script("symbol")),
    ("throw {};", Script("threw an object that is not an Error")),
    ("throw { message: 'half an error' };", Script("half an error")),
    (
        "throw { get message() { throw new Error('again'); } };",
        Script("threw an object that is not an Error"),
    ),
    ("const e = new Error('x'.repeat(1e5)); throw e;", Script("xxx…")),
    (
        "throw Object.assign(new Error('m'), { stack: 'at x (acme.js:99999999999:1)', name: { length: 1 } });",
        Script("m"),
    ),
];

#[test]
fn a_hostile_uplink_costs_only_itself() {
    for (body, fate) in HOSTILE {
        // No global is named before the switch, so that the right answer depends on nothing a script could have spoilt.
        let source = format!(
            "let calls = 0;\nfunction decodeUplink(input) {{\n  calls++;\n  if (input.fPort === 1) return {{ data: {{ calls, bytes: input.bytes.map((x) => x * 2) }} }};\n  {body}\n}}"
        );
        let limits = CodecLimits {
            time: Duration::from_millis(250),
            memory_bytes: 4 << 20,
            ..CodecLimits::default()
        };
        let mut codec = Codec::load("acme.js", &source, limits).unwrap();
        for round in 0..2 {
            let outcome = decode(&mut codec, 2, &[1, 2]);
            let fits = match (fate, &outcome) {
                (Time, Err(CodecError::Time(_)))
                | (Memory, Err(CodecError::Memory(_)))
                | (Stack, Err(CodecError::Stack(_)))
                | (Output, Err(CodecError::Output(_)))
                | (Shape, Err(CodecError::Shape(_))) => true,
                (Script(text), Err(error @ CodecError::Script { .. })) => {
                    error.to_string().contains(text)
                }
                (Data(data), Ok(output)) => *data == serde_json::to_string(&output.data).unwrap(),
                _ => false,
            };
            assert!(fits, "round {round} of {body}: {outcome:?}");
            let next =
                decode(&mut codec, 1, &[1, 2]).map(|output| serde_json::Value::Object(output.data));
            assert_eq!(
                next,
                Ok(json!({"calls": 1, "bytes": [2, 4]})),
                "after round {round} of {body}"
            );
        }
    }
}

#[test]
fn running_out_of_memory_anywhere_is_an_error_and_no_more() {
    let source = "
        class Part { #n = 1; static made = 0; constructor(b) { this.b = b; Part.made++; } get n() { return this.#n; } *each() { yield* this.b; } }
        function decodeUplink(input) {
          const out = [];
          for (let k = 0; k < 30; k++) {
            const part = new Part(input.bytes.slice()), bound = part.each.bind(part);
            out.push([...bound()], `t${k}`, { ...part, k }, new Map([[k, 1]]), new Date(k), /(?<a>b)/.exec('abc'), 'a,b'.split(','), [[k]].flat());
            out.push(JSON.parse(JSON.stringify(out[0])), new Uint8Array(k), 10n ** 20n, Buffer.from('ff00', 'hex').readUInt16BE(0));
            try { null.x } catch (e) { out.push(e) }
          }
          return { data: { n: out.length, out: out.slice(0, 9) } };
        }";
    let (mut decoded, mut exhausted) = (0, 0);
    for memory_bytes in (200_000..1_500_000).step_by(7_919) {
        let limits =
            CodecLimits { memory_bytes, time: Duration::from_secs(10), ..CodecLimits::default() };
        match Codec::load("acme.js", source, limits)
            .and_then(|mut codec| decode(&mut codec, 1, &[1, 2, 3]))
        {
            Ok(_) => decoded += 1,
            Err(CodecError::Memory(_)) => exhausted += 1,
            // What is thrown when there is no memory even for an error is not always an error.
            Err(_) => {}
        }
    }
    assert!(decoded > 10 && exhausted > 10, "{decoded} decoded, {exhausted} exhausted");
}
