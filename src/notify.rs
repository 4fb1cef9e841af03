//! Tells people and other systems of alerts, by e-mail, webhook and Prometheus Alertmanager.
//!
//! What is to be told lies in the store's outbox. Each channel has a task of its own that takes what is due, delivers
//! it and writes down how that ended, so that one which is down holds up no other and nothing is lost by a restart.
//! A message may come twice and has the same id both times. Nothing here knows where a site lies.

mod alertmanager;
mod answer;
mod card;
mod channel;
mod email;
mod facts;
mod follow;
mod message;
mod state;
mod test;
mod webhook;
mod words;

pub use alertmanager::is_label;
pub use channel::{
    AlertmanagerConfig, Channel, EmailConfig, Encryption, Format, Kind, Limits, Secrets,
    WebhookConfig,
};
pub use email::is_address;
pub use facts::{Facts, Measured};
pub use follow::{Notifier, Wires};
pub use test::try_out;
