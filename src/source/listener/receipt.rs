use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::intake::Acknowledge;

/// Acknowledgements of one connection that may wait to be sent. A connection has at most
/// 65 535 packet identifiers (MQTT 5, 2.2.1), each is delivered once until its acknowledgement
/// has been taken from the queue, and a delivery is acknowledged once: it never fills up.
pub(super) const CAPACITY: usize = u16::MAX as usize;

/// Sends a publish's packet identifier back to the task of its connection.
pub(super) struct Receipt {
    pub(super) packet_id: u16,
    pub(super) acknowledged: mpsc::Sender<u16>,
}

impl Acknowledge for Receipt {
    fn acknowledge(self: Box<Self>) {
        match self.acknowledged.try_send(self.packet_id) {
            // A client that is gone repeats what it was not told about.
            Ok(()) | Err(TrySendError::Closed(_) | TrySendError::Full(_)) => {}
        }
    }
}
