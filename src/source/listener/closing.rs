use std::io;

use bytes::BytesMut;
use mqtt_protocol_core::mqtt::result_code::DisconnectReasonCode;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::Limits;
use super::refusal::Refusal;

/// Bytes thrown away at once while a closing connection is read empty.
const DISCARD_BYTES: usize = 8 * 1024;

/// How a connection came to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ending {
    #[error("the client disconnected")]
    Left,
    #[error("the connection was lost: {0}")]
    Gone(io::Error),
    #[error("{0}")]
    Refused(Refusal),
    #[error("nothing was heard for one and a half times the keep-alive")]
    Silent,
    #[error("the client does not read its acknowledgements")]
    Stalled,
    #[error("the same client connected again")]
    TakenOver,
    #[error("the listener stops")]
    Stopped,
    #[error("nobody takes messages any more")]
    NoPipeline,
}

impl Ending {
    /// What an MQTT 5 client is told (3.14.2.1); None where it is no longer listening.
    pub(super) const fn disconnect_reason(&self) -> Option<DisconnectReasonCode> {
        match self {
            Self::Left | Self::Gone(_) | Self::Stalled => None,
            Self::Refused(refusal) => Some(refusal.disconnect_reason()),
            Self::Silent => Some(DisconnectReasonCode::KeepAliveTimeout),
            Self::TakenOver => Some(DisconnectReasonCode::SessionTakenOver),
            Self::Stopped | Self::NoPipeline => Some(DisconnectReasonCode::ServerShuttingDown),
        }
    }
}

/// Sends what is left to say and closes. What the client still sends is thrown away for a
/// while: closing on unread bytes resets the connection, and with it the reason given.
pub(super) async fn close<S>(mut stream: S, outgoing: &mut BytesMut, limits: Limits)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let farewell = async {
        stream.write_all_buf(outgoing).await?;
        stream.shutdown().await?;
        let mut discarded = [0; DISCARD_BYTES];
        while stream.read(&mut discarded).await? > 0 {}
        io::Result::Ok(())
    };
    match timeout(limits.linger, farewell).await {
        // A peer that does not wait for its farewell has gone already.
        Ok(Ok(()) | Err(_)) | Err(_) => {}
    }
}
