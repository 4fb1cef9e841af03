use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::source;
use crate::support::{Home, Mosquitto, Process, TestApp, eventually};

fn succeeds(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| {
        panic!("{command:?}: {error}; run ./test, which installs what the tests need")
    });
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A broker that knows one user.
fn with_user(username: &str, password: &str) -> Mosquitto {
    Mosquitto::with("allow_anonymous false\npassword_file {dir}/passwords\n", |dir| {
        set_password(dir, username, password);
    })
}

fn set_password(dir: &Path, username: &str, password: &str) {
    let file = dir.join("passwords");
    succeeds(
        Command::new("mosquitto_passwd").args(["-c", "-b"]).arg(file).args([username, password]),
    );
}

#[test]
fn a_wrong_password_is_logged_once_tried_again_and_renewed_without_a_restart() {
    for protocol in ["5", "3.1.1"] {
        let broker = with_user("stadspuls", "the right one");
        let home = Home::new();
        home.write("broker.password", "a wrong one\n");
        let settings = format!(
            "protocol = \"{protocol}\"\nusername = \"stadspuls\"\n\
             password = {{ file = \"broker.password\" }}"
        );
        home.configure(&source("main", &broker, &settings));
        let service = Process::start(&home);
        service.api.reaches("source_errors_total", &[("reason", "refused")], 3.0);
        let told = service.api.trouble("source main");
        assert!(told.contains("refused"), "{protocol}: {told}");
        let warnings = |service: &Process| {
            let log = service.log();
            log.iter()
                .filter(|line| line["level"] == "WARN")
                .map(Value::to_string)
                .collect::<Vec<_>>()
        };
        let logged = warnings(&service);
        assert_eq!(logged.len(), 1, "{protocol}: {logged:#?}");
        for line in service.log() {
            assert!(!line.to_string().contains("a wrong one"), "a secret is logged: {line}");
        }

        home.write("broker.password", "the right one\n");
        service.api.connected("main");
        service.api.ready();
        service.stop();
    }
}

/// A broker whose clients may subscribe to `application/#` and nothing else: its file of access
/// rules says nothing about subscribing, so this takes the plugin that comes with it.
fn with_subscription_rules() -> Mosquitto {
    const PLUGIN: &str = "mosquitto_dynamic_security.so";
    let folders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib"];
    let plugin = folders.map(|folder| Path::new(folder).join(PLUGIN));
    let plugin = plugin.iter().find(|path| path.exists()).expect("mosquitto has its plugin");
    let settings = format!(
        "allow_anonymous false\nplugin {}\nplugin_opt_config_file {{dir}}/rules.json\n",
        plugin.display()
    );
    Mosquitto::with(&settings, |dir| {
        let file = dir.join("rules.json");
        succeeds(
            Command::new("mosquitto_ctrl")
                .args(["dynsec", "init"])
                .arg(&file)
                .args(["stadspuls", "the right one"]),
        );
        let mut rules: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        rules["defaultACLAccess"] = json!({
            "publishClientSend": true, "publishClientReceive": true,
            "subscribe": false, "unsubscribe": true,
        });
        let allowed = json!({
            "acltype": "subscribePattern", "topic": "application/#", "priority": 0, "allow": true,
        });
        rules["roles"][0]["acls"] = json!([allowed]);
        std::fs::write(&file, rules.to_string()).unwrap();
    })
}

#[test]
fn a_refused_filter_shows_in_health_and_metrics() {
    for protocol in ["5", "3.1.1"] {
        let broker = with_subscription_rules();
        let home = Home::new();
        home.write("broker.password", "the right one");
        let configure = |filters: &str| {
            home.configure(&format!(
                "[source.main]\nbroker = \"mqtt://stadspuls@127.0.0.1:{}\"\nclient_id = \"a\"\n\
                 protocol = \"{protocol}\"\npassword = {{ file = \"broker.password\" }}\n\
                 filters = {filters}\n",
                broker.port()
            ));
        };
        configure("[\"application/#\", \"secret/#\"]");
        let app = TestApp::start(&home);
        let refused = [("source", "main"), ("reason", "subscription_refused")];
        app.api.reaches("source_errors_total", &refused, 1.0);
        let reason = app.api.trouble("source main");
        assert!(reason.contains("secret/#"), "{protocol}: {reason}");
        assert!(!reason.contains("application/#"), "{protocol}: {reason}");
        assert_eq!(app.api.metric("source_connected", &[]), 0.0, "{protocol}");
        app.stop();

        configure("[\"application/#\"]");
        let app = TestApp::start(&home);
        app.api.connected("main");
        app.api.ready();
    }
}

#[test]
fn a_user_of_the_broker_is_let_in_with_the_right_password() {
    let broker = with_user("stadspuls", "åäö and a blank");
    let home = Home::new();
    home.write("broker.password", "åäö and a blank\n");
    let settings = "username = \"stadspuls\"\npassword = { file = \"broker.password\" }";
    home.configure(&source("main", &broker, settings));
    let app = TestApp::start(&home);
    app.api.connected("main");
    eventually("the broker knows the user", || broker.log().contains("u'stadspuls'").then_some(()));
}
