//! What a server's answer means for what was sent.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::post::{Retry, pause, shown};

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// All points are there.
    Accepted,
    /// Send it in smaller pieces.
    TooLarge(String),
    /// Send the same again, after the pause that the server asks for or one of our own.
    Later { reason: Retry, says: String, after: Option<Duration> },
    /// Nobody may write, or not there: somebody has to change something.
    Held(String),
    /// Some points are at fault.
    Bad { status: u16, says: String },
}

/// Reads an answer. `says` is its body, which is shown to people; `retry_after` its header.
pub fn judge(status: u16, says: &str, retry_after: Option<&str>, now: DateTime<Utc>) -> Answer {
    let says = format!("{status}: {}", shown(says));
    let later = |reason| Answer::Later {
        reason,
        says: says.clone(),
        after: retry_after.and_then(|text| pause(text, now)),
    };
    match status {
        200..=299 => Answer::Accepted,
        408 => later(Retry::Timeout),
        413 => Answer::TooLarge(says),
        429 => later(Retry::Busy),
        500..=599 => later(Retry::Server),
        // The server has looked at the points: one of them is malformed, of another type than the field
        // has, or older than the bucket keeps.
        400 | 422 => Answer::Bad { status, says },
        // 401 and 403 are about the token, 404 about organisation, bucket or address; the rest speaks of a
        // server that is none of InfluxDB's. No point becomes better by leaving others out.
        _ => Answer::Held(says),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_consequence() {
        let now = "2026-07-14T10:00:00Z".parse().unwrap();
        let judged = |status, after| judge(status, " it\nsays ", after, now);
        let later = |reason, status: u16, after| Answer::Later {
            reason,
            says: format!("{status}: it says"),
            after,
        };
        for status in [200, 204] {
            assert_eq!(judged(status, None), Answer::Accepted);
        }
        assert_eq!(judged(413, None), Answer::TooLarge("413: it says".to_owned()));
        let seconds = Some(Duration::from_secs(7));
        assert_eq!(judged(429, Some("7")), later(Retry::Busy, 429, seconds));
        let date = Some("Tue, 14 Jul 2026 10:00:07 GMT");
        assert_eq!(judged(503, date), later(Retry::Server, 503, seconds));
        let past = Some("Tue, 14 Jul 2026 09:00:00 GMT");
        assert_eq!(judged(503, past), later(Retry::Server, 503, Some(Duration::ZERO)));
        let hour = Some(Duration::from_secs(3600));
        assert_eq!(judged(429, Some("999999999")), later(Retry::Busy, 429, hour));
        assert_eq!(judged(500, Some("soon")), later(Retry::Server, 500, None));
        assert_eq!(judged(408, None), later(Retry::Timeout, 408, None));
        for status in [301, 401, 403, 404, 405, 451] {
            assert_eq!(judged(status, None), Answer::Held(format!("{status}: it says")));
        }
        for status in [400, 422] {
            assert_eq!(
                judged(status, None),
                Answer::Bad { status, says: format!("{status}: it says") }
            );
        }
    }
}
