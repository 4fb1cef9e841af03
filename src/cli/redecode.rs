use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::bail;
use chrono::{DateTime, SecondsFormat, Utc};
use clap::Args;

use super::folder::{Bar, counted, grouped};
use super::prepare;
use super::verify::time;
use crate::app::Prepared;
use crate::clock;
use crate::document::or_near;
use crate::model::{DevEui, ProfileId, SiteId};
use crate::pipeline::{Difference, Pipeline, Redecoder};
use crate::registry::Registry;
use crate::store::{
    HourSpan, Progress, RedecodeRun, RedecodeScope, Store, StoreError, Tally, Writer, holder,
};
use crate::telemetry::Metrics;

/// Uplinks in one transaction.
const STEP: usize = 200;

/// How often we look how far the service has come.
const LOOK: Duration = Duration::from_millis(300);

/// Decodes the kept uplinks again, with today's catalogue and fleet, and replaces what comes out otherwise.
///
/// With --dry-run it says what would change and writes nothing. Where the service runs, it does the work
/// between the uplinks that arrive; else this command does. What is no longer made is kept as bad, with the
/// reason "withdrawn". It can be stopped with Ctrl-C and goes on when the same is asked for again.
#[derive(Args)]
pub struct Redecode {
    /// The configuration file; its store, catalogue and fleet are meant.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Only uplinks of this device; as often as needed.
    #[arg(long = "device", value_name = "DEVEUI")]
    devices: Vec<DevEui>,
    /// Only uplinks of devices of this model, such as elsys/elt-2.
    #[arg(long, value_name = "VENDOR/MODEL")]
    profile: Option<String>,
    /// Only uplinks of devices that stand or have stood at this site.
    #[arg(long, value_name = "SITE")]
    site: Option<String>,
    /// Only uplinks that arrived at this time or later, by whole hours.
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<DateTime<Utc>>,
    /// Only uplinks that arrived before this time, by whole hours.
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<DateTime<Utc>>,
    /// Say what would change, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

impl Redecode {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let Some(prepared) = prepare(&self.config) else { return Ok(ExitCode::FAILURE) };
        if self.dry_run {
            return self.rehearse(&prepared);
        }
        match Store::open(&prepared.config.store) {
            Ok(Store { mut writer, .. }) => {
                // As the service would at its start, so that the store knows the fleet it works with.
                writer.replace_fleet(&prepared.fleet)?;
                self.work(&prepared, &mut writer)
            }
            Err(StoreError::InUse(_)) => self.ask_the_service(&prepared),
            Err(error) => Err(error.into()),
        }
    }

    /// The run that is asked for, begun or taken up again.
    fn begin(
        &self,
        prepared: &Prepared,
        batch: &mut crate::store::Batch<'_>,
    ) -> Result<Option<RedecodeRun>, StoreError> {
        let scope = RedecodeScope {
            devices: self.chosen(prepared, batch)?,
            span: HourSpan::new(self.from, self.to),
            cause: "stadspuls redecode".to_owned(),
        };
        batch.begin_redecode(&scope, clock::now())
    }

    /// The devices that all options together leave, none where none of them was given.
    fn chosen(
        &self,
        prepared: &Prepared,
        batch: &crate::store::Batch<'_>,
    ) -> Result<Option<Vec<DevEui>>, StoreError> {
        let mut chosen: Option<Vec<DevEui>> = None;
        let mut narrow = |devices: Vec<DevEui>| {
            chosen = Some(match chosen.take() {
                None => devices,
                Some(before) => {
                    before.into_iter().filter(|device| devices.contains(device)).collect()
                }
            });
        };
        if !self.devices.is_empty() {
            narrow(self.devices.clone());
        }
        if let Some(profile) = &self.profile {
            let profile = ProfileId::from(profile.as_str());
            let devices = prepared.fleet.devices.iter().filter(|device| device.profile == profile);
            narrow(devices.map(|device| device.dev_eui).collect());
        }
        if let Some(site) = &self.site {
            let site = SiteId::from(site.as_str());
            let now = prepared.fleet.deployments.iter().filter(|one| one.site == site);
            let mut devices: Vec<DevEui> = now.map(|deployment| deployment.dev_eui).collect();
            devices.extend(batch.devices_at(&site)?);
            narrow(devices);
        }
        Ok(chosen)
    }

    fn rehearse(&self, prepared: &Prepared) -> anyhow::Result<ExitCode> {
        let store = &prepared.config.store;
        let is_alone = holder(&store.dir)?.is_none();
        // What is not there, or of another version, is refused and not made.
        let beside = Store::beside(store)?;
        let (mut writer, steps_max) = if is_alone {
            // What follows of several uplinks is seen as it will be where no step is undone before the last.
            drop(beside);
            (Store::open(store)?.writer, usize::MAX)
        } else {
            // Each step is undone on its own, so that the service is never kept waiting for long.
            (beside, 1)
        };
        let mut pipeline = pipeline(prepared);
        let bar = Bar::new()?;
        let mut redecoder: Option<Redecoder> = None;
        let mut is_stopped = false;
        loop {
            let next = writer.rehearse(|batch| {
                let mut taken = match redecoder.take() {
                    Some(taken) => taken,
                    None => match self.begin(prepared, batch)? {
                        Some(run) => Redecoder::new(run.from_the_beginning()),
                        None => return Ok(None),
                    },
                };
                for _ in 0..steps_max {
                    taken.step(&mut pipeline, batch, STEP, clock::now())?;
                    is_stopped = show(&bar, "would be decoded again", &taken.run).is_break();
                    if taken.run.finished || is_stopped {
                        break;
                    }
                }
                Ok(Some(taken))
            })?;
            let Some(taken) = next else { break };
            let finished = taken.run.finished;
            redecoder = Some(taken);
            if finished || is_stopped {
                break;
            }
        }
        bar.clear();
        let Some(redecoder) = redecoder else { bail!("{}", self.nothing_heard(prepared)) };
        print!("{}", summary("would be", &redecoder.run.tally, redecoder.largest()));
        if !is_alone && redecoder.run.tally.derived > 0 {
            println!("values of several uplinks are counted roughly while the service runs");
        }
        if is_stopped {
            bail!("stopped before the end: this is what was seen so far");
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Why there is nothing to do.
    fn nothing_heard(&self, prepared: &Prepared) -> String {
        let (catalog, sites) = (&prepared.catalog, &prepared.fleet.sites);
        if let Some(profile) = &self.profile
            && catalog.profile(&ProfileId::from(profile.as_str())).is_none()
        {
            let wanted = catalog.wanted_profile(profile);
            return format!("{profile} is not in the catalogue, want {wanted}");
        }
        if let Some(id) = &self.site
            && !sites.iter().any(|site| *site.id.0 == **id)
        {
            let ids = sites.iter().map(|site| &*site.id.0);
            return format!("{id} is no site, want {}", or_near("one of the fleet", id, ids));
        }
        "nothing has been heard of what is asked for".to_owned()
    }

    /// Does the work in this process, since no service has the store.
    fn work(&self, prepared: &Prepared, writer: &mut Writer) -> anyhow::Result<ExitCode> {
        let mut pipeline = pipeline(prepared);
        let begun: Result<_, StoreError> = writer.batch(|batch| self.begin(prepared, batch));
        let Some(run) = begun? else { bail!("{}", self.nothing_heard(prepared)) };
        let bar = Bar::new()?;
        let mut redecoder = Redecoder::new(run);
        while !redecoder.run.finished {
            let stepped: Result<(), StoreError> =
                writer.batch(|batch| redecoder.step(&mut pipeline, batch, STEP, clock::now()));
            stepped?;
            if show(&bar, "decoding again", &redecoder.run).is_break() {
                bar.clear();
                print!("{}", summary("were", &redecoder.run.tally, redecoder.largest()));
                bail!("stopped; ask for the same again to go on");
            }
        }
        bar.clear();
        print!("{}", summary("were", &redecoder.run.tally, redecoder.largest()));
        while writer.roll_up(clock::now())? {}
        Ok(ExitCode::SUCCESS)
    }

    /// Asks the running service to do the work, and follows it.
    fn ask_the_service(&self, prepared: &Prepared) -> anyhow::Result<ExitCode> {
        let mut writer = Store::beside(&prepared.config.store)?;
        let begun: Result<_, StoreError> = writer.batch(|batch| self.begin(prepared, batch));
        let Some(mut run) = begun? else { bail!("{}", self.nothing_heard(prepared)) };
        let bar = Bar::new()?;
        while !run.finished {
            thread::sleep(LOOK);
            run = writer.rehearse(|batch| batch.follow_redecode(&run))?;
            if show(&bar, "the service decodes again", &run).is_break() {
                let stopped: Result<(), StoreError> =
                    writer.batch(|batch| batch.stop_redecode(&run));
                stopped?;
                bar.clear();
                print!("{}", summary("were", &run.tally, &[]));
                bail!("stopped; ask for the same again to go on");
            }
        }
        bar.clear();
        print!("{}", summary("were", &run.tally, &[]));
        Ok(ExitCode::SUCCESS)
    }
}

fn pipeline(prepared: &Prepared) -> Pipeline {
    let registry = Arc::new(Registry::new(prepared.fleet.clone()));
    let limits = prepared.config.limits.pipeline.clone();
    Pipeline::new(registry, Arc::clone(&prepared.catalog), limits, Arc::new(Metrics::default()))
}

fn show(bar: &Bar, what: &'static str, run: &RedecodeRun) -> ControlFlow<()> {
    let (done, total) = run.progress();
    bar.show(Progress { what, done, total })
}

fn summary(verb: &str, tally: &Tally, largest: &[Difference]) -> String {
    let mut lines = vec![format!("{} decoded again", counted(tally.uplinks, "uplink", "uplinks"))];
    let mut line = |number: u64, what: &str| {
        lines.push(format!("  {:>12}  {what}", grouped(number)));
    };
    line(tally.added, &format!("observations {verb} added"));
    line(tally.changed, &format!("observations {verb} changed"));
    line(tally.removed, &format!("observations {verb} withdrawn"));
    line(tally.same, "observations are the same");
    if tally.derived > 0 {
        line(tally.derived, &format!("times a value of several uplinks {verb} derived anew"));
    }
    line(tally.now_failing, "uplinks newly fail");
    line(tally.now_decoded, "uplinks are newly decoded");
    if tally.not_kept > 0 {
        line(tally.not_kept, "uplinks have been disposed of and stay as they are");
    }
    if !largest.is_empty() {
        lines.push("largest differences".to_owned());
    }
    for Difference { site, quantity, time, was, is, .. } in largest {
        let time = time.to_rfc3339_opts(SecondsFormat::Secs, true);
        lines.push(format!("  {site}  {quantity}  {time}  {was} -> {is}"));
    }
    lines.join("\n") + "\n"
}
