use std::time::Duration;

use crate::document::Section;
use crate::model::Jump;

/// Longest time within which a change may be a jump: what takes weeks is the season.
const WITHIN_MAX: Duration = Duration::from_secs(7 * 86_400);

/// Longest time after which the same value may be suspicious. A series is looked back through for
/// twice as long before that is said of a reading.
const STUCK_FOR_MAX: Duration = Duration::from_secs(30 * 86_400);

/// `jump = { step = 3.0, within = "15m" }`, in the vocabulary and at a site.
#[must_use]
pub fn read_jump(section: &Section<'_>) -> Option<Jump> {
    let read = |table: &Section<'_>| {
        let step = table.required::<f64>("step");
        let within = whole_seconds(table, "within", table.required("within"), WITHIN_MAX);
        if step.is_some_and(|step| step <= 0.0) {
            table.refuse("step", "a number above 0");
            return None;
        }
        Some(Jump { step: step?, within: within? })
    };
    section.table("jump", read).flatten()
}

/// `stuck_for = "7d"`, in the vocabulary and at a site.
#[must_use]
pub fn read_stuck_for(section: &Section<'_>) -> Option<Duration> {
    whole_seconds(section, "stuck_for", section.optional("stuck_for"), STUCK_FOR_MAX)
}

fn whole_seconds(
    section: &Section<'_>,
    key: &str,
    given: Option<Duration>,
    max: Duration,
) -> Option<Duration> {
    let given = given?;
    if given.subsec_nanos() > 0 || given.is_zero() || given > max {
        let days = max.as_secs() / 86_400;
        section.refuse(key, &format!("whole seconds, from 1s to {days}d"));
        return None;
    }
    Some(given)
}
