use std::time::Duration;

use chrono::{DateTime, Utc};

/// A server that asks for a longer pause is asked again after this.
const PAUSE_MAX: Duration = Duration::from_secs(3600);

/// Why a request is made again: a fixed word for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    Timeout,
    Network,
    Busy,
    Server,
}

impl Retry {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Network => "network",
            Self::Busy => "busy",
            Self::Server => "server",
        }
    }
}

/// How long a server that sent this Retry-After wants to be left alone. RFC 9110, section 10.2.3: seconds, or
/// a date.
#[must_use]
pub fn pause(retry_after: &str, now: DateTime<Utc>) -> Option<Duration> {
    let text = retry_after.trim();
    let asked = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            (DateTime::parse_from_rfc2822(text).ok()?.to_utc() - now).to_std().unwrap_or_default()
        }
    };
    Some(asked.min(PAUSE_MAX))
}

/// A server's words in one short line.
#[must_use]
pub fn shown(says: &str) -> String {
    const CHARS_MAX: usize = 300;
    let line = says.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(CHARS_MAX).collect()
}
