//! A real InfluxDB 2, where one is at hand.

use std::time::Duration;

use serde_json::json;

const NAMES: [&str; 4] = ["INFLUXDB2_URL", "INFLUXDB2_TOKEN", "INFLUXDB2_ORG", "INFLUXDB2_BUCKET"];

/// A server that is not this project's own, with a token that may read and write the bucket.
pub struct InfluxDb {
    pub url: String,
    pub token: String,
    pub org: String,
    pub bucket: String,
}

impl InfluxDb {
    /// The one that the environment names; none where a name is missing, which is said.
    pub fn at_hand() -> Option<Self> {
        let [Some(url), Some(token), Some(org), Some(bucket)] = NAMES.map(variable) else {
            eprintln!("not tried: {} are not set", NAMES.join(", "));
            return None;
        };
        Some(Self { url: url.trim_end_matches('/').to_owned(), token, org, bucket })
    }

    /// The rows of the answer to a query as annotated CSV, or what the server says is wrong with it.
    pub fn query(&self, flux: &str) -> Result<String, String> {
        let dialect = json!({ "annotations": ["datatype"], "header": true });
        let body = json!({ "query": flux, "type": "flux", "dialect": dialect });
        let (status, text) = self.post("query", "application/json", &body.to_string());
        // What fails after the first rows have been sent is a table with a column `error`.
        let is_error = |line: &str| line.split(',').any(|cell| cell == "error");
        if status == 200 && !text.lines().any(|line| is_error(line.trim_end())) {
            Ok(text)
        } else {
            Err(format!("{status}: {text}"))
        }
    }

    /// Writes lines of the line protocol, whose times are in seconds.
    pub fn write(&self, lines: &str) {
        let (status, text) = self.post("write", "text/plain; charset=utf-8", lines);
        assert_eq!(status, 204, "{text}");
    }

    fn post(&self, path: &str, content: &str, body: &str) -> (u16, String) {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .build();
        let mut answer = ureq::Agent::from(config)
            .post(format!("{}/api/v2/{path}", self.url))
            .query("org", &self.org)
            .query("bucket", &self.bucket)
            .query("precision", "s")
            .header("Authorization", format!("Token {}", self.token))
            .header("Content-Type", content)
            .send(body)
            .unwrap_or_else(|error| panic!("{}: {error}", self.url));
        let text = answer.body_mut().with_config().limit(64 << 20).read_to_string().unwrap();
        (answer.status().as_u16(), text)
    }
}

#[expect(clippy::disallowed_methods, reason = "the machine's own server, where it has one")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
