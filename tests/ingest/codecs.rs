use std::time::{Duration, Instant};

use super::with_listener;
use crate::support::{Home, Message, TestApp, Up, WATER, publish};

const BAD: &str = "0e7a11fffe0000b0";

/// A catalogue folder beside the built-in one, with a single profile and this codec.
fn with_codec(codec: &str) -> Home {
    let home = with_listener();
    let before = home.read("stadspuls.toml");
    home.write("stadspuls.toml", &format!("{before}\n[catalog]\npaths = [\"catalog\"]\n"));
    home.write("catalog/acme/vendor.toml", "name = \"Acme\"\n");
    home.write("catalog/acme/odd.js", codec);
    home.write(
        "catalog/acme/odd.toml",
        r#"
        name = "Odd"
        interval = "10m"
        [[measurement]]
        from = "temperature"
        quantity = "water_temperature"
        [[example]]
        name = "as it should be"
        f_port = 5
        payload = "00"
        expect = { water_temperature = 0.0 }
        "#,
    );
    home.add_device(BAD, "acme/odd");
    home.add_deployment(BAD, "bron", "2020-01-01T00:00:00Z", None);
    home
}

#[test]
fn a_codec_that_misbehaves_costs_its_own_uplink_only() {
    let cases = [
        ("hangs", "function decodeUplink() { while (true) {} }", "ran longer than"),
        (
            "hangs where it is caught",
            "function decodeUplink() { while (true) { try { while (true) {} } catch (e) {} } }",
            "ran longer than",
        ),
        (
            "takes all memory",
            "function decodeUplink() { const a = []; while (true) a.push('x'.repeat(1e5) + a.length); }",
            "memory",
        ),
        ("calls itself", "function decodeUplink(i) { return decodeUplink(i); }", "nested deeper"),
        ("throws", "function decodeUplink() { throw new Error('no such port'); }", "no such port"),
        ("refuses", "function decodeUplink() { return { errors: ['too old'] }; }", "too old"),
        ("says nothing", "function decodeUplink() {}", ""),
        ("does not parse", "function decodeUplink( {", "line 1"),
        ("has no decoder", "function encode() {}", "decodeUplink"),
    ];
    for (case, codec, reason) in cases {
        let app = TestApp::start(&with_codec(codec));
        let messages: Vec<Message> = (0..6)
            .map(|f_cnt| match f_cnt % 2 {
                0 => Up::of(BAD, f_cnt, &[0]).message(),
                _ => Up::water(WATER, f_cnt, 100 + i16::try_from(f_cnt).unwrap()).message(),
            })
            .collect();
        let started = Instant::now();
        publish(app.listener("inside"), &messages);
        app.api.received(6);
        assert!(started.elapsed() < Duration::from_secs(20), "{case}: {:?}", started.elapsed());

        let rows = app.api.ledger();
        for (number, row) in rows.iter().enumerate() {
            let wanted = if number % 2 == 0 { "codec_error" } else { "stored" };
            assert_eq!(row["outcome"], wanted, "{case}: {row}");
        }
        let told = rows[0]["reason"].as_str().unwrap();
        assert!(told.contains(reason), "{case}: {told:?}, want {reason:?}");
        assert_eq!(app.api.values("badplatsen", "water_temperature").len(), 3, "{case}");
        app.api.ready();
    }
}
