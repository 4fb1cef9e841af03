use std::str::FromStr;

const PORT: u16 = 1883;
const TLS_PORT: u16 = 8883;

/// Where a broker is: `mqtt://[user@]host[:port]`, or `mqtts://` for TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerUrl {
    /// Name or address; an IPv6 address in brackets.
    pub host: String,
    /// 1883, or 8883 with TLS, unless given.
    pub port: u16,
    pub tls: bool,
    pub username: Option<String>,
}

/// A text that does not name a broker.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadBrokerUrl {
    #[error("broker is {0:?}, want mqtt://host, mqtt://user@host:1883 or mqtts://host:8883")]
    Scheme(String),
    #[error("broker {0:?} has no host")]
    NoHost(String),
    #[error("broker {url:?}: port is {port:?}, want 1 to 65535")]
    Port { url: String, port: String },
    #[error("broker {0:?}: nothing may follow the port")]
    Path(String),
    /// Holds the address without the password.
    #[error(
        "broker at {0:?} holds a password, which does not belong in command lines or configuration"
    )]
    Password(String),
}

impl FromStr for BrokerUrl {
    type Err = BadBrokerUrl;

    fn from_str(url: &str) -> Result<Self, BadBrokerUrl> {
        let (tls, rest) = match url.split_once("://") {
            Some(("mqtt", rest)) => (false, rest),
            Some(("mqtts", rest)) => (true, rest),
            _ => return Err(BadBrokerUrl::Scheme(url.to_owned())),
        };
        let (username, address) = match rest.rsplit_once('@') {
            Some((user, address)) => (Some(user), address),
            None => (None, rest),
        };
        if username.is_some_and(|user| user.contains(':')) {
            return Err(BadBrokerUrl::Password(address.to_owned()));
        }
        let address = address.strip_suffix('/').unwrap_or(address);
        if address.contains(['/', '?', '#']) {
            return Err(BadBrokerUrl::Path(url.to_owned()));
        }
        let (host, port) = match address.rsplit_once(':') {
            // The colons within brackets belong to an IPv6 address.
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (address, None),
        };
        if host.is_empty() {
            return Err(BadBrokerUrl::NoHost(url.to_owned()));
        }
        let port =
            match port {
                None if tls => TLS_PORT,
                None => PORT,
                Some(text) => text.parse().ok().filter(|&port| port != 0).ok_or_else(|| {
                    BadBrokerUrl::Port { url: url.to_owned(), port: text.to_owned() }
                })?,
            };
        let username = username.filter(|user| !user.is_empty()).map(str::to_owned);
        Ok(Self { host: host.to_owned(), port, tls, username })
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
            let broker: BrokerUrl = url.parse().unwrap();
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
                "broker at \"a\" holds a password, which does not belong in command lines or configuration",
            ),
        ];
        for (url, want) in cases {
            assert_eq!(url.parse::<BrokerUrl>().unwrap_err().to_string(), want);
        }
    }
}
