//! The catalogue as a page for people: docs/sensors.md.

use crate::catalog::{Catalog, DeviceProfile};

use super::{interval, quantities, range, setting};

const INTRODUCTION: &str = "# Sensors

What the catalogue knows, made from it by `stadspuls catalog page`: after a change, write it anew with
`cargo run --release -- catalog page > docs/sensors.md`. A sensor is registered with the name in the first
column. [decoders/README.md](../decoders/README.md) tells how to add one.
";

/// The whole page: every model in one table, then what each of them measures.
pub fn page(catalog: &Catalog) -> String {
    let mut text = INTRODUCTION.to_owned();
    text.push_str("\n| profile | model | every | examples |\n|---|---|---|---|\n");
    for profile in catalog.profiles() {
        let DeviceProfile { id, name, examples, .. } = &**profile;
        let anchor = anchor(&id.to_string());
        let interval = interval(profile);
        text.push_str(&format!(
            "| [`{id}`](#{anchor}) | {name} | {interval} | {} |\n",
            examples.len()
        ));
    }
    for profile in catalog.profiles() {
        text.push_str(&section(profile));
    }
    text
}

fn section(profile: &DeviceProfile) -> String {
    let name = match &profile.datasheet {
        Some(datasheet) => format!("[{}]({datasheet})", profile.name),
        None => profile.name.clone(),
    };
    let mut text = format!("\n## {}\n\n{name}\n\n", profile.id);
    text.push_str("| quantity | unit | range | |\n|---|---|---|---|\n");
    for quantity in quantities(profile) {
        let range = range(quantity);
        let row = [&quantity.name.to_string(), &quantity.unit, &range, &quantity.sentence];
        text.push_str(&table_row(&row));
    }
    if !profile.variables.is_empty() {
        text.push_str("\n| set at registration | wanted | |\n|---|---|---|\n");
        for variable in &profile.variables {
            text.push_str(&table_row(&[&variable.name, &setting(variable), &variable.sentence]));
        }
    }
    text
}

fn table_row(cells: &[&String]) -> String {
    let cells = cells.iter().map(|cell| cell.replace('|', "\\|"));
    format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
}

/// As renderers of Markdown make it of a heading: a slash vanishes.
fn anchor(heading: &str) -> String {
    heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
}
