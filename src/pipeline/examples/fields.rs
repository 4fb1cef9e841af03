//! What a profile looks for in its codec's answers and what is there.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::super::normalise::find;
use crate::catalog::{DeviceProfile, Mapping};
use crate::document::{Fault, or_near};
use crate::model::QuantityName;

/// Fields that are named at most.
const NAMED_MAX: usize = 20;

type Record = Map<String, Value>;

/// The fields of mappings that a codec has given in none of its answers, as faults with the quantity that lacks
/// them.
pub(super) fn never_given(profile: &DeviceProfile, data: &[&Record]) -> Vec<(Fault, QuantityName)> {
    let mappings = (1..).zip(&profile.mappings);
    let missing = mappings.filter_map(|(number, mapping)| {
        let Missing { key, field, known } = missing(mapping, data)?;
        let named: Vec<&str> = known.iter().map(String::as_str).take(NAMED_MAX).collect();
        let wanted = match named.as_slice() {
            [] => "a field of the codec, which gives none in any example".to_owned(),
            named => format!("a field that the codec gives in an example: {}", named.join(", ")),
        };
        let fault = Fault {
            file: profile.file.clone(),
            line: mapping.line,
            key: format!("measurement[{number}].{key}"),
            value: format!("{field:?}"),
            wanted: or_near(&wanted, field, known.iter().map(String::as_str)),
        };
        Some((fault, mapping.quantity.name.clone()))
    });
    missing.collect()
}

/// A field that a mapping names and no record has, and those that they have.
struct Missing<'m> {
    key: &'static str,
    field: &'m str,
    known: BTreeSet<String>,
}

fn missing<'m>(mapping: &'m Mapping, data: &[&Record]) -> Option<Missing<'m>> {
    let Some(each) = &mapping.each else { return missing_in(mapping, data) };
    let lists: Vec<&Vec<Value>> =
        data.iter().filter_map(|data| find(data, each)?.as_array()).collect();
    if lists.is_empty() {
        let known = names(data, &Value::is_array);
        return Some(Missing { key: "each", field: each, known });
    }
    let records: Vec<&Record> = lists.into_iter().flatten().filter_map(Value::as_object).collect();
    // Where all lists are empty nothing is known of their records.
    if records.is_empty() { None } else { missing_in(mapping, &records) }
}

fn missing_in<'m>(mapping: &'m Mapping, records: &[&Record]) -> Option<Missing<'m>> {
    let wanted = [("from", Some(&mapping.from)), ("time", mapping.time.as_ref())];
    wanted.into_iter().find_map(|(key, field)| {
        let field = field?;
        let is_given = records.iter().any(|record| find(record, field).is_some());
        let known = || names(records, &|value| !value.is_array());
        (!is_given).then(|| Missing { key, field, known: known() })
    })
}

/// The paths of all values of a kind.
fn names(records: &[&Record], is_of_kind: &dyn Fn(&Value) -> bool) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for record in records {
        add_names("", record, is_of_kind, &mut found);
    }
    found
}

fn add_names(
    path: &str,
    record: &Record,
    is_of_kind: &dyn Fn(&Value) -> bool,
    found: &mut BTreeSet<String>,
) {
    for (name, value) in record {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match value {
            Value::Object(inner) => add_names(&path, inner, is_of_kind, found),
            value if is_of_kind(value) => {
                found.insert(path);
            }
            _ => {}
        }
    }
}
