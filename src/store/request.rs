use tokio::sync::{mpsc, oneshot};

use super::write::Batch;
use super::{StoreError, Writer};

/// Requests that may wait for the writer; whoever asks for one more waits.
const WAITING_MAX: usize = 16;

/// Asks the thread that has the [`Writer`] to write something, from any other.
#[derive(Clone)]
pub struct Writes {
    requests: mpsc::Sender<WriteRequest>,
}

/// Something to be written between two batches of uplinks.
pub struct WriteRequest(Box<Work>);

/// Writes, tells who has asked, and returns the word for metrics where it has failed.
type Work = dyn FnOnce(&mut Writer) -> Option<&'static str> + Send;

/// Why something was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// As the store says; whoever asked may ask again.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The writer has gone, or has let the request fall: the service is stopping.
    #[error("nobody writes any more")]
    Gone,
}

impl Writes {
    /// A handle, and the end at which the writer's thread takes the requests.
    #[must_use]
    pub fn channel() -> (Self, mpsc::Receiver<WriteRequest>) {
        let (requests, wanted) = mpsc::channel(WAITING_MAX);
        (Self { requests }, wanted)
    }

    /// Has `work` done in a transaction of its own. When this returns `Ok`, it is durable.
    ///
    /// # Errors
    ///
    /// As [`WriteError`]; nothing of `work` has then happened, or whether it has cannot be known any more.
    pub async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Batch<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, WriteError> {
        let (done, answer) = oneshot::channel();
        let request = WriteRequest(Box::new(move |writer| {
            let written = writer.batch(work);
            let failed = written.as_ref().err().map(StoreError::reason);
            // Who has asked may have gone meanwhile.
            drop(done.send(written));
            failed
        }));
        self.requests.send(request).await.map_err(|_| WriteError::Gone)?;
        Ok(answer.await.map_err(|_| WriteError::Gone)??)
    }
}

impl WriteRequest {
    /// Does what is asked for and tells who has asked. Returns the word for metrics where it has failed.
    pub fn perform(self, writer: &mut Writer) -> Option<&'static str> {
        (self.0)(writer)
    }
}
