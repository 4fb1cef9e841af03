use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

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

/// Answers until told to stop, then lets requests under way finish for a short time.
///
/// # Errors
///
/// Those of the listening socket.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
) -> io::Result<()> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, service)
        .with_graceful_shutdown(stop.clone().cancelled_owned())
        .into_future();
    let overdue = async {
        stop.cancelled().await;
        tokio::time::sleep(DRAIN_TIME_MAX).await;
    };
    tokio::select! {
        served = serving => served,
        () = overdue => {
            tracing::warn!("requests still under way after {DRAIN_TIME_MAX:?} were cut off");
            Ok(())
        }
    }
}
