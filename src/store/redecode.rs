//! What decoding again reads of the ledger and writes to it: a run, its place, its count.

mod archive;
mod run;

use std::convert::Infallible;

use chrono::{DateTime, Utc};

use super::write::Batch;
use super::{HourSpan, StoreError, StoredObservation, UplinkId, Writer};
use crate::model::{DevEui, Outcome, ProfileId, QuantityName, SiteId};

/// Which uplinks are decoded again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedecodeScope {
    /// None for all devices.
    pub devices: Option<Vec<DevEui>>,
    /// Hours of arrival.
    pub span: HourSpan,
    /// Who or what asks for it, in words.
    pub cause: String,
}

/// What decoding again has done or would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Uplinks that were decoded again.
    pub uplinks: u64,
    /// Observations that were not there.
    pub added: u64,
    /// Observations with another value or quality.
    pub changed: u64,
    /// Observations that would not be made any more; they are kept as bad.
    pub removed: u64,
    pub same: u64,
    /// Uplinks that could be decoded and now cannot.
    pub now_failing: u64,
    /// Uplinks that could not be decoded, or belonged to nobody, and now give observations.
    pub now_decoded: u64,
    /// Uplinks whose message has been disposed of, which stay as they are.
    pub not_kept: u64,
}

/// The place of an uplink in the order of `uplink_of_device`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    hour: i64,
    device: i64,
    uplink: i64,
}

/// A run, as far as it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedecodeRun {
    id: i64,
    /// None for all.
    devices: Option<Vec<i64>>,
    first_hour: i64,
    last_hour: i64,
    at: Place,
    pub tally: Tally,
    pub finished: bool,
}

/// An uplink of the ledger that is decoded again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Archived {
    pub id: UplinkId,
    pub outcome: Outcome,
    hours: Option<(i64, i64)>,
    arrived_hour: i64,
}

/// An observation that was made of an uplink.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    pub site: SiteId,
    pub quantity: QuantityName,
    pub observation: StoredObservation,
}

/// What an uplink's ledger row says from now on.
#[derive(Clone, Debug)]
pub struct Revision<'r> {
    pub outcome: Outcome,
    pub reason: Option<&'r str>,
    pub profile: Option<&'r (ProfileId, String)>,
    /// As [`super::LedgerEntry::observed`].
    pub observed: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

impl RedecodeRun {
    /// The same run before its first uplink.
    #[must_use]
    pub fn from_the_beginning(self) -> Self {
        let at = Place { hour: self.first_hour, device: 0, uplink: 0 };
        Self { at, tally: Tally::default(), finished: false, ..self }
    }

    /// How far it is, in hours of arrival: done and all.
    #[must_use]
    pub fn progress(&self) -> (u64, u64) {
        let hours = |from: i64, to: i64| (to - from).max(0).unsigned_abs();
        let all = hours(self.first_hour, self.last_hour) + 1;
        (if self.finished { all } else { hours(self.first_hour, self.at.hour) }, all)
    }
}

impl Writer {
    /// Runs `work` in a transaction and undoes it: what it returns is what would have happened.
    ///
    /// # Errors
    ///
    /// Any error of `work`.
    pub fn rehearse<T>(
        &mut self,
        work: impl FnOnce(&mut Batch<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let undone: Result<Infallible, Rehearsed<T>> =
            self.batch(|batch| Err(Rehearsed::Done(work(batch)?)));
        match undone {
            Err(Rehearsed::Done(value)) => Ok(value),
            Err(Rehearsed::Failed(error)) => Err(error),
            Ok(never) => match never {},
        }
    }
}

/// Why a rehearsal is undone.
enum Rehearsed<T> {
    Done(T),
    Failed(StoreError),
}

impl<T> From<StoreError> for Rehearsed<T> {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}
