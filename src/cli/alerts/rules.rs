use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use crate::app;
use crate::cli::print_faults;
use crate::config::Config;
use crate::document::Faults;
use crate::model::RuleId;
use crate::store::{Store, StoreError, WrittenRule};

/// All rules: those of `alerts.toml`, those that staff have set up over HTTP, and those that are built in.
#[derive(Args)]
pub struct List {
    /// The configuration file; its fleet and its store are meant.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// What has a column of its own, or is a text for others.
const NOT_SHOWN: [&str; 7] = ["id", "quantity", "severity", "sv", "en", "runbook", "late_after"];

impl List {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let faults = Faults::default();
        let prepared = match app::prepare(Config::load(&self.config, &faults), faults) {
            Ok(prepared) => prepared,
            Err(faults) => {
                print_faults(&faults);
                return Ok(ExitCode::FAILURE);
            }
        };
        let mut writer = Store::beside(&prepared.config.store)?;
        let written: Result<Vec<WrittenRule>, StoreError> =
            writer.batch(|batch| batch.written_rules());
        let written = written?;
        for listed in prepared.alerts.listed() {
            println!("{}", line(&listed.id, listed.origin, &listed.rule));
        }
        let bodies: Vec<(&RuleId, &str)> =
            written.iter().filter_map(|rule| Some((&rule.id, rule.body.as_deref()?))).collect();
        let sites = &prepared.fleet.sites;
        let (_, unfit) = prepared.alerts.with(bodies.iter().copied(), &prepared.catalog, sites);
        for rule in &written {
            let body = rule.body.as_deref().unwrap_or_default();
            let body = serde_json::from_str(body).unwrap_or_default();
            println!("{}  ({}: {})", line(&rule.id.0, "staff", &body), rule.who, rule.why);
            for fault in unfit.iter().filter(|one| one.id == rule.id).flat_map(|one| &one.faults) {
                println!(
                    "    watches nothing: {} is {}, want {}",
                    fault.key, fault.value, fault.wanted
                );
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Id, origin, severity, quantity, and what else it says.
fn line(id: &str, origin: &str, rule: &Value) -> String {
    let text = |key: &str| rule.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let keys = rule.as_object().into_iter().flatten();
    let said: Vec<String> = keys
        .filter(|(key, value)| !NOT_SHOWN.contains(&key.as_str()) && !value.is_null())
        .map(|(key, value)| format!("{key} = {value}"))
        .collect();
    let (severity, quantity) = (text("severity"), text("quantity"));
    format!("{id:24} {origin:8} {severity:8} {quantity:20} {}", said.join(", "))
}
