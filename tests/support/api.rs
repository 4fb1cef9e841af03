use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;

use super::eventually;
use super::home::STAFF_TOKEN;

/// The service as it is seen over HTTP.
pub struct Api {
    agent: ureq::Agent,
    addr: SocketAddr,
}

impl Api {
    pub fn at(addr: SocketAddr) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .build();
        Self { agent: config.into(), addr }
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    fn get(&self, path: &str, token: Option<&str>) -> (u16, String) {
        let mut request = self.agent.get(format!("http://{}{path}", self.addr));
        if let Some(token) = token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let mut response = request.call().unwrap();
        let text = response.body_mut().with_config().limit(64 << 20).read_to_string().unwrap();
        (response.status().as_u16(), text)
    }

    pub fn public(&self, path: &str) -> Value {
        let (status, text) = self.get(path, None);
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// `path` is what follows `/api/v1/staff/`.
    pub fn staff(&self, path: &str) -> Value {
        let (status, text) = self.get(&format!("/api/v1/staff/{path}"), Some(STAFF_TOKEN));
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Sends JSON as staff; `path` is what follows `/api/v1/staff/`. Returns status and answer.
    pub fn send(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("http://{}/api/v1/staff/{path}", self.addr))
            .header("Authorization", format!("Bearer {STAFF_TOKEN}"))
            .body(body.to_string())
            .unwrap();
        let mut response = self.agent.run(request).unwrap();
        let text = response.body_mut().read_to_string().unwrap();
        (response.status().as_u16(), serde_json::from_str(&text).unwrap())
    }

    /// The newest ledger rows, oldest of them first.
    pub fn ledger(&self) -> Vec<Value> {
        let answer = self.staff("uplinks?limit=1000");
        let mut rows = answer["uplinks"].as_array().unwrap().clone();
        rows.reverse();
        rows
    }

    /// Outcomes of the newest ledger rows, oldest of them first.
    pub fn outcomes(&self) -> Vec<String> {
        self.ledger().iter().map(|row| row["outcome"].as_str().unwrap().to_owned()).collect()
    }

    /// The observations of a quantity in the last 30 days.
    pub fn observations(&self, site: &str, quantity: &str) -> Vec<Value> {
        let from = (super::now() - chrono::TimeDelta::days(30)).format("%Y-%m-%dT%H:%M:%SZ");
        let to = (super::now() + chrono::TimeDelta::hours(1)).format("%Y-%m-%dT%H:%M:%SZ");
        let path = format!("sites/{site}/observations?quantity={quantity}&from={from}&to={to}");
        self.staff(&path)["quantities"][0]["observations"].as_array().unwrap().clone()
    }

    pub fn values(&self, site: &str, quantity: &str) -> Vec<f64> {
        let observations = self.observations(site, quantity);
        observations.iter().map(|one| one["value"].as_f64().unwrap()).collect()
    }

    /// The sum of a metric over all series with these labels; 0 where there is none.
    pub fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let (status, text) = self.get("/metrics", None);
        assert_eq!(status, 200, "{text}");
        let wanted: Vec<String> =
            labels.iter().map(|(key, value)| format!("{key}=\"{value}\"")).collect();
        text.lines()
            .filter_map(|line| line.strip_prefix("stadspuls_")?.rsplit_once(' '))
            .filter(|(series, _)| series.split('{').next() == Some(name))
            .filter(|(series, _)| wanted.iter().all(|label| series.contains(label)))
            .map(|(_, value)| value.parse::<f64>().unwrap())
            .sum()
    }

    /// Waits until a metric is at least this.
    pub fn reaches(&self, name: &str, labels: &[(&str, &str)], least: f64) {
        eventually(&format!("{name} {labels:?} is at least {least}"), || {
            (self.metric(name, labels) >= least).then_some(())
        });
    }

    /// Waits until so many ledger rows have been committed since the start.
    pub fn received(&self, rows: usize) {
        self.reaches("uplinks_received_total", &[], f64::from(u32::try_from(rows).unwrap()));
    }

    pub fn connected(&self, source: &str) {
        self.reaches("source_connected", &[("source", source)], 1.0);
    }

    /// What `/health/ready` says is wrong, by part; its status agrees.
    pub fn troubles(&self) -> BTreeMap<String, String> {
        let (status, text) = self.get("/health/ready", None);
        let answer: Value = serde_json::from_str(&text).unwrap();
        let troubles: BTreeMap<String, String> =
            serde_json::from_value(answer["troubles"].clone()).unwrap();
        assert_eq!(status == 200, troubles.is_empty(), "{status} with {troubles:?}");
        troubles
    }

    /// What `/health/ready` says of parts that nothing else depends on; it is ready all the same.
    pub fn complaints(&self) -> BTreeMap<String, String> {
        let (status, text) = self.get("/health/ready", None);
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(status, 200, "{text}");
        let is_degraded = answer["status"] == "degraded";
        assert_eq!(is_degraded, answer.get("complaints").is_some(), "{text}");
        serde_json::from_value(answer["complaints"].clone()).unwrap_or_default()
    }

    /// Waits until a part is in trouble, and tells how.
    pub fn trouble(&self, part: &str) -> String {
        eventually(&format!("{part} is in trouble"), || self.troubles().remove(part))
    }

    pub fn ready(&self) {
        eventually("the service is ready", || self.troubles().is_empty().then_some(()));
    }
}
