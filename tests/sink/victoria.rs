//! A real server: VictoriaMetrics takes the line protocol, and says what it has.

use std::collections::BTreeSet;
use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::{configure, drained, kept};
use crate::support::{
    Authority, ELSEWHERE, Home, TestApp, Up, WATER, ago, eventually, free_port, never_within,
    publish, signal, wait_for_exit,
};

/// VictoriaMetrics in a folder of its own, which survives a stop.
struct Victoria {
    dir: tempfile::TempDir,
    addr: SocketAddr,
    child: Option<Child>,
    agent: ureq::Agent,
}

impl Victoria {
    fn start() -> Self {
        Self::with(|_| {})
    }

    /// With files in its folder: where there is a certificate for `server`, it speaks TLS only.
    fn with(files: impl FnOnce(&Path)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        files(dir.path());
        let addr = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut server = Self { dir, addr, child: None, agent: ureq::Agent::new_with_defaults() };
        server.restart();
        server
    }

    fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    fn restart(&mut self) {
        let log = File::create(self.dir.path().join("log")).unwrap();
        let certificate = self.dir.path().join("server.pem");
        let is_tls = certificate.exists();
        let mut command = Command::new("victoria-metrics");
        if is_tls {
            command.arg("-tls").arg(format!("-tlsCertFile={}", certificate.display()));
            command.arg(format!("-tlsKeyFile={}", self.dir.path().join("server.key").display()));
        }
        let mut child = command
            .arg(format!("-httpListenAddr={}", self.addr))
            .arg(format!("-storageDataPath={}", self.dir.path().join("data").display()))
            .args(["-retentionPeriod=10y", "-memory.allowedBytes=64MB"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("victoria-metrics is not installed: run ./test, which installs it");
        eventually("victoria-metrics answers", || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("victoria-metrics ends with {status}");
            }
            if is_tls {
                return TcpStream::connect(self.addr).ok().map(drop);
            }
            self.agent.get(format!("{}/health", self.url())).call().ok().map(drop)
        });
        self.child = Some(child);
    }

    fn stop(&mut self) {
        let mut child = self.child.take().expect("it runs");
        signal(&child, "TERM");
        wait_for_exit(&mut child);
    }

    /// Everything it has of a field: site, time in milliseconds, value.
    fn samples(&self, name: &str) -> BTreeSet<(String, i64, String)> {
        let flush = format!("{}/internal/force_flush", self.url());
        self.agent.get(flush).call().unwrap();
        let url = format!("{}/api/v1/export", self.url());
        let mut answer = self.agent.get(url).query("match[]", name).call().unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        let mut samples = BTreeSet::new();
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let site = line["metric"]["site"].as_str().unwrap_or_default().to_owned();
            let (values, times) = (line["values"].as_array(), line["timestamps"].as_array());
            for (value, time) in values.unwrap().iter().zip(times.unwrap()) {
                samples.insert((site.clone(), time.as_i64().unwrap(), value.to_string()));
            }
        }
        samples
    }
}

impl Drop for Victoria {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().and_then(|()| child.wait()).map_or_else(drop, drop);
        }
    }
}

/// Uplinks of two devices, minutes apart.
fn uplinks(numbers: std::ops::Range<u32>) -> Vec<crate::support::Message> {
    let up = |number: u32| {
        let device = if number.is_multiple_of(2) { WATER } else { ELSEWHERE };
        // As water does: a little other each time, and never far off.
        let tenths = 100 + i16::try_from(number % 10).unwrap();
        Up::water(device, number, tenths).at(ago(5000 - i64::from(number))).message()
    };
    numbers.map(up).collect()
}

#[test]
fn a_real_server_that_was_away_gets_everything_and_holds_up_nothing() {
    let mut server = Victoria::start();
    let home = Home::new();
    configure(&home, &server.url(), "batch_points = 64\nlag_max = \"1s\"");
    let app = TestApp::start(&home);
    publish(app.listener("inside"), &uplinks(0..300));
    app.api.received(300);
    drained(&app);

    server.stop();
    publish(app.listener("inside"), &uplinks(300..900));
    app.api.received(900);
    let said = eventually("the sink lags", || app.api.complaints().remove("sink influxdb"));
    assert!(said.starts_with("lags by"), "{said}");
    assert!(app.api.metric("sink_retries_total", &[("reason", "network")]) > 0.0);
    assert!(app.api.metric("sink_lag_seconds", &[]) > 0.0);
    assert_eq!(app.api.metric("sink_held", &[]), 0.0);
    assert_eq!(app.api.public("/api/v1/badtemperaturer")["type"], Value::Null);

    // The service is stopped meanwhile, and goes on from where the sink was.
    app.stop();
    let app = TestApp::start(&home);
    publish(app.listener("inside"), &uplinks(900..1000));
    app.api.received(100);
    server.restart();
    drained(&app);
    eventually("nothing is wrong any more", || app.api.complaints().is_empty().then_some(()));

    let wanted: BTreeSet<(String, i64, String)> = kept(&app)
        .into_iter()
        .filter_map(|(key, micros, value)| {
            let site = key.strip_suffix("/water_temperature")?;
            Some((site.to_owned(), micros.div_euclid(1000), serde_json::json!(value)))
        })
        .map(|(site, millis, value)| {
            // Written as the server writes it: 10 and not 10.0.
            (site, millis, value.to_string().trim_end_matches(".0").to_owned())
        })
        .collect();
    assert_eq!(wanted.len(), 1000);
    eventually("the server has every observation", || {
        (server.samples("water_temperature_value") == wanted).then_some(())
    });
    let quality = server.samples("water_temperature_quality");
    assert!(quality.len() == 1000 && quality.iter().all(|one| one.2 == "0"));
    let rssi = server.samples("device_radio_rssi");
    assert!(rssi.len() == 1000 && rssi.iter().all(|one| one.2 == "-97"), "{}", rssi.len());
    assert_eq!(app.api.metric("sink_dead_letters", &[]), 0.0);
}

#[test]
fn uplinks_are_acknowledged_as_ever_while_the_server_is_silent() {
    let server = super::server::Server::start(|_, _| super::server::Reply::Silence);
    let home = Home::new();
    configure(&home, &server.url(), "answer_timeout = \"20s\"");
    let app = TestApp::start(&home);
    publish(app.listener("inside"), &uplinks(0..10));
    eventually("a request is under way", || (!server.posts().is_empty()).then_some(()));
    for number in 10..20 {
        publish(app.listener("inside"), &uplinks(number..number + 1));
    }
    app.api.received(20);
    assert_eq!(server.posts().len(), 1);
    assert_eq!(app.api.metric("sink_points_total", &[]), 0.0);
    never_within(Duration::from_millis(300), "the service is not ready", || {
        !app.api.troubles().is_empty()
    });
    app.stop();
}

#[test]
fn the_servers_certificate_is_verified() {
    let server = Victoria::with(|dir| {
        Authority::create(dir, "ours").sign("server", "IP:127.0.0.1");
        Authority::create(dir, "theirs");
    });
    let url = server.url().replace("http://", "https://");
    let home = Home::new();
    let authority = |name: &str| {
        let path = server.dir.path().join(name);
        format!("authority = \"{}\"", path.display())
    };
    configure(&home, &url, &authority("theirs.pem"));
    let app = TestApp::start(&home);
    publish(app.listener("inside"), &uplinks(0..3));
    app.api.reaches("sink_retries_total", &[("reason", "network")], 2.0);
    assert_eq!(app.api.metric("sink_points_total", &[]), 0.0);
    app.stop();

    configure(&home, &url, &authority("ours.pem"));
    let app = TestApp::start(&home);
    drained(&app);
    assert_eq!(app.api.metric("sink_points_total", &[]), 9.0);
}
