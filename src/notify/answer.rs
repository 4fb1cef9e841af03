//! What comes of an attempt to deliver.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::post::{NoAnswer, Retry, Said, pause, shown};

/// What is to be done. Each has the other side's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Delivered(String),
    /// Try again, after the pause that is asked for or one of our own.
    Later {
        reason: Retry,
        says: String,
        after: Option<Duration>,
    },
    /// Login or address are not right: somebody has to change something, and the message may still go out when they
    /// have.
    Held(String),
    /// No attempt will bring this message through.
    Refused(String),
}

/// Reads what a server said, or why it did not.
pub fn judge(answered: Result<Said, NoAnswer>, now: DateTime<Utc>) -> Answer {
    let Said { status, body, retry_after } = match answered {
        Ok(said) => said,
        Err(NoAnswer { reason, says }) => return Answer::Later { reason, says, after: None },
    };
    let says = format!("{status} {}", shown(&body)).trim_end().to_owned();
    let later = |reason, says| Answer::Later {
        reason,
        says,
        after: retry_after.as_deref().and_then(|text| pause(text, now)),
    };
    match status {
        200..=299 => Answer::Delivered(says),
        408 => later(Retry::Timeout, says),
        425 | 429 => later(Retry::Busy, says),
        500..=599 => later(Retry::Server, says),
        300..=399 | 401 | 403 | 404 | 407 => Answer::Held(says),
        _ => Answer::Refused(says),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_consequence() {
        let now = "2026-07-14T10:00:00Z".parse().unwrap();
        let judged = |status, retry_after: Option<&str>| {
            let retry_after = retry_after.map(str::to_owned);
            judge(Ok(Said { status, body: "it\nsays ".to_owned(), retry_after }), now)
        };
        let later = |reason, status: u16, after: Option<u64>| Answer::Later {
            reason,
            says: format!("{status} it says"),
            after: after.map(Duration::from_secs),
        };
        for status in [200, 202, 204] {
            assert_eq!(judged(status, None), Answer::Delivered(format!("{status} it says")));
        }
        assert_eq!(judged(408, None), later(Retry::Timeout, 408, None));
        assert_eq!(judged(425, None), later(Retry::Busy, 425, None));
        assert_eq!(judged(429, Some("7")), later(Retry::Busy, 429, Some(7)));
        assert_eq!(judged(503, Some("soon")), later(Retry::Server, 503, None));
        for status in [301, 401, 403, 404, 407] {
            assert_eq!(judged(status, None), Answer::Held(format!("{status} it says")));
        }
        for status in [400, 410, 413, 422] {
            assert_eq!(judged(status, None), Answer::Refused(format!("{status} it says")));
        }
        let none = NoAnswer { reason: Retry::Network, says: "refused".to_owned() };
        let later =
            Answer::Later { reason: Retry::Network, says: "refused".to_owned(), after: None };
        assert_eq!(judge(Err(none), now), later);
    }
}
