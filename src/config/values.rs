use std::path::Path;
use std::time::Duration;

use toml::de::DeValue;

use crate::document::{FromToml, Section};
use crate::model::Format;
use crate::post::{BadUrl, Url};
use crate::secret::Secret;
use crate::source::mqtt::{BadBrokerUrl, BrokerUrl, Protocol};

impl FromToml for Format {
    fn wanted() -> String {
        format!("one of {}", Self::ALL.map(Self::name).join(", "))
    }

    fn names() -> Vec<&'static str> {
        Self::ALL.map(Self::name).into()
    }

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        Self::from_name(value.as_str()?)
    }
}

impl FromToml for Protocol {
    fn wanted() -> String {
        "\"5\" or \"3.1.1\"".to_owned()
    }

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        match value.as_str()? {
            "5" => Some(Self::V5),
            "3.1.1" => Some(Self::V311),
            _ => None,
        }
    }
}

/// A name for a source: it becomes part of each uplink's identity and of metric labels.
pub fn is_source_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// The address of a broker; one with a password in it is refused without saying it again.
pub fn broker(section: &Section<'_>) -> Option<BrokerUrl> {
    const WANTED: &str =
        "mqtt://host, mqtt://user@host:1883 or mqtts://host:8883, without a password";
    match section.optional::<String>("broker").map(|url| url.parse()) {
        Some(Ok(broker)) => return Some(broker),
        Some(Err(BadBrokerUrl::Password(_))) => section.refuse_unshown("broker", WANTED),
        Some(Err(_)) | None => section.refuse("broker", WANTED),
    }
    None
}

/// The address of a server under `url`; one with a password in it is refused without saying it again.
pub fn url(section: &Section<'_>, wanted: &str) -> Option<Url> {
    match section.required::<String>("url")?.parse() {
        Ok(url) => return Some(url),
        Err(BadUrl::Credentials) => section.refuse_unshown("url", wanted),
        Err(BadUrl::Unfit) => section.refuse("url", wanted),
    }
    None
}

/// What a secret is to be.
pub const SECRET_WANTED: &str = "{ env = \"NAME\" } or { file = \"path\" }";

/// Refuses times by which whoever waits for an answer would never wait: those under `connect_timeout`,
/// `answer_timeout` and `retry_min`, in this order, and under `retry_max`.
pub fn check_patience(section: &Section<'_>, least: [Duration; 3], retry_max: Duration) {
    for (key, time) in ["connect_timeout", "answer_timeout", "retry_min"].into_iter().zip(least) {
        if time.is_zero() {
            section.refuse(key, "more than 0s");
        }
    }
    let [_, _, retry_min] = least;
    if retry_max < retry_min {
        section.refuse("retry_max", "a time no shorter than retry_min");
    }
}

/// `{ env = "NAME" }` or `{ file = "path" }`; a secret written out is refused, and not said again.
pub fn secret(section: &Section<'_>, key: &str, base: &Path) -> Option<Secret> {
    if !section.is_table(key)? {
        section.refuse_unshown(key, SECRET_WANTED);
        return None;
    }
    let secret = section.table(key, |secret| {
        let (env, file) =
            (secret.optional::<String>("env"), secret.optional::<std::path::PathBuf>("file"));
        match (env, file) {
            (Some(name), None) => Some(Secret::Env(name)),
            (None, Some(path)) => Some(Secret::File(base.join(path))),
            _ => None,
        }
    })?;
    if secret.is_none() {
        section.refuse(key, SECRET_WANTED);
    }
    secret
}
