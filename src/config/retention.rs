use std::time::Duration;

use crate::document::Section;
use crate::store::{Retention, Rule};

const DAY: Duration = Duration::from_secs(86_400);

/// Reads `[retention]`. An uplink may come as late as `behind_max`, so that nothing it has to do
/// with may have gone by then.
pub fn read_retention(section: &Section<'_>, behind_max: Duration) -> Retention {
    let least = behind_max.saturating_add(DAY);
    let seen = section.table("seen", |section| keep(section, least)).flatten();
    let rule = |key| section.table(key, |section| read_rule(section, least)).flatten();
    let (raw, observations, hourly) = (rule("raw"), rule("observations"), rule("hourly"));
    if let (Some(raw), Some(seen)) = (&raw, seen)
        && raw.keep < seen
    {
        section.refuse(
            "raw",
            "a time no shorter than that of seen, since messages with the same hash are compared",
        );
    }
    if let Some(hourly) = &hourly
        && observations.as_ref().is_none_or(|observations| observations.keep > hourly.keep)
    {
        section
            .refuse("hourly", "a time no shorter than that of observations, from which it is made");
    }
    Retention { raw, observations, hourly, seen }
}

fn read_rule(section: &Section<'_>, least: Duration) -> Option<Rule> {
    const WANTED: &str = "the decision that allows it, such as \"KS 2026/123\"";
    let keep = keep(section, least);
    let decision: Option<String> = section.optional("decision");
    let decision = decision.filter(|text| !text.trim().is_empty());
    if decision.is_none() {
        section.refuse("decision", WANTED);
    }
    Some(Rule { keep: keep?, decision: decision? })
}

fn keep(section: &Section<'_>, least: Duration) -> Option<Duration> {
    let keep: Duration = section.required("keep")?;
    if keep < least {
        let least = humantime::format_duration(least);
        section.refuse("keep", &format!("at least {least}: limits.uplink_behind_max and a day"));
        return None;
    }
    Some(keep)
}
