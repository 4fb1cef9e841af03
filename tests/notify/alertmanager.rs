//! A real Alertmanager, stopped and started in the middle.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{COOL, WARM, home, says};
use crate::cli::stadspuls;
use crate::support::{
    ELSEWHERE, TestApp, WATER, eventually, free_port, now, signal, wait_for_exit,
};

/// Alertmanager in a folder of its own. What it knows goes with it when it is stopped.
struct Alertmanager {
    dir: tempfile::TempDir,
    addr: SocketAddr,
    child: Option<Child>,
    agent: ureq::Agent,
}

impl Alertmanager {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = "route:\n  receiver: nobody\nreceivers:\n  - name: nobody\n";
        fs::write(dir.path().join("alertmanager.yml"), config).unwrap();
        let addr = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let agent = ureq::Agent::new_with_defaults();
        let mut server = Self { dir, addr, child: None, agent };
        server.restart();
        server
    }

    fn restart(&mut self) {
        let path = |name: &str| self.dir.path().join(name).display().to_string();
        let mut child = Command::new("prometheus-alertmanager")
            .arg(format!("--config.file={}", path("alertmanager.yml")))
            .arg(format!("--storage.path={}", path("data")))
            .arg(format!("--web.listen-address={}", self.addr))
            // It is alone.
            .arg("--cluster.listen-address=")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(path("log")).unwrap())
            .spawn()
            .expect("prometheus-alertmanager is not installed: run ./test, which installs it");
        eventually("alertmanager answers", || {
            if let Some(status) = child.try_wait().unwrap() {
                let log = fs::read_to_string(path("log")).unwrap();
                panic!("alertmanager ends with {status}:\n{log}");
            }
            self.agent.get(format!("http://{}/-/ready", self.addr)).call().ok().map(drop)
        });
        self.child = Some(child);
    }

    fn stop(&mut self) {
        let mut child = self.child.take().expect("it runs");
        signal(&child, "TERM");
        wait_for_exit(&mut child);
    }

    /// The alerts that it holds to be there.
    fn alerts(&self) -> Vec<Value> {
        let url = format!("http://{}/api/v2/alerts", self.addr);
        let text = self.agent.get(url).call().unwrap().body_mut().read_to_string().unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// Waits until it holds alerts of these subjects to be there, and no others.
    fn has(&self, subjects: &[&str]) -> Vec<Value> {
        eventually(&format!("alertmanager has {subjects:?}"), || {
            let alerts = self.alerts();
            let mut found: Vec<&str> =
                alerts.iter().filter_map(|alert| alert["labels"]["subject"].as_str()).collect();
            found.sort_unstable();
            (found == subjects).then_some(alerts)
        })
    }

    fn channel(&self, resend: &str) -> String {
        format!(
            "[[alert.channel]]\nname = \"manager\"\nkind = \"alertmanager\"\nurl = \"http://{}\"\n\
             labels = {{ service = \"stadspuls\" }}\nresend = \"{resend}\"\n\
             retry_min = \"20ms\"\nretry_max = \"200ms\"\n",
            self.addr
        )
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().and_then(|()| child.wait()).map_or_else(drop, drop);
        }
    }
}

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

#[test]
fn an_alert_stands_at_alertmanager_through_its_restart_and_goes_when_it_is_over() {
    let mut manager = Alertmanager::start();
    let app = TestApp::start(&home(&manager.channel("1s")));
    says(&app, WATER, 1, WARM);
    let alert = manager.has(&["site:badplatsen"]).remove(0);
    let labels = json!({
        "alertname": "varmt", "severity": "critical", "subject": "site:badplatsen",
        "site": "badplatsen", "service": "stadspuls",
    });
    assert_eq!(alert["labels"], labels);
    let annotations = &alert["annotations"];
    assert_eq!(annotations["summary_sv"], "Badplatsen är 25,5 °C varmt");
    assert_eq!(annotations["summary_en"], "Badplatsen is 25.5 °C warm");
    assert_eq!(annotations["runbook"], "https://rutiner.example.se/varmt");
    let standing = super::alerts(&app, None).remove(0);
    let link = format!("https://data.example.se/api/v1/staff/alerts/{}", standing.id.0);
    assert_eq!(alert["generatorURL"], link);
    assert_eq!(time(&alert["startsAt"]).timestamp_millis(), standing.since.timestamp_millis());
    let ahead = (time(&alert["endsAt"]) - now()).num_seconds();
    assert!((0..=4).contains(&ahead), "{ahead} seconds until it is over by itself");
    assert!(!alert.to_string().contains("57.9"), "{alert}");

    // It forgets everything, and one more comes while it is down.
    manager.stop();
    says(&app, ELSEWHERE, 1, WARM);
    let failed = [("channel", "manager"), ("reason", "network")];
    app.api.reaches("notice_failures_total", &failed, 1.0);
    assert!(app.api.complaints().contains_key("channel manager"));
    fs::remove_dir_all(manager.dir.path().join("data")).unwrap();
    manager.restart();
    manager.has(&["site:badplatsen", "site:bron"]);

    says(&app, WATER, 2, COOL);
    manager.has(&["site:bron"]);
    app.api.reaches("notices_sent_total", &[("channel", "manager")], 3.0);
    eventually("all is well again", || app.api.complaints().is_empty().then_some(()));
}

#[test]
fn what_is_over_while_alertmanager_is_down_is_over_there_too() {
    let mut manager = Alertmanager::start();
    // So seldom that it would stand for an hour if nobody said that it is over.
    let app = TestApp::start(&home(&manager.channel("15m")));
    says(&app, WATER, 1, WARM);
    manager.has(&["site:badplatsen"]);
    // It writes down what it knows when it is stopped politely, silences at least; alerts it is told again.
    manager.stop();
    says(&app, WATER, 2, COOL);
    app.api.reaches("notice_failures_total", &[("channel", "manager")], 1.0);
    manager.restart();
    app.api.reaches("notices_sent_total", &[("channel", "manager")], 2.0);
    manager.has(&[]);
}

#[test]
fn an_alert_is_over_by_itself_when_nobody_says_that_it_stands() {
    let manager = Alertmanager::start();
    let app = TestApp::start(&home(&manager.channel("500ms")));
    says(&app, WATER, 1, WARM);
    manager.has(&["site:badplatsen"]);
    app.stop();
    manager.has(&[]);
}

#[test]
fn a_test_alert_says_that_it_is_one() {
    let manager = Alertmanager::start();
    let home = home(&manager.channel("1s"));
    let config = home.config();
    let done = stadspuls(&["alert", "test", "--config", config.to_str().unwrap(), "--all"]);
    assert_eq!((done.code, &*done.out), (Some(0), "manager: delivered, 200\n"), "{}", done.err);
    let alert = manager.alerts().remove(0);
    assert_eq!(alert["labels"]["alertname"], "stadspuls_test");
}
