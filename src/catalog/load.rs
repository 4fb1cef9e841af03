use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{
    Catalog, DeviceProfile, Example, Mapping, Variable, VariableType, Wanted, read_jump,
    read_stuck_for,
};
use crate::document::{self, Faults, Section, or_near};
use crate::model::{ProfileId, Quantity, QuantityKind, QuantityName};

const QUANTITIES: &str = "quantities.toml";
const VENDOR: &str = "vendor.toml";

/// A codec larger than this is a mistake: the largest published ones are a tenth of it.
const CODEC_BYTES_MAX: u64 = 512 * 1024;

impl Catalog {
    /// Reads catalogue folders in order; a profile in a later folder replaces one of the same id
    /// in an earlier one. What is wrong is added to `faults` and left out.
    #[must_use]
    pub fn load(folders: &[PathBuf], faults: &Faults) -> Self {
        let mut catalog = Self::default();
        for folder in folders {
            let quantities = quantities_of(folder);
            if quantities.exists() {
                document::read(&quantities, faults, |root| catalog.read_quantities(root));
            }
        }
        for folder in folders {
            for entry in sorted_entries(folder, faults) {
                if entry.is_dir() {
                    catalog.load_vendor(&entry, faults);
                } else if is_toml(&entry) && entry != quantities_of(folder) {
                    let wanted = "a profile in a folder of its maker, <vendor>/<model>.toml";
                    faults.of_file(&entry, "in no such folder", wanted);
                }
            }
        }
        if catalog.profiles.is_empty() {
            let searched: Vec<String> =
                folders.iter().map(|folder| folder.display().to_string()).collect();
            faults.of_file(
                Path::new(&searched.join(", ")),
                "without a device profile",
                "catalogue folders with <vendor>/<model>.toml",
            );
        }
        catalog
    }

    fn read_quantities(&mut self, root: &Section<'_>) {
        for name in root.other_keys() {
            let quantity = root.table(&name, |section| read_quantity(&name, section));
            if let Some(quantity) = quantity.flatten() {
                self.quantities.insert(quantity.name.clone(), Arc::new(quantity));
            }
        }
    }

    fn load_vendor(&mut self, folder: &Path, faults: &Faults) {
        let vendor = file_stem(folder);
        for file in sorted_entries(folder, faults) {
            if !is_toml(&file) {
                // An editor on Windows adds what its user does not see.
                let name = file.to_string_lossy();
                if let Some(name) =
                    [".toml.txt", ".js.txt"].iter().find(|end| name.ends_with(**end))
                {
                    faults.of_file(&file, format!("a file that ends in {name}"), "it without .txt");
                }
                continue;
            }
            if file.file_name().is_some_and(|name| name == VENDOR) {
                document::read(&file, faults, |root| {
                    root.required::<String>("name");
                    root.optional::<String>("homepage");
                });
                continue;
            }
            let id = ProfileId::from(format!("{vendor}/{}", file_stem(&file)).as_str());
            let profile =
                document::read(&file, faults, |root| self.read_profile(&id, root, faults));
            match profile.flatten() {
                Some(profile) => {
                    self.profiles.insert(id, Arc::new(profile));
                }
                None => {
                    self.faulty.insert(id);
                }
            }
        }
    }

    fn read_profile(
        &self,
        id: &ProfileId,
        root: &Section<'_>,
        faults: &Faults,
    ) -> Option<DeviceProfile> {
        let name = root.required("name");
        let datasheet = root.optional("datasheet");
        let interval: Option<Duration> = root.required("interval");
        let codec_name = root.or("codec", format!("{}.js", file_stem(root.file())));
        let codec_file = root.file().with_file_name(&codec_name);
        let codec = read_codec(root, &codec_file);
        let options = root.table("option", read_options).unwrap_or_default();
        let variables: Vec<_> =
            root.named_tables("variable", read_variable).into_iter().flatten().collect();
        let mappings = root.tables("measurement", |section| self.read_mapping(section));
        let quantities = mappings.iter().map(|mapping| Some(&*mapping.as_ref()?.quantity.name.0));
        let quantities = quantities.collect::<Option<Vec<&str>>>().filter(|all| !all.is_empty());
        let examples =
            root.tables("example", |section| read_example(section, quantities.as_deref()));
        // A single table has been refused as such, and so have examples that cannot be read: nothing more
        // is known of what they show.
        let is_list = |key: &str| root.is_table(key) != Some(true);
        if mappings.is_empty() && is_list("measurement") {
            root.refuse("measurement", "at least one [[measurement]]");
        }
        let mappings: Vec<_> = mappings.into_iter().flatten().collect();
        let are_read = is_list("example") && examples.iter().all(Option::is_some);
        let examples: Vec<_> = examples.into_iter().flatten().collect();
        if are_read {
            refuse_unshown(root, &mappings, &examples);
        }
        let codec = codec?;
        let hash = version(root.file(), &codec, faults)?;
        Some(DeviceProfile {
            id: id.clone(),
            file: root.file().to_owned(),
            name: name?,
            datasheet,
            interval: interval?,
            codec_file,
            codec: codec.into(),
            options,
            variables,
            mappings,
            examples,
            hash,
        })
    }

    fn read_mapping(&self, section: &Section<'_>) -> Option<Mapping> {
        let name: Option<String> = section.required("quantity");
        let from = section.required("from");
        let (each, time) = (section.optional("each"), section.optional("time"));
        let (scale, offset) = (section.or("scale", 1.0), section.or("offset", 0.0));
        let (min, max) = (section.optional("min"), section.optional("max"));
        let name = name?;
        let quantity = self.quantities.get(&QuantityName::from(name.as_str()));
        if quantity.is_none() {
            section.refuse("quantity", &self.wanted_quantity(&name));
        }
        let quantity = narrowed(quantity?, min, max, section);
        let line = section.line_of("from");
        Some(Mapping { line, each, time, from: from?, quantity, scale, offset })
    }
}

/// A quantity within the limits of a model, which lie within those of the vocabulary.
fn narrowed(
    quantity: &Arc<Quantity>,
    min: Option<f64>,
    max: Option<f64>,
    section: &Section<'_>,
) -> Arc<Quantity> {
    if min.is_none() && max.is_none() {
        return Arc::clone(quantity);
    }
    for (key, limit) in [("min", min), ("max", max)] {
        if limit.is_some_and(|limit| !quantity.in_range(limit)) {
            section.refuse(key, &format!("a limit within the range of {}", quantity.name));
        }
    }
    let (min, max) = (min.or(quantity.min), max.or(quantity.max));
    if min.zip(max).is_some_and(|(min, max)| min >= max) {
        section.refuse("max", "more than min");
    }
    Arc::new(Quantity { min, max, ..Quantity::clone(quantity) })
}

fn read_quantity(name: &str, section: &Section<'_>) -> Option<Quantity> {
    let is_name = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !is_name {
        section.refuse_name("a name of lower-case letters, digits and _");
    }
    let kind = match section.optional::<String>("kind").as_deref() {
        None | Some("number") => QuantityKind::Number,
        Some("flag") => QuantityKind::Flag,
        Some(_) => {
            section.refuse("kind", "\"number\" or \"flag\"");
            return None;
        }
    };
    let unit = section.required("unit");
    let (min, max) = (section.optional("min"), section.optional("max"));
    let (jump, stuck_for) = (read_jump(section), read_stuck_for(section));
    let sentence = section.required("sentence");
    let (label_sv, label_en) = (section.required("sv"), section.required("en"));
    if min.zip(max).is_some_and(|(min, max): (f64, f64)| min >= max) {
        section.refuse("max", "more than min");
    }
    Some(Quantity {
        name: QuantityName::from(name),
        kind,
        unit: unit?,
        min,
        max,
        jump,
        stuck_for,
        sentence: sentence?,
        label_sv: label_sv?,
        label_en: label_en?,
    })
}

fn read_codec(root: &Section<'_>, file: &Path) -> Option<String> {
    let fits = fs::metadata(file).is_ok_and(|metadata| metadata.len() <= CODEC_BYTES_MAX);
    let codec = fits.then(|| fs::read_to_string(file).ok()).flatten();
    if codec.is_none() {
        let wanted =
            format!("a readable script of at most {CODEC_BYTES_MAX} bytes at {}", file.display());
        root.refuse("codec", &wanted);
    }
    codec
}

fn read_options(section: &Section<'_>) -> BTreeMap<String, String> {
    let keys = section.other_keys();
    keys.into_iter()
        .filter_map(|key| {
            let text = match section.optional::<Value>(&key)? {
                Value::String(text) => text,
                value @ (Value::Number(_) | Value::Bool(_)) => value.to_string(),
                _ => {
                    section.refuse(&key, "a text, a number, true or false");
                    return None;
                }
            };
            Some((key, text))
        })
        .collect()
}

fn read_variable(name: &str, section: &Section<'_>) -> Option<Variable> {
    let choices = section.or("choices", Vec::new());
    let kind = match section.required::<String>("type")?.as_str() {
        "text" => VariableType::Text { choices },
        "number" => VariableType::Number,
        "flag" => VariableType::Flag,
        _ => {
            section.refuse("type", "\"text\", \"number\" or \"flag\"");
            return None;
        }
    };
    let variable = Variable {
        name: name.to_owned(),
        kind,
        default: section.optional("default"),
        unit: section.optional("unit"),
        sentence: section.required("sentence")?,
    };
    if variable.default.as_ref().is_some_and(|default| !variable.accepts(default)) {
        section.refuse("default", &variable.wanted());
    }
    Some(variable)
}

/// `quantities` are those of the profile's mappings, where all of these could be read.
fn read_example(section: &Section<'_>, quantities: Option<&[&str]>) -> Option<Example> {
    let name = section.required("name");
    section.optional::<String>("source");
    let f_port = section.required("f_port");
    let payload = section.required::<String>("payload").and_then(|text| {
        let digits = text.replace(char::is_whitespace, "");
        let bytes = hex::decode(&digits).ok();
        if bytes.is_none() {
            let wanted = match digits.chars().find(|c| !c.is_ascii_hexdigit()) {
                Some(other) => {
                    format!("hexadecimal bytes: digits 0-9 and a-f, spaces, no {other:?}")
                }
                None => {
                    let count = digits.len();
                    format!("hexadecimal bytes of two digits each; these are {count}")
                }
            };
            section.refuse("payload", &wanted);
        }
        bytes
    });
    let recv_time = section.optional("recv_time");
    let variables = section.or("vars", BTreeMap::new());
    let wanted = match section.optional::<String>("error") {
        Some(error) => Wanted::Error(error),
        None => Wanted::Measurements {
            expect: section.required::<BTreeMap<String, Value>>("expect")?.into_iter().collect(),
            history: section
                .or::<Vec<BTreeMap<String, Value>>>("history", Vec::new())
                .into_iter()
                .map(|record| record.into_iter().collect())
                .collect(),
            flagged: section.or("flagged", Vec::new()),
            data: section
                .or::<BTreeMap<String, Value>>("data", BTreeMap::new())
                .into_iter()
                .collect(),
        },
    };
    if let (Wanted::Measurements { expect, .. }, Some(known)) = (&wanted, quantities)
        && let Some(unknown) = expect.keys().find(|name| !known.contains(&name.as_str()))
    {
        let all = format!("quantities of a [[measurement]] above: {}", known.join(", "));
        section.refuse("expect", &or_near(&all, unknown, known.iter().copied()));
        return None;
    }
    Some(Example {
        name: name?,
        line: section.line(),
        f_port: f_port?,
        payload: payload?,
        recv_time,
        variables,
        wanted,
    })
}

/// A mapping that no example shows is a mapping that nobody has tried.
fn refuse_unshown(root: &Section<'_>, mappings: &[Mapping], examples: &[Example]) {
    let mut shown = BTreeSet::new();
    for example in examples {
        if let Wanted::Measurements { expect, history, .. } = &example.wanted {
            shown.extend(expect.keys().map(String::as_str));
            shown.extend(history.iter().flat_map(Map::keys).map(String::as_str));
        }
    }
    let names: BTreeSet<&str> = mappings.iter().map(|mapping| &*mapping.quantity.name.0).collect();
    let unshown: Vec<&str> = names.difference(&shown).copied().collect();
    if !unshown.is_empty() {
        root.refuse("example", &format!("an [[example]] that expects {}", unshown.join(", ")));
    }
}

/// SHA-256 over the profile's text and the codec's.
fn version(profile: &Path, codec: &str, faults: &Faults) -> Option<String> {
    match fs::read(profile) {
        Ok(text) => {
            Some(hex::encode(Sha256::new().chain_update(text).chain_update(codec).finalize()))
        }
        Err(error) => {
            faults.of_file(profile, error.to_string(), "a readable file");
            None
        }
    }
}

fn quantities_of(folder: &Path) -> PathBuf {
    folder.join(QUANTITIES)
}

fn is_toml(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "toml")
}

fn sorted_entries(folder: &Path, faults: &Faults) -> Vec<PathBuf> {
    match fs::read_dir(folder) {
        Ok(entries) => {
            let mut paths: Vec<PathBuf> =
                entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
            paths.sort();
            paths
        }
        Err(error) => {
            faults.of_file(folder, error.to_string(), "a readable folder");
            Vec::new()
        }
    }
}

fn file_stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}
