//! One mail to each who is to know, over a connection that is made for it.

mod mail;

use std::collections::BTreeSet;
use std::fs;

use lettre::address::Envelope;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::{self, AsyncSmtpTransport};
use lettre::{AsyncTransport, Tokio1Executor};
use tokio::time::timeout;

use super::answer::Answer;
use super::channel::{EmailConfig, Encryption, Limits, Secrets};
use super::message::Message;
use super::words::{heading, paragraphs};
use crate::alert::Language;
use crate::model::Severity;
use crate::post::{Retry, chain, shown};
use mail::{Mail, Mailbox};

type Transport = AsyncSmtpTransport<Tokio1Executor>;

pub struct Mailer {
    config: EmailConfig,
    language: Language,
    limits: Limits,
    tls: Tls,
    from: Mailbox,
    to: Vec<Mailbox>,
    /// Who has got a message that others are still to get.
    reached: Option<(String, BTreeSet<String>)>,
}

/// Whether a text is a mail address, with or without a name before it, that every mail server takes.
#[must_use]
pub fn is_address(text: &str) -> bool {
    Mailbox::from_text(text).is_some()
}

impl Mailer {
    /// # Errors
    ///
    /// In words, if the authority's certificate cannot be read or an address is none.
    pub fn new(config: EmailConfig, language: Language, limits: Limits) -> Result<Self, String> {
        let tls = tls(&config)?;
        let address = |text: &String| {
            Mailbox::from_text(text).ok_or_else(|| format!("{text} is no mail address"))
        };
        let from = address(&config.from)?;
        let to = config.to.iter().map(address).collect::<Result<_, _>>()?;
        Ok(Self { config, language, limits, tls, from, to, reached: None })
    }

    /// Sends a message to everybody who has not got it. Nobody waits for another whose mailbox is at fault.
    pub async fn deliver(&mut self, message: &Message, secrets: &Secrets) -> Answer {
        let (mail, transport) = (self.write(message), self.transport(secrets));
        let mut reached = match self.reached.take() {
            Some((id, reached)) if id == message.id => reached,
            _ => BTreeSet::new(),
        };
        let (mut says, mut refused, mut later) = (Vec::new(), Vec::new(), None);
        for to in &self.to {
            let name = to.address.to_string();
            if reached.contains(&name) {
                continue;
            }
            match self.send(&transport, to, mail.as_bytes()).await {
                Answer::Delivered(words) => {
                    reached.insert(name);
                    says.push(words);
                }
                Answer::Refused(words) => refused.push(format!("{name}: {words}")),
                // The server speaks of this one alone.
                Answer::Later { reason: Retry::Server, says, after } => {
                    later = Some(Answer::Later { reason: Retry::Server, says, after });
                }
                other => {
                    later = Some(other);
                    break;
                }
            }
        }
        if let Some(later) = later {
            self.reached = Some((message.id.clone(), reached));
            return later;
        }
        if !refused.is_empty() {
            tracing::warn!(channel = message.channel, ?refused, "not everybody gets the mail");
        }
        says.extend(refused);
        let says = says.join("; ");
        if reached.is_empty() { Answer::Refused(says) } else { Answer::Delivered(says) }
    }

    fn write(&self, message: &Message) -> String {
        let paragraphs = paragraphs(message, self.language);
        let text: Vec<String> = paragraphs.iter().map(|lines| lines.join("\n")).collect();
        // RFC 3834: so that no holiday note answers it.
        let mut headers = vec![("Auto-Submitted", "auto-generated")];
        if message.severity() == Some(Severity::Critical) {
            headers.push(("Importance", "high"));
        }
        let mail = Mail {
            from: &self.from,
            to: &self.to,
            subject: &heading(message, self.language),
            id: &format!("{}@{}", message.id, self.from.address.domain()),
            date: message.sent_at,
            headers: &headers,
            text: &format!("{}\n", text.join("\n\n")),
        };
        mail.written()
    }

    fn transport(&self, secrets: &Secrets) -> Transport {
        let builder = Transport::builder_dangerous(self.config.server.clone())
            .port(self.config.port)
            .timeout(Some(self.limits.connect_timeout))
            .tls(self.tls.clone());
        let login = self.config.login.as_ref().zip(secrets.key.as_ref());
        match login {
            Some(((user, _), password)) => {
                builder.credentials(Credentials::new(user.clone(), password.clone())).build()
            }
            None => builder.build(),
        }
    }

    async fn send(&self, transport: &Transport, to: &Mailbox, mail: &[u8]) -> Answer {
        let (from, to) = (self.from.address.clone(), to.address.clone());
        let envelope = match Envelope::new(Some(from), vec![to]) {
            Ok(envelope) => envelope,
            Err(error) => return Answer::Refused(chain(&error)),
        };
        let limit = self.limits.answer_timeout;
        match timeout(limit, transport.send_raw(&envelope, mail)).await {
            Ok(Ok(response)) => {
                let words = response.message().collect::<Vec<_>>().join(" ");
                Answer::Delivered(shown(&format!("{} {words}", response.code())))
            }
            Ok(Err(error)) => judge(&error),
            Err(_elapsed) => {
                let says = format!("no answer within {limit:?}");
                Answer::Later { reason: Retry::Timeout, says, after: None }
            }
        }
    }
}

/// RFC 5321 and, for logins, RFC 4954.
fn judge(error: &smtp::Error) -> Answer {
    let says = shown(&chain(error));
    let later = |reason| Answer::Later { reason, says: says.clone(), after: None };
    match error.status().map(u16::from) {
        Some(530 | 534 | 535 | 538) => Answer::Held(says),
        Some(500..) => Answer::Refused(says),
        Some(421) => later(Retry::Busy),
        Some(_) => later(Retry::Server),
        None if error.is_timeout() => later(Retry::Timeout),
        // TLS that cannot be begun, such as a server that does not offer it: nothing is said in clear text.
        None if error.is_tls() || error.is_client() => Answer::Held(says),
        None => later(Retry::Network),
    }
}

fn tls(config: &EmailConfig) -> Result<Tls, String> {
    if config.encryption == Encryption::None {
        return Ok(Tls::None);
    }
    let mut parameters = TlsParameters::builder(config.server.clone());
    if let Some(path) = &config.authority {
        let pem = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let authority = Certificate::from_pem(&pem)
            .map_err(|error| format!("{}: {}", path.display(), chain(&error)))?;
        parameters =
            parameters.certificate_store(CertificateStore::None).add_root_certificate(authority);
    }
    let parameters = parameters.build_rustls().map_err(|error| chain(&error))?;
    Ok(match config.encryption {
        Encryption::Tls => Tls::Wrapper(parameters),
        Encryption::StartTls | Encryption::None => Tls::Required(parameters),
    })
}
