use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use chrono::{DateTime, NaiveDate, Utc};
use clap::Args;
use serde_json::{Map, Value, json};

use super::folder::{Bar, Folder, counted};
use super::print_faults;
use crate::app;
use crate::config::Config;
use crate::document::{Fault, Faults};
use crate::pipeline::Pipeline;
use crate::registry::Registry;
use crate::store::{Finding, HourSpan};
use crate::telemetry::Metrics;
use crate::verify::{Report, Scope, verify};

/// Holds the ledger against everything that is derived from it, while the service runs.
///
/// Every disagreement is one line with the ids of what disagrees, and the exit code is 1 if there is
/// any. Nothing is written. It also verifies a backup: name its folder with --store.
#[derive(Args)]
pub struct Verify {
    #[command(flatten)]
    folder: Folder,
    /// Only what is of this time or later, by whole hours.
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<DateTime<Utc>>,
    /// Only what is of before this time, by whole hours.
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<DateTime<Utc>>,
    /// Decode the stored uplinks again, with the catalogue and the deployments of --config, and say
    /// how many observations would differ.
    #[arg(long, requires = "config")]
    decode: bool,
    /// JSON, one object a line: each disagreement, then the summary.
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let span = HourSpan::new(self.from, self.to);
        if span.first() > span.last() {
            bail!("--from is not before --to, so there is nothing to verify");
        }
        let prepared = self.folder.find().and_then(|dir| Ok((dir, self.pipeline()?)));
        let (dir, decode) = match prepared {
            Ok(prepared) => prepared,
            Err(faults) => {
                print_faults(&faults);
                return Ok(ExitCode::FAILURE);
            }
        };
        let bar = Bar::new()?;
        let mut print = |finding: Finding| {
            let line = if self.json { finding_json(&finding) } else { finding.to_string() };
            bar.print(&line);
        };
        let mut watch = |progress| bar.show(progress);
        let verified = verify(&dir, Scope { span, decode }, &mut print, &mut watch);
        bar.clear();
        let report = verified?;
        if self.json {
            println!("{}", json!({ "summary": report_json(&report) }));
        } else {
            print!("{}", summary(&dir, &report));
        }
        Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// What decodes again, if that is asked for: as the service would, with the files of today.
    fn pipeline(&self) -> Result<Option<Pipeline>, Vec<Fault>> {
        let Some(file) = self.folder.config.as_ref().filter(|_| self.decode) else {
            return Ok(None);
        };
        let faults = Faults::default();
        let prepared = app::prepare(Config::load(file, &faults), faults)?;
        let registry = Arc::new(Registry::new(prepared.fleet));
        let limits = prepared.config.limits.pipeline;
        Ok(Some(Pipeline::new(registry, prepared.catalog, limits, Arc::new(Metrics::default()))))
    }
}

fn finding_json(finding: &Finding) -> String {
    let ids: Map<String, Value> =
        finding.ids.iter().map(|(name, id)| ((*name).to_owned(), id.as_str().into())).collect();
    json!({ "check": finding.check.name(), "ids": ids, "says": finding.says }).to_string()
}

fn report_json(report: &Report) -> Value {
    let outcomes: Map<String, Value> = report
        .outcomes
        .iter()
        .map(|(outcome, rows)| (outcome.name().to_owned(), (*rows).into()))
        .collect();
    let disagreements: Map<String, Value> = report
        .findings
        .iter()
        .map(|(check, count)| (check.name().to_owned(), (*count).into()))
        .collect();
    let disposals: Vec<Value> = report
        .disposals
        .iter()
        .map(|disposal| {
            json!({
                "kind": disposal.kind,
                "decision": disposal.decision,
                "first_day": disposal.first_day.date_naive(),
                "last_day": disposal.last_day.date_naive(),
                "days": disposal.days,
                "rows": disposal.rows,
            })
        })
        .collect();
    json!({
        "backup": report.manifest,
        "ledger_rows": report.ledger_rows,
        "outcomes": outcomes,
        "messages_disposed": report.messages_disposed,
        "observations": report.observations,
        "series": report.series,
        "aggregates": report.aggregates,
        "changes": report.changes,
        "disposals": disposals,
        "decode": report.differences.map(|found| json!({
            "uplinks": found.uplinks,
            "same": found.same,
            "changed": found.changed,
            "new": found.new,
            "gone": found.gone,
        })),
        "disagreements": disagreements,
        "broken_off": report.broken_off,
        "clean": report.is_clean(),
    })
}

fn summary(dir: &Path, report: &Report) -> String {
    let mut lines = vec![match &report.manifest {
        Some(manifest) => format!(
            "{}: the backup of {}, as its manifest says",
            dir.display(),
            manifest.made_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
        ),
        None => format!("{}", dir.display()),
    }];
    let outcomes: Vec<String> = report
        .outcomes
        .iter()
        .map(|(outcome, rows)| format!("{} {}", super::folder::grouped(*rows), outcome.name()))
        .collect();
    let rows = counted(report.ledger_rows, "row", "rows");
    lines.push(if outcomes.is_empty() {
        format!("  ledger        {rows}")
    } else {
        format!("  ledger        {rows}, one outcome each: {}", outcomes.join(", "))
    });
    if report.messages_disposed > 0 {
        let disposed = counted(report.messages_disposed, "message", "messages");
        lines.push(format!("  messages      {disposed} disposed of, all others unpacked"));
    } else {
        lines.push("  messages      all unpacked".to_owned());
    }
    let series = counted(report.series, "series", "series");
    let observations = counted(report.observations, "observation", "observations");
    lines.push(format!("  observations  {observations} in {series}"));
    lines.push(format!("  aggregates    {}", counted(report.aggregates, "hour", "hours")));
    lines.push(format!("  changes       {}", counted(report.changes, "change", "changes")));
    for disposal in &report.disposals {
        let rows = counted(disposal.rows, "row", "rows");
        let days = counted(disposal.days, "day", "days");
        lines.push(format!(
            "  disposed of   {rows} of {} in {days}, {} to {}, {}",
            disposal.kind,
            disposal.first_day.date_naive(),
            disposal.last_day.date_naive(),
            disposal.decision.as_ref().map_or_else(
                || "which takes no decision".to_owned(),
                |decision| format!("by decision {decision}")
            ),
        ));
    }
    if let Some(found) = report.differences {
        let differ = counted(found.total(), "observation", "observations");
        lines.push(format!(
            "  decoded again {}: {differ} would differ ({} changed, {} new, {} gone)",
            counted(found.uplinks, "uplink", "uplinks"),
            found.changed,
            found.new,
            found.gone,
        ));
    }
    if let Some(error) = &report.broken_off {
        lines.push(format!("broken off: {error}"));
    }
    let by_check: Vec<String> = report
        .findings
        .iter()
        .map(|(check, count)| format!("{} {}", super::folder::grouped(*count), check.name()))
        .collect();
    lines.push(if by_check.is_empty() {
        "no disagreement".to_owned()
    } else {
        let all = counted(report.disagreements(), "disagreement", "disagreements");
        format!("{all}: {}", by_check.join(", "))
    });
    lines.join("\n") + "\n"
}

/// A time with its zone, or a day, which begins at midnight UTC.
pub fn time(text: &str) -> Result<DateTime<Utc>, String> {
    let day = || Some(text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0)?.and_utc());
    let time = DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc());
    time.or_else(day)
        .ok_or_else(|| format!("{text:?} is no time, want 2026-05-01 or 2026-05-01T00:00:00Z"))
}
