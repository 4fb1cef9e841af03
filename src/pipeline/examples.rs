//! Runs the examples of a profile, which is how a catalogue is proved.

mod fields;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::decode::{Codecs, DecodeError, DecodeRequest, Decoded};
use super::judge::judge_range;
use crate::catalog::{DeviceProfile, Example, Wanted};
use crate::codec::CodecError;
use crate::document::Fault;
use crate::model::{Measurement, QuantityKind, QuantityName};

/// Codecs and datasheets round; these are the tolerances of the published vectors.
const RELATIVE_TOLERANCE: f64 = 1e-5;
const ABSOLUTE_TOLERANCE: f64 = 1e-6;

/// An example and what has come out of it.
struct Outcome<'e> {
    example: &'e Example,
    decoded: Result<Decoded, DecodeError>,
}

impl Outcome<'_> {
    /// Why the script has not come to its end, unless that is what the example shows.
    fn script_error(&self) -> Option<&CodecError> {
        let Err(DecodeError::Codec(error)) = &self.decoded else { return None };
        let is_wanted =
            matches!(&self.example.wanted, Wanted::Error(part) if error.to_string().contains(part));
        (!is_wanted).then_some(error)
    }

    /// Whether it should have been decoded and was not.
    fn has_failed(&self) -> bool {
        self.decoded.is_err() && matches!(self.example.wanted, Wanted::Measurements { .. })
    }
}

/// Runs all examples of a profile and returns what is wrong.
#[must_use]
pub fn run_examples<'p>(codecs: &mut Codecs, profile: &'p DeviceProfile) -> Vec<Fault> {
    let mut run = |example: &'p Example| {
        let decoded = codecs.decode(&DecodeRequest {
            profile: &profile.id,
            f_port: example.f_port,
            payload: &example.payload,
            recv_time: example.recv_time.unwrap_or(DateTime::UNIX_EPOCH),
            variables: &example.variables,
        });
        Outcome { example, decoded }
    };
    let outcomes: Vec<Outcome<'_>> = profile.examples.iter().map(&mut run).collect();
    let mut faults = script_faults(profile, &outcomes);
    let mut never_given = Vec::new();
    // What a frame that was not decoded would have given is not known.
    if !outcomes.iter().any(Outcome::has_failed) {
        let decoded = outcomes.iter().filter_map(|outcome| outcome.decoded.as_ref().ok());
        let data: Vec<_> = decoded.map(|decoded| &decoded.data).collect();
        for (fault, quantity) in fields::never_given(profile, &data) {
            faults.push(fault);
            never_given.push(quantity);
        }
    }
    for outcome in outcomes {
        if outcome.script_error().is_none() {
            let (example, never_given) = (outcome.example, &never_given);
            let mut check = Check { profile, example, never_given, faults: &mut faults };
            check.result(outcome.decoded);
        }
    }
    faults
}

/// The faults of the script itself, each once.
fn script_faults(profile: &DeviceProfile, outcomes: &[Outcome<'_>]) -> Vec<Fault> {
    let mut found: Vec<(&CodecError, &Example)> = Vec::new();
    for outcome in outcomes {
        if let Some(error) = outcome.script_error()
            && !found.iter().any(|(known, _)| *known == error)
        {
            found.push((error, outcome.example));
        }
    }
    let is_of_all =
        |error: &CodecError| outcomes.iter().all(|outcome| outcome.script_error() == Some(error));
    let fault = |(error, example): (&CodecError, &Example)| {
        let fault = profile.script_fault(error);
        let at = format!("{}:{}", profile.file.display(), example.line);
        match is_of_all(error) {
            true => fault,
            false => {
                Fault { wanted: format!("example {:?} at {at} decoded", example.name), ..fault }
            }
        }
    };
    found.into_iter().map(fault).collect()
}

struct Check<'c> {
    profile: &'c DeviceProfile,
    example: &'c Example,
    /// Quantities of which it has been said already why they are missing.
    never_given: &'c [QuantityName],
    faults: &'c mut Vec<Fault>,
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
        self.compare("", expect, &got, &decoded.warnings);
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
            let (at, wanted) = (format!(" at {}", time.to_rfc3339()), wanted.unwrap_or_default());
            self.compare(&at, &wanted, &got, &decoded.warnings);
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

    fn compare(
        &mut self,
        at: &str,
        wanted: &Map<String, Value>,
        got: &Map<String, Value>,
        warnings: &[String],
    ) {
        for (name, wanted) in wanted {
            let field = format!("{name}{at}");
            match got.get(name) {
                Some(got) if alike(wanted, got) => {}
                Some(got) => self.fault(&field, wanted, got),
                None if self.never_given.iter().any(|given| *given.0 == **name) => {}
                None if warnings.is_empty() => self.fault(&field, wanted, "missing"),
                None => {
                    let got = format!("missing ({})", warnings.join("; "));
                    self.fault(&field, wanted, &got);
                }
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
        self.faults.push(Fault {
            file: self.profile.file.clone(),
            line: self.example.line,
            key: format!("example {:?}: {field}", self.example.name),
            value: got.to_string(),
            wanted: wanted.to_string(),
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
