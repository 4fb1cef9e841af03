use std::process::ExitCode;

use chrono::SecondsFormat;
use clap::{Args, Subcommand};
use serde_json::json;

use super::{Of, Opened};
use crate::cli::folder::counted;
use crate::sink::influxdb::NAME;
use crate::store::{About, DeadLetter, StoreError};

/// Most dead letters that are listed.
const LISTED_MAX: usize = 10_000;

#[derive(Subcommand)]
pub enum DeadLetters {
    List(List),
    Retry(Retry),
    Discard(Discard),
}

/// Lists what InfluxDB has refused for good, oldest first: number, what it is about, and why.
#[derive(Args)]
pub struct List {
    #[command(flatten)]
    of: Of,
    /// JSON, one object a line.
    #[arg(long)]
    json: bool,
}

/// Has dead letters written again, as the store has them now; what is refused again stays.
#[derive(Args)]
pub struct Retry {
    #[command(flatten)]
    of: Of,
    /// Only those with these numbers, as the list has them; all without any.
    #[arg(value_name = "NUMBER")]
    ids: Vec<i64>,
}

/// Gives dead letters up: they will be missing in InfluxDB. The store keeps what they are about.
#[derive(Args)]
pub struct Discard {
    #[command(flatten)]
    of: Of,
    /// Those with these numbers, as the list has them.
    #[arg(value_name = "NUMBER", required_unless_present = "all")]
    ids: Vec<i64>,
    /// All of them.
    #[arg(long, conflicts_with = "ids")]
    all: bool,
}

impl DeadLetters {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let opened = match &self {
            Self::List(List { of, .. })
            | Self::Retry(Retry { of, .. })
            | Self::Discard(Discard { of, .. }) => of.open()?,
        };
        let Some(Opened { mut writer, .. }) = opened else { return Ok(ExitCode::FAILURE) };
        match self {
            Self::List(List { json, .. }) => {
                let letters = writer.rehearse(|batch| batch.letters(NAME, LISTED_MAX))?;
                for letter in &letters {
                    println!("{}", if json { as_json(letter) } else { as_line(letter) });
                }
                if !json {
                    println!("{}", letters_of(letters.len()));
                }
            }
            Self::Retry(Retry { ids, .. }) => {
                let asked: Result<_, StoreError> =
                    writer.batch(|batch| batch.retry_letters(NAME, &ids));
                println!("{} will be written again", letters_of(asked?));
            }
            Self::Discard(Discard { ids, .. }) => {
                let gone: Result<_, StoreError> =
                    writer.batch(|batch| batch.discard_letters(NAME, &ids));
                println!("{} given up", letters_of(gone?));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn letters_of(count: usize) -> String {
    counted(u64::try_from(count).unwrap_or(u64::MAX), "dead letter", "dead letters")
}

fn as_line(letter: &DeadLetter) -> String {
    let about = match &letter.about {
        About::Observation { site, quantity, time } => {
            format!("{site}  {quantity}  {}", time.to_rfc3339_opts(SecondsFormat::Micros, true))
        }
        About::Uplink { id, dev_eui } => {
            let device = dev_eui.map(|dev_eui| dev_eui.to_string()).unwrap_or_default();
            format!("uplink {id}  {device}  radio and battery")
        }
        About::Alert { event } => format!("event {event} of an alert"),
    };
    let again = if letter.again { "  (waits to be written again)" } else { "" };
    format!("{}  {about}  {}{again}", letter.id, letter.reason)
}

fn as_json(letter: &DeadLetter) -> String {
    let mut all = json!({
        "id": letter.id,
        "refusedAt": letter.at.to_rfc3339_opts(SecondsFormat::Micros, true),
        "status": letter.status,
        "reason": letter.reason,
        "again": letter.again,
    });
    let about = match &letter.about {
        About::Observation { site, quantity, time } => json!({
            "site": site.0.as_ref(),
            "quantity": quantity.0.as_ref(),
            "time": time.to_rfc3339_opts(SecondsFormat::Micros, true),
        }),
        About::Uplink { id, dev_eui } => {
            json!({ "uplink": id.0, "device": dev_eui.map(|dev_eui| dev_eui.to_string()) })
        }
        About::Alert { event } => json!({ "alertEvent": event }),
    };
    if let (Some(all), serde_json::Value::Object(about)) = (all.as_object_mut(), about) {
        all.extend(about);
    }
    all.to_string()
}
