use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::codec::CodecError;
use crate::document::{Fault, or_near};
use crate::model::{ProfileId, Quantity, QuantityName};

/// What a sensor model is: its codec, what the codec's fields mean, and examples that prove it.
///
/// `ChirpStack` calls something else a device profile: the radio parameters of a model.
#[derive(Clone, Debug)]
pub struct DeviceProfile {
    pub id: ProfileId,
    pub file: PathBuf,
    pub name: String,
    pub datasheet: Option<String>,
    /// Usual time between uplinks.
    pub interval: Duration,
    pub codec_file: PathBuf,
    pub codec: Arc<str>,
    /// Constants of this model that its codec is given.
    pub options: BTreeMap<String, String>,
    /// What a registration may set for a single device.
    pub variables: Vec<Variable>,
    pub mappings: Vec<Mapping>,
    pub examples: Vec<Example>,
    /// SHA-256 over profile and codec, hexadecimal: which version made an observation.
    pub hash: String,
}

impl DeviceProfile {
    /// A quantity that this model measures, within the limits that the profile sets to it.
    #[must_use]
    pub fn quantity(&self, name: &QuantityName) -> Option<&Arc<Quantity>> {
        self.mappings.iter().map(|mapping| &mapping.quantity).find(|known| known.name == *name)
    }

    /// What the codec is given as `variables`: the profile's constants and defaults, then what
    /// the device's registration says.
    #[must_use]
    pub fn codec_variables(
        &self,
        of_device: &BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        let defaults =
            self.variables.iter().filter_map(|v| Some((v.name.clone(), v.default.clone()?)));
        let mut all: BTreeMap<String, String> = defaults.collect();
        all.extend(self.options.clone());
        all.extend(of_device.clone());
        all
    }

    /// What to say of a failure of the codec's script: where in it, and what.
    #[must_use]
    pub fn script_fault(&self, error: &CodecError) -> Fault {
        let (line, value) = match error {
            CodecError::Script { message, line } => (line.unwrap_or(0), message.clone()),
            error => (0, error.to_string()),
        };
        Fault {
            file: self.codec_file.clone(),
            line: usize::try_from(line).unwrap_or(0),
            key: String::new(),
            value,
            wanted: "a codec that runs to its end".to_owned(),
        }
    }

    /// What a variable is for a device: as its registration says, else the default.
    #[must_use]
    pub fn variable<'v>(
        &'v self,
        of_device: &'v BTreeMap<String, String>,
        name: &str,
    ) -> Option<&'v str> {
        let default =
            || self.variables.iter().find(|variable| variable.name == name)?.default.as_ref();
        of_device.get(name).or_else(default).map(String::as_str)
    }

    /// The faults of a device's variables: name, value and what is wanted instead.
    #[must_use]
    pub fn variable_faults(&self, of_device: &BTreeMap<String, String>) -> Vec<(String, String)> {
        let mut faults = Vec::new();
        for (name, value) in of_device {
            match self.variables.iter().find(|variable| variable.name == *name) {
                None => {
                    let names: Vec<&str> = self.variables.iter().map(|v| v.name.as_str()).collect();
                    let wanted = match names.as_slice() {
                        [] => format!("no variables, since {} has none", self.id),
                        names => format!("one of the variables {}", names.join(", ")),
                    };
                    faults.push((name.clone(), or_near(&wanted, name, names)));
                }
                Some(variable) if !variable.accepts(value) => {
                    faults.push((name.clone(), variable.wanted()));
                }
                Some(_) => {}
            }
        }
        faults
    }
}

/// A setting of a single device.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    pub name: String,
    pub kind: VariableType,
    pub default: Option<String>,
    /// UCUM, for numbers.
    pub unit: Option<String>,
    pub sentence: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VariableType {
    /// One of `choices`, or any text where there are none.
    Text {
        choices: Vec<String>,
    },
    Number,
    Flag,
}

impl Variable {
    #[must_use]
    pub fn accepts(&self, value: &str) -> bool {
        match &self.kind {
            VariableType::Text { choices } => {
                choices.is_empty() || choices.iter().any(|choice| choice == value)
            }
            VariableType::Number => value.parse::<f64>().is_ok_and(f64::is_finite),
            VariableType::Flag => matches!(value, "true" | "false"),
        }
    }

    #[must_use]
    pub fn wanted(&self) -> String {
        match &self.kind {
            VariableType::Text { choices } if choices.is_empty() => "a text".to_owned(),
            VariableType::Text { choices } => format!("one of {}", choices.join(", ")),
            VariableType::Number => self
                .unit
                .as_ref()
                .map_or("a number".to_owned(), |unit| format!("a number in {unit}")),
            VariableType::Flag => "true or false".to_owned(),
        }
    }
}

/// Which field of the codec's `data` is which quantity.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// Where in the profile its field is named.
    pub line: usize,
    /// An array in `data`, each element of which is mapped.
    pub each: Option<String>,
    /// The field with the measurement's own time, ISO 8601; without it the frame's time is meant.
    pub time: Option<String>,
    /// The field; dots lead into nested objects.
    pub from: String,
    /// Its range is the model's where the mapping sets one.
    pub quantity: Arc<Quantity>,
    /// value = field × scale + offset
    pub scale: f64,
    pub offset: f64,
}

/// A payload with what it must yield.
#[derive(Clone, Debug)]
pub struct Example {
    pub name: String,
    /// Where in the profile it stands.
    pub line: usize,
    pub f_port: u8,
    pub payload: Vec<u8>,
    pub recv_time: Option<DateTime<Utc>>,
    pub variables: BTreeMap<String, String>,
    pub wanted: Wanted,
}

#[derive(Clone, Debug)]
pub enum Wanted {
    /// The frame is refused with a message that contains this.
    Error(String),
    Measurements {
        /// Exactly the measurements at the frame's time; flags are true or false.
        expect: Map<String, Value>,
        /// Exactly the measurements with a time of their own: each `time` and its quantities.
        history: Vec<Map<String, Value>>,
        /// Quantities that are expected to be outside their range.
        flagged: Vec<String>,
        /// Further fields the codec returns.
        data: Map<String, Value>,
    },
}
