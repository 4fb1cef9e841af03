//! What need not be started anew for each uplink, and that nothing else is spared it.

use serde_json::json;

use super::super::outset::definitions;
use super::{json_of, load};

/// What a script that is spared has beside what is tried.
const DECODER: &str = "function decodeUplink(input) { return { data: { n: 1 } }; }";

#[test]
fn functions_and_tables_are_made_once() {
    for source in [
        "",
        "'use strict';",
        "// A comment.\n/* Another. */",
        "const A = 0x1f, B = -1.5e-3, C = 1 << 5 | 3, D = 'text', E = null;",
        "const TABLE = { 0x01: 2, two: [1, , 2], 'three': { four: true, }, f, g: f, h: [f, f], };\nfunction f(v) { return v; }",
        "const g = (a, b = a) => a + b, h = a => { return a; };\nconst i = function () {};",
        "const TABLE = { a: (v) => v / 2, b: ([x, y]) => ({ x, y }), c: (v) => {\n  return v;\n} };",
        "var old = [1, 2];\nlet older = 5;\nfunction read() { return old[0] + read(1, older, 2).length; }",
        "function other() { const a = 1 / 2, b = 3 / 4; return /[/'\"]/.test(`${a / b} ' ${other()}`) ? '/' : \"'\"; }",
        "function distance(mm) { return { distance: mm, a: mm.distance, ...distance(mm) }; }",
        "function hex(byte) { return byte; } function all(list) { return map(list, hex); } function map() {}",
    ] {
        assert!(definitions(&format!("{source}\n{DECODER}")).is_some(), "{source}");
        assert!(definitions(&format!("{DECODER}{source}")).is_some(), "{source}");
    }
    let names = definitions("const A = 1; function f() {} const decodeUplink = () => ({});");
    assert_eq!(names, Some(vec!["A", "decodeUplink", "f"]));
}

#[test]
fn whatever_else_a_script_does_it_does_for_each_uplink() {
    for source in [
        // What is made can be written to, or something is done.
        "const cache = new Map();",
        "const r = /x/g;",
        "const now = Date.now();",
        "const list = [f()]; function f() { return []; }",
        "const text = `${{}}`;",
        "const text = f`x`; function f() {}",
        "const o = { get n() { return 1; } };",
        "const o = { m() { return 1; } };",
        "const o = { __proto__: [] };",
        "const o = { ...[1] };",
        "const o = { [1]: 1 };",
        "const o = unknown;",
        "class A {}",
        "async function f() {}",
        "function* f() {}",
        "if (true) { var n = 0; }",
        "let n;",
        "n = 0;",
        "module.exports = { decodeUplink };",
        "const [a] = [1];",
        // A new line begins a new statement.
        "const f = (a) => a\nlet n = 0;",
        "const f = (a) => a // a comment\nn = 3;",
        "const f = (a) => a /* a comment\n */ n = 3;",
        "const f = () => {}\n(1, 2);",
        // A name gets another value.
        "let n = 0; function f() { n++; }",
        "let n = 0; function f() { ++n; }",
        "let n = 0; function f(a) { return a ? --n : 1; }",
        "let n = 0; function f() { n += 1; }",
        "let n = 0; function f() { (n) = 1; }",
        "let n = 0; function f() { for (const x of (n) = [1]) {} }",
        "let n = 0; function f() { return (n) = 1; }",
        "let n = 0; function f() { [n] = [1]; }",
        "let n = 0; function f() { [1, n, 2] = [1]; }",
        "let n = 0; function f() { ({ n } = { n: 1 }); }",
        "let n = 0; function f() { ({ a: n } = { a: 1 }); }",
        "let n = 0; function f() { [...n] = [1]; }",
        "let n = 0; function f() { for (n of [1]) {} }",
        "let n = 0; function f() { for (n in { a: 1 }) {} }",
        "function f() {} function g() { f = 1; }",
        "function f() { decodeUplink = 1; }",
        // A writing that is hidden from a careless reader.
        "let n = 0; function f(a) { if (a) /\"/.test(a); n = 1; a = '\"'; }",
        "let n = 0; function f(a) { return a.if(1) / 2 / (n = 1); }",
        "let n = 0; function f(a) { return a++ / 2; n = 1; 1 / 2; }",
        "let n = 0; function f(a) { {} /'/; n = 1; a = '/; }",
        "let n = 0; function f() { return /[[a]/']/v; n = 1; x = '; }",
        "let n = 0; function f() { `${`${n = 1}`}`; }",
        "let n = 0; function f() { x = 1 <!-- '\n n = 1; // '\n }",
        "let n = 0; function f() { //\u{2028} n = 1;\n }",
        "let n = 0; function f() { \\u006e = 1; }",
        // It might notice that it is frozen.
        "const t = {}; function f() { return Reflect.set(t, 'n', 1); }",
        "const t = {}; function f() { return Object.isFrozen(t); }",
        // Broken.
        "function f( { )",
        "const a = [1 2];",
        "const a = 'x",
    ] {
        assert_eq!(definitions(&format!("{source}\n{DECODER}")), None, "{source}");
    }
    assert_eq!(definitions("const decode = () => ({});"), None, "no decoder by its name");
}

#[test]
fn what_is_made_once_keeps_nothing_of_an_uplink() {
    for source in [
        "const t = { n: 0 }; function decodeUplink() { t.n++; return { data: { n: t.n } }; }",
        "const t = [[0]]; function decodeUplink() { t[0][0]++; return { data: { n: t[0][0] } }; }",
        "const t = []; function decodeUplink() { t.push(1); return { data: { n: t.length } }; }",
        "var t = { n: 0 }; function decodeUplink() { try { t.n++; } catch (e) {} return { data: { n: t.n } }; }",
        "const f = () => 1; function decodeUplink() { f.n = (f.n || 0) + 1; return { data: { n: f.n } }; }",
        "const t = { f: (v) => v }; function decodeUplink() { t.f.n = (t.f.n || 0) + 1; return { data: { n: t.f.n } }; }",
        "function F() {} function decodeUplink() { const p = new F().constructor.prototype; p.n = (p.n || 0) + 1; return { data: { n: p.n } }; }",
        "function F() {} const t = [F]; function decodeUplink() { const p = t[0].prototype; p.n = (p.n || 0) + 1; return { data: { n: p.n } }; }",
        "const t = {}; function decodeUplink() { Object.defineProperty(t, 'n', { value: (t.n || 0) + 1, configurable: true }); return { data: { n: t.n } }; }",
        "const t = {}; function decodeUplink() { const was = Object.getPrototypeOf(t); Object.setPrototypeOf(t, { n: was.n ? 2 : 1 }); return { data: { n: t.n } }; }",
        "const t = {}; function decodeUplink() { if (typeof n === 'undefined') n = 0; n++; return { data: { n } }; }",
    ] {
        assert!(definitions(source).is_some(), "{source}");
        let mut codec = load(source);
        for uplink in 0..4 {
            let data = &json_of(&mut codec, 1, &[])["data"];
            assert_eq!(*data, json!({"n": 1}), "uplink {uplink} of {source}");
        }
    }
}

#[test]
fn a_script_that_writes_to_its_tables_is_started_anew_in_a_kept_context() {
    let mut codec = load(
        "const scratch = {};
         function decodeUplink(input) { scratch.port = input.fPort; return { data: { ...scratch } }; }",
    );
    for port in 1..4 {
        assert_eq!(json_of(&mut codec, port, &[])["data"], json!({ "port": port }));
    }
    assert!(format!("{codec:?}").contains("kept"), "{codec:?}");
}
