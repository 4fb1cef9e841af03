//! Nothing of one uplink reaches the next.

use super::{data_of, json_of, load};
use serde_json::json;

#[test]
fn no_state_survives_an_uplink() {
    for source in [
        "let n = 0; function decodeUplink() { n++; return { data: { n } } }",
        "var n = 0; function decodeUplink() { n++; return { data: { n } } }",
        "const state = { n: 0 }; function decodeUplink() { state.n++; return { data: { n: state.n } } }",
        "function decodeUplink() { decodeUplink.n = (decodeUplink.n || 0) + 1; return { data: { n: decodeUplink.n } } }",
        "class K { static n = 0 } function decodeUplink() { K.n++; return { data: { n: K.n } } }",
        "function decodeUplink() { globalThis.n = (globalThis.n || 0) + 1; return { data: { n: globalThis.n } } }",
        "function decodeUplink() { if (typeof n === 'undefined') n = 0; n++; return { data: { n } } }",
        "function decodeUplink() { Array.prototype.n = (Array.prototype.n || 0) + 1; return { data: { n: [].n } } }",
        "function decodeUplink() { Object.prototype.n = (({}).n || 0) + 1; return { data: { n: ({}).n } } }",
        "function decodeUplink() { const p = (function* () {}).prototype.__proto__; p.n = (p.n || 0) + 1; return { data: { n: p.n } } }",
        "function decodeUplink() { const p = [][Symbol.iterator]().__proto__; p.n = (p.n || 0) + 1; return { data: { n: p.n } } }",
        "function decodeUplink() { Math.n = (Math.n || 0) + 1; return { data: { n: Math.n } } }",
        "function decodeUplink() { console.n = (console.n || 0) + 1; return { data: { n: console.n } } }",
        "function decodeUplink() { Buffer.n = (Buffer.n || 0) + 1; return { data: { n: Buffer.n } } }",
        "function decodeUplink() { Date.n = (Date.n || 0) + 1; return { data: { n: Date.n } } }",
        "function decodeUplink(input) { input.variables.n = (input.variables.n || 0) + 1; return { data: { n: input.variables.n } } }",
        "const r = /x/g; function decodeUplink() { r.test('xx'); return { data: { n: r.lastIndex } } }",
        "function tag(strings) { strings.raw; return strings } const seen = new WeakMap();
         function decodeUplink() { const t = tag`x`; seen.set(t, (seen.get(t) || 0) + 1); return { data: { n: seen.get(t) } } }",
        "function decodeUplink() { const old = Error.prepareStackTrace; Error.prepareStackTrace = () => 1; return { data: { n: old ? 2 : 1 } } }",
        "function decodeUplink() { const old = Error.stackTraceLimit; Error.stackTraceLimit = 7; return { data: { n: old === 7 ? 2 : 1 } } }",
        "let n = 0; Promise.resolve().then(() => { n += 10 }); function decodeUplink() { n++; return { data: { n } } }",
        "function decodeUplink() { const was = Date.prototype.n; Date.prototype.n = 1; return { data: { n: was ? 2 : 1 } } }",
    ] {
        let mut codec = load(source);
        for uplink in 0..3 {
            assert_eq!(json_of(&mut codec, 1, &[])["data"], json!({"n": 1}), "uplink {uplink} of {source}");
        }
    }
}

#[test]
fn a_refused_write_that_the_script_hides_is_still_noticed() {
    let body =
        "try { JSON.mine = 1; undeclared = 2; } catch (e) { return { data: { ok: false } }; }
                return { data: { ok: JSON.mine + undeclared === 3 } };";
    assert_eq!(data_of(body), json!({"ok": true}));
}
