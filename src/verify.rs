//! Holds the ledger against everything that is derived from it, while the service runs: what an
//! auditor asks for. Nothing is written.

mod decode;

pub use decode::Differences;

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::path::Path;

use crate::model::Outcome;
use crate::pipeline::{Pipeline, WINDOW_QUANTITIES, content_of, sighting_of};
use crate::store::{
    Check, CopyError, Disposal, Finding, Findings, HourSpan, Inspector, LedgerItem, MANIFEST_FILE,
    Manifest, Newest, Progress, Sighting, StoreError, Watch, check_manifest,
};
use decode::Decoder;

/// What is verified.
pub struct Scope {
    pub span: HourSpan,
    /// Decodes every kept uplink again, to compare.
    pub decode: Option<Pipeline>,
}

/// What was verified, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Present where the folder holds a backup.
    pub manifest: Option<Manifest>,
    pub ledger_rows: u64,
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Rows whose message has been disposed of.
    pub messages_disposed: u64,
    pub observations: u64,
    pub aggregates: u64,
    pub changes: u64,
    pub series: u64,
    pub disposals: Vec<Disposal>,
    /// Present where uplinks were decoded again.
    pub differences: Option<Differences>,
    /// Disagreements by what was checked.
    pub findings: BTreeMap<Check, u64>,
    /// Why not everything could be checked: the file is too damaged.
    pub broken_off: Option<String>,
}

impl Report {
    /// Whether there was nothing to find.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.broken_off.is_none()
    }

    /// All disagreements.
    #[must_use]
    pub fn disagreements(&self) -> u64 {
        self.findings.values().sum()
    }
}

/// The walk, on its way.
struct Walk<'w> {
    inspector: Inspector,
    span: HourSpan,
    decoder: Option<Decoder>,
    report: Report,
    watch: &'w mut Watch<'w>,
    found: Findings<'w>,
    newest: HashMap<i64, Newest>,
    /// Uplinks by device that were not duplicates.
    uplinks: HashMap<i64, u64>,
}

/// Verifies the store, or the backup, in a folder. Each disagreement is given to `found` at once.
///
/// # Errors
///
/// As [`CopyError`], if there is no store or it cannot be read although its structure is sound.
pub fn verify<'w>(
    dir: &Path,
    scope: Scope,
    found: &'w mut dyn FnMut(Finding),
    watch: &'w mut Watch<'w>,
) -> Result<Report, CopyError> {
    let mut walk = Walk {
        inspector: Inspector::open(dir)?,
        span: scope.span,
        decoder: scope.decode.map(Decoder::new),
        report: Report::default(),
        watch,
        found: Findings::new(found),
        newest: HashMap::new(),
        uplinks: HashMap::new(),
    };
    walk.check_file(dir)?;
    match walk.check_content() {
        Ok(()) => {}
        // A damaged file cannot always be read to its end.
        Err(CopyError::Store(error)) if !walk.found.counts().is_empty() => {
            walk.report.broken_off = Some(error.to_string());
        }
        Err(error) => return Err(error),
    }
    walk.report.findings = walk.found.counts().clone();
    Ok(walk.report)
}

impl Walk<'_> {
    fn check_file(&mut self, dir: &Path) -> Result<(), CopyError> {
        if dir.join(MANIFEST_FILE).exists() {
            match check_manifest(dir, self.watch) {
                Ok(known) => self.report.manifest = Some(known),
                Err(error @ (CopyError::Damaged { .. } | CopyError::NotABackup { .. })) => {
                    self.found.add(Finding::new(Check::Manifest, Vec::new(), error.to_string()));
                }
                Err(error) => return Err(error),
            }
        }
        self.inspector.structure(&mut self.found, self.watch)
    }

    fn check_content(&mut self) -> Result<(), CopyError> {
        let range = self.inspector.ledger_range(self.span)?;
        let last_uplink = range.map_or(0, |(_, last)| last);
        if let Some((first, last)) = range {
            // Of the whole ledger the first row is known to be 1, so that a missing one is noticed.
            let after = if self.span == HourSpan::ALL { 0 } else { first - 1 };
            self.check_ledger(after, last)?;
        }
        self.check_hours(last_uplink)?;
        self.check_days_of_aggregates()?;
        self.check_changes()?;
        self.inspector.latest(&self.newest, self.span, &mut self.found)?;
        let counted = (self.span == HourSpan::ALL).then_some((&self.uplinks, last_uplink));
        self.inspector.device_states(counted, &mut self.found)?;
        self.report.series = self.newest.len() as u64;
        self.report.disposals = self.inspector.disposals()?;
        self.report.differences = self.decoder.take().map(Decoder::into_differences);
        Ok(())
    }

    fn check_ledger(&mut self, first: i64, last: i64) -> Result<(), CopyError> {
        let total = (last - first).unsigned_abs();
        let mut after = first;
        while after < last {
            let done = (after - first).unsigned_abs();
            self.tell(Progress { what: "ledger", done, total })?;
            let (items, end) =
                self.inspector.ledger_chunk(after, last, self.span, &mut self.found)?;
            let mut sightings = Vec::new();
            for item in &items {
                self.take_item(item, &mut sightings)?;
            }
            self.inspector.sightings(&sightings, &mut self.found)?;
            after = end;
        }
        Ok(())
    }

    fn take_item(
        &mut self,
        item: &LedgerItem,
        sightings: &mut Vec<Sighting>,
    ) -> Result<(), StoreError> {
        self.report.ledger_rows += 1;
        *self.report.outcomes.entry(item.outcome).or_default() += 1;
        let is_first = item.outcome != Outcome::Duplicate;
        if let Some(device) = item.device
            && item.is_uplink
            && is_first
        {
            *self.uplinks.entry(device).or_default() += 1;
        }
        let Some(message) = &item.message else {
            self.report.messages_disposed += u64::from(item.is_disposed);
            return Ok(());
        };
        // Where the row names no device, the message was set aside unread.
        if item.dev_eui.is_none() || !is_first {
            return Ok(());
        }
        let Some(content) = content_of(message) else {
            let says = "its envelope can no longer be read";
            self.found.add(Finding::of_uplink(Check::Message, item.id.0, says));
            return Ok(());
        };
        if let Some((time, hash)) = sighting_of(message, &content) {
            sightings.push(Sighting { uplink: item.id, time, hash });
        }
        match &mut self.decoder {
            Some(decoder) => {
                decoder.compare(&self.inspector, self.span, item.id, message, &content)
            }
            None => Ok(()),
        }
    }

    fn check_hours(&mut self, last_uplink: i64) -> Result<(), CopyError> {
        let last = self.inspector.last_hour()?.unwrap_or(i64::MIN).min(self.span.last());
        let mut first = None;
        let mut from = self.span.first();
        while let Some(hour) = self.inspector.next_hour(from)?.filter(|&hour| hour <= last) {
            let first = *first.get_or_insert(hour);
            let (done, total) = ((hour - first).unsigned_abs(), (last - first).unsigned_abs());
            self.tell(Progress { what: "hours", done, total })?;
            let counts = self.inspector.hour(
                hour,
                self.span,
                last_uplink,
                &WINDOW_QUANTITIES,
                &mut self.newest,
                &mut self.found,
            )?;
            self.report.observations += counts.observations;
            self.report.aggregates += counts.aggregates;
            if let Some(decoder) = &mut self.decoder {
                decoder.count_kept(counts.repeatable);
            }
            from = hour + 1;
        }
        Ok(())
    }

    fn check_days_of_aggregates(&mut self) -> Result<(), CopyError> {
        let (mut from, last) = self.span.days();
        while let Some(day) =
            self.inspector.next_day_of_aggregates(from)?.filter(|&day| day <= last)
        {
            self.tell(Progress { what: "aggregates", done: 0, total: 0 })?;
            self.inspector.day_of_aggregates(day, self.span, &mut self.found)?;
            from = day + 1;
        }
        Ok(())
    }

    fn check_changes(&mut self) -> Result<(), CopyError> {
        let total = self.inspector.last_change()?.unsigned_abs();
        let mut after = 0_i64;
        loop {
            self.tell(Progress { what: "changes", done: after.unsigned_abs(), total })?;
            let Some((end, rows)) = self.inspector.changes(after, self.span, &mut self.found)?
            else {
                return Ok(());
            };
            self.report.changes += rows;
            after = end;
        }
    }

    fn tell(&mut self, progress: Progress) -> Result<(), CopyError> {
        match (self.watch)(progress) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(CopyError::Stopped),
        }
    }
}
