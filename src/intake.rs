//! The bounded queue between all sources and the pipeline, and what goes through it.

use tokio::sync::mpsc;

use crate::model::Message;

/// Tells the sender that its message is durable. Called once, after the commit, from the
/// pipeline's thread: it must not block, and a connection that is gone meanwhile is no error,
/// since the sender repeats what was not acknowledged.
pub trait Acknowledge: Send {
    fn acknowledge(self: Box<Self>);
}

/// A message on its way to the store.
pub struct Delivery {
    pub message: Message,
    /// None where the sender asked for no acknowledgement (QoS 0).
    pub receipt: Option<Box<dyn Acknowledge>>,
}

/// The bounded queue between all sources and the pipeline. A source that finds it full stops
/// reading from its sender, so a slow disk is felt by the broker and not in our memory.
pub type Intake = mpsc::Sender<Delivery>;
