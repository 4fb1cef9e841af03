//! One connection to a broker, whichever version of MQTT it speaks.
//!
//! Acknowledgements gather while something is read and go out together, one write for many. Too many that
//! are due, and nothing more is read until they have gone: a broker that hands out a backlog without
//! waiting for them is held back by TCP and not kept in our memory.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::Config;
use super::wire::{Malformed, Packet, Wire};
use crate::intake::Acknowledge;
use crate::secret::SecretError;
use crate::source::tls::{self, TlsError};

/// For a connection, TLS and the broker's first word together.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);

/// Bytes that are read at once: some fifty usual messages.
const READ_BYTES: usize = 64 * 1024;

/// Messages that are not acknowledged yet before nothing more is read. More than the intake and a batch hold
/// together, so that only acknowledgements that wait for the network count.
const DUE_MAX: usize = 16_384;

trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Socket for S {}

pub struct Link {
    reader: ReadHalf<Box<dyn Socket>>,
    writer: WriteHalf<Box<dyn Socket>>,
    wire: Wire,
    input: BytesMut,
    output: BytesMut,
    /// What was written may still stand in TLS.
    is_flushed: bool,
    acknowledged: Arc<Acknowledged>,
    /// Messages that were given out and whose acknowledgement is not in `output` yet.
    due: usize,
    keep_alive: Duration,
    last_sent: Instant,
    /// When a ping was sent that nothing has been heard since.
    pinged: Option<Instant>,
}

/// What happens on a connection, as far as it matters here.
pub enum Incoming {
    /// For each filter, why it was refused.
    Subscribed(Vec<Option<String>>),
    Message(Received),
}

pub struct Received {
    pub topic: String,
    pub body: Bytes,
    pub retain: bool,
    pub receipt: Receipt,
}

/// Ids of messages that are to be acknowledged on this connection.
#[derive(Default)]
struct Acknowledged {
    ids: Mutex<Vec<u16>>,
    more: Notify,
}

/// Acknowledges one message on the connection it came by. On one that is gone that does nothing: the broker
/// repeats the message on the next.
pub struct Receipt {
    /// None for QoS 0.
    id: Option<u16>,
    acknowledged: Arc<Acknowledged>,
    _in_flight: Option<TaskTrackerToken>,
}

/// Why a connection cannot be made or has ended.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    #[error("password: {0}")]
    Secret(#[from] SecretError),
    #[error("TLS: {0}")]
    Files(#[from] TlsError),
    #[error("TLS: {0}")]
    Tls(io::Error),
    #[error("TLS: {0:?} is no name a certificate could have")]
    Name(String),
    #[error("{0}")]
    Network(io::Error),
    #[error("the broker does not answer within {0:?}")]
    Silent(Duration),
    #[error("the broker has refused the connection: {0}")]
    Refused(String),
    #[error("the broker ends the connection: {0}")]
    Disconnected(String),
    #[error("the broker sends what is no MQTT: {0}")]
    Malformed(#[from] Malformed),
    #[error("a filter is not valid MQTT")]
    Filter,
}

impl LinkError {
    /// One fixed word for metrics.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Secret(_) => "secret",
            Self::Files(_) | Self::Tls(_) | Self::Name(_) => "tls",
            Self::Network(_) => "network",
            Self::Silent(_) => "timeout",
            Self::Refused(_) => "refused",
            Self::Disconnected(_) => "disconnected",
            Self::Malformed(_) => "protocol",
            Self::Filter => "filter",
        }
    }
}

/// TLS speaks of its own failures through those of the network.
fn network(error: io::Error) -> LinkError {
    let is_tls =
        error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>);
    if is_tls { LinkError::Tls(error) } else { LinkError::Network(error) }
}

impl Link {
    /// Connects. Certificates and password are read now, so renewed ones are taken in by connecting again.
    /// Returns whether the broker has kept our session.
    pub async fn open(config: &Config) -> Result<(Self, bool), LinkError> {
        if config.filters.iter().any(|filter| !rumqttc::valid_filter(filter)) {
            return Err(LinkError::Filter);
        }
        let opened = timeout(CONNECT_TIME_MAX, Self::greet(config)).await;
        opened.unwrap_or(Err(LinkError::Silent(CONNECT_TIME_MAX)))
    }

    async fn greet(config: &Config) -> Result<(Self, bool), LinkError> {
        let password = config
            .credentials
            .as_ref()
            .map(|credentials| credentials.password.read())
            .transpose()?;
        let (reader, writer) = tokio::io::split(connect(config).await?);
        let mut link = Self {
            reader,
            writer,
            wire: Wire::of(config),
            input: BytesMut::with_capacity(READ_BYTES),
            output: BytesMut::new(),
            is_flushed: true,
            acknowledged: Arc::default(),
            due: 0,
            keep_alive: config.limits.keep_alive,
            last_sent: Instant::now(),
            pinged: None,
        };
        link.wire.connect(config, password, &mut link.output)?;
        link.write().await?;
        let session_present = loop {
            match link.wire.read(&mut link.input)? {
                Some(Packet::Connected { session_present, keep_alive }) => {
                    link.keep_alive = keep_alive.unwrap_or(link.keep_alive).min(link.keep_alive);
                    break session_present;
                }
                Some(Packet::Refused(reason)) => return Err(LinkError::Refused(reason)),
                Some(Packet::Disconnected(reason)) => return Err(LinkError::Disconnected(reason)),
                Some(_) => return Err(LinkError::Disconnected("not in order".to_owned())),
                None => link.read().await?,
            }
        };
        link.wire.subscribe(&config.filters, &mut link.output)?;
        Ok((link, session_present))
    }

    /// The next thing that happens. It may be cancelled; nothing is lost.
    pub async fn next(&mut self) -> Result<Incoming, LinkError> {
        loop {
            let is_full = self.due >= DUE_MAX;
            if !is_full && let Some(packet) = self.wire.read(&mut self.input)? {
                match packet {
                    Packet::Publish(publish) => {
                        self.due += usize::from(publish.id.is_some());
                        let acknowledged = Arc::clone(&self.acknowledged);
                        let receipt = Receipt { id: publish.id, acknowledged, _in_flight: None };
                        let (topic, body) = (publish.topic, publish.body);
                        let retain = publish.retain;
                        return Ok(Incoming::Message(Received { topic, body, retain, receipt }));
                    }
                    Packet::Subscribed(refusals) => return Ok(Incoming::Subscribed(refusals)),
                    Packet::Disconnected(reason) => return Err(LinkError::Disconnected(reason)),
                    Packet::Refused(reason) => return Err(LinkError::Refused(reason)),
                    Packet::Connected { .. } | Packet::Other => continue,
                }
            }
            self.gather()?;
            self.exchange(!is_full).await?;
        }
    }

    /// Reads, writes, or waits for what is to be written, whichever can be done first.
    async fn exchange(&mut self, may_read: bool) -> Result<(), LinkError> {
        let deadline = self.pinged.unwrap_or(self.last_sent) + self.keep_alive;
        self.input.reserve(READ_BYTES);
        tokio::select! {
            biased;
            sent = send(&mut self.writer, &self.output), if !self.is_flushed || !self.output.is_empty() => {
                let sent = sent.map_err(network)?;
                self.is_flushed = self.output.is_empty();
                self.output.advance(sent);
                self.last_sent = Instant::now();
            }
            read = self.reader.read_buf(&mut self.input), if may_read => {
                if read.map_err(network)? == 0 {
                    return Err(LinkError::Network(io::ErrorKind::UnexpectedEof.into()));
                }
                // Whatever it is, the broker lives: the answer to a ping may stand behind a long backlog.
                self.pinged = None;
            }
            () = self.acknowledged.more.notified() => {}
            () = sleep_until(deadline) => self.ping(may_read)?,
        }
        Ok(())
    }

    /// Asks for a sign of life, or finds that there is none.
    fn ping(&mut self, may_read: bool) -> Result<(), LinkError> {
        match self.pinged {
            // While nothing is read, nothing can be heard.
            Some(_) if may_read => return Err(LinkError::Silent(self.keep_alive)),
            Some(_) | None => self.pinged = Some(Instant::now()),
        }
        self.wire.ping(&mut self.output)?;
        Ok(())
    }

    /// Moves the acknowledgements that have come in into what is written next, in their order.
    fn gather(&mut self) -> Result<(), LinkError> {
        let ids = {
            let mut ids = self.acknowledged.ids.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *ids)
        };
        self.due = self.due.saturating_sub(ids.len());
        for id in ids {
            self.wire.acknowledge(id, &mut self.output)?;
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<(), LinkError> {
        self.input.reserve(READ_BYTES);
        if self.reader.read_buf(&mut self.input).await.map_err(network)? == 0 {
            return Err(LinkError::Network(io::ErrorKind::UnexpectedEof.into()));
        }
        self.pinged = None;
        Ok(())
    }

    async fn write(&mut self) -> Result<(), LinkError> {
        self.writer.write_all_buf(&mut self.output).await.map_err(network)?;
        self.writer.flush().await.map_err(network)?;
        self.last_sent = Instant::now();
        Ok(())
    }

    /// Sends what is still to be acknowledged, says good-bye and waits until the broker has heard it.
    pub async fn disconnect(&mut self) -> Result<(), LinkError> {
        self.gather()?;
        self.wire.disconnect(&mut self.output)?;
        self.write().await?;
        // Until the broker hangs up: to hang up on what it still sends would reset the connection,
        // and with it the acknowledgements that it has not yet read.
        while self.read().await.is_ok() {
            self.input.clear();
        }
        Ok(())
    }
}

/// Writes what it can, or flushes where nothing is left to write. Returns how many bytes were taken.
async fn send(writer: &mut WriteHalf<Box<dyn Socket>>, output: &[u8]) -> io::Result<usize> {
    if output.is_empty() {
        writer.flush().await?;
        return Ok(0);
    }
    writer.write(output).await
}

async fn connect(config: &Config) -> Result<Box<dyn Socket>, LinkError> {
    let host = config.host.trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((host, config.port)).await.map_err(LinkError::Network)?;
    // What is written is whole, so waiting to fill a packet would only delay it.
    stream.set_nodelay(true).map_err(LinkError::Network)?;
    let Some(files) = &config.tls else { return Ok(Box::new(stream)) };
    let tls = tls::client_config(files.authority.as_deref(), files.identity.as_ref())?;
    let name =
        ServerName::try_from(host.to_owned()).map_err(|_| LinkError::Name(host.to_owned()))?;
    let stream = TlsConnector::from(tls).connect(name, stream).await.map_err(network)?;
    Ok(Box::new(stream))
}

impl Receipt {
    /// The same receipt, counted as on its way for as long as it lives.
    pub fn counted(self, in_flight: TaskTrackerToken) -> Self {
        Self { _in_flight: Some(in_flight), ..self }
    }

    pub fn acknowledge(&self) {
        let Some(id) = self.id else { return };
        self.acknowledged.ids.lock().unwrap_or_else(PoisonError::into_inner).push(id);
        self.acknowledged.more.notify_one();
    }
}

impl Acknowledge for Receipt {
    fn acknowledge(self: Box<Self>) {
        Receipt::acknowledge(&self);
    }
}
