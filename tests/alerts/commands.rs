//! Alerts as staff see them: over HTTP and by command.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::support::{Home, TestApp, Up, WATER, ago, eventually, publish};

pub fn alerts(home: &Home, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stadspuls"));
    command.arg("alerts").args(arguments).arg("--config").arg(home.config());
    command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap()
}

pub fn out(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn an_alert_is_seen_taken_on_and_over_with_its_reading_and_its_uplink() {
    let home = Home::new();
    home.write(
        "fleet/alerts.toml",
        "[[rule]]\nid = \"varmt\"\nquantity = \"water_temperature\"\nabove = 25.0\nclear = 24.0\n\
         sv = \"{site}: {value} {unit}\"\nrunbook = \"https://example.se/varmt\"\n",
    );
    home.configure("[listener.inside]\nbind = \"127.0.0.1:0\"\n");
    let app = TestApp::start(&home);
    let to = app.listener("inside");
    let sent = ago(5);
    publish(to, &[Up::water(WATER, 1, 255).at(sent).message()]);
    app.api.received(1);

    let listed = app.api.staff("alerts")["alerts"].clone();
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    let alert = &listed[0];
    assert_eq!(alert["rule"], "varmt");
    assert_eq!((&alert["subject"], &alert["state"]), (&json!("site:badplatsen"), &json!("open")));
    assert_eq!(alert["sv"], "Badplatsen: 25,5 °C");
    assert_eq!(alert["runbook"], "https://example.se/varmt");
    assert_eq!(alert["evidence"]["value"], 25.5);
    let uplink = alert["evidence"]["uplink"].as_str().unwrap().to_owned();
    let row = app.api.staff(uplink.strip_prefix("/api/v1/staff/").unwrap());
    assert_eq!(row["outcome"], "stored");

    let text = out(&alerts(&home, &["list"]));
    assert!(text.contains("warning   open") && text.contains("site:badplatsen"), "{text}");
    let text = out(&alerts(&home, &["ack", "1", "--by", "Eva", "--note", "badar själv"]));
    assert!(text.contains("acknowledged by Eva"), "{text}");
    let again = alerts(&home, &["ack", "1", "--by", "Eva"]);
    let said = String::from_utf8(again.stderr).unwrap();
    assert!(!again.status.success() && said.contains("is acknowledged and not open"), "{said}");

    publish(to, &[Up::water(WATER, 2, 239).at(ago(2)).message()]);
    let detail = eventually("it is over", || {
        let detail = app.api.staff("alerts/1");
        (detail["state"] == "resolved").then_some(detail)
    });
    let history: Vec<&Value> =
        detail["history"].as_array().unwrap().iter().map(|event| &event["what"]).collect();
    assert_eq!(history, ["opened", "acknowledged", "resolved"]);
    assert_eq!(detail["history"][1]["note"], "badar själv");
    assert_eq!(app.api.staff("alerts")["alerts"], json!([]));
    let json: Value =
        serde_json::from_str(&out(&alerts(&home, &["list", "--state", "resolved", "--json"])))
            .unwrap();
    assert_eq!(json["alerts"][0]["id"], 1);
    assert_eq!(app.api.metric("alerts_opened_total", &[("severity", "warning")]), 1.0);
}

#[test]
fn what_staff_send_is_checked_and_written_down() {
    let home = Home::new();
    home.configure("[listener.inside]\nbind = \"127.0.0.1:0\"\n");
    let app = TestApp::start(&home);
    let silence =
        json!({ "rule": "varmt", "until": "2100-01-01T00:00:00Z", "who": "Eva", "why": "sol" });
    let (status, made) = app.api.send("POST", "silences", &silence);
    assert_eq!((status, &made["id"]), (200, &json!(1)), "{made}");
    assert_eq!(app.api.staff("silences")["silences"][0]["why"], "sol");
    assert!(out(&alerts(&home, &["silences"])).contains("varmt about anything"));
    let (status, _) = app.api.send("DELETE", "silences/1?who=Eva", &json!(null));
    assert_eq!(status, 200);
    assert_eq!(app.api.staff("silences")["silences"], json!([]));
    let made = out(&alerts(&home, &["silence", "--for", "2h", "--by", "Eva", "--why", "test"]));
    assert!(made.starts_with("silence 2 until "), "{made}");
    assert!(out(&alerts(&home, &["unsilence", "2", "--by", "Eva"])).contains("has ended"));

    for (method, path, body, status, wanted) in [
        ("POST", "silences", json!({ "until": "2100-01-01T00:00:00Z", "who": "Eva" }), 400, "why"),
        (
            "POST",
            "silences",
            json!({ "until": "2020-01-01T00:00:00Z", "who": "E", "why": "s" }),
            400,
            "until",
        ),
        (
            "POST",
            "silences",
            json!({ "subject": "bron", "until": "2100-01-01T00:00:00Z", "who": "E", "why": "s" }),
            400,
            "subject",
        ),
        ("POST", "alerts/7/acknowledge", json!({ "who": " " }), 400, "who"),
        ("POST", "alerts/7/acknowledge", json!({ "who": "Eva" }), 404, "nothing here"),
        ("DELETE", "silences/7?who=Eva", json!(null), 404, "nothing here"),
    ] {
        let (is, answer) = app.api.send(method, path, &body);
        let detail = answer["detail"].as_str().unwrap_or_default();
        assert_eq!(is, status, "{path}: {answer}");
        assert!(detail.contains(wanted), "{path}: {answer}");
    }
}
