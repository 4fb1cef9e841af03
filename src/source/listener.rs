//! The embedded MQTT listener: a network server publishes straight to it, with no broker in
//! between. It takes publishes of MQTT 5 and 3.1.1 clients, acknowledges each only after its
//! commit, and has nothing to subscribe to.
//!
//! - `protocol`: MQTT without I/O
//! - `handshake`: TLS, CONNECT, credentials
//! - `connection`: the task of an accepted client
//! - `roster`: who is connected, whose session is remembered

mod closing;
mod connection;
mod handshake;
mod limits;
mod protocol;
mod receipt;
mod refusal;
mod roster;
mod users;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use self::refusal::Refusal;
use self::roster::Roster;
use crate::intake::Intake;
use crate::model::Source;
use crate::telemetry::{Metrics, ReasonLabel, SourceLabel};

pub use self::limits::Limits;
pub use self::users::Password;

/// Connections the system holds for us before they are accepted.
const BACKLOG: u32 = 128;

/// How long accepting rests after it failed, since running out of file descriptors would
/// otherwise fail again at once and without end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// What a listener is given.
#[derive(Clone, Debug)]
pub struct Config {
    /// Port 0 lets the system choose; see [`Listener::local_addr`].
    pub bind: SocketAddr,
    pub source: Arc<Source>,
    pub access: Access,
    /// Where the names of clients with a session are kept over a restart; none forgets them.
    pub sessions: Option<PathBuf>,
    pub limits: Limits,
}

/// Who is let in, and by which certificate they know us. It can be renewed while clients are served.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Who may publish. Empty means everyone, on loopback addresses only.
    pub users: BTreeMap<String, Password>,
    /// None listens in the clear.
    pub tls: Option<Arc<ServerConfig>>,
}

/// Renews the access of a listener: it holds for whoever connects from then on.
#[derive(Clone)]
pub struct Renewal(Arc<watch::Sender<Access>>);

impl Renewal {
    pub fn renew(&self, access: Access) {
        drop(self.0.send_replace(access));
    }
}

/// Why listening could not start.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Configure a user, or bind a loopback address.
    #[error("{0} can be reached by others, so the listener needs at least one user")]
    NoUsers(SocketAddr),
    /// Another program listens there: stop it, or choose another port.
    #[error("{0} is taken by another program")]
    Taken(SocketAddr),
    /// The address is not ours, or the port needs privileges.
    #[error("cannot listen on {addr}: {source}")]
    Io { addr: SocketAddr, source: io::Error },
}

impl Config {
    /// Checks what can be checked without the network.
    ///
    /// # Errors
    ///
    /// [`BindError::NoUsers`] if an address beyond loopback would be open to everyone.
    pub fn validate(&self) -> Result<(), BindError> {
        if self.access.users.is_empty() && !self.bind.ip().to_canonical().is_loopback() {
            return Err(BindError::NoUsers(self.bind));
        }
        Ok(())
    }
}

/// Starts listening; clients wait in the system's queue until [`Listener::run`].
///
/// # Errors
///
/// See [`BindError`]; nothing is bound then.
pub async fn bind(config: Config) -> Result<Listener, BindError> {
    config.validate()?;
    let addr = config.bind;
    let socket = listen(addr).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => BindError::Taken(addr),
        _ => BindError::Io { addr, source },
    })?;
    let local_addr = socket.local_addr().map_err(|source| BindError::Io { addr, source })?;
    let (access, _) = watch::channel(config.access.clone());
    Ok(Listener { config, access: Arc::new(access), socket, local_addr })
}

fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart must not wait for the connections of the run before to time out.
    socket.set_reuseaddr(true)?;
    // Accepted sockets inherit it; it ends connections of MQTT 3.1.1 clients that vanished and
    // had no keep-alive of their own.
    socket.set_keepalive(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

/// A bound listener.
pub struct Listener {
    config: Config,
    access: Arc<watch::Sender<Access>>,
    socket: TcpListener,
    local_addr: SocketAddr,
}

impl Listener {
    /// Where it listens, with the port the system chose.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// By what its access is renewed.
    #[must_use]
    pub fn renewal(&self) -> Renewal {
        Renewal(Arc::clone(&self.access))
    }

    /// Serves clients until `stop`, and returns after all connections have ended: commits in
    /// flight are still acknowledged for [`Limits::stop_grace`].
    pub async fn run(self, intake: Intake, metrics: Arc<Metrics>, stop: CancellationToken) {
        let limits = self.config.limits;
        let handshakes = Arc::new(Semaphore::new(limits.handshakes.max(1)));
        let server = Arc::new(Server {
            source: self.config.source,
            access: self.access.subscribe(),
            limits,
            roster: Arc::new(Roster::open(limits, self.config.sessions)),
            intake,
            metrics,
            stop: stop.clone(),
        });
        info!(source = server.source.name, addr = %self.local_addr, "listening for MQTT");
        let mut connections = JoinSet::new();
        let mut failing = false;
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(ended) = connections.join_next() => {
                    server.note_end(ended);
                    continue;
                }
                accepted = accept(&self.socket, &handshakes) => accepted,
            };
            match accepted {
                Ok((stream, peer, permit)) => {
                    failing = false;
                    connections.spawn(handshake::serve(Arc::clone(&server), stream, peer, permit));
                }
                Err(cause) => {
                    if !std::mem::replace(&mut failing, true) {
                        error!(source = server.source.name, %cause, "cannot accept connections");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(self.socket);
        while let Some(ended) = connections.join_next().await {
            server.note_end(ended);
        }
    }
}

async fn accept(
    socket: &TcpListener,
    handshakes: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(handshakes).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = socket.accept().await?;
    Ok((stream, peer, permit))
}

/// What all connections of a listener share.
struct Server {
    source: Arc<Source>,
    access: watch::Receiver<Access>,
    limits: Limits,
    roster: Arc<Roster>,
    intake: Intake,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
}

impl Server {
    /// How a client that connects now is secured.
    fn tls(&self) -> Option<TlsAcceptor> {
        self.access.borrow().tls.clone().map(TlsAcceptor::from)
    }

    fn label(&self) -> SourceLabel {
        SourceLabel { source: self.source.name.clone() }
    }

    fn count_refusal(&self, refusal: Refusal) {
        let label = ReasonLabel { source: self.source.name.clone(), reason: refusal.label() };
        self.metrics.listener_refused.get_or_create(&label).inc();
    }

    fn count_connection(&self) -> Counted {
        let gauge = self.metrics.listener_connections.get_or_create(&self.label()).clone();
        gauge.inc();
        Counted(gauge)
    }

    fn note_end(&self, ended: Result<(), tokio::task::JoinError>) {
        if let Err(cause) = ended {
            warn!(source = self.source.name, %cause, "a connection ended by a fault of ours");
        }
    }
}

/// Keeps the gauge of connections true however a connection ends.
struct Counted(Gauge);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
