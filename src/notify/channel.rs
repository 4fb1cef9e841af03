use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use chrono::TimeDelta;

use crate::alert::{Language, Route};
use crate::model::Severity;
use crate::post::{Timeouts, Url};
use crate::secret::{Secret, SecretError};

/// Where alerts are told, which of them, and how patiently.
#[derive(Clone, Debug)]
pub struct Channel {
    pub name: String,
    /// What matters less is not told here.
    pub least: Severity,
    /// Only what nobody has acknowledged after so long is told here.
    pub after: TimeDelta,
    pub language: Language,
    pub kind: Kind,
    pub limits: Limits,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Email(EmailConfig),
    Webhook(WebhookConfig),
    Alertmanager(AlertmanagerConfig),
}

/// A mail server, and who writes to whom.
#[derive(Clone, Debug)]
pub struct EmailConfig {
    pub server: String,
    pub port: u16,
    pub encryption: Encryption,
    /// The authority that signed the server's certificate; none for those that this machine trusts.
    pub authority: Option<PathBuf>,
    /// A user and the password.
    pub login: Option<(String, Secret)>,
    pub from: String,
    pub to: Vec<String>,
}

/// How a connection to a mail server is kept secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// It begins in clear text; nothing is said before it is encrypted.
    StartTls,
    Tls,
    None,
}

impl Encryption {
    pub const ALL: [Self; 3] = [Self::StartTls, Self::Tls, Self::None];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::StartTls => "starttls",
            Self::Tls => "tls",
            Self::None => "none",
        }
    }

    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

/// An address that takes messages.
#[derive(Clone, Debug)]
pub struct WebhookConfig {
    /// The address is often all that one needs to post there, so it can be kept as a secret.
    pub url: Secret,
    pub authority: Option<PathBuf>,
    pub format: Format,
    /// What messages are signed with.
    pub secret: Option<Secret>,
}

/// How a message is written for a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Our own, with everything in it.
    Json,
    Teams,
    Slack,
}

impl Format {
    pub const ALL: [Self; 3] = [Self::Json, Self::Teams, Self::Slack];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Teams => "teams",
            Self::Slack => "slack",
        }
    }
}

/// An Alertmanager, and what is added to each alert there.
#[derive(Clone, Debug)]
pub struct AlertmanagerConfig {
    pub url: Url,
    pub authority: Option<PathBuf>,
    /// A token for a proxy that stands before it.
    pub token: Option<Secret>,
    pub labels: BTreeMap<String, String>,
    /// How often all standing alerts are sent again. One that has not been for four times as long is taken to be
    /// resolved there.
    pub resend: Duration,
}

/// How a channel gathers and waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Notices that become due within this are one message.
    pub group_wait: Duration,
    pub connect_timeout: Duration,
    /// From the beginning of a delivery to the end of its answer.
    pub answer_timeout: Duration,
    /// The first pause after a failure; it doubles with each further one.
    pub retry_min: Duration,
    pub retry_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            group_wait: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(30),
            retry_min: Duration::from_secs(5),
            retry_max: Duration::from_secs(10 * 60),
        }
    }
}

impl Limits {
    pub(super) fn timeouts(&self) -> Timeouts {
        Timeouts { connect: self.connect_timeout, answer: self.answer_timeout }
    }

    /// How long to wait after an attempt that failed, and so many before it.
    pub(super) fn pause(&self, attempts: u32) -> Duration {
        self.retry_min.saturating_mul(2_u32.saturating_pow(attempts)).min(self.retry_max)
    }
}

/// What a channel needs to know and nobody may read.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets {
    /// Of a webhook.
    pub url: Option<String>,
    /// A password, a token, or what messages are signed with.
    pub key: Option<String>,
}

impl Channel {
    /// Which alerts come here.
    #[must_use]
    pub fn route(&self) -> Route {
        Route { channel: self.name.clone(), least: self.least, after: self.after }
    }

    /// Reads the secrets as they are kept now.
    ///
    /// # Errors
    ///
    /// If one of them cannot be read.
    pub fn secrets(&self) -> Result<Secrets, SecretError> {
        let read = |secret: Option<&Secret>| secret.map(Secret::read).transpose();
        Ok(match &self.kind {
            Kind::Email(email) => Secrets {
                url: None,
                key: read(email.login.as_ref().map(|(_, password)| password))?,
            },
            Kind::Webhook(webhook) => {
                Secrets { url: read(Some(&webhook.url))?, key: read(webhook.secret.as_ref())? }
            }
            Kind::Alertmanager(config) => Secrets { url: None, key: read(config.token.as_ref())? },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let limits = Limits::default();
        let seconds = |attempts| limits.pause(attempts).as_secs();
        assert_eq!([0, 1, 3, 10, u32::MAX].map(seconds), [5, 10, 40, 600, 600]);
    }
}
