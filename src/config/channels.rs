use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::TimeDelta;
use toml::de::DeValue;

use super::values::{is_source_name, secret, url};
use super::{set, values};
use crate::alert::Language;
use crate::document::{FromToml, Section};
use crate::model::Severity;
use crate::notify::{
    AlertmanagerConfig, Channel, EmailConfig, Encryption, Format, Kind, Limits, WebhookConfig,
    is_address, is_label,
};
use crate::post::Url;
use crate::secret::Secret;

/// An Alertmanager is told again of what stands at least this often.
const RESEND_MAX: Duration = Duration::from_secs(3600);

/// Reads each `[[alert.channel]]`.
pub fn read(section: &Section<'_>, base: &Path) -> Vec<Channel> {
    let mut names = BTreeSet::new();
    let channels = section.tables("channel", |section| {
        let channel = read_one(section, base);
        if let Some(channel) = &channel
            && !names.insert(channel.name.clone())
        {
            section.refuse("name", "a name that no other channel has");
        }
        channel
    });
    channels.into_iter().flatten().collect()
}

fn read_one(section: &Section<'_>, base: &Path) -> Option<Channel> {
    let name: Option<String> = section.required("name");
    if name.as_deref().is_some_and(|name| !is_source_name(name)) {
        section.refuse("name", "lower-case letters, digits and hyphens");
    }
    let least = section.or("least", Severity::Info);
    let after = TimeDelta::from_std(section.or("after", Duration::ZERO));
    if after.is_err() {
        section.refuse("after", "a time of less than a lifetime");
    }
    let mut limits = Limits::default();
    let mut language = Language::Swedish;
    let Some(name_of_kind) = section.required::<Name>("kind") else {
        section.let_others_be();
        return None;
    };
    let kind = match name_of_kind {
        Name::Email => email(section, base).map(Kind::Email),
        Name::Webhook => webhook(section, base).map(Kind::Webhook),
        Name::Alertmanager => alertmanager(section, base).map(Kind::Alertmanager),
    };
    // An Alertmanager gathers by itself, and is given both languages.
    if name_of_kind != Name::Alertmanager {
        set(&mut language, section.optional("language"));
        set(&mut limits.group_wait, section.optional("group_wait"));
    }
    read_limits(section, &mut limits);
    Some(Channel { name: name?, least, after: after.ok()?, language, kind: kind?, limits })
}

fn email(section: &Section<'_>, base: &Path) -> Option<EmailConfig> {
    const WANTED: &str = "an address such as \"larm@example.se\" or \"Larm <larm@example.se>\"";
    let server: Option<String> = section.required("server");
    let encryption = section.or("tls", Encryption::StartTls);
    let port = section.or("port", encryption.port());
    let may_be_plain = section.or("allow_plain", false);
    if encryption == Encryption::None
        && !may_be_plain
        && server.as_deref().is_some_and(|server| !is_this_machine(server))
    {
        let wanted = "starttls or tls, or allow_plain = true where nobody can listen in between";
        section.refuse("tls", wanted);
    }
    let authority = section.optional::<PathBuf>("authority").map(|path| base.join(path));
    let (user, password) = (section.optional("username"), secret(section, "password", base));
    if user.is_some() && section.is_table("password").is_none() {
        section.refuse("password", values::SECRET_WANTED);
    }
    if user.is_none() && section.is_table("password") == Some(true) {
        section.refuse("username", "the user that the password is of");
    }
    let from: Option<String> = section.required("from");
    if from.as_deref().is_some_and(|from| !is_address(from)) {
        section.refuse("from", WANTED);
    }
    let to: Option<Vec<String>> = section.required("to");
    if to.as_ref().is_some_and(|to| to.is_empty() || !to.iter().all(|to| is_address(to))) {
        section.refuse("to", &format!("a list with at least one, each {WANTED}"));
    }
    let login = user.zip(password);
    Some(EmailConfig { server: server?, port, encryption, authority, login, from: from?, to: to? })
}

/// Whether nothing leaves this machine on the way to a server.
fn is_this_machine(server: &str) -> bool {
    server == "localhost" || server.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn webhook(section: &Section<'_>, base: &Path) -> Option<WebhookConfig> {
    let format = section.or("format", Format::Json);
    let authority = section.optional::<PathBuf>("authority").map(|path| base.join(path));
    let key = secret(section, "secret", base);
    if format == Format::Json && section.is_table("secret").is_none() {
        let wanted = format!("{}, with which messages are signed", values::SECRET_WANTED);
        section.refuse("secret", &wanted);
    }
    let url = webhook_url(section, base, format)?;
    Some(WebhookConfig { url, authority, format, secret: key })
}

/// Of Teams and Slack the address is all that one needs to post there, so it is not written out.
fn webhook_url(section: &Section<'_>, base: &Path, format: Format) -> Option<Secret> {
    let wanted = match format {
        Format::Json => {
            "https://host/path, or { env = \"NAME\" } or { file = \"path\" } that holds it"
        }
        Format::Teams | Format::Slack => {
            "{ env = \"NAME\" } or { file = \"path\" } that holds the address, since it is a password too"
        }
    };
    match section.is_table("url") {
        Some(true) => secret(section, "url", base),
        Some(false) if format == Format::Json => {
            let text: String = section.optional("url")?;
            if Url::with_query(&text).is_err() {
                section.refuse_unshown("url", wanted);
            }
            Some(Secret::Known(text))
        }
        Some(false) => {
            section.refuse_unshown("url", wanted);
            None
        }
        None => {
            section.refuse("url", wanted);
            None
        }
    }
}

fn alertmanager(section: &Section<'_>, base: &Path) -> Option<AlertmanagerConfig> {
    let url = url(section, "http://host:9093 or https://host, without user and password");
    let authority = section.optional::<PathBuf>("authority").map(|path| base.join(path));
    let token = secret(section, "token", base);
    let labels = section.or::<BTreeMap<String, String>>("labels", BTreeMap::new());
    if !labels.keys().all(|name| is_label(name)) {
        section.refuse("labels", "names of letters, digits and _, each with a text");
    }
    let resend = section.or("resend", Duration::from_secs(60));
    if resend.is_zero() || resend > RESEND_MAX {
        section.refuse("resend", "more than 0s and at most 1h");
    }
    let url = url?;
    if authority.is_some() && !url.is_tls {
        section.refuse("url", "https:// where there is an authority");
    }
    Some(AlertmanagerConfig { url, authority, token, labels, resend })
}

fn read_limits(section: &Section<'_>, limits: &mut Limits) {
    set(&mut limits.connect_timeout, section.optional("connect_timeout"));
    set(&mut limits.answer_timeout, section.optional("answer_timeout"));
    set(&mut limits.retry_min, section.optional("retry_min"));
    set(&mut limits.retry_max, section.optional("retry_max"));
    values::check_patience(
        section,
        [limits.connect_timeout, limits.answer_timeout, limits.retry_min],
        limits.retry_max,
    );
}

/// What a channel is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Name {
    Email,
    Webhook,
    Alertmanager,
}

/// A type that is written as one of a few words.
macro_rules! words {
    ($type:ty, $($word:literal => $value:expr),+) => {
        impl FromToml for $type {
            fn wanted() -> String {
                format!("one of {}", [$($word),+].join(", "))
            }

            fn names() -> Vec<&'static str> {
                vec![$($word),+]
            }

            fn from_toml(value: &DeValue<'_>) -> Option<Self> {
                match value.as_str()? {
                    $($word => Some($value),)+
                    _ => None,
                }
            }
        }
    };
}

words!(Name, "email" => Self::Email, "webhook" => Self::Webhook, "alertmanager" => Self::Alertmanager);
words!(Language, "sv" => Self::Swedish, "en" => Self::English);
words!(Encryption, "starttls" => Self::StartTls, "tls" => Self::Tls, "none" => Self::None);
words!(Format, "json" => Self::Json, "teams" => Self::Teams, "slack" => Self::Slack);
