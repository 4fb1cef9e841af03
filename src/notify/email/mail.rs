//! A mail as text: RFC 5322, with words that are not ASCII as RFC 2047 has them and the body in base64.

use std::fmt::Write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};
use lettre::Address;

/// Who a mail is from or to: an address, and a name perhaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    pub name: String,
    pub address: Address,
}

/// What stands in a mail.
pub struct Mail<'m> {
    pub from: &'m Mailbox,
    pub to: &'m [Mailbox],
    pub subject: &'m str,
    /// Without the brackets.
    pub id: &'m str,
    pub date: DateTime<Utc>,
    /// Further headers, of ASCII.
    pub headers: &'m [(&'m str, &'m str)],
    pub text: &'m str,
}

impl Mailbox {
    /// Reads `name <address>` or an address alone.
    pub fn from_text(text: &str) -> Option<Self> {
        let (name, address) = match text.trim().strip_suffix('>') {
            Some(text) => text.split_once('<')?,
            None => ("", text),
        };
        let name = name.trim().trim_matches('"').to_owned();
        let address = address.trim();
        if !address.is_ascii() {
            return None;
        }
        let address = address.parse().ok()?;
        (!name.chars().any(char::is_control)).then_some(Self { name, address })
    }

    fn written(&self) -> String {
        match self.name.as_str() {
            "" => self.address.to_string(),
            name => format!("{} <{}>", words(name, is_of_atoms), self.address),
        }
    }
}

impl Mail<'_> {
    /// The mail as it is sent, its lines ended as on the wire.
    pub fn written(&self) -> String {
        let to: Vec<String> = self.to.iter().map(Mailbox::written).collect();
        let mut mail = String::new();
        let mut header = |name: &str, value: &str| {
            // Writing to a String does not fail.
            let _written = write!(mail, "{name}: {value}\r\n");
        };
        header("From", &self.from.written());
        header("To", &to.join(",\r\n "));
        header("Subject", &words(self.subject, is_printable));
        header("Message-ID", &format!("<{}>", self.id));
        header("Date", &self.date.to_rfc2822());
        for (name, value) in self.headers {
            header(name, value);
        }
        header("MIME-Version", "1.0");
        header("Content-Type", "text/plain; charset=utf-8");
        header("Content-Transfer-Encoding", "base64");
        mail.push_str("\r\n");
        let body = BASE64_STANDARD.encode(self.text.replace('\n', "\r\n"));
        let mut rest = body.as_str();
        while let Some((line, after)) = rest.split_at_checked(76) {
            mail.push_str(line);
            mail.push_str("\r\n");
            rest = after;
        }
        mail.push_str(rest);
        mail.push_str("\r\n");
        mail
    }
}

fn is_of_atoms(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b" -_".contains(&b))
}

fn is_printable(text: &str) -> bool {
    text.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) && !text.contains("=?")
}

/// A text in a header: as it is where it is short and plain, else in encoded words of at most 75 characters, a line
/// for each.
fn words(text: &str, is_plain: fn(&str) -> bool) -> String {
    /// Bytes whose base64 fits between the marks.
    const BYTES_MAX: usize = 45;
    if text.len() <= BYTES_MAX && is_plain(text) {
        return text.to_owned();
    }
    let (mut encoded, mut word) = (Vec::new(), String::new());
    for c in text.chars() {
        if word.len() + c.len_utf8() > BYTES_MAX {
            encoded.push(format!("=?utf-8?B?{}?=", BASE64_STANDARD.encode(&word)));
            word.clear();
        }
        word.push(c);
    }
    encoded.push(format!("=?utf-8?B?{}?=", BASE64_STANDARD.encode(&word)));
    encoded.join("\r\n ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_subject_is_cut_between_letters_and_no_header_can_be_slipped_in() {
        assert_eq!(words("Prov: 1", is_printable), "Prov: 1");
        assert_eq!(words("a\r\nBcc: b", is_printable), "=?utf-8?B?YQ0KQmNjOiBi?=");
        let long = "å".repeat(40);
        let encoded = words(&long, is_printable);
        let mut read = Vec::new();
        for word in encoded.split("\r\n ") {
            assert!(word.len() <= 75, "{word}");
            let base64 = word.strip_prefix("=?utf-8?B?").unwrap().strip_suffix("?=").unwrap();
            read.push(String::from_utf8(BASE64_STANDARD.decode(base64).unwrap()).unwrap());
        }
        assert_eq!(read.concat(), long);
    }

    #[test]
    fn a_mailbox_is_an_address_with_or_without_a_name() {
        let read = |text: &str| Mailbox::from_text(text).map(|mailbox| mailbox.written());
        assert_eq!(read("a@b.se").as_deref(), Some("a@b.se"));
        assert_eq!(read("\"Jour\" <a@b.se>").as_deref(), Some("Jour <a@b.se>"));
        assert_eq!(
            read("Jourhavande på VA <a@b.se>").as_deref(),
            Some("=?utf-8?B?Sm91cmhhdmFuZGUgcMOlIFZB?= <a@b.se>")
        );
        for text in ["", "a", "a@", "Jour", "<a@b.se", "a@b.se, c@d.se", "a\nb <a@b.se>"] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_mail_has_lines_that_every_server_takes() {
        let mailbox = Mailbox::from_text("a@b.se").unwrap();
        let mail = Mail {
            from: &mailbox,
            to: &[mailbox.clone(), mailbox.clone()],
            subject: "Prov",
            id: "1@b.se",
            date: "2026-11-26T14:02:05Z".parse().unwrap(),
            headers: &[("Importance", "high")],
            text: &"Nivån är 63,7 m\n".repeat(20),
        };
        let written = mail.written();
        let (head, body) = written.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains("To: a@b.se,\r\n a@b.se\r\n")
                && head.contains("\r\nImportance: high\r\n")
        );
        assert!(head.contains("\r\nDate: Thu, 26 Nov 2026 14:02:05 +0000\r\n"), "{head}");
        assert!(written.split("\r\n").all(|line| line.len() <= 78 && line.is_ascii()));
        let text = BASE64_STANDARD.decode(body.replace("\r\n", "")).unwrap();
        assert_eq!(String::from_utf8(text).unwrap(), "Nivån är 63,7 m\r\n".repeat(20));
    }
}
