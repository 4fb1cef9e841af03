//! What every board and every panel has to be like.

use std::collections::BTreeSet;

use serde_json::Value;

use super::known::Known;
use super::query::{Named, check_flux, check_prometheus, filled_in};
use super::words::UNITS;

/// A panel that is read on a phone at night is half as wide as a screen or as wide.
const WIDTHS: [u64; 2] = [12, 24];

/// Kinds of panels that show numbers as such, and have decimals.
const NUMERIC: [&str; 2] = ["stat", "timeseries"];

/// Shorter ones say nothing.
const DESCRIPTION_MIN: usize = 30;

pub fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn items<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

/// All that is wrong with a board on its own.
pub fn check(board: &Value, known: &Known) -> Vec<String> {
    let mut faults = check_head(board);
    faults.extend(check_sources(board));
    let variables = check_variables(board, known, &mut faults);
    check_annotations(board, known, &variables, &mut faults);
    let panels = items(board, "/panels");
    faults.extend(panels.is_empty().then(|| "no panels".to_owned()));
    faults.extend(overlaps(panels));
    let mut titles = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in panels {
        let title = text(panel, "/title");
        let mut found = check_panel(panel, known, &variables);
        found.extend((!titles.insert(title)).then(|| "a title that another has".to_owned()));
        let is_new = ids.insert(number(panel, "/id")) && number(panel, "/id") > 0;
        found.extend((!is_new).then(|| "an id that another has, or none".to_owned()));
        faults.extend(found.into_iter().map(|fault| format!("{title}: {fault}")));
    }
    faults
}

/// Where its links lead to among the boards.
pub fn links(board: &Value) -> Vec<String> {
    let text = board.to_string();
    let targets = text.split("\"/d/").skip(1);
    targets.map(|rest| rest.split(['"', '?', '/']).next().unwrap().to_owned()).collect()
}

fn check_head(board: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let mut want = |holds: bool, fault: &str| faults.extend((!holds).then(|| fault.to_owned()));
    let uid = text(board, "/uid");
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    want(uid.starts_with("stadspuls-") && uid.chars().all(is_plain) && uid.len() <= 40, "uid");
    want(board["id"].is_null(), "an id of one installation");
    want(board["schemaVersion"] == 42, "schemaVersion");
    want(board["editable"] == false, "can be edited in place");
    want(board["timezone"] == "Europe/Stockholm", "time zone");
    want(board["weekStart"] == "monday", "first day of the week");
    want(!text(board, "/title").is_empty(), "no title");
    want(text(board, "/description").len() >= DESCRIPTION_MIN, "no description");
    want(!text(board, "/refresh").is_empty(), "not refreshed");
    want(items(board, "/tags").contains(&Value::from("stadspuls")), "no tag stadspuls");
    let links = items(board, "/links");
    want(links.iter().any(|link| text(link, "/url").starts_with("${stadspuls}/")), "no way out");
    want(links.iter().any(|link| text(link, "/type") == "dashboards"), "no way to other boards");
    let all = board.to_string();
    want(!all.contains("latitude") && !all.contains("longitude"), "coordinates");
    want(!all.to_lowercase().contains("token\":"), "a token");
    faults
}

/// Each data source is a variable; Grafana's own, for annotations, is the one exception.
fn check_sources(value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    match value {
        Value::Array(list) => list.iter().for_each(|item| faults.extend(check_sources(item))),
        Value::Object(map) => {
            for (key, inner) in map {
                let known = [
                    ("influxdb", "${datasource}"),
                    ("prometheus", "${prometheus}"),
                    ("grafana", "-- Grafana --"),
                ];
                let source = (text(inner, "/type"), text(inner, "/uid"));
                if key == "datasource" && !known.contains(&source) {
                    faults.push(format!("a data source that is written out: {inner}"));
                }
                faults.extend(check_sources(inner));
            }
        }
        _ => {}
    }
    faults
}

fn check_variables(board: &Value, known: &Known, faults: &mut Vec<String>) -> Vec<String> {
    let list = items(board, "/templating/list");
    let names: Vec<String> = list.iter().map(|one| text(one, "/name").to_owned()).collect();
    let has = |name: &str, kind: &str| {
        list.iter().any(|one| text(one, "/name") == name && text(one, "/type") == kind)
    };
    let wanted = [
        ("site", "query"),
        ("period", "custom"),
        ("datasource", "datasource"),
        ("stadspuls", "query"),
    ];
    let all = board["panels"].to_string();
    let reads_metrics = all.contains("${prometheus}");
    for (name, kind) in wanted {
        faults.extend((!has(name, kind)).then(|| format!("no variable {name}")));
    }
    for name in ["${site:regex}", "${period}"] {
        faults.extend((!all.contains(name)).then(|| format!("{name} chooses nothing")));
    }
    if reads_metrics != has("prometheus", "datasource") {
        faults.push("no variable prometheus, or one for nothing".to_owned());
    }
    for variable in list {
        let name = text(variable, "/name");
        faults.extend(text(variable, "/label").is_empty().then(|| format!("{name} has no label")));
        if text(variable, "/type") == "query" {
            let query = filled_in(text(variable, "/query"), &names);
            let found = query.and_then(|query| check_flux(&query, known));
            faults.extend(found.err().map(|fault| format!("variable {name}: {fault}")));
        }
    }
    names
}

fn check_annotations(board: &Value, known: &Known, variables: &[String], faults: &mut Vec<String>) {
    let list = items(board, "/annotations/list");
    let mut of_alerts = false;
    for annotation in list {
        let name = text(annotation, "/name");
        let query = text(annotation, "/target/query");
        if text(annotation, "/datasource/type") == "influxdb" {
            let named = filled_in(query, variables).and_then(|query| check_flux(&query, known));
            match named {
                Ok(named) => {
                    of_alerts |= named.measurements.contains(&"alert".to_owned());
                    let missing =
                        ["time", "title", "text"].iter().find(|column| !has(&named, column));
                    faults.extend(missing.map(|column| format!("{name} makes no {column}")));
                }
                Err(fault) => faults.push(format!("annotation {name}: {fault}")),
            }
        }
    }
    let service = |one: &Value| items(one, "/target/tags").contains(&Value::from("service"));
    faults.extend((!of_alerts).then(|| "no annotations of alerts".to_owned()));
    faults.extend((!list.iter().any(service)).then(|| "no annotations of service".to_owned()));
}

fn has(named: &Named, column: &str) -> bool {
    named.columns.iter().any(|made| made == column)
}

fn overlaps(panels: &[Value]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut taken: BTreeSet<(u64, u64)> = BTreeSet::new();
    for panel in panels {
        let [x, y, w, h] =
            ["x", "y", "w", "h"].map(|key| number(&panel["gridPos"], &format!("/{key}")));
        let title = text(panel, "/title");
        if !WIDTHS.contains(&w) || x + w > 24 || !(3..=20).contains(&h) {
            faults.push(format!("{title}: a place outside the grid"));
        }
        let is_free =
            (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))).all(|cell| taken.insert(cell));
        faults.extend((!is_free).then(|| format!("{title}: overlaps another")));
    }
    faults
}

fn check_panel(panel: &Value, known: &Known, variables: &[String]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut want = |holds: bool, fault: &str| faults.extend((!holds).then(|| fault.to_owned()));
    let kind = text(panel, "/type");
    let defaults = &panel["fieldConfig"]["defaults"];
    let description = text(panel, "/description");
    want(!text(panel, "/title").is_empty(), "no title");
    let is_said = description.len() >= DESCRIPTION_MIN && description.ends_with('.');
    want(is_said, "no description");
    want(is_unit(text(defaults, "/unit")), "no unit that Grafana knows");
    want(!text(defaults, "/noValue").is_empty(), "nothing is said where there are no values");
    want(!NUMERIC.contains(&kind) || defaults["decimals"].is_u64(), "no decimals");
    let steps = items(defaults, "/thresholds/steps");
    want(are_steps(steps), "no thresholds, or not in order");
    let has_words = description.contains("Trösklar: ");
    want(steps.len() < 2 || has_words || kind == "state-timeline", "thresholds without words");
    let mappings = items(defaults, "/mappings");
    want(kind != "state-timeline" || !mappings.is_empty(), "states without words");
    want(are_words(mappings), "a state without a word");
    let overrides = items(panel, "/fieldConfig/overrides");
    for property in overrides.iter().flat_map(|one| items(one, "/properties")) {
        let value = &property["value"];
        match text(property, "/id") {
            "unit" => want(is_unit(value.as_str().unwrap_or_default()), "a column's unit"),
            "mappings" => want(are_words(items(value, "")), "a state without a word"),
            "thresholds" => want(are_steps(items(value, "/steps")), "a column's thresholds"),
            _ => {}
        }
    }
    let layers = items(panel, "/options/layers");
    let is_public = |layer: &Value| {
        text(layer, "/config/src").starts_with("${stadspuls}/api/v1/badtemperaturer")
    };
    want(layers.iter().all(is_public), "a map of what is not published");
    let targets = items(panel, "/targets");
    want(!targets.is_empty(), "no query");
    let order = &panel["transformations"];
    let is_asked = targets.iter().any(|target| text(target, "/datasource/type") != "prometheus");
    let is_table = kind == "table" && is_asked;
    want(!is_table || is_ordered(order, targets), "an order that is not the query's");
    let mut columns = Vec::new();
    for target in targets {
        match check_target(target, known, variables) {
            Ok(named) => columns.extend(named.columns),
            Err(fault) => faults.push(fault),
        }
    }
    for column in overrides.iter().map(|one| text(one, "/matcher/options")) {
        if !columns.iter().any(|made| made == column) {
            faults.push(format!("no column {column}"));
        }
    }
    faults
}

fn check_target(target: &Value, known: &Known, variables: &[String]) -> Result<Named, String> {
    if text(target, "/datasource/type") == "prometheus" {
        let query = text(target, "/expr");
        return check_prometheus(query, known).map(|()| Named::default());
    }
    check_flux(&filled_in(text(target, "/query"), variables)?, known)
}

fn is_unit(unit: &str) -> bool {
    UNITS.contains(&unit) || unit.strip_prefix("suffix:").is_some_and(|own| !own.is_empty())
}

/// Flux gives the columns that `map` makes in whatever order; a table puts them as its query names them.
fn is_ordered(transformations: &Value, targets: &[Value]) -> bool {
    let Some(places) = transformations.pointer("/0/options/indexByName").and_then(Value::as_object)
    else {
        return false;
    };
    let query = targets.last().map(|target| text(target, "/query")).unwrap_or_default();
    let record = query.rsplit("=> ({").next().unwrap_or_default();
    let starts = places.iter().map(|(name, place)| {
        let first = record.starts_with(&format!("{name}: ")).then_some(0);
        (place.as_u64(), first.or_else(|| record.find(&format!(", {name}: "))))
    });
    let mut starts: Vec<_> = starts.collect();
    starts.sort_unstable();
    let is_counted =
        (0..).zip(&starts).all(|(place, (at, start))| *at == Some(place) && start.is_some());
    is_counted && starts.is_sorted_by_key(|(_, start)| *start)
}

/// The first holds from below, and each further one from a higher value.
fn are_steps(steps: &[Value]) -> bool {
    let values: Vec<Option<f64>> = steps.iter().map(|step| step["value"].as_f64()).collect();
    let is_coloured = steps.iter().all(|step| !text(step, "/color").is_empty());
    is_coloured && values.first() == Some(&None) && values.windows(2).all(|two| two[0] < two[1])
}

fn are_words(mappings: &[Value]) -> bool {
    let said = |result: &Value| !text(result, "/text").trim().is_empty();
    mappings.iter().all(|mapping| match text(mapping, "/type") {
        "range" => said(&mapping["options"]["result"]),
        "value" => mapping["options"].as_object().is_some_and(|map| map.values().all(said)),
        _ => false,
    })
}
