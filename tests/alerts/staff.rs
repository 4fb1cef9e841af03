//! Rules that staff set up over HTTP: the same as those of the file, at once, and written down.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use stadspuls::alert::{read_rules, read_staff_rule};
use stadspuls::catalog::Catalog;
use stadspuls::document::Faults;
use stadspuls::model::AlertState;
use stadspuls::store::AlertFilter;

use super::commands::{alerts, out};
use crate::support::{Home, TestApp, Up, WATER, ago, eventually, publish};

fn home() -> Home {
    let home = Home::new();
    home.configure("[listener.inside]\nbind = \"127.0.0.1:0\"\n");
    home
}

fn too_warm(limit: f64) -> Value {
    json!({
        "rule": { "quantity": "water_temperature", "above": limit, "sites": ["badplatsen"] },
        "who": "Eva",
        "why": "prov",
    })
}

fn origins(app: &TestApp) -> BTreeMap<String, (String, bool)> {
    let rules = app.api.staff("alert-rules")["rules"].clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let entry = |rule: &Value| {
        (text(&rule["id"]), (text(&rule["origin"]), rule["in_force"].as_bool().unwrap()))
    };
    rules.as_array().unwrap().iter().map(entry).collect()
}

#[test]
fn a_rule_of_the_staff_watches_at_once_and_after_a_restart_until_it_is_withdrawn() {
    let home = home();
    let app = TestApp::start(&home);
    let (status, made) = app.api.send("PUT", "alert-rules/varmt", &too_warm(25.0));
    assert_eq!((status, &made["in_force"]), (200, &json!(true)), "{made}");
    publish(app.listener("inside"), &[Up::water(WATER, 1, 255).at(ago(9)).message()]);
    app.api.received(1);
    let alert = app.api.staff("alerts")["alerts"][0].clone();
    assert_eq!((&alert["rule"], &alert["state"]), (&json!("varmt"), &json!("open")));
    app.stop();

    let app = TestApp::start(&home);
    publish(app.listener("inside"), &[Up::water(WATER, 2, 256).at(ago(8)).message()]);
    app.api.received(1);
    assert_eq!(app.api.staff("alerts")["alerts"].as_array().unwrap().len(), 1);
    assert_eq!(app.api.metric("alert_rules", &[("origin", "staff")]), 1.0);
    app.reload(&home);
    publish(app.listener("inside"), &[Up::water(WATER, 3, 257).at(ago(7)).message()]);
    app.api.received(2);
    assert_eq!(app.api.staff("alerts/1")["state"], "open", "a reload takes no rule of the staff");

    let (status, _) = app.api.send("DELETE", "alert-rules/varmt?who=Bo&why=klart", &json!(null));
    assert_eq!(status, 200);
    publish(app.listener("inside"), &[Up::water(WATER, 4, 258).at(ago(6)).message()]);
    app.api.received(3);
    let alert = app.api.staff("alerts/1");
    assert_eq!(alert["state"], "resolved", "{alert}");
    assert_eq!(alert["history"][1]["note"], "the rule or what it was about is gone");

    let past = app.api.staff("alert-rules/varmt");
    assert_eq!(past["in_force"], false);
    let who: Vec<&Value> =
        past["history"].as_array().unwrap().iter().map(|change| &change["who"]).collect();
    assert_eq!(who, ["Eva", "Bo"]);
    assert_eq!(past["history"][0]["rule"]["above"], 25.0);
    assert_eq!(past["history"][1]["rule"], json!(null));
}

#[test]
fn a_new_limit_holds_for_what_is_known_already() {
    let app = TestApp::start(&home());
    publish(app.listener("inside"), &[Up::water(WATER, 1, 255).at(ago(9)).message()]);
    app.api.received(1);
    for (limit, state) in [(25.0, "open"), (26.0, "resolved")] {
        app.api.send("PUT", "alert-rules/varmt", &too_warm(limit));
        eventually(state, || {
            let filter = AlertFilter { state: AlertState::from_name(state), from: None, limit: 9 };
            (app.alerts(filter).len() == 1).then_some(())
        });
    }
    assert_eq!(app.api.metric("alerts_opened_total", &[]), 1.0);
}

#[test]
fn rules_that_come_close_together_are_all_held_against_what_is_known() {
    const RULES: usize = 12;
    let app = TestApp::start(&home());
    publish(app.listener("inside"), &[Up::water(WATER, 1, 255).at(ago(9)).message()]);
    app.api.received(1);
    std::thread::scope(|scope| {
        for number in 0..RULES {
            let api = &app.api;
            scope.spawn(move || {
                api.send("PUT", &format!("alert-rules/r-{number}"), &too_warm(25.0))
            });
        }
    });
    eventually("all have opened", || {
        let filter = AlertFilter { state: None, from: None, limit: 99 };
        (app.alerts(filter).len() == RULES).then_some(())
    });
}

#[test]
fn what_is_wrong_with_a_rule_is_said_by_key_as_it_is_of_the_file() {
    let home = home();
    home.write(
        "fleet/alerts.toml",
        "[[rule]]\nid = \"i-filen\"\nquantity = \"water_temperature\"\nabove = 25.0\n",
    );
    let app = TestApp::start(&home);
    let put = |id: &str, rule: Value| {
        let body = json!({ "rule": rule, "who": "Eva", "why": "prov" });
        app.api.send("PUT", &format!("alert-rules/{id}"), &body)
    };
    let good = || json!({ "quantity": "water_temperature", "above": 25.0 });
    let with = |key: &str, value: Value| {
        let mut rule = good();
        rule.as_object_mut().unwrap().insert(key.to_owned(), value);
        rule
    };
    #[rustfmt::skip]
    let cases = [
        ("a", with("above", json!("hett")), "above", "\"hett\"", "a number"),
        ("a", with("above", json!(900)), "above", "900", "a limit within the range of water_temperature"),
        ("a", with("sites", json!(["ingen"])), "sites", "[\"ingen\"]", "ids of sites, as ingen is not"),
        ("a", with("quantity", json!("water")), "quantity", "\"water\"", "a quantity of quantities.toml"),
        ("a", with("longitude", json!(12)), "longitude", "12, an unknown key", "one of the keys above,"),
        ("a", with("sv", json!("{position}")), "sv", "\"{position}\"", "a text with no placeholders but"),
        ("a", with("clear", json!(26)), "clear", "26", "at most above"),
        ("a", with("below", json!(3)), "id", "\"a\"", "a rule with exactly one of above,"),
        ("A_b", good(), "id", "\"A_b\"", "an id of lower-case letters"),
        ("silent", good(), "id", "\"silent\"", "an id that no other rule has"),
    ];
    for (id, rule, key, value, wanted) in cases {
        let (status, answer) = put(id, rule);
        let errors = answer["errors"].as_array().unwrap();
        assert_eq!((status, errors.len()), (422, 1), "{answer}");
        assert_eq!((&errors[0]["key"], &errors[0]["value"]), (&json!(key), &json!(value)));
        assert!(errors[0]["wanted"].as_str().unwrap().starts_with(wanted), "{answer}");
    }
    for after in ["300000y", "0s"] {
        let stale = json!({ "quantity": "water_temperature", "stale_after": after });
        let (status, answer) = put("a", stale);
        assert_eq!((status, &answer["errors"][0]["key"]), (422, &json!("stale_after")));
    }
    let (status, answer) = put("a", with("above", json!(null)));
    assert_eq!(status, 422, "{answer}");
    assert_eq!(put("i-filen", good()).0, 409, "the file is the operator's");
    assert_eq!(put("a", with("id", json!("b"))).0, 400);
    let nameless = json!({ "rule": good(), "who": " ", "why": "prov" });
    assert_eq!(app.api.send("PUT", "alert-rules/a", &nameless).0, 400);
    assert_eq!(app.api.send("DELETE", "alert-rules/a?who=E&why=s", &json!(null)).0, 404);
    assert_eq!(app.api.send("DELETE", "alert-rules/i-filen?who=E&why=s", &json!(null)).0, 409);
    assert_eq!(app.api.send("DELETE", "alert-rules/a?who=E", &json!(null)).0, 400);

    let all = origins(&app);
    assert_eq!(all.get("i-filen"), Some(&("file".to_owned(), true)));
    assert_eq!(all.get("silent"), Some(&("built_in".to_owned(), true)));
    assert_eq!(all.get("a"), None, "nothing that was refused is there");
}

#[test]
fn a_rule_that_no_longer_fits_is_said_and_blocks_nothing() {
    let home = home();
    let app = TestApp::start(&home);
    let mut rule = too_warm(25.0);
    rule["rule"]["sites"] = json!(["bron"]);
    assert_eq!(app.api.send("PUT", "alert-rules/bron", &rule).0, 200);
    assert_eq!(app.api.send("PUT", "alert-rules/varmt", &too_warm(25.0)).0, 200);

    let sites = home.read("fleet/sites.toml").replace("id = \"bron\"", "id = \"nya-bron\"");
    home.write("fleet/sites.toml", &sites);
    let moved = home.read("fleet/deployments.toml").replace("\"bron\"", "\"nya-bron\"");
    home.write("fleet/deployments.toml", &moved);
    home.write(
        "fleet/alerts.toml",
        "[[rule]]\nid = \"varmt\"\nquantity = \"water_temperature\"\nabove = 20.0\n",
    );
    app.reload(&home);
    let said = eventually("it is said", || app.api.complaints().remove("alert rules"));
    assert!(said.starts_with("bron, varmt of the staff watch nothing"), "{said}");
    assert_eq!(app.api.metric("alert_rules", &[("origin", "unfit")]), 2.0);
    let listed = out(&alerts(&home, &["rules"]));
    let shown = "watches nothing: sites is [\"bron\"], want ids of sites, as bron is not";
    assert!(listed.contains(shown) && listed.contains("(Eva: prov)"), "{listed}");
    assert!(listed.contains("missed = 3") && listed.contains("above = 20.0"), "{listed}");
    let unfit = app.api.staff("alert-rules/bron");
    assert_eq!(unfit["in_force"], false);
    assert_eq!(unfit["errors"][0]["key"], "sites", "{unfit}");
    publish(app.listener("inside"), &[Up::water(WATER, 1, 215).at(ago(9)).message()]);
    app.api.received(1);
    let alerts = app.api.staff("alerts")["alerts"].clone();
    assert_eq!(alerts.as_array().unwrap().len(), 1, "{alerts}");
    assert_eq!(alerts[0]["rule"], "varmt", "the file goes before: {alerts}");
    app.api.send("DELETE", "alert-rules/bron?who=Eva&why=flyttad", &json!(null));
    app.api.send("DELETE", "alert-rules/varmt?who=Eva&why=i+filen", &json!(null));
    eventually("all fit", || app.api.complaints().is_empty().then_some(()));
}

#[test]
fn each_rule_of_the_file_is_shown_as_what_would_make_the_same_rule() {
    let faults = Faults::default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/demo");
    let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("decoders");
    let catalog = Catalog::load(&[built_in], &faults);
    let fleet = stadspuls::registry::read_fleet(&folder, &catalog, &faults);
    let home = Home::empty();
    let more = r#"
        [[rule]]
        id = "stiger"
        quantity = "water_level"
        rises = { by = 0.1, within = "90m" }
        kinds = ["gauging_station"]
        for = "36h"
        clear_for = "10m"
        season = ["11-15", "03-31"]
        quiet = { from = "22:00", until = "06:30" }
        runbook = "https://example.se/a"
        severity = "critical"
        late_after = "90s"
        [[rule]]
        id = "faller"
        quantity = "water_level"
        falls = { by = 1, within = "7d" }
        [[rule]]
        id = "natt"
        quantity = "water_flow_night_min"
        over_baseline = { factor = 2, margin = 0.5, days = 21 }
        [[rule]]
        id = "tyst"
        quantity = "water_level"
        stale_after = "6h"
        [[rule]]
        id = "under"
        quantity = "water_level"
        below = -1.5
    "#;
    home.write("alerts.toml", more);
    let mut rules = read_rules(&folder, &catalog, &fleet.sites, &faults).rules;
    rules.extend(read_rules(&home.path(""), &catalog, &fleet.sites, &faults).rules);
    let found = faults.into_vec();
    assert_eq!(found, []);
    let of_staff: Vec<_> =
        rules.into_iter().filter(|rule| !rule.id.0.starts_with("battery")).collect();
    assert!(of_staff.len() > 8, "{of_staff:?}");
    for rule in of_staff {
        let text = rule.as_json().to_string();
        assert_eq!(read_staff_rule(&text, &catalog, &fleet.sites).as_ref(), Ok(&rule), "{text}");
    }
}
