use std::fmt;
use std::time::Duration;

use rumqttc::v5::MqttOptions;
use rumqttc::{TlsConfiguration, Transport};

use crate::source::mqtt::BrokerUrl;
use crate::source::tls::{TlsError, client_config};

/// The MQTT 5 broker to publish to.
#[derive(Clone, PartialEq, Eq)]
pub struct Broker {
    /// With TLS, the broker is checked against the certificate authorities of the system.
    pub url: BrokerUrl,
    pub password: Option<String>,
    pub client_id: String,
}

impl Broker {
    /// A broker that needs no password, greeted as `stadspuls-simulate`.
    #[must_use]
    pub fn new(url: BrokerUrl) -> Self {
        Self { url, password: None, client_id: "stadspuls-simulate".to_owned() }
    }

    /// The settings of a connection with at most `in_flight` unacknowledged messages.
    pub(super) fn options(&self, in_flight: u16) -> Result<MqttOptions, TlsError> {
        let mut options = MqttOptions::new(&self.client_id, &self.url.host, self.url.port);
        // What is not acknowledged is repeated from our own list, so the broker need not keep
        // a session for us.
        options.set_clean_start(true);
        options.set_keep_alive(Duration::from_secs(30));
        options.set_outgoing_inflight_upper_limit(in_flight);
        if self.url.username.is_some() || self.password.is_some() {
            options.set_credentials(
                self.url.username.as_deref().unwrap_or_default(),
                self.password.as_deref().unwrap_or_default(),
            );
        }
        if self.url.tls {
            let tls = TlsConfiguration::Rustls(client_config(None, None)?);
            options.set_transport(Transport::tls_with_config(tls));
        }
        Ok(options)
    }
}

/// Where the broker is, without its secrets.
impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.url.tls { "mqtts" } else { "mqtt" };
        write!(f, "{scheme}://{}:{}", self.url.host, self.url.port)
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} as {:?}, client id {:?}", self.url.username, self.client_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let mut broker = Broker::new("mqtt://demo@a".parse().unwrap());
        broker.password = Some("hemligt".to_owned());
        assert!(!format!("{broker} {broker:?}").contains("hemligt"));
    }
}
