//! Follows the store: reads a page, delivers it, has written down how far that was.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::deliver::{Deliverer, TooManyRefused};
use super::points::{Item, LINES_MAX, of_observation, of_row, of_service, of_transition};
use super::state::Watch;
use super::{Config, NAME};
use crate::clock;
use crate::model::SiteId;
use crate::pipeline::TimingLimits;
use crate::source::tls::TlsError;
use crate::store::{Advance, HeardRow, Reader, SinkState, Told, UplinkId, WriteError, Writes};
use crate::telemetry::{Health, Metrics};

/// How often we look for something new. What comes meanwhile is one request.
const LOOK: Duration = Duration::from_millis(500);

/// How often the server is told where the service is, so that it can be found among what is new.
const INTRODUCE: TimeDelta = TimeDelta::days(1);

/// What the sink reaches.
pub struct Wires {
    pub reader: Reader,
    pub writes: Writes,
    pub metrics: Arc<Metrics>,
    pub health: Arc<Health>,
    /// Tells that the token may have been renewed.
    pub renewed: watch::Receiver<()>,
    /// How the time of an uplink was judged when it came.
    pub timing: TimingLimits,
    /// Where the public reaches the service.
    pub public_url: Option<String>,
}

pub struct Sink {
    deliverer: Deliverer,
    config: Config,
    reader: Reader,
    writes: Writes,
    timing: TimingLimits,
    public_url: Option<String>,
    /// When the server is next told where the service is.
    introduce_at: DateTime<Utc>,
    state: SinkState,
    dead_letters: usize,
    /// So many dead letters were too many; nothing is told before there are fewer.
    full_at: Option<usize>,
}

/// Why a turn was not taken to its end. What it has delivered is delivered again.
enum Halt {
    Store(WriteError),
    Full(TooManyRefused),
}

impl<E: Into<WriteError>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Store(error.into())
    }
}

impl From<TooManyRefused> for Halt {
    fn from(refused: TooManyRefused) -> Self {
        Self::Full(refused)
    }
}

impl Sink {
    /// A sink that goes on where `state` says.
    ///
    /// # Errors
    ///
    /// If the certificate of the server's authority cannot be read.
    pub fn new(config: Config, wires: Wires, state: SinkState) -> Result<Self, TlsError> {
        let Wires { reader, writes, metrics, health, renewed, timing, public_url } = wires;
        let watch = Watch::new(metrics, health, config.limits.lag_max, state.caught_up_at);
        let client = Client::new(&config)?;
        let at = (state.change, state.uplink);
        let deliverer = Deliverer::new(client, &config, renewed, reader.clone(), watch, at);
        Ok(Self {
            deliverer,
            config,
            reader,
            writes,
            timing,
            public_url,
            introduce_at: DateTime::UNIX_EPOCH,
            state,
            dead_letters: 0,
            full_at: None,
        })
    }

    /// Follows the store until told to stop, at whatever point that is: what was not written down as
    /// delivered is delivered again.
    pub async fn run(mut self, stop: CancellationToken) {
        if self.state.missed {
            tracing::warn!(
                sink = NAME,
                "while the sink was not configured more has changed than is remembered: ask for `stadspuls sink backfill`"
            );
        }
        let follow = async {
            self.deliverer.await_token().await;
            self.follow().await;
        };
        stop.run_until_cancelled(follow).await;
    }

    async fn follow(&mut self) {
        loop {
            let pause = match self.turn().await {
                Ok(true) => continue,
                Ok(false) => LOOK,
                Err(Halt::Store(WriteError::Gone)) => return,
                Err(Halt::Store(WriteError::Store(error))) => {
                    tracing::warn!(sink = NAME, %error, "the store does not serve the sink this time");
                    self.config.limits.retry_min
                }
                Err(Halt::Full(TooManyRefused(says))) => {
                    self.full_at = Some(self.dead_letters);
                    self.deliverer.watch.hold(&format!(
                        "{} dead letters lie there, and more is refused: {says}",
                        self.dead_letters
                    ));
                    LOOK
                }
            };
            self.deliverer.note_lag().await;
            tokio::time::sleep(pause).await;
        }
    }

    /// Delivers a page of everything there is. Returns whether there may be more.
    async fn turn(&mut self) -> Result<bool, Halt> {
        self.count_dead_letters().await?;
        if self.full_at.is_some_and(|full| self.dead_letters >= full) {
            return self.try_again().await;
        }
        self.full_at = None;
        self.introduce().await;
        let is_all = self.tell_news().await?;
        let was_again = self.try_again().await?;
        // The past waits for what is new.
        let was_past = is_all && self.tell_the_past().await?;
        Ok(!is_all || was_again || was_past)
    }

    /// Says where the service is, at the start and once a day.
    async fn introduce(&mut self) {
        let now = clock::now();
        if let Some(url) = self.public_url.as_deref().filter(|_| self.introduce_at <= now) {
            let line = of_service(url, now);
            self.deliverer.introduce(&line).await;
            self.introduce_at = now + INTRODUCE;
        }
    }

    async fn count_dead_letters(&mut self) -> Result<(), Halt> {
        self.dead_letters = self.reader.letter_count(NAME).await?;
        self.deliverer.watch.dead_letters(self.dead_letters);
        Ok(())
    }

    /// What has changed and what was heard since the last time. Returns whether that was all.
    async fn tell_news(&mut self) -> Result<bool, Halt> {
        let began_at = clock::now();
        let limit = (self.config.limits.batch_points / LINES_MAX / 2).max(1);
        let told = self.reader.told_after(NAME, self.state.change, limit).await?;
        let heard = self.reader.heard_after(self.state.uplink, None, limit).await?;
        let alerts = self.reader.transitions_after(self.state.alert, limit).await?;
        let is_all = told.is_last && heard.is_last && alerts.is_last;
        if told.end == self.state.change
            && heard.end == self.state.uplink.0
            && alerts.end == self.state.alert
        {
            self.caught_up(began_at);
            return Ok(true);
        }
        self.deliverer.note_lag().await;
        let mut items = self.observations(told.items).await?;
        items.extend(self.rows(heard.items).await);
        items.extend(alerts.items.iter().map(of_transition));
        let advance = Advance {
            change: Some(told.end),
            uplink: Some(UplinkId(heard.end)),
            alert: Some(alerts.end),
            caught_up_at: is_all.then_some(began_at),
            ..Advance::default()
        };
        self.deliver(&items, advance).await?;
        self.state.change = told.end;
        self.state.uplink = UplinkId(heard.end);
        self.state.alert = alerts.end;
        self.deliverer.at = (self.state.change, self.state.uplink);
        if is_all {
            self.caught_up(began_at);
        }
        Ok(is_all)
    }

    fn caught_up(&mut self, at: DateTime<Utc>) {
        self.state.caught_up_at = at;
        self.deliverer.watch.caught_up_at = at;
    }

    /// Dead letters that somebody wants tried again. Returns whether there were any.
    async fn try_again(&mut self) -> Result<bool, Halt> {
        let limit = (self.config.limits.batch_points / LINES_MAX).max(1);
        let again = self.reader.letters_again(NAME, limit).await?;
        let mut items = self.observations(again.told).await?;
        items.extend(self.rows(again.heard).await);
        items.extend(again.transitions.iter().map(of_transition));
        if items.is_empty() && again.gone.is_empty() {
            return Ok(false);
        }
        // They lie there already, so each has its room.
        let delivered = self.deliverer.deliver(&items, items.len()).await?;
        let accepted = delivered.accepted.into_iter().chain(again.gone).collect();
        let advance = Advance { accepted, refused: delivered.refused, ..Advance::default() };
        self.write_down(advance).await?;
        Ok(true)
    }

    /// A page of the past, where somebody has asked for it. Returns whether there was one.
    async fn tell_the_past(&mut self) -> Result<bool, Halt> {
        let limit = (self.config.limits.batch_points / LINES_MAX).max(1);
        let Some(run) = self.reader.current_backfill(NAME).await? else { return Ok(false) };
        let (items, run) = if run.is_at_observations() {
            let (page, run) = self.reader.told_of_backfill(NAME, run, limit).await?;
            (self.observations(page.items).await?, run)
        } else {
            let (after, last) = run.uplinks();
            let page = self.reader.heard_after(after, Some(last), limit).await?;
            (self.rows(page.items).await, run.past_uplinks(page.end, page.is_last))
        };
        let finished = run.finished;
        self.deliver(&items, Advance { backfill: Some(run), ..Advance::default() }).await?;
        if finished {
            tracing::info!(sink = NAME, "the sink has been given the past that was asked for");
        }
        Ok(true)
    }

    /// Delivers items and has written down what `advance` says, and what became of them.
    async fn deliver(&mut self, items: &[Item], advance: Advance) -> Result<(), Halt> {
        let room = self.config.limits.dead_letters_max.saturating_sub(self.dead_letters);
        let delivered = self.deliverer.deliver(items, room).await?;
        let (accepted, refused) = (delivered.accepted, delivered.refused);
        if let Some(first) = refused.first() {
            tracing::warn!(
                sink = NAME,
                count = refused.len(),
                reason = first.reason,
                "the sink refuses points; they are kept as dead letters"
            );
        }
        self.write_down(Advance { accepted, refused, ..advance }).await
    }

    async fn write_down(&self, advance: Advance) -> Result<(), Halt> {
        let now = clock::now();
        self.writes.ask(move |batch| batch.advance_sink(NAME, &advance, now)).await?;
        Ok(())
    }

    /// The points of observations. A site that is told of for the first time keeps the kind it has now.
    async fn observations(&self, told: Vec<Told>) -> Result<Vec<Item>, Halt> {
        let new: BTreeMap<SiteId, String> = told
            .iter()
            .filter(|told| told.is_new_site)
            .filter_map(|told| Some((told.site.clone(), told.kind.clone()?)))
            .collect();
        if !new.is_empty() {
            let new: Vec<(SiteId, String)> = new.into_iter().collect();
            self.writes.ask(move |batch| batch.know_sites(NAME, &new)).await?;
        }
        Ok(told.iter().map(of_observation).collect())
    }

    /// The points of rows of the ledger, whose envelopes are read once more.
    async fn rows(&self, heard: Vec<HeardRow>) -> Vec<Item> {
        let timing = self.timing.clone();
        let items = tokio::task::spawn_blocking(move || {
            heard.iter().filter_map(|heard| of_row(heard, &timing)).collect()
        });
        match items.await {
            Ok(items) => items,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }
}
