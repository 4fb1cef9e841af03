use std::path::Path;

use toml::de::DeValue;

use crate::document::{FromToml, Section};
use crate::model::Format;
use crate::secret::Secret;
use crate::source::mqtt::{BadBrokerUrl, BrokerUrl, Protocol};

impl FromToml for Format {
    fn wanted() -> String {
        format!("one of {}", Self::ALL.map(Self::name).join(", "))
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

/// `{ env = "NAME" }` or `{ file = "path" }`; a secret written out is refused, and not said again.
pub fn secret(section: &Section<'_>, key: &str, base: &Path) -> Option<Secret> {
    const WANTED: &str = "{ env = \"NAME\" } or { file = \"path\" }";
    if !section.is_table(key)? {
        section.refuse_unshown(key, WANTED);
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
        section.refuse(key, WANTED);
    }
    secret
}
