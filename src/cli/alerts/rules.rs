use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use crate::cli::prepare;
use crate::store::{StaffRule, Store, StoreError};

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
        let Some(prepared) = prepare(&self.config) else { return Ok(ExitCode::FAILURE) };
        let mut writer = Store::beside(&prepared.config.store)?;
        let set_up: Result<Vec<StaffRule>, StoreError> = writer.batch(|batch| batch.staff_rules());
        let set_up = set_up?;
        for listed in prepared.alerts.listed() {
            println!("{}", line(&listed.id, listed.origin, &listed.rule));
        }
        let holding = || set_up.iter().filter_map(StaffRule::holding);
        let sites = &prepared.fleet.sites;
        let (_, unfit) = prepared.alerts.with(holding(), &prepared.catalog, sites);
        for (rule, (id, body)) in set_up.iter().zip(holding()) {
            let body = serde_json::from_str(body).unwrap_or_default();
            println!("{}  ({}: {})", line(&id.0, "staff", &body), rule.change.who, rule.change.why);
            for fault in unfit.iter().filter(|one| one.id == *id).flat_map(|one| &one.faults) {
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
