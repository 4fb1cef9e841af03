use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;

/// Connections open at once; a page needs one or two, and each costs some ten KiB.
const CONNECTIONS_MAX: usize = 1024;

/// How long a client may take over its headers, or stay connected without asking anything.
const HEADER_TIME_MAX: Duration = Duration::from_secs(15);

/// Headers of a request; browsers and proxies send some thirty.
const HEADERS_MAX: usize = 100;

/// Bytes of a request line and its headers.
const HEADER_BYTES_MAX: usize = 16 * 1024;

/// Before the next try to accept, when the system is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long requests that are under way may take once we are told to stop.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(10);

/// Why the address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody listens there already; stop them or choose another address.
    #[error("{0} is taken by another program")]
    Taken(SocketAddr),
    /// The system wants more rights for a port below 1024.
    #[error("listening on {0} is not allowed")]
    Forbidden(SocketAddr),
    /// The address is not one of this machine, or the system refuses for a reason of its own.
    #[error("cannot listen on {addr}: {error}")]
    Refused { addr: SocketAddr, error: io::Error },
}

/// Listens on an address; port 0 lets the system choose one.
///
/// # Errors
///
/// Says which address, and what the operator can do about it.
pub async fn bind(addr: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(addr).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => BindError::Taken(addr),
        io::ErrorKind::PermissionDenied => BindError::Forbidden(addr),
        _ => BindError::Refused { addr, error },
    })
}

/// Answers by the newest router until told to stop, then lets requests under way finish for a short time.
///
/// # Errors
///
/// None at present: a connection that fails is that connection's end, and one that cannot be
/// accepted is tried again.
pub async fn serve(
    listener: TcpListener,
    routers: watch::Receiver<Router>,
    stop: CancellationToken,
) -> io::Result<()> {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let under_way = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        let (stream, peer, slot) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!("a connection was not accepted: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let routers = routers.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            // Each request meets the newest, also on a connection that has been open for long.
            let router = routers.borrow().clone();
            TowerToHyperService::new(router).call(request)
        });
        let connection = limits().serve_connection(TokioIo::new(stream), service);
        let connection = under_way.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%peer, "a connection ended early: {error}");
            }
            drop(slot);
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_TIME_MAX, under_way.shutdown()).await.is_err() {
        tracing::warn!("requests still under way after {DRAIN_TIME_MAX:?} were cut off");
    }
    Ok(())
}

/// Takes a connection once there is room for it; those that wait do so in the system's queue.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    // Answers are written whole, so waiting to fill a packet would only delay them.
    stream.set_nodelay(true)?;
    Ok((stream, peer, slot))
}

fn limits() -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME_MAX)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEADER_BYTES_MAX);
    http
}
