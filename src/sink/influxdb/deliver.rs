//! Brings points to the server whatever it answers: again, in smaller pieces, or without the bad ones.

use std::time::Duration;

use tokio::sync::watch;

use super::answer::Answer;
use super::client::Client;
use super::points::{Item, LINES_MAX};
use super::state::Watch;
use super::{Config, Limits};
use crate::clock;
use crate::secret::Secret;
use crate::store::{ItemId, Reader, Refusal, UplinkId};

pub struct Deliverer {
    client: Client,
    limits: Limits,
    secret: Secret,
    /// Tells that the secret may have been renewed.
    renewed: watch::Receiver<()>,
    /// As it was read last; nothing before [`Self::await_token`] has returned.
    token: String,
    reader: Reader,
    pub watch: Watch,
    /// How far the sink is, for its lag while a request is tried again and again.
    pub at: (i64, UplinkId),
    /// Items that the server takes in one request, as far as is known.
    fits: usize,
}

/// What became of items: every one is in one of the two.
#[derive(Debug, Default)]
pub struct Delivered {
    pub accepted: Vec<ItemId>,
    pub refused: Vec<Refusal>,
}

/// More has been refused than may lie there: nothing of the page counts as delivered.
#[derive(Debug)]
pub struct TooManyRefused(pub String);

/// What a request came to that need not be made again.
enum Verdict {
    Accepted,
    TooLarge(String),
    Bad { status: u16, says: String },
}

impl Deliverer {
    pub fn new(
        client: Client,
        config: &Config,
        renewed: watch::Receiver<()>,
        reader: Reader,
        watch: Watch,
        at: (i64, UplinkId),
    ) -> Self {
        let limits = config.limits.clone();
        let fits = (limits.batch_points / LINES_MAX).max(1);
        let secret = config.token.clone();
        let token = String::new();
        Self { client, limits, secret, renewed, token, reader, watch, at, fits }
    }

    /// Delivers items and returns when each is accepted or refused for good, however long that takes. At
    /// most `room` may be refused.
    ///
    /// # Errors
    ///
    /// [`TooManyRefused`] where more is refused.
    pub async fn deliver(
        &mut self,
        items: &[Item],
        room: usize,
    ) -> Result<Delivered, TooManyRefused> {
        let mut delivered = Delivered::default();
        let mut refuse = |item: &Item, status: u16, reason: String| {
            delivered.refused.push(Refusal { item: item.id, status, reason: reason.clone() });
            if delivered.refused.len() > room { Err(TooManyRefused(reason)) } else { Ok(()) }
        };
        let (sayable, unsayable): (Vec<&Item>, Vec<&Item>) =
            items.iter().partition(|item| !item.lines.is_empty());
        for item in unsayable {
            refuse(item, 0, "the value is no number that can be written".to_owned())?;
        }
        // Pieces in order, the next one last.
        let mut pieces: Vec<&[&Item]> = vec![&sayable];
        while let Some(piece) = pieces.pop() {
            let Some(first) = piece.first() else { continue };
            if piece.len() > self.fits {
                let (next, rest) = piece.split_at(self.fits);
                pieces.extend([rest, next]);
                continue;
            }
            let lines: String = piece.iter().map(|item| item.lines.as_str()).collect();
            let (status, says) = match self.send(&lines).await {
                Verdict::Accepted => {
                    delivered.accepted.extend(piece.iter().map(|item| item.id));
                    continue;
                }
                Verdict::TooLarge(says) => {
                    self.fits = (piece.len() / 2).max(1);
                    (413, says)
                }
                Verdict::Bad { status, says } => (status, says),
            };
            if piece.len() == 1 {
                refuse(first, status, says)?;
            } else {
                let (left, right) = piece.split_at(piece.len() / 2);
                pieces.extend([right, left]);
            }
        }
        Ok(delivered)
    }

    /// Sends lines of which nothing in the store depends on whether the server takes them.
    pub async fn introduce(&mut self, lines: &str) {
        if let Verdict::TooLarge(says) | Verdict::Bad { says, .. } = self.send(lines).await {
            tracing::warn!(reason = says, "the sink does not want to know where the service is");
        }
    }

    /// Sends lines until the server has looked at them.
    async fn send(&mut self, lines: &str) -> Verdict {
        let mut pause = self.limits.retry_min;
        loop {
            if self.renewed.has_changed().unwrap_or(false) {
                self.renewed.mark_unchanged();
                self.read_token();
            }
            match self.client.write(&self.token, lines).await {
                Answer::Accepted => {
                    self.watch.accepted(lines.matches('\n').count());
                    return Verdict::Accepted;
                }
                Answer::TooLarge(says) => {
                    self.watch.answers();
                    return Verdict::TooLarge(says);
                }
                Answer::Bad { status, says } => {
                    self.watch.answers();
                    return Verdict::Bad { status, says };
                }
                Answer::Later { reason, says, after } => {
                    let asked = after.unwrap_or(pause);
                    self.watch.retry(reason, &says, asked);
                    self.note_lag().await;
                    tokio::time::sleep(asked).await;
                    pause = (pause * 2).min(self.limits.retry_max);
                }
                Answer::Held(says) => {
                    self.watch.hold(&says);
                    self.note_lag().await;
                    self.wait_for_change(self.limits.retry_max).await;
                    self.read_token();
                }
            }
        }
    }

    /// Waits until there is a token, however long that takes: whoever makes it may start after us.
    pub async fn await_token(&mut self) {
        let mut pause = self.limits.retry_min;
        while !self.read_token() {
            self.note_lag().await;
            self.wait_for_change(pause).await;
            pause = (pause * 2).min(self.limits.retry_max);
        }
        self.watch.release();
    }

    /// Takes the token as it is kept by now. Where it cannot be read the one before stays, and it is said why.
    fn read_token(&mut self) -> bool {
        let token = self.secret.read();
        let is_there = token.is_ok();
        match token {
            Ok(token) => self.token = token,
            Err(error) => self.watch.hold(&format!("token: {error}")),
        }
        is_there
    }

    /// Waits until the token is renewed; else for a while, after which somebody may have set something right.
    async fn wait_for_change(&mut self, pause: Duration) {
        let is_renewed = async {
            // Without a sender nobody renews it any more.
            if self.renewed.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        drop(tokio::time::timeout(pause, is_renewed).await);
    }

    /// Shows how much waits. A store that cannot be read says so elsewhere.
    pub async fn note_lag(&self) {
        if let Ok((change, uplink)) = self.reader.newest().await {
            let changes = (change - self.at.0).max(0);
            let uplinks = (uplink.0 - self.at.1.0).max(0);
            self.watch.waiting(changes, uplinks, clock::now());
        }
    }
}
