use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};
use tracing::{debug, info, warn};

use super::Server;
use super::closing::{self, Ending};
use super::connection::Link;
use super::protocol::{Greeting, Incoming, Protocol};
use super::refusal::Refusal;
use super::roster::{Claim, Seat};
use super::users;
use crate::clock;

/// Bytes read at once while a client is not known yet.
const CHUNK_BYTES: usize = 2 * 1024;

/// One connection from its first byte to its last. `permit` is its place among the handshakes.
pub(super) async fn serve(
    server: Arc<Server>,
    stream: TcpStream,
    peer: SocketAddr,
    permit: OwnedSemaphorePermit,
) {
    let _counted = server.count_connection();
    let deadline = Instant::now() + server.limits.connect_timeout;
    if let Err(cause) = stream.set_nodelay(true) {
        debug!(source = server.source.name, %peer, %cause, "cannot set TCP_NODELAY");
    }
    let Some(tls) = server.tls() else {
        return greet_and_run(&server, stream, peer, permit, deadline).await;
    };
    let accepted = tokio::select! {
        accepted = timeout_at(deadline, tls.accept(stream)) => accepted,
        () = server.stop.cancelled() => return,
    };
    match accepted {
        Ok(Ok(stream)) => greet_and_run(&server, stream, peer, permit, deadline).await,
        Ok(Err(cause)) => {
            server.count_refusal(Refusal::Tls);
            warn!(source = server.source.name, %peer, %cause, "connection refused: {}", Refusal::Tls);
        }
        Err(_) => refused(&server, peer, None, Refusal::ConnectTimeout),
    }
}

/// A client that has sent its CONNECT and may stay.
struct Admitted {
    seat: Seat,
    user: Option<String>,
}

async fn greet_and_run<S>(
    server: &Arc<Server>,
    mut stream: S,
    peer: SocketAddr,
    permit: OwnedSemaphorePermit,
    deadline: Instant,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin,
{
    let mut protocol = Protocol::new(server.limits);
    let mut input = BytesMut::new();
    let greeting = tokio::select! {
        greeting = timeout_at(deadline, greet(&mut stream, &mut protocol, &mut input)) => {
            greeting.unwrap_or(Err(Ending::Refused(Refusal::ConnectTimeout)))
        }
        () = server.stop.cancelled() => return,
    };
    let greeting = match greeting {
        Ok(greeting) => greeting,
        Err(Ending::Refused(refusal)) => {
            refused(server, peer, None, refusal);
            protocol.refuse(refusal);
            return closing::close(stream, &mut protocol.outgoing, server.limits).await;
        }
        // Port scans and health checks connect and leave without a word.
        Err(ending) => {
            return debug!(source = server.source.name, %peer, "left before CONNECT: {ending}");
        }
    };
    match admit(server, &mut protocol, &greeting, peer) {
        Ok(admitted) => {
            drop(permit);
            let client_id = &admitted.seat.client_id;
            let user = admitted.user.as_deref();
            info!(source = server.source.name, %peer, client_id, user, "client connected");
            Link::new(server, stream, peer, admitted.seat, protocol, input).run().await;
        }
        Err(refusal) => {
            refused(server, peer, Some(&greeting), refusal);
            protocol.refuse(refusal);
            closing::close(stream, &mut protocol.outgoing, server.limits).await;
        }
    }
}

/// Waits for the CONNECT, which has to come first (MQTT 5, 3.1).
async fn greet<S: AsyncRead + Unpin>(
    stream: &mut S,
    protocol: &mut Protocol,
    input: &mut BytesMut,
) -> Result<Greeting, Ending> {
    loop {
        match protocol.receive(input).map_err(Ending::Refused)? {
            Some(Incoming::Connect(greeting)) => return Ok(greeting),
            Some(_) => return Err(Ending::Refused(Refusal::ProtocolError)),
            None => {}
        }
        input.reserve(CHUNK_BYTES);
        match stream.read_buf(input).await {
            Ok(0) => return Err(Ending::Gone(io::ErrorKind::UnexpectedEof.into())),
            Ok(_) => {}
            Err(cause) => return Err(Ending::Gone(cause)),
        }
    }
}

fn admit(
    server: &Server,
    protocol: &mut Protocol,
    greeting: &Greeting,
    peer: SocketAddr,
) -> Result<Admitted, Refusal> {
    let users = server.access.borrow().users.clone();
    users::check(&users, greeting.user.as_deref(), greeting.password.as_deref())?;
    let assigned = greeting.client_id.is_empty().then(|| nameless(peer));
    let seat = server.roster.admit(Claim {
        client_id: assigned.as_deref().unwrap_or(&greeting.client_id),
        clean: greeting.clean,
        keeps_session: greeting.keeps_session,
    })?;
    protocol.accept(seat.session_present, assigned.as_deref())?;
    Ok(Admitted { seat, user: greeting.user.clone() })
}

/// An identifier for a client that has none: nobody else has this address at this time.
fn nameless(peer: SocketAddr) -> String {
    format!("{:x}-{peer}", clock::now().timestamp_micros())
}

fn refused(server: &Server, peer: SocketAddr, greeting: Option<&Greeting>, refusal: Refusal) {
    server.count_refusal(refusal);
    let client_id = greeting.map(|greeting| greeting.client_id.as_str());
    let user = greeting.and_then(|greeting| greeting.user.as_deref());
    warn!(source = server.source.name, %peer, client_id, user, "connection refused: {refusal}");
}
