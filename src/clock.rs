//! The only caller of the system's time of day, so that everything else is given the time.

use chrono::{DateTime, Utc};

/// The time of day, UTC.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that may ask")]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}
