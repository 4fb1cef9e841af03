//! The way of an uplink: each step takes a value and returns the next, top to bottom.
//!
//! ```text
//! message ─▶ unwrap ─▶ deduplicate ─▶ find device and deployment ─▶ decode ─▶ normalise ─▶ judge ─▶ derive ─▶ settle ─▶ store
//! ```

mod again;
mod decode;
mod deduplicate;
mod derive;
mod examples;
mod history;
mod judge;
mod normalise;
mod redecode;
mod settle;
mod timing;
mod watch;
mod window;
mod worker;

#[cfg(test)]
mod tests;

pub use again::{content_of, heard_at, sighting_of};
pub use decode::{Codecs, DecodeError, DecodeRequest, Decoded};
pub use examples::run_examples;
pub use judge::judge_range;
pub use redecode::{Difference, Redecoder};
pub use timing::TimingLimits;
pub use watch::Watch;
pub use window::{WINDOW_QUANTITIES, WindowLimit, is_of_window};
pub use worker::{Reload, Wires, WorkerConfig, run};

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::catalog::Catalog;
use crate::codec::CodecLimits;
use crate::envelope::{self, Content};
use crate::model::{
    DevEui, Device, DeviceEvent, EventDetail, Message, Observation, Outcome, ProfileId, Reason,
    Uplink,
};
use crate::registry::Registry;
use crate::store::{Batch, Evidence, Heard, LedgerEntry, StoreError};
use crate::telemetry::Metrics;
use deduplicate::Identity;
use derive::Place;
use timing::TrustedTime;
use watch::Signs;
use window::{Occasion, Touched};

/// What an uplink may cost and how far its time is believed.
#[derive(Clone, Debug, Default)]
pub struct PipelineLimits {
    /// Most bytes of a body that are read; the beginning of a larger one is kept.
    pub body: BodyLimit,
    pub timing: TimingLimits,
    pub window: WindowLimit,
    pub codec: CodecLimits,
}

/// Most bytes of a message's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimit(pub usize);

impl Default for BodyLimit {
    /// A hundred times a usual envelope.
    fn default() -> Self {
        Self(256 * 1024)
    }
}

/// Bytes that are kept of a body over the limit: enough to see whose it was.
const KEPT_OF_TOO_LARGE: usize = 4096;

/// Turns messages into ledger rows and observations.
pub struct Pipeline {
    registry: Arc<Registry>,
    codecs: Codecs,
    limits: PipelineLimits,
    metrics: Arc<Metrics>,
    watch: Watch,
}

/// What became of one message or one part of it, and what goes into the store beside the row.
struct Verdict {
    outcome: Outcome,
    reason: Option<String>,
    profile: Option<(ProfileId, String)>,
    observations: Vec<Observation>,
}

impl Verdict {
    fn plain(outcome: Outcome) -> Self {
        Self { outcome, reason: None, profile: None, observations: Vec::new() }
    }

    /// The first and the last time of the observations, none where all are of the time of the frame.
    fn observed(&self, frame: DateTime<Utc>) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let times = || self.observations.iter().map(|observation| observation.time);
        let (first, last) = (times().min()?, times().max()?);
        (first != frame || last != frame).then_some((first, last))
    }

    fn because(outcome: Outcome, reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..Self::plain(outcome) }
    }
}

/// What was committed of one message, for the metrics: an outcome for each ledger row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    pub outcomes: Vec<Outcome>,
    pub observations: usize,
}

impl Pipeline {
    #[must_use]
    pub fn new(
        registry: Arc<Registry>,
        catalog: Arc<Catalog>,
        limits: PipelineLimits,
        metrics: Arc<Metrics>,
    ) -> Self {
        let codecs = Codecs::new(catalog, limits.codec.clone());
        Self { registry, codecs, limits, metrics, watch: Watch::off() }
    }

    /// Takes a message into the store: at least one ledger row, exactly one outcome each.
    ///
    /// # Errors
    ///
    /// Only the store's. Whatever is wrong with the message is an outcome.
    pub fn take(&mut self, batch: &mut Batch<'_>, message: &Message) -> Result<Taken, StoreError> {
        let mut taken = Taken::default();
        self.begin_watch(batch, message.arrived_at)?;
        self.watch_source(batch, &message.source.name, message.arrived_at)?;
        if message.body.len() > self.limits.body.0 {
            let outcome = self.record_too_large(batch, message)?;
            taken.outcomes.push(outcome);
            return Ok(taken);
        }
        match envelope::unwrap(message.source.format, &message.topic, &message.body) {
            Err(error) => {
                let verdict = Verdict::because(Outcome::Rejected, error.to_string());
                taken.outcomes.push(verdict.outcome);
                batch.record(&entry(message, 0, None, &verdict))?;
            }
            Ok(contents) if contents.is_empty() => {
                let verdict =
                    Verdict::because(Outcome::NothingMeasured, "the message holds no uplink");
                taken.outcomes.push(verdict.outcome);
                batch.record(&entry(message, 0, None, &verdict))?;
            }
            Ok(contents) => {
                for (part, content) in (0..).zip(&contents) {
                    self.take_part(batch, message, part, content, &mut taken)?;
                }
            }
        }
        Ok(taken)
    }

    /// Takes a message that no step can take: into the ledger as it is, with the reason.
    ///
    /// # Errors
    ///
    /// Only the store's.
    pub fn set_aside(
        &self,
        batch: &mut Batch<'_>,
        message: &Message,
        reason: &str,
    ) -> Result<Taken, StoreError> {
        let verdict = Verdict::because(Outcome::Rejected, reason);
        batch.record(&entry(message, 0, None, &verdict))?;
        Ok(Taken { outcomes: vec![verdict.outcome], observations: 0 })
    }

    /// Works with another catalogue and fleet from the next message on.
    pub fn replace(&mut self, registry: Arc<Registry>, catalog: Arc<Catalog>) {
        self.registry = registry;
        self.codecs = Codecs::new(catalog, self.limits.codec.clone());
    }

    /// Lets go of all codecs, which are loaded anew when they are needed.
    pub fn reload(&mut self) {
        self.codecs.reload();
    }

    fn take_part(
        &mut self,
        batch: &mut Batch<'_>,
        message: &Message,
        part: u16,
        content: &Content,
        taken: &mut Taken,
    ) -> Result<(), StoreError> {
        let identity = Identity::of(&message.source.name, content);
        let given = server_time(content);
        let time = timing::trust(given, message.arrived_at, &self.limits.timing);
        let sighting = identity.sighting(given, message.arrived_at);
        let first = deduplicate::find(batch, &identity, sighting, given, message.arrived_at)?;
        let mut verdict = match (first, content) {
            (Some(first), _) => {
                Verdict::because(Outcome::Duplicate, format!("same as uplink {first}"))
            }
            (None, Content::Event(event)) => follow_event(event),
            (None, Content::Uplink(uplink)) => self.follow_uplink(uplink, time),
        };
        let observed = verdict.observed(time.time);
        let row = LedgerEntry { observed, ..entry(message, part, Some(content), &verdict) };
        let id = batch.record(&row)?;
        taken.outcomes.push(verdict.outcome);
        if let Some(first) = first {
            if let Content::Uplink(copy) = content {
                batch.heard_copy(first, copy)?;
            }
            return Ok(());
        }
        deduplicate::remember(batch, sighting, id)?;
        let heard = Heard { uplink: id, at: time.time };
        match content {
            // Nobody has heard the device, and its frame counter stands where it stood.
            Content::Uplink(uplink) if uplink.simulated => {}
            Content::Uplink(uplink) => {
                let lost = batch.heard_uplink(heard, uplink)?;
                self.watch_uplink(batch, uplink, heard, &verdict, lost, message.arrived_at)?;
            }
            Content::Event(event) => {
                batch.heard_event(heard, event)?;
                self.watch_event(batch, event, heard, message.arrived_at)?;
            }
        }
        // In order of time, so that each finds those before it.
        verdict.observations.sort_by_key(|observation| observation.time);
        let mut touched = Touched::default();
        for observation in &verdict.observations {
            let changed = self.settle(batch, id, observation, message.arrived_at, &mut touched)?;
            taken.observations += usize::from(changed);
        }
        taken.observations += self.derive_windows(batch, id, &mut touched, Occasion::Change)?;
        self.watch_series(batch, &touched.series, message.arrived_at)?;
        if let Some(given) = given {
            let lag = (message.arrived_at - given).as_seconds_f64();
            self.metrics.uplink_lag.observe(lag.max(0.0));
        }
        Ok(())
    }

    /// Takes in what an uplink says of its device.
    fn watch_uplink(
        &mut self,
        batch: &mut Batch<'_>,
        uplink: &Uplink,
        heard: Heard,
        verdict: &Verdict,
        lost: i64,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let is_skewed = |one: &Observation| one.quality.reason() == Some(Reason::ClockSkew);
        let signs = Signs {
            uplink: heard.uplink,
            outcome: verdict.outcome,
            is_skewed: verdict.observations.iter().any(is_skewed),
            lost,
            at: heard.at,
        };
        let evidence = Evidence { time: Some(heard.at), value: None, uplink: Some(heard.uplink) };
        self.watch_heard(batch, uplink.dev_eui, evidence, now)?;
        self.watch_device(batch, uplink.dev_eui, signs, now)
    }

    /// The steps of an uplink that has not been seen before.
    fn follow_uplink(&mut self, uplink: &Uplink, time: TrustedTime) -> Verdict {
        if uplink.simulated {
            return Verdict::because(Outcome::Simulated, "sent from the network server's console");
        }
        let Some(device) = self.registry.device(uplink.dev_eui) else {
            return Verdict::plain(Outcome::UnknownDevice);
        };
        if uplink.encrypted {
            return Verdict::because(
                Outcome::Encrypted,
                "the network server has not the application key",
            );
        }
        if uplink.payload.is_empty() || uplink.f_port == Some(0) {
            return Verdict::plain(Outcome::NothingMeasured);
        }
        let started = std::time::Instant::now();
        let decoded = self.codecs.decode(&DecodeRequest {
            profile: &device.profile,
            f_port: uplink.f_port.unwrap_or(0),
            payload: &uplink.payload,
            recv_time: time.time,
            variables: &device.variables,
        });
        self.metrics.decode_duration.observe(started.elapsed().as_secs_f64());
        let decoded = match decoded {
            Ok(decoded) => decoded,
            Err(DecodeError::UnknownProfile(id)) => {
                return Verdict::because(
                    Outcome::UnknownProfile,
                    format!("{id} is not in the catalogue"),
                );
            }
            Err(error) => {
                let profile = self.codecs.profile(&device.profile);
                return Verdict {
                    profile: profile.map(|profile| (profile.id.clone(), profile.hash.clone())),
                    ..Verdict::because(Outcome::CodecError, error.to_string())
                };
            }
        };
        let observations = self.observe(uplink, device, &decoded, time);
        let outcome = match (observations.is_empty(), decoded.measurements.is_empty()) {
            (false, _) => Outcome::Stored,
            (true, true) => Outcome::NothingMeasured,
            (true, false) => Outcome::NotDeployed,
        };
        Verdict {
            outcome,
            reason: decoded.warnings(),
            profile: Some((decoded.profile.id.clone(), decoded.profile.hash.clone())),
            observations,
        }
    }

    /// Observations of what was measured while the device stood somewhere, and what follows from them.
    fn observe(
        &self,
        uplink: &Uplink,
        device: &Device,
        decoded: &Decoded,
        time: TrustedTime,
    ) -> Vec<Observation> {
        let assumed_cel = derive::assumed_cel(&decoded.profile, &device.variables);
        let (mut observations, mut derives) = (Vec::new(), false);
        let mut place: Option<(DateTime<Utc>, Place<'_>)> = None;
        for measurement in &decoded.measurements {
            let at = measurement.time.unwrap_or(time.time);
            // Most frames have one time, and all measurements of a time one place.
            if place.as_ref().is_none_or(|(of, _)| *of != at) {
                place = self.place_at(uplink.dev_eui, at, assumed_cel).map(|found| (at, found));
            }
            let Some((_, place)) = &place else { continue };
            derives |= place.derives();
            let measurement = judge::corrected(measurement, place.installation);
            let id = &place.site.id;
            let rule = place.site.quality_of(&measurement.quantity);
            observations.push(judge::judge(&decoded.profile, &measurement, id, rule, time));
        }
        if derives {
            let quantity_of = |name: &_| self.codecs.quantity(name);
            let place_of = |_: &_, at| self.place_at(uplink.dev_eui, at, assumed_cel);
            observations.extend(derive::derive(quantity_of, place_of, &observations));
        }
        observations
    }

    /// Where a device stood at a time, and how.
    fn place_at(
        &self,
        dev_eui: DevEui,
        at: DateTime<Utc>,
        assumed_cel: Option<f64>,
    ) -> Option<Place<'_>> {
        let deployment = self.registry.deployment_at(dev_eui, at)?;
        let site = self.registry.site(&deployment.site)?;
        Some(Place { site, installation: deployment.installation_at(at), assumed_cel })
    }

    fn record_too_large(
        &self,
        batch: &mut Batch<'_>,
        message: &Message,
    ) -> Result<Outcome, StoreError> {
        let (bytes, limit) = (message.body.len(), self.limits.body.0);
        let reason =
            format!("the body has {bytes} bytes, more than {limit}; its beginning is kept");
        let verdict = Verdict::because(Outcome::TooLarge, reason);
        let kept =
            Message { body: message.body.slice(..KEPT_OF_TOO_LARGE.min(bytes)), ..message.clone() };
        batch.record(&LedgerEntry { body_bytes: bytes, ..entry(&kept, 0, None, &verdict) })?;
        Ok(verdict.outcome)
    }
}

fn follow_event(event: &DeviceEvent) -> Verdict {
    match &event.detail {
        EventDetail::Join { .. }
        | EventDetail::JoinRequest
        | EventDetail::Status { .. }
        | EventDetail::Location { .. } => Verdict::plain(Outcome::Event),
        EventDetail::Log { level, code, description } => {
            let words = [level, code, description].into_iter().flatten().map(String::as_str);
            Verdict::because(Outcome::Event, words.collect::<Vec<_>>().join(": "))
        }
        EventDetail::Ack { .. }
        | EventDetail::Txack
        | EventDetail::Downlink
        | EventDetail::CopyOfUplink => Verdict::plain(Outcome::Ignored),
        EventDetail::Other(name) => {
            Verdict::because(Outcome::Ignored, format!("unknown event {name:?}"))
        }
    }
}

fn server_time(content: &Content) -> Option<DateTime<Utc>> {
    match content {
        Content::Uplink(uplink) => uplink.server_time,
        Content::Event(event) => event.at,
    }
}

fn entry<'m>(
    message: &'m Message,
    part: u16,
    content: Option<&Content>,
    verdict: &Verdict,
) -> LedgerEntry<'m> {
    let (dev_eui, kind, f_port, f_cnt) = match content {
        None => (None, None, None, None),
        Some(Content::Uplink(uplink)) => (Some(uplink.dev_eui), None, uplink.f_port, uplink.f_cnt),
        Some(Content::Event(event)) => {
            (Some(event.dev_eui), Some(event.detail.kind().to_owned()), None, None)
        }
    };
    LedgerEntry {
        message,
        part,
        body_bytes: message.body.len(),
        server_time: content.and_then(server_time),
        dev_eui,
        kind,
        f_port,
        f_cnt,
        outcome: verdict.outcome,
        reason: verdict.reason.clone(),
        profile: verdict.profile.clone(),
        observed: None,
    }
}
