//! What people read of a message, in their language.

use chrono::{DateTime, Utc};
use chrono_tz::Europe::Stockholm;

use super::message::{Item, Message};
use crate::alert::{Language, written};
use crate::model::Severity;

/// Alerts that are written out; more of them are counted.
pub const SHOWN_MAX: usize = 30;

/// One line that says the most important.
pub fn heading(message: &Message, language: Language) -> String {
    let Some(first) = message.items.first() else {
        return match language {
            Language::Swedish => format!("PROV: kanalen {} fungerar", message.channel),
            Language::English => format!("TEST: the channel {} works", message.channel),
        };
    };
    let label = label(message.severity(), language);
    let more = match (message.items.len() - 1, language) {
        (0, _) => String::new(),
        (more, Language::Swedish) => format!(" (och {more} till)"),
        (more, Language::English) => format!(" (and {more} more)"),
    };
    format!("{label}: {}{more}", one_line(said(first, language)))
}

/// The rest, a paragraph for each alert.
pub fn paragraphs(message: &Message, language: Language) -> Vec<Vec<String>> {
    if message.is_test() {
        let text = match language {
            Language::Swedish => "Det här är ett prov som någon har beställt. Ingenting har hänt.",
            Language::English => {
                "This is a test that somebody has asked for. Nothing has happened."
            }
        };
        return vec![vec![text.to_owned()]];
    }
    let items = message.items.iter().take(SHOWN_MAX);
    let mut all: Vec<Vec<String>> = items.map(|item| paragraph(item, language)).collect();
    if message.items.len() > SHOWN_MAX {
        let more = message.items.len() - SHOWN_MAX;
        all.push(vec![match language {
            Language::Swedish => format!("… och {more} larm till."),
            Language::English => format!("… and {more} more alerts."),
        }]);
    }
    all
}

fn paragraph(item: &Item, language: Language) -> Vec<String> {
    let alert = &item.alert;
    let severity = (!item.is_over()).then_some(alert.severity);
    let mut lines = vec![format!("{}: {}", label(severity, language), said(item, language))];
    let mut line = |sv: &str, en: &str, text: &str| {
        let name = match language {
            Language::Swedish => sv,
            Language::English => en,
        };
        lines.push(format!("{name}: {text}"));
    };
    line("Sedan", "Since", &local(alert.since));
    if let Some(resolved_at) = alert.resolved_at {
        line("Över", "Over", &local(resolved_at));
    }
    if let (Some(measured), Some(value)) = (&item.measured, alert.evidence.value) {
        let mut text = written(value, &measured.unit, language);
        if let Some(time) = alert.evidence.time {
            text = format!("{text} ({})", local(time));
        }
        line("Senaste värde", "Newest value", &text);
    }
    if let (Some(who), Some(at)) = (&alert.acknowledged_by, alert.acknowledged_at) {
        line("Kvitterat av", "Acknowledged by", &format!("{who}, {}", local(at)));
    }
    if let Some(runbook) = &alert.runbook {
        line("Att göra", "What to do", runbook);
    }
    if let Some(link) = &item.link {
        line("Larmet", "The alert", link);
    }
    lines
}

fn said(item: &Item, language: Language) -> &str {
    match language {
        Language::Swedish => &item.alert.wording.sv,
        Language::English => &item.alert.wording.en,
    }
}

/// How much it matters; that it is over where nothing stands.
fn label(severity: Option<Severity>, language: Language) -> &'static str {
    match (severity, language) {
        (Some(Severity::Critical), Language::Swedish) => "KRITISKT",
        (Some(Severity::Critical), Language::English) => "CRITICAL",
        (Some(Severity::Warning), Language::Swedish) => "Varning",
        (Some(Severity::Warning), Language::English) => "Warning",
        (Some(Severity::Info), Language::Swedish) => "Upplysning",
        (Some(Severity::Info), Language::English) => "Information",
        (None, Language::Swedish) => "Över",
        (None, Language::English) => "Over",
    }
}

fn local(time: DateTime<Utc>) -> String {
    time.with_timezone(&Stockholm).format("%Y-%m-%d %H:%M").to_string()
}

/// A heading has one line, however somebody has written the text of a rule.
fn one_line(text: &str) -> String {
    const CHARS_MAX: usize = 150;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(CHARS_MAX).collect()
}
