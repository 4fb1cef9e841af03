use std::path::PathBuf;
use std::time::Duration;

use crate::post::Url;
use crate::secret::Secret;

/// Where the server is, what is written there, and how patiently.
#[derive(Clone, Debug)]
pub struct Config {
    pub url: Url,
    pub org: String,
    pub bucket: String,
    pub token: Secret,
    /// The authority that signed the server's certificate; none for those that this machine trusts.
    pub authority: Option<PathBuf>,
    pub limits: Limits,
}

/// What a request may hold and cost, and when somebody is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most points in one request.
    pub batch_points: usize,
    pub connect_timeout: Duration,
    /// From the beginning of a request to the end of its answer.
    pub answer_timeout: Duration,
    /// The first pause after a failure; it doubles up to `retry_max`.
    pub retry_min: Duration,
    pub retry_max: Duration,
    /// A sink that lags longer shows as degraded.
    pub lag_max: Duration,
    /// When so many dead letters lie there the sink is held.
    pub dead_letters_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            batch_points: 5000,
            connect_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(30),
            retry_min: Duration::from_secs(1),
            retry_max: Duration::from_secs(60),
            lag_max: Duration::from_secs(15 * 60),
            dead_letters_max: 10_000,
        }
    }
}

impl Config {
    /// Where points are written: times are in microseconds, as the store has them.
    #[must_use]
    pub fn write_url(&self) -> String {
        let (org, bucket) = (escaped(&self.org), escaped(&self.bucket));
        format!("{}/api/v2/write?org={org}&bucket={bucket}&precision=us", self.url.as_str())
    }
}

/// RFC 3986, section 2.3: what is not unreserved is written as its bytes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_to_write_to_follows_from_the_servers() {
        for (url, written) in [
            ("http://127.0.0.1:8086", "http://127.0.0.1:8086/api/v2/write"),
            ("https://data.example.se/influx/", "https://data.example.se/influx/api/v2/write"),
        ] {
            let config = Config {
                url: url.parse().unwrap(),
                org: "Alingsås kommun".to_owned(),
                bucket: "a&b".to_owned(),
                token: Secret::Known("t".to_owned()),
                authority: None,
                limits: Limits::default(),
            };
            let query = "?org=Alings%C3%A5s%20kommun&bucket=a%26b&precision=us";
            assert_eq!(config.write_url(), format!("{written}{query}"));
        }
    }
}
