//! One connection to a broker, whichever version of MQTT it speaks.

use bytes::Bytes;
use rumqttc::{TlsConfiguration, Transport};
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::{Config, Protocol, v3, v5};
use crate::intake::Acknowledge;
use crate::secret::SecretError;
use crate::source::tls::{self, TlsError};

/// Requests that may wait for the connection. A connection has 65 535 packet ids, so a broker that
/// keeps to the protocol has always room for one more. Should a broker hand out an id twice, the
/// acknowledgement that finds no room is dropped, and its message comes again.
pub const REQUESTS: usize = 65_535 + 16;

pub enum Link {
    V5(Box<v5::Link>),
    V3(Box<v3::Link>),
}

/// What happens on a connection, as far as it matters here.
pub enum Incoming {
    Connected {
        session_present: bool,
    },
    /// For each filter, why it was refused.
    Subscribed(Vec<Option<String>>),
    Message(Box<Received>),
    /// Pings, our own acknowledgements.
    Other,
}

pub struct Received {
    pub topic: String,
    pub body: Bytes,
    pub retain: bool,
    pub receipt: Receipt,
}

/// Acknowledges one message on the connection it came by.
pub struct Receipt {
    header: Header,
    _in_flight: Option<TaskTrackerToken>,
}

pub enum Header {
    V5(rumqttc::v5::AsyncClient, rumqttc::v5::mqttbytes::v5::Publish),
    V3(rumqttc::AsyncClient, rumqttc::Publish),
}

/// Why a connection cannot be made or has ended.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    #[error("password: {0}")]
    Secret(#[from] SecretError),
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    #[error("{0}")]
    V5(#[from] Box<rumqttc::v5::ConnectionError>),
    #[error("{0}")]
    V3(#[from] Box<rumqttc::ConnectionError>),
    #[error("the broker ends the connection: {0}")]
    Disconnected(String),
    #[error("a filter is not valid MQTT")]
    Filter,
}

impl LinkError {
    /// One fixed word for metrics.
    pub fn reason(&self) -> &'static str {
        use rumqttc::ConnectionError as V3;
        use rumqttc::v5::ConnectionError as V5;
        match self {
            Self::Secret(_) => "secret",
            Self::Tls(_) => "tls",
            Self::V5(error) => match **error {
                V5::Tls(_) => "tls",
                V5::Timeout(_) => "timeout",
                V5::Io(_) => "network",
                V5::ConnectionRefused(_) => "refused",
                _ => "protocol",
            },
            Self::V3(error) => match **error {
                V3::Tls(_) => "tls",
                V3::NetworkTimeout | V3::FlushTimeout => "timeout",
                V3::Io(_) => "network",
                V3::ConnectionRefused(_) => "refused",
                _ => "protocol",
            },
            Self::Disconnected(_) => "disconnected",
            Self::Filter => "filter",
        }
    }
}

impl Link {
    /// Prepares a connection; it is made by the first [`Link::next`]. Certificates and password
    /// are read now, so renewed ones are taken in by connecting again.
    pub fn open(config: &Config) -> Result<Self, LinkError> {
        Ok(match config.protocol {
            Protocol::V5 => Self::V5(Box::new(v5::Link::open(config)?)),
            Protocol::V311 => Self::V3(Box::new(v3::Link::open(config)?)),
        })
    }

    /// The next thing that happens. Must not be called again after an error, and only be
    /// cancelled to end the connection: what was half written would be lost.
    pub async fn next(&mut self) -> Result<Incoming, LinkError> {
        match self {
            Self::V5(link) => link.next().await,
            Self::V3(link) => link.next().await,
        }
    }

    pub fn subscribe(&self, filters: &[String]) -> Result<(), LinkError> {
        match self {
            Self::V5(link) => link.subscribe(filters),
            Self::V3(link) => link.subscribe(filters),
        }
    }

    /// Says good-bye and waits until the broker has heard it.
    pub async fn disconnect(&mut self) {
        match self {
            Self::V5(link) => link.disconnect().await,
            Self::V3(link) => link.disconnect().await,
        }
    }
}

impl Receipt {
    pub fn new(header: Header) -> Self {
        Self { header, _in_flight: None }
    }

    /// The same receipt, counted as on its way for as long as it lives.
    pub fn counted(self, in_flight: TaskTrackerToken) -> Self {
        Self { _in_flight: Some(in_flight), ..self }
    }

    pub fn acknowledge(&self) {
        let sent = match &self.header {
            Header::V5(client, publish) => client.try_ack(publish).is_ok(),
            Header::V3(client, publish) => client.try_ack(publish).is_ok(),
        };
        if !sent {
            tracing::debug!("the connection of a message is gone; the broker will repeat it");
        }
    }
}

impl Acknowledge for Receipt {
    fn acknowledge(self: Box<Self>) {
        Receipt::acknowledge(&self);
    }
}

pub fn transport(config: &Config) -> Result<Transport, LinkError> {
    Ok(match &config.tls {
        None => Transport::Tcp,
        Some(files) => {
            let tls = tls::client_config(files.authority.as_deref(), files.identity.as_ref())?;
            Transport::tls_with_config(TlsConfiguration::Rustls(tls))
        }
    })
}
