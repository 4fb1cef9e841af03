//! Where messages come in. A source hands over a message with the means to acknowledge it, and
//! knows nothing of what is inside.

pub mod listener;
pub mod mqtt;
pub mod tls;
