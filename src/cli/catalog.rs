mod page;

use std::fmt::Write;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::folder::several;
use super::print_faults;
use super::sensors::Sensors;
use crate::catalog::{Catalog as Profiles, DeviceProfile, Mapping, Variable};
use crate::document::Faults;
use crate::model::{ProfileId, Quantity};

/// Shows which sensor models are known and what each of them measures.
#[derive(Args)]
pub struct Catalog {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    sensors: Sensors,
    /// JSON instead of text.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// All profiles, a line each: what to register a sensor with, the model, its interval.
    List,
    /// The catalogue as the page docs/sensors.md, in Markdown.
    Page,
    /// One profile: its quantities with their limits, and what a registration may set.
    Show {
        /// Vendor and model, such as elsys/elt-2.
        #[arg(value_name = "VENDOR/MODEL")]
        profile: String,
    },
}

impl Catalog {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let faults = Faults::default();
        let catalog = self.sensors.load(&faults);
        if !faults.is_empty() {
            print_faults(&faults.into_vec());
            return Ok(ExitCode::FAILURE);
        }
        match self.command {
            Command::List if self.json => {
                println!("{}", catalog.profiles().map(|one| as_json(one)).collect::<Value>());
            }
            Command::List => print!("{}", list(&catalog)),
            Command::Page => print!("{}", page::page(&catalog)),
            Command::Show { profile } => {
                let id = ProfileId::from(profile.as_str());
                let Some(profile) = catalog.profile(&id) else {
                    bail!("{}", self.sensors.unknown(&id, &catalog));
                };
                if self.json {
                    println!("{}", as_json(profile));
                } else {
                    print!("{}", show(profile));
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn list(catalog: &Profiles) -> String {
    let rows: Vec<[String; 3]> = catalog
        .profiles()
        .map(|profile| [profile.id.to_string(), profile.name.clone(), interval(profile)])
        .collect();
    table(&rows)
}

fn show(profile: &DeviceProfile) -> String {
    let mut text = format!("{}: {}, every {}\n", profile.id, profile.name, interval(profile));
    if let Some(datasheet) = &profile.datasheet {
        text.push_str(datasheet);
        text.push('\n');
    }
    let measured: Vec<[String; 4]> = quantities(profile)
        .map(|quantity| {
            let sentence = quantity.sentence.clone();
            [quantity.name.to_string(), quantity.unit.clone(), range(quantity), sentence]
        })
        .collect();
    text.push_str("\nmeasures\n");
    text.push_str(&table(&measured));
    if !profile.variables.is_empty() {
        text.push_str("\nmay be set for each sensor\n");
        let variables: Vec<[String; 3]> = profile
            .variables
            .iter()
            .map(|variable| [variable.name.clone(), setting(variable), variable.sentence.clone()])
            .collect();
        text.push_str(&table(&variables));
    }
    let examples = several(profile.examples.len(), "example", "examples");
    let _infallible = writeln!(text, "\n{examples}, version {}", profile.hash);
    text
}

/// Each quantity once, in the order of the mappings.
fn quantities(profile: &DeviceProfile) -> impl Iterator<Item = &Quantity> {
    let mappings: &[Mapping] = &profile.mappings;
    mappings.iter().enumerate().filter_map(|(index, mapping)| {
        let mut before = mappings.iter().take(index);
        let is_first = !before.any(|before| before.quantity.name == mapping.quantity.name);
        is_first.then_some(&*mapping.quantity)
    })
}

fn interval(profile: &DeviceProfile) -> String {
    humantime::format_duration(profile.interval).to_string().replace("day", " day")
}

fn range(quantity: &Quantity) -> String {
    match (quantity.min, quantity.max) {
        (Some(min), Some(max)) => format!("{min} to {max}"),
        (Some(min), None) => format!("from {min}"),
        (None, Some(max)) => format!("up to {max}"),
        (None, None) => String::new(),
    }
}

fn setting(variable: &Variable) -> String {
    match &variable.default {
        Some(default) => format!("{}; else {default}", variable.wanted()),
        None => variable.wanted(),
    }
}

fn as_json(profile: &DeviceProfile) -> Value {
    let measures = quantities(profile).map(|quantity| {
        json!({
            "quantity": quantity.name.to_string(),
            "unit": quantity.unit,
            "min": quantity.min,
            "max": quantity.max,
        })
    });
    let variables = profile.variables.iter().map(|variable| {
        json!({
            "name": variable.name,
            "wanted": variable.wanted(),
            "default": variable.default,
            "unit": variable.unit,
            "sentence": variable.sentence,
        })
    });
    json!({
        "profile": profile.id.to_string(),
        "name": profile.name,
        "datasheet": profile.datasheet,
        "interval_seconds": profile.interval.as_secs(),
        "measures": measures.collect::<Value>(),
        "variables": variables.collect::<Value>(),
        "examples": profile.examples.len(),
        "version": profile.hash,
    })
}

/// Columns as wide as their longest cell, two spaces apart.
fn table<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    let width = |cells: &mut dyn Iterator<Item = &String>| {
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..COLUMNS)
        .map(|column| width(&mut rows.iter().filter_map(|row| row.get(column))))
        .collect();
    let line = |row: &[String; COLUMNS]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}
