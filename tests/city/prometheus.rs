//! A real Prometheus gathers what a running service says of itself, by the city's own configuration, and is asked
//! everything that boards and alert rules ask.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::compose::{mounts, service};
use super::{init, read, texts, yaml};
use crate::dashboards::boards;
use crate::support::{
    ELSEWHERE, Home, STRANGER, TestApp, Up, WATER, ago, eventually, free_port, publish, serve,
};

/// What may find nothing while all is well, and why.
const MAY_BE_EMPTY: [(&str, &str); 1] =
    [("stadspuls_store_errors_total", "counts by a reason, and there has been none")];

/// Where a path within the container of Prometheus is on this machine.
fn outside(home: &Home, path: &str) -> PathBuf {
    let mounts = mounts(&service(&yaml("docker-compose.yml"), "prometheus"));
    let place = mounts.iter().find_map(|mount| {
        let inner = path.strip_prefix(&mount.target)?.trim_start_matches('/');
        Some(home.path(mount.source.strip_prefix("{city}/")?).join(inner))
    });
    place.unwrap_or_else(|| panic!("{path} is not mounted"))
}

fn replaced(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from} in {text}");
    text.replace(from, to)
}

struct Prometheus {
    addr: SocketAddr,
    child: Child,
    agent: ureq::Agent,
}

impl Prometheus {
    /// As the city has it, but for places and addresses, and fifteen times as often.
    fn start(home: &Home, target: SocketAddr) -> Self {
        let text = read("config/prometheus.yml");
        let token = "/run/secrets/metrics-token";
        let text = replaced(&text, token, outside(home, token).to_str().unwrap());
        let text = replaced(&text, "stadspuls:8080", &target.to_string());
        home.write(
            "prometheus.yml",
            &replaced(&text, "scrape_interval: 15s", "scrape_interval: 1s"),
        );

        let compose = yaml("docker-compose.yml");
        let service = service(&compose, "prometheus");
        let data = outside(home, "/prometheus");
        let options = texts(&service["command"]).into_iter().map(|option| {
            let (name, value) = option.split_once('=').unwrap();
            match name {
                "--config.file" => format!("{name}={}", home.path("prometheus.yml").display()),
                "--storage.tsdb.path" => format!("{name}={}", data.display()),
                _ => format!("{name}={value}"),
            }
        });
        let addr = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let child = Command::new("prometheus")
            .args(options)
            .arg(format!("--web.listen-address={addr}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus is not installed: run ./test, which installs it");
        let mut server = Self { addr, child, agent: ureq::Agent::new_with_defaults() };
        // By the path that the container's health check asks for.
        let check =
            texts(&yaml("docker-compose.yml")["services"]["prometheus"]["healthcheck"]["test"])
                .last()
                .map(|url| url.replace("localhost:9090", &addr.to_string()))
                .unwrap();
        eventually("prometheus is ready", || {
            if let Some(status) = server.child.try_wait().unwrap() {
                panic!("prometheus ends with {status}");
            }
            server.agent.get(&check).call().ok().map(drop)
        });
        server
    }

    /// The series that a question finds now, each with its newest value.
    fn series(&self, question: &str) -> Vec<Value> {
        let url = format!("http://{}/api/v1/query", self.addr);
        let mut answer = self.agent.get(url).query("query", question).call().unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        let answer: Value = serde_json::from_str(&text).unwrap();
        answer["data"]["result"].as_array().unwrap().clone()
    }

    /// The values that a question finds now. Those that are no number are nothing that could be shown.
    fn ask(&self, question: &str) -> Vec<f64> {
        let series = self.series(question);
        let values = series.iter().map(|one| one["value"][1].as_str().unwrap().parse::<f64>());
        values.map(Result::unwrap).filter(|value| value.is_finite()).collect()
    }

    /// Waits until a question finds values of which it is true.
    fn finds(&self, question: &str, is_wanted: impl Fn(&[f64]) -> bool) {
        eventually(&format!("an answer to {question}"), || {
            is_wanted(&self.ask(question)).then_some(())
        });
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).map_or_else(drop, drop);
    }
}

/// Passes requests on as somebody else's, who has no right to see anything by being on this machine.
fn from_elsewhere(to: SocketAddr) -> SocketAddr {
    serve(move |mut client| {
        let mut head = String::from(
            "GET /metrics HTTP/1.1\r\nx-forwarded-for: 192.0.2.7\r\nconnection: close\r\n",
        );
        let mut lines = BufReader::new(client.try_clone().unwrap()).lines().map_while(Result::ok);
        assert_eq!(lines.next().as_deref(), Some("GET /metrics HTTP/1.1"));
        for line in lines.take_while(|line| !line.is_empty()) {
            head += &format!("{line}\r\n");
        }
        // The service may be gone.
        if let Ok(mut server) = TcpStream::connect(to) {
            server.write_all(format!("{head}\r\n").as_bytes()).unwrap();
            std::io::copy(&mut server, &mut client).map_or_else(drop, drop);
        }
    })
}

/// A city with two sensors, whose broker and whose InfluxDB are not there.
fn lonely_city() -> Home {
    let home = Home::new();
    home.write(
        "fleet/alerts.toml",
        "[[rule]]\nid = \"varmt\"\nquantity = \"water_temperature\"\nabove = 25.0\nseverity = \"critical\"\n\
         sv = \"{site} är varmt\"\n",
    );
    assert_eq!(init(&home, &[]).code, Some(0));
    home.write("tokens/stadspuls/influxdb-token", "a token");
    let nobody = || format!("127.0.0.1:{}", free_port());
    let text = home.read("stadspuls.toml");
    let text = replaced(&text, "mqtt://mosquitto", &format!("mqtt://{}", nobody()));
    let text = replaced(&text, "0.0.0.0:8080", "127.0.0.1:0");
    let text = replaced(&text, "influxdb:8086", &nobody());
    home.write("stadspuls.toml", &(text + "\n[listener.inside]\nbind = \"127.0.0.1:0\"\n"));
    home
}

/// The labels that tell apart what a question finds. A quantile has used up those of its buckets.
fn grouped_by(question: &str) -> Vec<&str> {
    let labels = question.split_once("by (").and_then(|(_, rest)| rest.split_once(')'));
    let labels = labels.map_or("", |(labels, _)| labels).split(", ");
    labels.filter(|label| !["", "le"].contains(label)).collect()
}

/// The questions of all boards.
fn questions() -> Vec<String> {
    fn gather(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Array(list) => list.iter().for_each(|inner| gather(inner, found)),
            Value::Object(map) => {
                found.extend(map.get("expr").and_then(Value::as_str).map(str::to_owned));
                map.values().for_each(|inner| gather(inner, found));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    boards().values().for_each(|board| gather(board, &mut found));
    found
}

#[test]
fn every_question_of_boards_and_alerts_is_answered_by_what_prometheus_gathers() {
    let home = lonely_city();
    let app = TestApp::start(&home);
    let prometheus = Prometheus::start(&home, from_elsewhere(app.api.addr()));
    prometheus.finds("up", |values| values == [1.0]);
    prometheus.finds("stadspuls_uplink_lag_seconds_count", |values| values == [0.0]);
    let up = |sensor: &str, number: u32, tenths| {
        Up::water(sensor, number, tenths).at(ago(60 - i64::from(number))).message()
    };
    let messages =
        [up(WATER, 1, 255), up(ELSEWHERE, 1, 120), up(ELSEWHERE, 2, 121), up(STRANGER, 1, 99)];
    publish(app.listener("inside"), &messages);

    let questions = questions();
    assert!(questions.len() > 20, "{questions:?}");
    for question in &questions {
        // What Grafana puts in is some four times the interval of the scrapes.
        let question = question.replace("$__rate_interval", "1m");
        assert!(!question.contains('$'), "{question}");
        if MAY_BE_EMPTY.iter().any(|(metric, _)| question.contains(metric)) {
            prometheus.ask(&question);
        } else {
            prometheus.finds(&question, |values| !values.is_empty());
            for series in prometheus.series(&question) {
                // Grouped by a label that there is not, everything would be one series without it.
                let has = |label: &&str| series["metric"].get(label).is_some();
                assert!(grouped_by(&question).iter().all(has), "{question} finds {series}");
            }
        }
    }

    let alerts = yaml("provisioning/alerting/stadspuls.yml");
    let rules = alerts["groups"][0]["rules"].as_vec().unwrap();
    let question = |uid: &str| {
        let rule = rules.iter().find(|rule| rule["uid"].as_str() == Some(uid)).unwrap();
        rule["data"][0]["model"]["expr"].as_str().unwrap().to_owned()
    };
    let (down, lagging) = (question("stadspuls-down"), question("stadspuls-lagging"));
    assert_eq!(rules.len(), 2);
    prometheus.finds(&down, |values| values == [1.0]);
    prometheus.finds(&lagging, |values| values.iter().any(|&lag| lag > 0.0));
    app.stop();
    prometheus.finds(&down, |values| values == [0.0]);
    prometheus.finds(&lagging, <[f64]>::is_empty);
}

#[test]
fn without_the_token_prometheus_sees_nothing() {
    let home = lonely_city();
    let app = TestApp::start(&home);
    home.write("secrets/prometheus/metrics-token", "another\n");
    let prometheus = Prometheus::start(&home, from_elsewhere(app.api.addr()));
    prometheus.finds("up", |values| values == [0.0]);
    assert!(prometheus.ask("stadspuls_intake_depth").is_empty());
}
