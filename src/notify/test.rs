//! A message that says it is a test, to see whether a channel works.

use super::answer::Answer;
use super::channel::Channel;
use super::follow::Carrier;
use super::message::Message;
use crate::clock;

/// Sends a test by a channel, once and from this process. Returns what the other side said.
///
/// # Errors
///
/// Why it was not delivered, in words.
pub async fn try_out(channel: &Channel) -> Result<String, String> {
    let secrets = channel.secrets().map_err(|error| error.to_string())?;
    let message = Message::test(&channel.name, clock::now());
    let answer = match Carrier::new(channel)? {
        Carrier::Email(mut mailer) => mailer.deliver(&message, &secrets).await,
        Carrier::Webhook(mut hook) => hook.deliver(&message, &secrets).await,
        Carrier::Alertmanager(manager) => manager.test(&secrets).await,
    };
    match answer {
        Answer::Delivered(says) => Ok(says),
        Answer::Later { says, .. } | Answer::Held(says) | Answer::Refused(says) => Err(says),
    }
}
