//! Runs the examples of a profile, which is how a catalogue is proved.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::decode::{Codecs, DecodeError, DecodeRequest, Decoded};
use super::judge::judge_range;
use crate::catalog::{DeviceProfile, Example, Wanted};
use crate::model::{Measurement, QuantityKind, QuantityName};

/// Codecs and datasheets round; these are the tolerances of the published vectors.
const RELATIVE_TOLERANCE: f64 = 1e-5;
const ABSOLUTE_TOLERANCE: f64 = 1e-6;

/// An example that did not come out as it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExampleFault {
    pub file: PathBuf,
    pub line: usize,
    pub example: String,
    pub field: String,
    pub wanted: String,
    pub got: String,
}

impl fmt::Display for ExampleFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, example, field, wanted, got } = self;
        write!(f, "{}:{line}: example {example:?}: {field} is {got}, want {wanted}", file.display())
    }
}

/// Runs all examples of a profile and returns those that fail.
#[must_use]
pub fn run_examples(codecs: &mut Codecs, profile: &DeviceProfile) -> Vec<ExampleFault> {
    let mut faults = Vec::new();
    for example in &profile.examples {
        let decoded = codecs.decode(&DecodeRequest {
            profile: &profile.id,
            f_port: example.f_port,
            payload: &example.payload,
            recv_time: example.recv_time.unwrap_or(DateTime::UNIX_EPOCH),
            variables: &example.variables,
        });
        let mut check = Check { profile, example, faults: &mut faults };
        check.result(decoded);
    }
    faults
}

struct Check<'c> {
    profile: &'c DeviceProfile,
    example: &'c Example,
    faults: &'c mut Vec<ExampleFault>,
}

impl Check<'_> {
    fn result(&mut self, decoded: Result<Decoded, DecodeError>) {
        match (&self.example.wanted, decoded) {
            (Wanted::Error(part), Err(error)) => {
                let message = error.to_string();
                if !message.contains(part) {
                    self.fault("error", part, &message);
                }
            }
            (Wanted::Error(part), Ok(decoded)) => {
                self.fault("error", part, &format!("none, but {}", Value::Object(decoded.data)));
            }
            (Wanted::Measurements { .. }, Err(error)) => {
                self.fault("error", "none", &error.to_string());
            }
            (Wanted::Measurements { expect, history, flagged, data }, Ok(decoded)) => {
                self.current(expect, &decoded);
                self.history(history, &decoded);
                self.ranges(flagged, &decoded);
                for (field, wanted) in data {
                    let got = decoded.data.get(field).unwrap_or(&Value::Null);
                    if !alike(wanted, got) {
                        self.fault(field, wanted, got);
                    }
                }
            }
        }
    }

    fn current(&mut self, expect: &Map<String, Value>, decoded: &Decoded) {
        let measured: Vec<&Measurement> =
            decoded.measurements.iter().filter(|m| m.time.is_none()).collect();
        let got = self.as_json(&measured);
        self.compare("", expect, &got);
    }

    fn history(&mut self, history: &[Map<String, Value>], decoded: &Decoded) {
        let mut wanted: BTreeMap<DateTime<Utc>, Map<String, Value>> = BTreeMap::new();
        for record in history {
            let mut record = record.clone();
            let time = record.remove("time").and_then(|time| time.as_str()?.parse().ok());
            match time {
                Some(time) => wanted.entry(time).or_default().extend(record),
                None => self.fault("history", "a time in each record", "none"),
            }
        }
        let mut measured: BTreeMap<DateTime<Utc>, Vec<&Measurement>> = BTreeMap::new();
        for measurement in &decoded.measurements {
            if let Some(time) = measurement.time {
                measured.entry(time).or_default().push(measurement);
            }
        }
        let times: Vec<DateTime<Utc>> = wanted.keys().chain(measured.keys()).copied().collect();
        for time in times {
            let (wanted, measured) = (wanted.remove(&time), measured.remove(&time));
            let got = self.as_json(&measured.unwrap_or_default());
            self.compare(&format!(" at {}", time.to_rfc3339()), &wanted.unwrap_or_default(), &got);
        }
    }

    fn ranges(&mut self, flagged: &[String], decoded: &Decoded) {
        for measurement in &decoded.measurements {
            let name = &measurement.quantity;
            let Some(quantity) = self.profile.quantity(name) else { continue };
            let outside = judge_range(quantity, measurement.value).is_bad();
            let expected = flagged.iter().any(|flag| **flag == *name.0);
            if outside != expected {
                let range = |outside| if outside { "out of range" } else { "in range" };
                let got = format!("{} with {}", range(outside), measurement.value);
                self.fault(&name.0, range(expected), &got);
            }
        }
    }

    fn compare(&mut self, at: &str, wanted: &Map<String, Value>, got: &Map<String, Value>) {
        for (name, wanted) in wanted {
            let got = got.get(name).unwrap_or(&Value::Null);
            if !alike(wanted, got) {
                self.fault(&format!("{name}{at}"), wanted, got);
            }
        }
        for (name, got) in got.iter().filter(|(name, _)| !wanted.contains_key(*name)) {
            self.fault(&format!("{name}{at}"), "absent", got);
        }
    }

    fn as_json(&self, measurements: &[&Measurement]) -> Map<String, Value> {
        let value =
            |name: &QuantityName, value: f64| match self.profile.quantity(name).map(|q| q.kind) {
                Some(QuantityKind::Flag) => Value::Bool(value != 0.0),
                _ => Value::from(value),
            };
        let pairs =
            measurements.iter().map(|m| (m.quantity.to_string(), value(&m.quantity, m.value)));
        pairs.collect()
    }

    fn fault(
        &mut self,
        field: &str,
        wanted: &(impl ToString + ?Sized),
        got: &(impl ToString + ?Sized),
    ) {
        self.faults.push(ExampleFault {
            file: self.profile.file.clone(),
            line: self.example.line,
            example: self.example.name.clone(),
            field: field.to_owned(),
            wanted: wanted.to_string(),
            got: got.to_string(),
        });
    }
}

fn alike(wanted: &Value, got: &Value) -> bool {
    match (wanted, got) {
        (Value::Number(wanted), Value::Number(got)) => {
            let (wanted, got) =
                (wanted.as_f64().unwrap_or(f64::NAN), got.as_f64().unwrap_or(f64::NAN));
            (wanted - got).abs() <= (wanted.abs() * RELATIVE_TOLERANCE).max(ABSOLUTE_TOLERANCE)
        }
        (Value::Array(wanted), Value::Array(got)) => {
            wanted.len() == got.len()
                && wanted.iter().zip(got).all(|(wanted, got)| alike(wanted, got))
        }
        (Value::Object(wanted), Value::Object(got)) => {
            wanted.len() == got.len()
                && wanted
                    .iter()
                    .all(|(key, wanted)| got.get(key).is_some_and(|got| alike(wanted, got)))
        }
        (wanted, got) => wanted == got,
    }
}
