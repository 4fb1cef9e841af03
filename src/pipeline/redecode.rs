//! Decodes the archive again with today's catalogue and fleet.

use chrono::{DateTime, Utc};

use super::again::content_of;
use super::window::{Occasion, Touched, is_of_window};
use super::{Pipeline, server_time, timing};
use crate::envelope::Content;
use crate::model::{Observation, Outcome, Quality, QuantityName, Reason, SiteId};
use crate::store::{Archived, Batch, Made, RedecodeRun, Revision, StoreError, StoredObservation};

/// Differences that are shown, the largest ones.
const SHOWN_MAX: usize = 10;

/// A value that decoding again makes another one.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    pub site: SiteId,
    pub quantity: QuantityName,
    pub time: DateTime<Utc>,
    pub was: f64,
    pub is: f64,
    /// How large it is beside the quantity's range, or beside the value where there is none.
    weight: f64,
}

/// Takes a run through the archive, step by step.
pub struct Redecoder {
    pub run: RedecodeRun,
    /// Uplinks of the last step.
    stepped: u64,
    largest: Vec<Difference>,
}

impl Redecoder {
    #[must_use]
    pub const fn new(run: RedecodeRun) -> Self {
        Self { run, stepped: 0, largest: Vec::new() }
    }

    /// Uplinks that the last step has decoded again.
    #[must_use]
    pub const fn step_uplinks(&self) -> u64 {
        self.stepped
    }

    /// The largest differences so far, the largest first.
    #[must_use]
    pub fn largest(&self) -> &[Difference] {
        &self.largest
    }

    /// Decodes the next uplinks again, at most `limit`, and writes down how far the run has come.
    ///
    /// # Errors
    ///
    /// As the store's; nothing of the step has then happened, and it can be taken again.
    pub fn step(
        &mut self,
        pipeline: &mut Pipeline,
        batch: &mut Batch<'_>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut run = self.run.clone();
        let mut found = Vec::new();
        for archived in batch.next_archived(&mut run, limit)? {
            if depends_on_catalogue(archived.outcome) {
                pipeline.redecode(batch, &archived, &mut run, &mut found, now)?;
            }
        }
        batch.save_redecode(&run, now)?;
        self.stepped = run.tally.uplinks - self.run.tally.uplinks;
        self.run = run;
        self.keep_largest(found);
        Ok(())
    }

    fn keep_largest(&mut self, found: Vec<Difference>) {
        self.largest.extend(found);
        self.largest.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        self.largest.truncate(SHOWN_MAX);
    }
}

/// Whether what became of an uplink says something of catalogue and fleet, which may have changed.
const fn depends_on_catalogue(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Stored
        | Outcome::UnknownDevice
        | Outcome::NotDeployed
        | Outcome::UnknownProfile
        | Outcome::CodecError
        | Outcome::NothingMeasured => true,
        Outcome::Duplicate
        | Outcome::Encrypted
        | Outcome::Simulated
        | Outcome::Event
        | Outcome::Ignored
        | Outcome::Rejected
        | Outcome::TooLarge => false,
    }
}

/// What the observations of an uplink bring to light when they are made again.
struct Again<'a> {
    run: &'a mut RedecodeRun,
    found: &'a mut Vec<Difference>,
    touched: Touched,
    now: DateTime<Utc>,
}

impl Pipeline {
    fn redecode(
        &mut self,
        batch: &mut Batch<'_>,
        archived: &Archived,
        run: &mut RedecodeRun,
        found: &mut Vec<Difference>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let Some(message) = batch.message(archived.id)? else {
            run.tally.not_kept += 1;
            return Ok(());
        };
        let Some(content @ Content::Uplink(uplink)) = &content_of(&message) else { return Ok(()) };
        let time = timing::trust(server_time(content), message.arrived_at, &self.limits.timing);
        let mut verdict = self.follow_uplink(uplink, time);
        let mut kept_days = Vec::with_capacity(verdict.observations.len());
        for observation in verdict.observations {
            // What was dropped by decision does not come back.
            if !batch.is_dropped(observation.time)? {
                kept_days.push(observation);
            }
        }
        verdict.observations = kept_days;

        run.tally.uplinks += 1;
        match (archived.outcome, verdict.outcome) {
            (Outcome::Stored, Outcome::Stored) => {}
            (Outcome::Stored, _) => run.tally.now_failing += 1,
            (_, Outcome::Stored) => run.tally.now_decoded += 1,
            _ => {}
        }
        let made = batch.made_of(archived, uplink.dev_eui, time.time)?;
        let mut again = Again { run, found, touched: Touched::default(), now };
        for observation in &verdict.observations {
            self.observe_again(batch, archived, observation, &mut again)?;
            again.touched.note(&observation.site, &observation.quantity, observation.time);
        }
        let Again { mut touched, .. } = again;
        let gone = made.iter().filter(|made| !is_among(made, &verdict.observations));
        for gone in gone.filter(|made| !is_of_window(&made.quantity)).map(withdrawn) {
            self.settle(batch, archived.id, &gone, now, &mut touched)?;
            touched.note(&gone.site, &gone.quantity, gone.time);
            run.tally.removed += 1;
        }
        let derived =
            self.derive_windows(batch, archived.id, &mut touched, Occasion::Redecoding)?;
        run.tally.derived += derived as u64;
        batch.revise(
            archived,
            &Revision {
                outcome: verdict.outcome,
                reason: verdict.reason.as_deref(),
                profile: verdict.profile.as_ref(),
                observed: verdict.observed(time.time),
            },
        )
    }

    fn observe_again(
        &self,
        batch: &mut Batch<'_>,
        archived: &Archived,
        observation: &Observation,
        Again { run, found, touched, now }: &mut Again<'_>,
    ) -> Result<(), StoreError> {
        let Some(kept) = batch.kept(observation)?.filter(|kept| !is_withdrawn(kept)) else {
            self.settle(batch, archived.id, observation, *now, touched)?;
            run.tally.added += 1;
            return Ok(());
        };
        // A later uplink has said something of the same site, quantity and time.
        if kept.uplink > archived.id {
            run.tally.same += 1;
            return Ok(());
        }
        // What the series has said of it is said again, by today's rules.
        if self.rests_on_dropped(batch, observation, &kept)?
            || !self.settle(batch, archived.id, observation, *now, touched)?
        {
            run.tally.same += 1;
            return Ok(());
        }
        run.tally.changed += 1;
        let difference = (observation.value - kept.value).abs();
        if difference > 0.0 {
            found.push(Difference {
                site: observation.site.clone(),
                quantity: observation.quantity.clone(),
                time: observation.time,
                was: kept.value,
                is: observation.value,
                weight: difference / self.scale(&observation.quantity, kept.value),
            });
        }
        Ok(())
    }

    fn scale(&self, quantity: &QuantityName, value: f64) -> f64 {
        let quantity = self.codecs.quantity(quantity);
        let range = quantity.and_then(|quantity| Some(quantity.max? - quantity.min?));
        range.unwrap_or(value.abs()).max(f64::MIN_POSITIVE)
    }
}

fn is_withdrawn(kept: &StoredObservation) -> bool {
    kept.quality == Quality::Bad(Reason::Withdrawn)
}

fn is_among(made: &Made, observations: &[Observation]) -> bool {
    observations.iter().any(|observation| {
        observation.site == made.site
            && observation.quantity == made.quantity
            && observation.time.timestamp_micros() == made.observation.time.timestamp_micros()
    })
}

fn withdrawn(made: &Made) -> Observation {
    Observation {
        site: made.site.clone(),
        quantity: made.quantity.clone(),
        time: made.observation.time,
        value: made.observation.value,
        quality: Quality::Bad(Reason::Withdrawn),
    }
}
