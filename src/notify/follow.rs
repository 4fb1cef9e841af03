//! The task of one channel: takes what is due, delivers it, has written down how that ended.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::alertmanager::Manager;
use super::answer::Answer;
use super::channel::{Channel, Kind, Secrets};
use super::email::Mailer;
use super::facts::Facts;
use super::message::Message;
use super::state::Watch;
use super::webhook::Hook;
use crate::clock;
use crate::model::AlertState;
use crate::store::{Alert, Notice, NoticeKind, Reader, Sent, WriteError, Writes};
use crate::telemetry::{Health, Metrics};

/// How often we look whether something is due.
const LOOK: Duration = Duration::from_millis(500);

/// Notices in one message; more of them are the next one.
const GROUP_MAX: usize = 500;

/// Alerts that may stand at an Alertmanager; further ones are told when some of these are over.
const STANDING_MAX: usize = 10_000;

/// How long a delivery that is under way may go on when the service stops, so that it need not be made again.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// What a channel reaches.
pub struct Wires {
    pub reader: Reader,
    pub writes: Writes,
    pub metrics: Arc<Metrics>,
    pub health: Arc<Health>,
    /// The secrets in force; renewed ones are taken at once.
    pub secrets: watch::Receiver<Secrets>,
    pub facts: watch::Receiver<Arc<Facts>>,
}

/// A channel, ready to run.
pub struct Notifier {
    channel: Channel,
    carrier: Carrier,
    reader: Reader,
    writes: Writes,
    watch: Watch,
    secrets: watch::Receiver<Secrets>,
    facts: watch::Receiver<Arc<Facts>>,
    /// The other side is left alone until then.
    rests_until: Option<DateTime<Utc>>,
    /// When an Alertmanager is told again what stands; from the first look on.
    resend_at: DateTime<Utc>,
    /// Attempts in a row that have failed.
    failures: u32,
    /// Nothing has been tried since the start.
    is_new: bool,
}

/// What brings messages there.
pub(super) enum Carrier {
    Email(Box<Mailer>),
    Webhook(Box<Hook>),
    Alertmanager(Box<Manager>),
}

impl Carrier {
    /// # Errors
    ///
    /// In words, if a certificate cannot be read.
    pub(super) fn new(channel: &Channel) -> Result<Self, String> {
        let (language, limits) = (channel.language, channel.limits.clone());
        Ok(match &channel.kind {
            Kind::Email(config) => {
                Self::Email(Box::new(Mailer::new(config.clone(), language, limits)?))
            }
            Kind::Webhook(config) => {
                Self::Webhook(Box::new(Hook::new(config.clone(), language, limits)))
            }
            Kind::Alertmanager(config) => {
                let manager = Manager::new(config.clone(), &limits);
                Self::Alertmanager(Box::new(manager.map_err(|error| error.to_string())?))
            }
        })
    }
}

impl Notifier {
    /// A channel that goes on with what lies in the outbox.
    ///
    /// # Errors
    ///
    /// In words, if a certificate cannot be read.
    pub fn new(channel: Channel, wires: Wires) -> Result<Self, String> {
        let Wires { reader, writes, metrics, health, secrets, facts } = wires;
        Ok(Self {
            carrier: Carrier::new(&channel)?,
            watch: Watch::new(metrics, health, &channel.name),
            channel,
            reader,
            writes,
            secrets,
            facts,
            rests_until: None,
            resend_at: DateTime::UNIX_EPOCH,
            failures: 0,
            is_new: true,
        })
    }

    /// Delivers until told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        let grace = async {
            stop.cancelled().await;
            tokio::time::sleep(STOP_GRACE).await;
        };
        tokio::select! {
            () = self.follow(&stop) => {}
            () = grace => {}
        }
    }

    async fn follow(&mut self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            match self.turn().await {
                Ok(()) => {}
                Err(WriteError::Gone) => return,
                Err(WriteError::Store(error)) => {
                    let channel = &self.channel.name;
                    tracing::warn!(channel, %error, "the store does not serve the channel this time");
                }
            }
            let pause = stop.run_until_cancelled(tokio::time::sleep(LOOK)).await;
            if pause.is_none() {
                return;
            }
        }
    }

    /// Takes one look at the outbox. What is delivered in a turn that is not taken to its end may be delivered again.
    async fn turn(&mut self) -> Result<(), WriteError> {
        let now = clock::now();
        self.watch.waiting(self.reader.waiting(&self.channel.name, now).await?, now);
        // Whoever renews a secret or starts the service anew wants to see whether it serves now.
        let at_once = self.secrets.has_changed().unwrap_or(false) || self.is_new;
        if self.rests_until.is_some_and(|until| now < until) && !at_once {
            return Ok(());
        }
        let due = self.reader.notices_of(&self.channel.name, now, at_once, GROUP_MAX).await?;
        self.is_new = false;
        let (due, expired): (Vec<_>, Vec<_>) =
            due.into_iter().partition(|notice| now < notice.expires_at);
        if !expired.is_empty() {
            let says = "expired before it could be delivered";
            self.watch.gave_up(expired.len(), "expired", says);
            self.write_down(&expired, Sent::GaveUp { error: says.to_owned() }).await?;
        }
        match self.carrier {
            Carrier::Email(_) | Carrier::Webhook(_) => self.tell_people(due, now).await,
            Carrier::Alertmanager(_) => self.tell_manager(due, now).await,
        }
    }

    /// Sends what has gathered as one message.
    async fn tell_people(
        &mut self,
        due: Vec<Notice>,
        now: DateTime<Utc>,
    ) -> Result<(), WriteError> {
        let (taken_on, due): (Vec<_>, Vec<_>) =
            due.into_iter().partition(|notice| self.is_taken_on(notice));
        if !taken_on.is_empty() {
            let error = "somebody has acknowledged it meanwhile".to_owned();
            self.write_down(&taken_on, Sent::GaveUp { error }).await?;
        }
        let wait = TimeDelta::from_std(self.channel.limits.group_wait).unwrap_or_default();
        if ready_at(&due, wait, now).is_none_or(|ready_at| now < ready_at) {
            return Ok(());
        }
        let due = self.begin(due).await?;
        if due.is_empty() {
            return Ok(());
        }
        let secrets = self.secrets.borrow_and_update().clone();
        let facts = Arc::clone(&self.facts.borrow());
        let message = Message::of(&self.channel.name, &due, &facts, now);
        let (name, reader, watch) = (&self.channel.name, &self.reader, &self.watch);
        let answer = match &mut self.carrier {
            Carrier::Email(mailer) => {
                answered(mailer.deliver(&message, &secrets), name, reader, watch).await
            }
            Carrier::Webhook(hook) => {
                answered(hook.deliver(&message, &secrets), name, reader, watch).await
            }
            Carrier::Alertmanager(_) => return Ok(()),
        };
        self.settle(&due, answer).await
    }

    /// Whether an escalation has become needless: it was tried, so that acknowledging has not dropped it.
    fn is_taken_on(&self, notice: &Notice) -> bool {
        self.channel.after > TimeDelta::zero()
            && notice.kind == NoticeKind::Opened
            && notice.alert.state == AlertState::Acknowledged
    }

    /// Sends all that stands, when something has changed and every now and then, and what is over.
    async fn tell_manager(
        &mut self,
        due: Vec<Notice>,
        now: DateTime<Utc>,
    ) -> Result<(), WriteError> {
        if due.is_empty() && now < self.resend_at {
            return Ok(());
        }
        let due = self.begin(due).await?;
        let Carrier::Alertmanager(manager) = &self.carrier else { return Ok(()) };
        let mut alerts: Vec<Alert> =
            self.reader.told_alerts(&self.channel.name, now, STANDING_MAX).await?;
        let over = due.iter().filter(|notice| notice.kind == NoticeKind::Resolved);
        alerts.extend(over.map(|notice| notice.alert.clone()));
        self.resend_at = now + manager.resend();
        if alerts.is_empty() && due.is_empty() {
            return Ok(());
        }
        let secrets = self.secrets.borrow_and_update().clone();
        let facts = Arc::clone(&self.facts.borrow());
        let delivery = manager.tell(&alerts, &facts, &secrets);
        let answer = answered(delivery, &self.channel.name, &self.reader, &self.watch).await;
        self.settle(&due, answer).await
    }

    /// Has written down that an attempt begins. Returns what nobody has taken from the outbox meanwhile.
    async fn begin(&self, mut due: Vec<Notice>) -> Result<Vec<Notice>, WriteError> {
        if due.is_empty() {
            return Ok(due);
        }
        let ids: Vec<i64> = due.iter().map(|notice| notice.id).collect();
        let left = self.writes.ask(move |batch| batch.begin_to_tell(&ids)).await?;
        due.retain(|notice| left.contains(&notice.id));
        Ok(due)
    }

    /// Writes down what came of an attempt, and rests where it has failed.
    async fn settle(&mut self, notices: &[Notice], answer: Answer) -> Result<(), WriteError> {
        let attempts = notices.iter().map(|notice| notice.attempts).max().unwrap_or_default();
        let limits = &self.channel.limits;
        self.rests_until = None;
        let (reason, says, pause) = match answer {
            Answer::Delivered(_) => {
                self.failures = 0;
                self.watch.delivered(notices.len());
                return self.write_down(notices, Sent::Delivered).await;
            }
            Answer::Refused(says) if !notices.is_empty() => {
                self.watch.gave_up(notices.len(), "refused", &says);
                return self.write_down(notices, Sent::GaveUp { error: says }).await;
            }
            Answer::Later { reason, says, after } => {
                let pause = after.unwrap_or_else(|| limits.pause(attempts.max(self.failures)));
                (reason.name(), says, pause.max(limits.retry_min))
            }
            Answer::Held(says) => ("held", says, limits.retry_max),
            Answer::Refused(says) => ("refused", says, limits.retry_max),
        };
        self.failures = self.failures.saturating_add(1);
        self.watch.failed(reason, &says, pause);
        let at = clock::now() + TimeDelta::from_std(pause).unwrap_or(TimeDelta::hours(1));
        self.rests_until = Some(at);
        self.write_down(notices, Sent::Later { at, error: says }).await
    }

    /// Has the store know how an attempt ended. It is asked until it has taken that: what it does not know is
    /// delivered again.
    async fn write_down(&self, notices: &[Notice], sent: Sent) -> Result<(), WriteError> {
        let ids: Vec<i64> = notices.iter().map(|notice| notice.id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        loop {
            let (ids, sent, now) = (ids.clone(), sent.clone(), clock::now());
            match self.writes.ask(move |batch| batch.note_sent(&ids, &sent, now)).await {
                Ok(()) => return Ok(()),
                Err(gone @ WriteError::Gone) => return Err(gone),
                Err(WriteError::Store(error)) => {
                    let channel = &self.channel.name;
                    tracing::warn!(channel, %error, "the store does not take what was delivered yet");
                    tokio::time::sleep(self.channel.limits.retry_min).await;
                }
            }
        }
    }
}

/// When what is due is sent: at once where it has been tried before, else when it has had time to gather.
fn ready_at(due: &[Notice], wait: TimeDelta, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let ready_at = |notice: &Notice| if notice.attempts > 0 { now } else { notice.due_at + wait };
    due.iter().map(ready_at).min()
}

/// Waits for an answer, and shows meanwhile what waits with it.
async fn answered(
    delivery: impl Future<Output = Answer>,
    channel: &str,
    reader: &Reader,
    watch: &Watch,
) -> Answer {
    let mut delivery = pin!(delivery);
    loop {
        if let Ok(answer) = timeout(LOOK, &mut delivery).await {
            return answer;
        }
        let now = clock::now();
        // A store that cannot be read says so elsewhere.
        if let Ok(waiting) = reader.waiting(channel, now).await {
            watch.waiting(waiting, now);
        }
    }
}
