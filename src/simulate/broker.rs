use std::fmt;
use std::path::Path;
use std::time::Duration;

use rumqttc::Transport;
use rumqttc::v5::MqttOptions;

/// The MQTT 5 broker to publish to.
#[derive(Clone, PartialEq, Eq)]
pub struct Broker {
    /// Name or address; an IPv6 address in brackets.
    pub host: String,
    pub port: u16,
    /// TLS, checked against the certificate authorities of the system.
    pub tls: bool,
    pub username: Option<String>,
    pub password: Option<String>,
    pub client_id: String,
}

/// A text that does not name a broker.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadBroker {
    #[error("broker is {0:?}, want mqtt://host, mqtt://user@host:1883 or mqtts://host:8883")]
    Scheme(String),
    #[error("broker {0:?} has no host")]
    NoHost(String),
    #[error("broker {url:?}: port is {port:?}, want 1 to 65535")]
    Port { url: String, port: String },
    #[error("broker {0:?}: nothing may follow the port")]
    Path(String),
    #[error("broker at {0:?} holds a password: every user of this machine can read it there")]
    Password(String),
    #[error("no certificate authorities found in {0}: mqtts:// needs them")]
    NoAuthorities(String),
}

/// Where Linux distributions and the BSDs keep the authorities they trust, as PEM.
const AUTHORITIES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

impl Broker {
    /// Reads `mqtt://[user@]host[:port]`, or `mqtts://` for TLS. The port is 1883, or 8883 with
    /// TLS, unless given; the client id is `stadspuls-simulate` until it is set.
    ///
    /// # Errors
    ///
    /// [`BadBroker`], which names what is wrong. A password in the text is refused, because
    /// command lines can be read by others: set [`Broker::password`] instead.
    pub fn parse(url: &str) -> Result<Self, BadBroker> {
        let (tls, rest) = match url.split_once("://") {
            Some(("mqtt", rest)) => (false, rest),
            Some(("mqtts", rest)) => (true, rest),
            _ => return Err(BadBroker::Scheme(url.to_owned())),
        };
        let (username, address) = match rest.rsplit_once('@') {
            Some((user, address)) => (Some(user), address),
            None => (None, rest),
        };
        if username.is_some_and(|user| user.contains(':')) {
            return Err(BadBroker::Password(address.to_owned()));
        }
        let address = address.strip_suffix('/').unwrap_or(address);
        if address.contains(['/', '?', '#']) {
            return Err(BadBroker::Path(url.to_owned()));
        }
        let (host, port) = match address.rsplit_once(':') {
            // The colons within brackets belong to an IPv6 address.
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (address, None),
        };
        if host.is_empty() {
            return Err(BadBroker::NoHost(url.to_owned()));
        }
        let port =
            match port {
                None if tls => 8883,
                None => 1883,
                Some(text) => text.parse().ok().filter(|&port| port != 0).ok_or_else(|| {
                    BadBroker::Port { url: url.to_owned(), port: text.to_owned() }
                })?,
            };
        Ok(Self {
            host: host.to_owned(),
            port,
            tls,
            username: username.filter(|user| !user.is_empty()).map(str::to_owned),
            password: None,
            client_id: "stadspuls-simulate".to_owned(),
        })
    }

    /// The settings of a connection with at most `in_flight` unacknowledged messages.
    pub(super) fn options(&self, in_flight: u16) -> Result<MqttOptions, BadBroker> {
        let mut options = MqttOptions::new(&self.client_id, &self.host, self.port);
        // What is not acknowledged is repeated from our own list, so the broker need not keep
        // a session for us.
        options.set_clean_start(true);
        options.set_keep_alive(Duration::from_secs(30));
        options.set_outgoing_inflight_upper_limit(in_flight);
        if self.username.is_some() || self.password.is_some() {
            options.set_credentials(
                self.username.as_deref().unwrap_or_default(),
                self.password.as_deref().unwrap_or_default(),
            );
        }
        if self.tls {
            options.set_transport(Transport::tls(authorities()?, None, None));
        }
        Ok(options)
    }
}

/// The PEM file of the system's certificate authorities.
fn authorities() -> Result<Vec<u8>, BadBroker> {
    AUTHORITIES
        .iter()
        .find_map(|path| std::fs::read(Path::new(path)).ok())
        .ok_or_else(|| BadBroker::NoAuthorities(AUTHORITIES.join(", ")))
}

/// Where the broker is, without its secrets.
impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "mqtts" } else { "mqtt" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} as {:?}, client id {:?}", self.username, self.client_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_is_read_from_its_url() {
        let cases = [
            ("mqtt://127.0.0.1:1883", "127.0.0.1", 1883, false, None),
            ("mqtt://broker.example", "broker.example", 1883, false, None),
            ("mqtts://broker.example/", "broker.example", 8883, true, None),
            ("mqtt://demo@broker.example:2883", "broker.example", 2883, false, Some("demo")),
            ("mqtt://[::1]:1884", "[::1]", 1884, false, None),
            ("mqtts://[2001:db8::1]", "[2001:db8::1]", 8883, true, None),
        ];
        for (url, host, port, tls, username) in cases {
            let broker = Broker::parse(url).unwrap();
            assert_eq!((broker.host.as_str(), broker.port, broker.tls), (host, port, tls), "{url}");
            assert_eq!(broker.username.as_deref(), username, "{url}");
        }
    }

    #[test]
    fn a_bad_url_is_refused_with_the_reason() {
        let cases = [
            (
                "broker.example:1883",
                "broker is \"broker.example:1883\", want mqtt://host, mqtt://user@host:1883 or mqtts://host:8883",
            ),
            (
                "http://broker.example",
                "broker is \"http://broker.example\", want mqtt://host, mqtt://user@host:1883 or mqtts://host:8883",
            ),
            ("mqtt://", "broker \"mqtt://\" has no host"),
            ("mqtt://:1883", "broker \"mqtt://:1883\" has no host"),
            ("mqtt://a:b", "broker \"mqtt://a:b\": port is \"b\", want 1 to 65535"),
            ("mqtt://a:0", "broker \"mqtt://a:0\": port is \"0\", want 1 to 65535"),
            ("mqtt://a/topic", "broker \"mqtt://a/topic\": nothing may follow the port"),
            (
                "mqtt://demo:secret@a",
                "broker at \"a\" holds a password: every user of this machine can read it there",
            ),
        ];
        for (url, want) in cases {
            assert_eq!(Broker::parse(url).unwrap_err().to_string(), want);
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let mut broker = Broker::parse("mqtt://demo@a").unwrap();
        broker.password = Some("hemligt".to_owned());
        assert!(!format!("{broker} {broker:?}").contains("hemligt"));
    }
}
