use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use chrono::SecondsFormat;
use clap::Args;
use serde_json::{Map, Value, json};

use super::lines::{Answer, PayloadArgs, Request, exit_code};
use super::print_faults;
use super::sensors::Sensors;
use crate::catalog::DeviceProfile;
use crate::codec::CodecLimits;
use crate::document::Faults;
use crate::model::{Measurement, ProfileId, Quantity, QuantityKind};
use crate::pipeline::{Codecs, DecodeError, DecodeRequest, Decoded, judge_range};

/// Decodes a payload with a device profile and prints the measurements.
///
/// Prints a table, or with --json {"measurements": [{"quantity", "value", "unit", "time"?,
/// "quality"}], "warnings": […], "errors": […]}. A measurement without a time was made when the
/// frame was sent. The exit code is 1 if the frame is refused.
#[derive(Args)]
pub struct Decode {
    /// Vendor and model, such as elsys/elt-2.
    #[arg(long, value_name = "VENDOR/MODEL")]
    profile: String,
    /// JSON instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    sensors: Sensors,
    #[command(flatten)]
    payload: PayloadArgs,
}

/// The codecs of the catalogue with one profile chosen.
struct Decoder {
    codecs: Codecs,
    profile: Arc<DeviceProfile>,
}

impl Decode {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let faults = Faults::default();
        let catalog = Arc::new(self.sensors.load(&faults));
        let profile = ProfileId::from(self.profile.as_str());
        let Some(known) = catalog.profile(&profile) else {
            if !faults.is_empty() {
                print_faults(&faults.into_vec());
            }
            bail!("{}", self.sensors.unknown(&profile, &catalog));
        };
        let known = Arc::clone(known);
        let codecs = Codecs::new(Arc::clone(&catalog), CodecLimits::default());
        let mut decoder = Decoder { codecs, profile: Arc::clone(&known) };
        if self.payload.is_batch() {
            return self.payload.answer_lines(|request| decoder.answer(request), refused);
        }
        let request = self.payload.request()?;
        if let Some((name, wanted)) = known.variable_faults(&request.variables).first() {
            bail!("variable {name}: want {wanted}");
        }
        if self.json {
            let answer = decoder.answer(&request);
            println!("{}", answer.json);
            return Ok(exit_code(answer.decoded));
        }
        match decoder.decode(&request) {
            Ok(decoded) => {
                print!("{}", Decoder::table(&decoded));
                for warning in &decoded.warnings {
                    eprintln!("warning: {warning}");
                }
                Ok(ExitCode::SUCCESS)
            }
            Err(error) => bail!("{error}"),
        }
    }
}

impl Decoder {
    fn decode(&mut self, request: &Request) -> Result<Decoded, String> {
        let request = DecodeRequest {
            profile: &self.profile.id,
            f_port: request.f_port,
            payload: &request.payload,
            recv_time: request.recv_time,
            variables: &request.variables,
        };
        self.codecs.decode(&request).map_err(|error| match error {
            DecodeError::Codec(error) => self.profile.script_fault(&error).to_string(),
            error => error.to_string(),
        })
    }

    fn answer(&mut self, request: &Request) -> Answer {
        match self.decode(request) {
            Err(error) => refused(&error),
            Ok(decoded) => {
                let measurements: Vec<Value> = decoded
                    .measurements
                    .iter()
                    .filter_map(|measurement| Self::json(&decoded, measurement))
                    .collect();
                let json = json!({
                    "measurements": measurements,
                    "warnings": decoded.warnings,
                    "errors": [],
                });
                Answer { json, decoded: true }
            }
        }
    }

    fn json(decoded: &Decoded, measurement: &Measurement) -> Option<Value> {
        let quantity = decoded.profile.quantity(&measurement.quantity)?;
        let mut json = Map::new();
        json.insert("quantity".to_owned(), quantity.name.to_string().into());
        json.insert("value".to_owned(), value(quantity, measurement.value));
        json.insert("unit".to_owned(), quantity.unit.as_str().into());
        let quality = judge_range(quantity, measurement.value).name();
        json.insert("quality".to_owned(), quality.into());
        if let Some(time) = measurement.time {
            json.insert(
                "time".to_owned(),
                time.to_rfc3339_opts(SecondsFormat::AutoSi, true).into(),
            );
        }
        Some(Value::Object(json))
    }

    fn table(decoded: &Decoded) -> String {
        let rows: Vec<[String; 4]> = decoded
            .measurements
            .iter()
            .filter_map(|measurement| {
                let quantity = decoded.profile.quantity(&measurement.quantity)?;
                let quality = judge_range(quantity, measurement.value);
                let mut note = measurement
                    .time
                    .map(|time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
                    .unwrap_or_default();
                if quality.is_bad() {
                    note.push_str(" out of range");
                }
                Some([
                    quantity.name.to_string(),
                    value(quantity, measurement.value).to_string(),
                    quantity.unit.clone(),
                    note.trim().to_owned(),
                ])
            })
            .collect();
        let width =
            |column: usize| rows.iter().filter_map(|row| row.get(column)).map(String::len).max();
        let (name, number, unit) =
            (width(0).unwrap_or(0), width(1).unwrap_or(0), width(2).unwrap_or(0));
        let lines = rows.iter().map(|[quantity, value, unit_text, note]| {
            format!("{quantity:name$}  {value:>number$}  {unit_text:unit$}  {note}")
                .trim_end()
                .to_owned()
                + "\n"
        });
        let table: String = lines.collect();
        if table.is_empty() { "nothing measured\n".to_owned() } else { table }
    }
}

fn value(quantity: &Quantity, value: f64) -> Value {
    match quantity.kind {
        QuantityKind::Flag => Value::Bool(value != 0.0),
        QuantityKind::Number => number(value),
    }
}

/// A whole number without a fraction, as people and datasheets write it.
#[expect(clippy::cast_possible_truncation, reason = "what is cut off shows in the comparison")]
fn number(value: f64) -> Value {
    let whole = value as i64;
    if whole as f64 == value { Value::from(whole) } else { Value::from(value) }
}

fn refused(error: &str) -> Answer {
    Answer {
        json: json!({ "measurements": [], "warnings": [], "errors": [error] }),
        decoded: false,
    }
}
