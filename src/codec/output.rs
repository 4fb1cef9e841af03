//! Reads what a script returned, within the limits of an output.

use rquickjs::object::Filter;
use rquickjs::{Atom, Function, Object, Type, Value};
use serde_json::{Map, Number, Value as Json};

use super::{CodecError, CodecLimits, CodecOutput, OutputFault, realm};

/// Whole numbers below this are exact in a double.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// Why reading stopped.
pub(super) enum Stop {
    /// The script or the engine threw; the exception is pending.
    Engine(rquickjs::Error),
    /// The value itself is at fault.
    Codec(CodecError),
}

impl From<rquickjs::Error> for Stop {
    fn from(error: rquickjs::Error) -> Self {
        Self::Engine(error)
    }
}

impl From<OutputFault> for Stop {
    fn from(fault: OutputFault) -> Self {
        Self::Codec(CodecError::Output(fault))
    }
}

fn shape(what: &str) -> Stop {
    Stop::Codec(CodecError::Shape(what.to_owned()))
}

/// Reads TS013's result. `host` is what the prelude hands out.
pub(super) fn read<'js>(
    host: Object<'js>,
    limits: &CodecLimits,
    result: Value<'js>,
) -> Result<CodecOutput, Stop> {
    let object = match result.type_of() {
        Type::Promise => return Err(shape("a promise: it must not be async")),
        Type::Object | Type::Proxy => result.into_object(),
        Type::Undefined | Type::Uninitialized => return Err(shape("nothing")),
        Type::Null => return Err(shape("null")),
        other => {
            return Err(shape(&format!(
                "a value of type {}, not an object",
                other.as_str().to_lowercase()
            )));
        }
    };
    let object = object.ok_or_else(|| shape("nothing"))?;
    let plain_prototype: Value = host.get("plainPrototype")?;
    let mut reader =
        Reader { host, plain_prototype, limits, nodes: 0, text_bytes: 0, ancestors: Vec::new() };
    let data = match reader.value(object.get("data")?)? {
        None | Some(Json::Null) => Map::new(),
        Some(Json::Object(data)) => data,
        Some(other) => {
            return Err(shape(match other {
                Json::Array(_) => "data that are a list, not an object",
                Json::String(_) => "data that are a text, not an object",
                _ => "data that are not an object",
            }));
        }
    };
    let warnings = reader.messages(object.get("warnings")?)?;
    let errors = reader.messages(object.get("errors")?)?;
    Ok(CodecOutput { data, warnings, errors })
}

struct Reader<'a, 'js> {
    host: Object<'js>,
    plain_prototype: Value<'js>,
    limits: &'a CodecLimits,
    nodes: usize,
    text_bytes: usize,
    /// The objects around the one being read, outermost first.
    ancestors: Vec<Object<'js>>,
}

impl<'js> Reader<'_, 'js> {
    /// The value as JSON; none for what has no value there.
    fn value(&mut self, value: Value<'js>) -> Result<Option<Json>, Stop> {
        self.count(1)?;
        Ok(match value.type_of() {
            Type::Null => Some(Json::Null),
            Type::Bool => value.as_bool().map(Json::Bool),
            Type::Int => value.as_int().map(Json::from),
            Type::Float => value.as_float().and_then(number),
            Type::String => Some(Json::String(self.text(&value)?)),
            Type::BigInt => Some(self.big_integer(value)?),
            Type::Array => self.nested(value, Self::list)?,
            Type::Object => {
                let Some(object) = value.as_object() else { return Ok(None) };
                let plain = object
                    .get_prototype()
                    .is_some_and(|prototype| *prototype.as_value() == self.plain_prototype);
                if plain { self.nested(value, Self::object)? } else { self.special(value)? }
            }
            Type::Proxy | Type::Exception | Type::Promise => self.special(value)?,
            _ => None,
        })
    }

    /// An object of some class: what it stands for is known to the prelude.
    fn special(&mut self, value: Value<'js>) -> Result<Option<Json>, Stop> {
        let simplify: Function = realm::tools(&self.host)?.get("simplify")?;
        let simple: Value = simplify.call((value, self.limits.output_nodes))?;
        match simple.type_of() {
            Type::Array => self.nested(simple, Self::list),
            Type::Object | Type::Proxy | Type::Promise | Type::Exception => {
                self.nested(simple, Self::object)
            }
            _ => self.value(simple),
        }
    }

    fn nested(
        &mut self,
        value: Value<'js>,
        read: impl FnOnce(&mut Self, &Object<'js>) -> Result<Json, Stop>,
    ) -> Result<Option<Json>, Stop> {
        let Some(object) = value.into_object() else { return Ok(None) };
        if self.ancestors.contains(&object) {
            return Err(OutputFault::Cycle.into());
        }
        if self.ancestors.len() >= self.limits.output_depth {
            return Err(OutputFault::Depth(self.limits.output_depth).into());
        }
        self.ancestors.push(object.clone());
        let json = read(self, &object)?;
        self.ancestors.pop();
        Ok(Some(json))
    }

    fn list(&mut self, list: &Object<'js>) -> Result<Json, Stop> {
        let length: f64 = list.get::<_, Value>("length")?.as_number().unwrap_or(0.0);
        let fault = OutputFault::Nodes(self.limits.output_nodes);
        let length = u32::try_from(whole(length).unwrap_or(0)).map_err(|_| fault)?;
        if self.nodes.saturating_add(length as usize) > self.limits.output_nodes {
            return Err(fault.into());
        }
        let mut items = Vec::with_capacity(length as usize);
        for index in 0..length {
            let item = list.get(index)?;
            items.push(self.value(item)?.unwrap_or(Json::Null));
        }
        Ok(Json::Array(items))
    }

    fn object(&mut self, object: &Object<'js>) -> Result<Json, Stop> {
        let keys = object.own_keys::<Atom>(Filter::default());
        if self.nodes.saturating_add(keys.len()) > self.limits.output_nodes {
            return Err(OutputFault::Nodes(self.limits.output_nodes).into());
        }
        let mut fields = Map::new();
        for key in keys {
            let key = key?;
            let value = object.get(key.clone())?;
            if let Some(json) = self.value(value)? {
                // Not `Atom::to_string`, which trusts the engine's text to be UTF-8.
                let name = self.text(key.to_js_string()?.as_value())?;
                fields.insert(name, json);
            }
        }
        Ok(Json::Object(fields))
    }

    fn text(&mut self, value: &Value<'js>) -> Result<String, Stop> {
        let Some(string) = value.as_string() else { return Ok(String::new()) };
        let text = match string.to_string() {
            Err(rquickjs::Error::Utf8(_)) => {
                let well_formed: rquickjs::String =
                    realm::tools(&self.host)?.get::<_, Function>("text")?.call((value.clone(),))?;
                well_formed.to_string()?
            }
            other => other?,
        };
        self.text_bytes = self.text_bytes.saturating_add(text.len());
        if self.text_bytes > self.limits.output_text_bytes {
            return Err(OutputFault::Text(self.limits.output_text_bytes).into());
        }
        Ok(text)
    }

    fn big_integer(&mut self, value: Value<'js>) -> Result<Json, Stop> {
        let digits: rquickjs::String =
            realm::tools(&self.host)?.get::<_, Function>("text")?.call((value,))?;
        let digits = self.text(digits.as_value())?;
        Ok(match (digits.parse::<i64>(), digits.parse::<u64>()) {
            (Ok(number), _) => Json::from(number),
            (_, Ok(number)) => Json::from(number),
            _ => Json::String(digits),
        })
    }

    /// Entries of `warnings` or `errors`, whatever the script has put there.
    fn messages(&mut self, value: Value<'js>) -> Result<Vec<String>, Stop> {
        let entries = match self.value(value)? {
            None | Some(Json::Null) => Vec::new(),
            Some(Json::Array(entries)) => entries,
            Some(single) => vec![single],
        };
        Ok(entries
            .into_iter()
            .map(|entry| match entry {
                Json::String(text) => text,
                other => other.to_string(),
            })
            .collect())
    }

    fn count(&mut self, nodes: usize) -> Result<(), Stop> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > self.limits.output_nodes {
            return Err(OutputFault::Nodes(self.limits.output_nodes).into());
        }
        Ok(())
    }
}

/// A number as JSON writes it: whole ones without a fraction, none for NaN and infinities.
fn number(value: f64) -> Option<Json> {
    match whole(value) {
        Some(whole) => Some(Json::from(whole)),
        None => Number::from_f64(value).map(Json::Number),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "below WHOLE_MAX a whole double is an exact i64"
)]
fn whole(value: f64) -> Option<i64> {
    (value.fract() == 0.0 && value.abs() < WHOLE_MAX).then_some(value as i64)
}
