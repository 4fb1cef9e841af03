//! Whoever is to be told is told once, whatever happens on the way: against a real Alertmanager, and against servers
//! that answer whatever they are told to.

mod alertmanager;
mod command;
mod email;
mod escalation;
mod secure_mail;
mod server;
mod smtp;
mod webhook;

use stadspuls::model::AlertState;
use stadspuls::store::{Alert, AlertFilter};

use crate::support::{Home, TestApp, Up, ago, publish};

/// Warm water at any site.
const RULES: &str = r#"
[[rule]]
id = "varmt"
quantity = "water_temperature"
above = 25.0
severity = "critical"
sv = "{site} är {value} {unit} varmt"
en = "{site} is {value} {unit} warm"
runbook = "https://rutiner.example.se/varmt"
[builtin.silent]
off = true
"#;

/// A home with the rule above, a listener to publish to, and channels.
fn home(channels: &str) -> Home {
    let home = Home::new();
    home.write("fleet/alerts.toml", RULES);
    home.write("hook.secret", "första nyckeln\n");
    home.configure(&format!(
        "public_url = \"https://data.example.se\"\n[listener.inside]\nbind = \"127.0.0.1:0\"\n{channels}\n"
    ));
    home
}

/// A channel that loses no time.
fn webhook(name: &str, url: &str, settings: &str) -> String {
    format!(
        "[[alert.channel]]\nname = \"{name}\"\nkind = \"webhook\"\nurl = \"{url}\"\n\
         secret = {{ file = \"hook.secret\" }}\n{QUICK}{settings}\n"
    )
}

const QUICK: &str = "group_wait = \"0s\"\nretry_min = \"20ms\"\n";

/// A sensor says so many tenths of a degree; later ones have higher numbers.
fn says(app: &TestApp, sensor: &str, number: u32, tenths: i16) {
    let up = Up::water(sensor, number, tenths).at(ago(60 - i64::from(number)));
    publish(app.listener("inside"), &[up.message()]);
}

const WARM: i16 = 255;
const COOL: i16 = 245;

/// The alerts that stand or, with a state, those in it.
fn alerts(app: &TestApp, state: Option<AlertState>) -> Vec<Alert> {
    app.alerts(AlertFilter { state, from: None, limit: 100 })
}

fn sent(app: &TestApp, channel: &str) -> f64 {
    app.api.metric("notices_sent_total", &[("channel", channel)])
}
