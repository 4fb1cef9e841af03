//! What is said of an alert: the texts of rules with their placeholders filled in.
//!
//! There is no placeholder for a position, so that no message can tell where a site lies.

use chrono::{DateTime, Utc};
use chrono_tz::Europe::Stockholm;

use crate::model::{Quantity, Site, Wording};

const PLACEHOLDERS: [&str; 12] = [
    "site", "site_id", "quantity", "value", "limit", "unit", "since", "device", "gateway",
    "source", "count", "list",
];

/// Whether a text can hold a placeholder of this name.
#[must_use]
pub fn is_known_placeholder(name: &str) -> bool {
    PLACEHOLDERS.contains(&name)
}

/// The placeholders of a text, those that are unknown too; `None` where a brace is not closed.
pub fn placeholders(text: &str) -> Option<Vec<&str>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        found.push(name);
        rest = after;
    }
    Some(found)
}

/// All of them, for the message that says what is wanted.
pub fn known() -> String {
    PLACEHOLDERS.map(|name| format!("{{{name}}}")).join(", ")
}

/// What the placeholders stand for; what is not known of an alert stays empty in its text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Words<'w> {
    pub site: Option<&'w Site>,
    pub quantity: Option<&'w Quantity>,
    pub value: Option<f64>,
    pub limit: Option<f64>,
    pub since: Option<DateTime<Utc>>,
    pub device: Option<&'w str>,
    pub gateway: Option<&'w str>,
    pub source: Option<&'w str>,
    /// Devices by name.
    pub list: &'w [String],
}

/// In which a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Swedish,
    English,
}

/// A value with its UCUM unit as people write them.
#[must_use]
pub fn written(value: f64, ucum: &str, language: Language) -> String {
    format!("{} {}", number(value, language), unit(ucum)).trim_end().to_owned()
}

impl Words<'_> {
    /// Both texts, filled in.
    #[must_use]
    pub fn fill(&self, wording: &Wording) -> Wording {
        Wording {
            sv: self.filled(&wording.sv, Language::Swedish),
            en: self.filled(&wording.en, Language::English),
        }
    }

    fn filled(&self, text: &str, language: Language) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let Some((name, after)) = after.split_once('}') else { break };
            self.write(&mut filled, name, language);
            rest = after;
        }
        filled.push_str(rest);
        filled.trim().to_owned()
    }

    fn write(&self, filled: &mut String, name: &str, language: Language) {
        let number = |value: Option<f64>| value.map(|value| number(value, language));
        let text = match name {
            "site" => self.site.map(|site| site.name.clone()),
            "site_id" => self.site.map(|site| site.id.to_string()),
            "quantity" => self.quantity.map(|quantity| match language {
                Language::Swedish => quantity.label_sv.to_lowercase(),
                Language::English => quantity.label_en.to_lowercase(),
            }),
            "value" => number(self.value),
            "limit" => number(self.limit),
            "unit" => self.quantity.map(|quantity| unit(&quantity.unit).to_owned()),
            "since" => self
                .since
                .map(|since| since.with_timezone(&Stockholm).format("%Y-%m-%d %H:%M").to_string()),
            "device" => self.device.map(str::to_owned),
            "gateway" => self.gateway.map(str::to_owned),
            "source" => self.source.map(str::to_owned),
            "count" => Some(self.list.len().to_string()),
            "list" => Some(listed(self.list, language)),
            _ => None,
        };
        filled.push_str(&text.unwrap_or_default());
    }
}

/// To three decimals at most, as the language writes them.
fn number(value: f64, language: Language) -> String {
    let rounded = format!("{value:.3}");
    let text = rounded.trim_end_matches('0').trim_end_matches('.');
    match language {
        Language::Swedish => text.replace('.', ",").replace('-', "−"),
        Language::English => text.replace('-', "−"),
    }
}

/// A UCUM unit as people write it.
fn unit(ucum: &str) -> &str {
    match ucum {
        "1" => "",
        "Cel" => "°C",
        "m3" => "m³",
        "m3/h" => "m³/h",
        "m3/s" => "m³/s",
        "L/h" => "l/h",
        "L" => "l",
        "deg" => "°",
        other => other,
    }
}

/// Names in one line, the first twenty of them.
fn listed(names: &[String], language: Language) -> String {
    const SHOWN: usize = 20;
    let mut text = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        let more = names.len() - SHOWN;
        text += &match language {
            Language::Swedish => format!(" och {more} till"),
            Language::English => format!(" and {more} more"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_in_as_each_language_writes() {
        let names: Vec<String> = (1..=22).map(|number| format!("s{number}")).collect();
        let words = Words { value: Some(-0.1 - 0.2), list: &names, ..Words::default() };
        let wording = Wording {
            sv: "Nivå {value} {unit}".to_owned(),
            en: "Level {value}; {count}: {list}".to_owned(),
        };
        let filled = words.fill(&wording);
        assert_eq!(filled.sv, "Nivå −0,3");
        assert!(filled.en.starts_with("Level −0.3; 22: s1, s2, "), "{}", filled.en);
        assert!(filled.en.ends_with("s20 and 2 more"), "{}", filled.en);
    }

    #[test]
    fn a_brace_that_is_not_closed_is_seen() {
        assert_eq!(placeholders("{site} at {value}"), Some(vec!["site", "value"]));
        assert_eq!(placeholders("{site"), None);
        assert!(!is_known_placeholder("longitude"));
    }
}
