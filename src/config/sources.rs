use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::values::{broker, is_source_name, secret};
use super::{positive, set};
use crate::document::Section;
use crate::model::{Format, Source};
use crate::secret::Secret;
use crate::source::mqtt::{self, Credentials, Protocol, Tls};
use crate::source::{listener, tls};

/// A subscription to a broker.
#[derive(Clone, Debug)]
pub struct SourceConfig {
    pub mqtt: mqtt::Config,
}

/// The embedded listener.
#[derive(Clone, Debug)]
pub struct ListenerConfig {
    pub source: Arc<Source>,
    pub bind: SocketAddr,
    pub users: BTreeMap<String, Secret>,
    pub tls: Option<tls::Identity>,
    pub limits: listener::Limits,
}

/// Somebody who sends by HTTP.
#[derive(Clone, Debug)]
pub struct SenderConfig {
    pub source: Arc<Source>,
    pub token: Secret,
}

pub fn read_sender(name: &str, section: &Section<'_>, base: &Path) -> Option<SenderConfig> {
    let source = source(name, section);
    let token = secret(section, "token", base);
    if token.is_none() && section.is_table("token").is_none() {
        section.refuse("token", "{ env = \"NAME\" } or { file = \"path\" }");
    }
    Some(SenderConfig { source, token: token? })
}

pub fn read_source(name: &str, section: &Section<'_>, base: &Path) -> Option<SourceConfig> {
    let source = source(name, section);
    let broker = broker(section);
    let filters: Option<Vec<String>> = section.required("filters");
    let client_id: Option<String> = section.required("client_id");
    let protocol = section.or("protocol", Protocol::V5);
    let limits = mqtt_limits(section);
    if filters
        .as_ref()
        .is_some_and(|filters| filters.is_empty() || !filters.iter().all(|f| is_filter(f)))
    {
        section.refuse(
            "filters",
            "MQTT topic filters, where + stands for a level and # for all at the end",
        );
    }
    if client_id.as_ref().is_some_and(String::is_empty) {
        section.refuse("client_id", "a name that no other client of the broker has");
    }
    let broker_tls = section.table("tls", |section| Tls {
        authority: section.optional::<PathBuf>("authority").map(|path| base.join(path)),
        identity: identity(section, base),
    });
    let username: Option<String> = section.optional("username");
    let password = secret(section, "password", base);
    let broker = broker?;
    if broker_tls.is_some() && !broker.tls {
        section.refuse("broker", "mqtts:// where there is a table tls");
    }
    let username = username.or(broker.username);
    let credentials = match (username, password) {
        (Some(username), Some(password)) => Some(Credentials { username, password }),
        (None, None) => None,
        (Some(_), None) => {
            if section.is_table("password").is_none() {
                section.refuse("password", "a password for the user name");
            }
            None
        }
        (None, Some(_)) => {
            section.refuse("username", "a user name for the password");
            None
        }
    };
    Some(SourceConfig {
        mqtt: mqtt::Config {
            source,
            host: broker.host,
            port: broker.port,
            protocol,
            client_id: client_id?,
            credentials,
            tls: broker.tls.then(|| broker_tls.unwrap_or_default()),
            filters: filters?,
            limits,
        },
    })
}

fn mqtt_limits(section: &Section<'_>) -> mqtt::Limits {
    let mut limits = mqtt::Limits::default();
    set(&mut limits.keep_alive, section.optional("keep_alive"));
    set(&mut limits.session_expiry, section.optional("session_expiry"));
    set(&mut limits.receive_maximum, section.optional("receive_maximum"));
    set(&mut limits.packet_bytes, section.optional("packet_bytes"));
    for (key, value) in
        [("receive_maximum", limits.receive_maximum.into()), ("packet_bytes", limits.packet_bytes)]
    {
        if value == 0 {
            section.refuse(key, "at least 1");
        }
    }
    let seconds = limits.keep_alive.as_secs();
    if !(5..=65_535).contains(&seconds) {
        section.refuse("keep_alive", "5s to 65535s");
    }
    limits
}

pub fn read_listener(name: &str, section: &Section<'_>, base: &Path) -> Option<ListenerConfig> {
    let source = source(name, section);
    let bind = section.or("bind", SocketAddr::from(([127, 0, 0, 1], 1883)));
    let mut limits = listener::Limits::default();
    set(&mut limits.connections, positive(section, "connections"));
    set(&mut limits.packet_bytes, section.optional("packet_bytes"));
    set(&mut limits.receive_maximum, section.optional("receive_maximum"));
    for (key, value) in
        [("receive_maximum", limits.receive_maximum.into()), ("packet_bytes", limits.packet_bytes)]
    {
        if value == 0 {
            section.refuse(key, "at least 1");
        }
    }
    let tls = section.table("tls", |section| {
        let identity = identity(section, base);
        if section.is_table("certificate").or(section.is_table("key")).is_none() {
            section.refuse("certificate", "certificate and key");
        }
        identity
    });
    let users = section.table("users", |section| {
        let names = section.other_keys();
        names
            .into_iter()
            .filter_map(|name| Some((name.clone(), secret(section, &name, base)?)))
            .collect()
    });
    let users: BTreeMap<String, Secret> = users.unwrap_or_default();
    if users.is_empty() && !bind.ip().to_canonical().is_loopback() {
        section.refuse("users", "at least one user, since others can reach the address");
    }
    Some(ListenerConfig { source, bind, users, tls: tls.flatten(), limits })
}

fn source(name: &str, section: &Section<'_>) -> Arc<Source> {
    if !is_source_name(name) {
        section.refuse_name("a name of lower-case letters, digits and hyphens");
    }
    Arc::new(Source { name: name.to_owned(), format: section.or("format", Format::Auto) })
}

fn identity(section: &Section<'_>, base: &Path) -> Option<tls::Identity> {
    let certificate: Option<PathBuf> = section.optional("certificate");
    let key: Option<PathBuf> = section.optional("key");
    if certificate.is_some() != key.is_some() {
        let missing = if key.is_none() { "key" } else { "certificate" };
        section.refuse(missing, "certificate and key together");
    }
    Some(tls::Identity { certificate: base.join(certificate?), key: base.join(key?) })
}

/// MQTT 5, section 4.7: `#` only as the last level, wildcards only as whole levels.
fn is_filter(filter: &str) -> bool {
    let levels: Vec<&str> = filter.split('/').collect();
    let last = levels.len().saturating_sub(1);
    !filter.is_empty()
        && levels.iter().enumerate().all(|(number, level)| match *level {
            "#" => number == last,
            "+" => true,
            level => !level.contains(['#', '+', '\0']),
        })
}
