//! From the codec's fields to quantities, as the profile maps them.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::catalog::{DeviceProfile, Mapping};
use crate::model::{Measurement, QuantityKind};

/// Measurements of a codec's `data`, in the order of the mappings, and what could not be mapped.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Normalised {
    pub measurements: Vec<Measurement>,
    pub warnings: Vec<String>,
}

/// Maps the fields that are there. A field that is absent or null was not measured.
#[must_use]
pub fn normalise(profile: &DeviceProfile, data: &Map<String, Value>) -> Normalised {
    let mut normalised = Normalised::default();
    for mapping in &profile.mappings {
        match mapping.each.as_deref().map(|each| find(data, each)) {
            None => normalised.add(mapping, data),
            Some(None | Some(Value::Null)) => {}
            Some(Some(Value::Array(records))) => {
                for record in records.iter().filter_map(Value::as_object) {
                    normalised.add(mapping, record);
                }
            }
            Some(Some(_)) => {
                let each = mapping.each.as_deref().unwrap_or_default();
                normalised.warnings.push(format!("{each} is not a list"));
            }
        }
    }
    normalised
}

impl Normalised {
    fn add(&mut self, mapping: &Mapping, record: &Map<String, Value>) {
        let Some(field) = find(record, &mapping.from).filter(|field| !field.is_null()) else {
            return;
        };
        let Some(value) = number(mapping, field) else {
            self.warnings.push(format!("{} is {field}, want {}", mapping.from, wanted(mapping)));
            return;
        };
        let time = match &mapping.time {
            None => None,
            Some(key) => match find(record, key).and_then(time) {
                Some(time) => Some(time),
                None => {
                    self.warnings
                        .push(format!("{key} is no time, so {} is left out", mapping.from));
                    return;
                }
            },
        };
        self.measurements.push(Measurement {
            quantity: mapping.quantity.name.clone(),
            value,
            time,
        });
    }
}

/// The value at a path whose dots lead into nested objects.
pub(super) fn find<'v>(record: &'v Map<String, Value>, path: &str) -> Option<&'v Value> {
    let mut keys = path.split('.');
    let first = record.get(keys.next()?)?;
    keys.try_fold(first, |value, key| value.get(key))
}

fn number(mapping: &Mapping, field: &Value) -> Option<f64> {
    match (mapping.quantity.kind, field) {
        (QuantityKind::Flag, Value::Bool(flag)) => Some(f64::from(u8::from(*flag))),
        // Many vendors' codecs write flags as numbers.
        (QuantityKind::Flag, Value::Number(number)) => match number.as_f64() {
            Some(0.0) => Some(0.0),
            Some(1.0) => Some(1.0),
            _ => None,
        },
        (QuantityKind::Number, Value::Number(number)) => {
            let value = number.as_f64()?;
            // Scaling by 1 and shifting by 0 would be exact too, but −0 would become 0.
            let plain = mapping.scale == 1.0 && mapping.offset == 0.0;
            let value = if plain { value } else { value * mapping.scale + mapping.offset };
            value.is_finite().then_some(value)
        }
        _ => None,
    }
}

fn wanted(mapping: &Mapping) -> &'static str {
    match mapping.quantity.kind {
        QuantityKind::Number => "a number",
        QuantityKind::Flag => "true or false",
    }
}

fn time(field: &Value) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(field.as_str()?).ok().map(|time| time.to_utc())
}
