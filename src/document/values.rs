use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde_json::{Number, Value};
use toml::de::DeValue;

use super::or_near;

/// A type that a TOML value can be read into.
pub trait FromToml: Sized {
    /// What to say is wanted when the value does not fit.
    fn wanted() -> String;
    /// The names that can be written, where it takes one of them.
    fn names() -> Vec<&'static str> {
        Vec::new()
    }
    /// What to say is wanted when a text does not fit.
    fn wanted_for(written: &str) -> String {
        or_near(&Self::wanted(), written, Self::names())
    }
    fn from_toml(value: &DeValue<'_>) -> Option<Self>;
}

impl FromToml for String {
    fn wanted() -> String {
        "a text".to_owned()
    }

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }
}

impl FromToml for PathBuf {
    fn wanted() -> String {
        "a path".to_owned()
    }

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        value.as_str().filter(|path| !path.is_empty()).map(Self::from)
    }
}

impl FromToml for bool {
    fn wanted() -> String {
        "true or false".to_owned()
    }

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        value.as_bool()
    }
}

macro_rules! whole_numbers {
    ($($type:ty),*) => {$(
        impl FromToml for $type {
            fn wanted() -> String {
                format!("a whole number from {} to {}", Self::MIN, Self::MAX)
            }

            fn from_toml(value: &DeValue<'_>) -> Option<Self> {
                let integer = value.as_integer()?;
                Self::from_str_radix(integer.as_str(), integer.radix()).ok()
            }
        }
    )*};
}

whole_numbers!(u8, u16, u32, u64, usize, i64);

impl FromToml for f64 {
    fn wanted() -> String {
        "a number".to_owned()
    }

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        let text = match value {
            DeValue::Float(float) => float.as_str(),
            DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str(),
            _ => return None,
        };
        text.replace('_', "").parse().ok().filter(|number: &Self| number.is_finite())
    }
}

impl FromToml for Duration {
    fn wanted() -> String {
        "a duration such as \"30s\", \"10m\", \"3h\" or \"7d\"".to_owned()
    }

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        humantime::parse_duration(value.as_str()?).ok()
    }
}

impl FromToml for DateTime<Utc> {
    fn wanted() -> String {
        "a time with zone such as 2026-05-01T00:00:00Z".to_owned()
    }

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        let text = match value {
            DeValue::Datetime(time) => time.to_string(),
            DeValue::String(text) => text.to_string(),
            _ => return None,
        };
        DateTime::parse_from_rfc3339(&text).ok().map(|time| time.to_utc())
    }
}

impl FromToml for NaiveDate {
    fn wanted() -> String {
        "a date such as 2026-05-01".to_owned()
    }

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        value.as_datetime()?.to_string().parse().ok()
    }
}

impl FromToml for SocketAddr {
    fn wanted() -> String {
        "an address and port such as \"127.0.0.1:8080\"".to_owned()
    }

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        value.as_str()?.parse().ok()
    }
}

/// A time of day.
impl FromToml for NaiveTime {
    fn wanted() -> String {
        "a time of day such as \"04:00\"".to_owned()
    }

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        Self::parse_from_str(value.as_str()?, "%H:%M").ok()
    }
}

impl<T: FromToml> FromToml for Vec<T> {
    fn wanted() -> String {
        format!("a list, each {}", T::wanted())
    }

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        value.as_array()?.iter().map(|item| T::from_toml(item.get_ref())).collect()
    }
}

impl<T: FromToml> FromToml for BTreeMap<String, T> {
    fn wanted() -> String {
        format!("a table, each value {}", T::wanted())
    }

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        let entries = value.as_table()?.iter();
        entries
            .map(|(key, item)| Some((key.get_ref().to_string(), T::from_toml(item.get_ref())?)))
            .collect()
    }
}

/// Any value, as JSON would have it; times become text.
impl FromToml for Value {
    fn wanted() -> String {
        "a value".to_owned()
    }

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        Some(match value {
            DeValue::String(text) => Self::String(text.to_string()),
            DeValue::Boolean(flag) => Self::Bool(*flag),
            DeValue::Datetime(time) => Self::String(time.to_string()),
            DeValue::Integer(_) => Self::Number(i64::from_toml(value)?.into()),
            DeValue::Float(_) => Self::Number(Number::from_f64(f64::from_toml(value)?)?),
            DeValue::Array(_) => Self::Array(Vec::from_toml(value)?),
            DeValue::Table(_) => {
                Self::Object(BTreeMap::<String, Self>::from_toml(value)?.into_iter().collect())
            }
        })
    }
}
