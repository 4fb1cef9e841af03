//! Rules that staff write by the API: JSON with the keys of a `[[rule]]`, read by the same reader.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use chrono::TimeDelta;
use humantime::format_duration;
use serde_json::{Map, Value, json};

use super::file::read_rule;
use super::rule::{AlertRule, BuiltIn, Condition, Hours, Rules, SiteChoice, Telling};
use crate::catalog::Catalog;
use crate::document::{self, Fault, Faults};
use crate::model::{MonthDay, RuleId, Season, Site};

/// A rule of the staff that watches nothing, since it does not fit what there is, or no longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    pub id: RuleId,
    pub faults: Vec<Fault>,
}

/// Reads a rule as staff have written it: a JSON object with the keys of a `[[rule]]` of `alerts.toml`.
///
/// # Errors
///
/// All that is wrong with it, by key.
pub fn read_staff_rule(
    body: &str,
    catalog: &Catalog,
    sites: &[Site],
) -> Result<AlertRule, Vec<Fault>> {
    let faults = Faults::default();
    let file = Path::new("rule");
    let text = serde_json::from_str(body).map_err(|error| error.to_string()).and_then(
        |rule: Map<String, Value>| toml::to_string(&rule).map_err(|error| error.to_string()),
    );
    let rule = match text {
        Ok(text) => document::parse(file, &text, &faults, |section| {
            read_rule(section, catalog, sites, &mut BTreeSet::new())
        }),
        Err(error) => {
            faults.of_file(file, error, "an object with the keys of a rule, none of them null");
            None
        }
    };
    match rule.flatten() {
        Some(rule) if faults.is_empty() => Ok(rule),
        _ => Err(faults.into_vec()),
    }
}

/// A rule of the operator's file, or one that is built in.
pub struct Listed {
    pub id: String,
    /// `file` or `built_in`.
    pub origin: &'static str,
    /// With the keys of `alerts.toml`.
    pub rule: Value,
}

impl Rules {
    /// All of them, as `alerts.toml` would have them.
    #[must_use]
    pub fn listed(&self) -> Vec<Listed> {
        let rules = self.rules.iter().enumerate().map(|(place, rule)| {
            let origin = if place < self.of_file { "file" } else { "built_in" };
            Listed { id: rule.id.to_string(), origin, rule: rule.as_json() }
        });
        let built_in = self.built_in.as_json().into_iter().map(|(id, rule)| Listed {
            id: id.to_owned(),
            origin: "built_in",
            rule,
        });
        rules.chain(built_in).collect()
    }

    /// Whether there is a rule of this id already, in the operator's file or built in.
    #[must_use]
    pub fn has(&self, id: &RuleId) -> bool {
        super::file::is_built_in(id) || self.rules.iter().any(|rule| rule.id == *id)
    }

    /// These rules and those of the staff. What the operator's file has come to say itself goes before what
    /// the staff have written under the same id.
    #[must_use]
    pub fn with<'r>(
        &self,
        of_staff: impl IntoIterator<Item = (&'r RuleId, &'r str)>,
        catalog: &Catalog,
        sites: &[Site],
    ) -> (Self, Vec<Unfit>) {
        let mut all = self.clone();
        let mut unfit = Vec::new();
        for (id, body) in of_staff {
            match read_staff_rule(body, catalog, sites) {
                Ok(_) if self.has(id) => {
                    unfit.push(Unfit { id: id.clone(), faults: vec![taken(id)] });
                }
                Ok(rule) => all.rules.push(rule),
                Err(faults) => unfit.push(Unfit { id: id.clone(), faults }),
            }
        }
        (all, unfit)
    }
}

fn taken(id: &RuleId) -> Fault {
    Fault {
        file: Path::new("rule").to_owned(),
        line: 0,
        key: "id".to_owned(),
        value: format!("{:?}", &*id.0),
        wanted: "an id that no rule of alerts.toml has".to_owned(),
    }
}

impl AlertRule {
    /// The rule in JSON, with the keys of a `[[rule]]`: what [`read_staff_rule`] reads as the same rule.
    #[must_use]
    pub fn as_json(&self) -> Value {
        let SiteChoice { ids, kinds, tags } = &self.sites;
        let listed = |names: Vec<&str>| (!names.is_empty()).then(|| json!(names));
        let spent = |span: TimeDelta| (span > TimeDelta::zero()).then(|| json!(duration(span)));
        let season = |season: Season| json!([month_day(season.from), month_day(season.until)]);
        let mut keys = vec![
            ("id", Some(json!(&*self.id.0))),
            ("quantity", Some(json!(&*self.quantity.0))),
            ("sites", listed(ids.iter().map(|id| &*id.0).collect())),
            ("kinds", listed(kinds.iter().map(|kind| kind.name()).collect())),
            ("tags", listed(tags.iter().map(String::as_str).collect())),
            ("for", spent(self.timing.lasting)),
            ("clear_for", spent(self.timing.clear_for)),
            ("season", self.season.map(season)),
            ("late_after", Some(json!(duration(self.late_after)))),
            ("severity", Some(json!(self.telling.severity.name()))),
            ("sv", Some(json!(self.telling.wording.sv))),
            ("en", Some(json!(self.telling.wording.en))),
            ("runbook", self.telling.runbook.as_ref().map(|runbook| json!(runbook))),
            ("quiet", self.telling.quiet.map(hours)),
        ];
        keys.extend(condition(&self.condition));
        let given = keys.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        Value::Object(given.collect())
    }
}

fn condition(condition: &Condition) -> Vec<(&'static str, Option<Value>)> {
    let change = |by: f64, within: Duration| {
        Some(json!({ "by": by, "within": format_duration(within).to_string() }))
    };
    match *condition {
        Condition::Above { limit, clear } => {
            vec![("above", Some(json!(limit))), ("clear", Some(json!(clear)))]
        }
        Condition::Below { limit, clear } => {
            vec![("below", Some(json!(limit))), ("clear", Some(json!(clear)))]
        }
        Condition::Rises { by, within } => vec![("rises", change(by, within))],
        Condition::Falls { by, within } => vec![("falls", change(by, within))],
        Condition::IsOn => vec![("is_on", Some(json!(true)))],
        Condition::OverBaseline { factor, margin, days } => {
            let baseline = json!({ "factor": factor, "margin": margin, "days": days });
            vec![("over_baseline", Some(baseline))]
        }
        Condition::Stale { after } => {
            vec![("stale_after", Some(json!(format_duration(after).to_string())))]
        }
    }
}

impl BuiltIn {
    fn as_json(&self) -> Vec<(&'static str, Value)> {
        let Self { silent, codec_failing, clock_skew, counter_gaps, source_quiet } = self;
        let counted = |id, key: &str, watch: &Option<(u32, Telling)>| {
            watch.as_ref().map(|(count, telling)| (id, told(telling, key, &json!(count))))
        };
        let quiet = source_quiet.as_ref().map(|(after, telling)| {
            let after = json!(format_duration(*after).to_string());
            ("source-quiet", told(telling, "after", &after))
        });
        let all = [
            counted("silent", "missed", silent),
            counted("codec-failing", "failures", codec_failing),
            counted("clock-skew", "failures", clock_skew),
            counted("counter-gaps", "percent", counter_gaps),
            quiet,
        ];
        all.into_iter().flatten().collect()
    }
}

fn told(telling: &Telling, key: &str, value: &Value) -> Value {
    json!({
        key: value,
        "severity": telling.severity.name(),
        "sv": telling.wording.sv,
        "en": telling.wording.en,
        "runbook": telling.runbook,
        "quiet": telling.quiet.map(hours),
    })
}

/// Hours of the day as the operator writes them.
fn hours(hours: Hours) -> Value {
    let clock = |time: chrono::NaiveTime| time.format("%H:%M").to_string();
    json!({ "from": clock(hours.from), "until": clock(hours.until) })
}

fn month_day(day: MonthDay) -> String {
    format!("{:02}-{:02}", day.month, day.day)
}

fn duration(span: TimeDelta) -> String {
    format_duration(span.to_std().unwrap_or_default()).to_string()
}
