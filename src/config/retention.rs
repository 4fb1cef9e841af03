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
        let days = least.as_secs().div_ceil(DAY.as_secs());
        section.refuse("keep", &format!("at least {days}d: limits.uplink_behind_max and a day"));
        return None;
    }
    Some(keep)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::document::{Faults, parse};

    fn read(text: &str) -> (Retention, Vec<String>) {
        let faults = Faults::default();
        let month = DAY * 30;
        let retention =
            parse(Path::new("s.toml"), text, &faults, |root| read_retention(root, month));
        let lines = faults.into_vec().iter().map(ToString::to_string).collect();
        (retention.unwrap_or_default(), lines)
    }

    #[test]
    fn nothing_is_limited_unless_it_is_said() {
        assert_eq!(read(""), (Retention::default(), Vec::new()));
    }

    #[test]
    fn a_limit_names_its_decision() {
        let (retention, faults) = read(
            "raw = { keep = \"90d\", decision = \"KS 2026/123\" }\nseen = { keep = \"40d\" }\n",
        );
        assert_eq!(faults, Vec::<String>::new());
        let rule = Rule { keep: DAY * 90, decision: "KS 2026/123".to_owned() };
        let seen = Some(DAY * 40);
        assert_eq!(retention, Retention { raw: Some(rule), seen, ..Retention::default() });
    }

    #[test]
    fn each_bad_limit_is_named() {
        let decision = "s.toml:1: raw.decision is";
        let wanted = "want the decision that allows it, such as \"KS 2026/123\"";
        let least = "want at least 31d: limits.uplink_behind_max and a day";
        let cases = [
            ("raw = { keep = \"90d\" }", format!("{decision} missing, {wanted}")),
            ("raw = { keep = \"90d\", decision = \" \" }", format!("{decision} \" \", {wanted}")),
            (
                "raw = { decision = \"x\" }",
                "s.toml:1: raw.keep is missing, want a duration such as \"30s\", \"10m\", \"3h\" or \"7d\"".to_owned(),
            ),
            (
                "raw = { keep = \"30d\", decision = \"x\" }",
                format!("s.toml:1: raw.keep is \"30d\", {least}"),
            ),
            ("seen = { keep = \"1d\" }", format!("s.toml:1: seen.keep is \"1d\", {least}")),
            (
                "seen = { keep = \"40d\", decision = \"x\" }",
                "s.toml:1: seen.decision is \"x\", an unknown key, want one of the keys keep".to_owned(),
            ),
            (
                "raw = { keep = \"39d\", decision = \"x\" }\nseen = { keep = \"40d\" }",
                "s.toml:1: raw is { keep = \"39d\", decision = \"x\" }, want a time no shorter than that of seen, since messages with the same hash are compared".to_owned(),
            ),
            (
                "hourly = { keep = \"99d\", decision = \"x\" }",
                "s.toml:1: hourly is { keep = \"99d\", decision = \"x\" }, want a time no shorter than that of observations, from which it is made".to_owned(),
            ),
        ];
        for (text, fault) in cases {
            assert_eq!(read(text).1, [fault], "{text}");
        }
    }
}
