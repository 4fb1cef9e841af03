//! How a message looks in Microsoft Teams and in Slack.

use serde_json::{Value, json};

use super::message::Message;
use super::words::{heading, paragraphs};
use crate::alert::Language;
use crate::model::Severity;

/// An Adaptive Card, as a workflow of Teams takes it at the address that it gives out.
pub fn teams(message: &Message, language: Language) -> Value {
    let color = match message.severity() {
        Some(Severity::Critical) => "attention",
        Some(Severity::Warning) => "warning",
        Some(Severity::Info) => "accent",
        None => "good",
    };
    let mut body = vec![json!({
        "type": "TextBlock",
        "text": plain(&heading(message, language), TEAMS),
        "weight": "bolder",
        "color": color,
        "wrap": true,
    })];
    for lines in paragraphs(message, language) {
        let lines: Vec<String> = lines.iter().map(|line| plain(line, TEAMS)).collect();
        // A card knows paragraphs and no lines.
        body.push(json!({ "type": "TextBlock", "text": lines.join("\n\n"), "wrap": true, "separator": true }));
    }
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": body,
            },
        }],
    })
}

/// What an incoming webhook of Slack takes.
pub fn slack(message: &Message, language: Language) -> Value {
    let mut text = format!("*{}*", plain(&heading(message, language), SLACK));
    for lines in paragraphs(message, language) {
        text.push_str("\n\n");
        text.push_str(&plain(&lines.join("\n"), SLACK));
    }
    json!({ "text": text })
}

/// Characters that would be taken for more than themselves, and what is written for them.
type Escapes = &'static [(char, &'static str)];

const SLACK: Escapes = &[('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('*', "∗")];
const TEAMS: Escapes = &[('[', "\\["), (']', "\\]"), ('*', "\\*"), ('<', "&lt;")];

fn plain(text: &str, escapes: Escapes) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match escapes.iter().find(|(escaped, _)| *escaped == c) {
            Some((_, written)) => plain.push_str(written),
            None => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_shown_and_not_obeyed() {
        assert_eq!(plain("<!here> *a* & b", SLACK), "&lt;!here&gt; ∗a∗ &amp; b");
        assert_eq!(plain("[a](http://b)", TEAMS), "\\[a\\](http://b)");
    }
}
