//! Whether a query names only what there is.

use stadspuls::model::{Outcome, Severity, SiteKind};

use super::flux::{self, Expr};
use super::known::Known;
use super::words::PROMETHEUS;

/// A query without its variables: each becomes what it may stand for. All of them have to be the board's.
pub fn filled_in(query: &str, variables: &[String]) -> Result<String, String> {
    let mut text = String::new();
    let mut rest = query;
    while let Some((before, after)) = rest.split_once("${") {
        let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        let (name, behind) = after
            .split_once('}')
            .filter(|(name, _)| name.chars().all(is_part))
            .ok_or("a variable that does not end")?;
        let variable = name.split(':').next().unwrap_or_default();
        if !variables.iter().any(|known| known == variable) {
            return Err(format!("the board has no variable {variable}"));
        }
        text.push_str(before);
        text.push_str(if variable == "period" { "7d" } else { variable });
        rest = behind;
    }
    Ok(text + rest)
}

/// The measurements that a Flux query reads and the columns that it makes.
#[derive(Debug, Default)]
pub struct Named {
    pub measurements: Vec<String>,
    pub columns: Vec<String>,
}

pub fn check_flux(query: &str, known: &Known) -> Result<Named, String> {
    let statements = flux::parse(query)?;
    let mut named = Named::default();
    let mut faults = Vec::new();
    for statement in &statements {
        statement.walk(&mut |expr| match expr {
            Expr::Call(name, arguments) if name == "filter" || name == "schema.tagValues" => {
                faults.extend(check_filter(arguments, known).err());
            }
            Expr::Record(pairs) => named.columns.extend(pairs.iter().map(|pair| pair.0.clone())),
            Expr::Binary(operator, left, right) => match compared(left, right) {
                Some(("_measurement", values)) => named.measurements.extend(values),
                Some(("kind", values)) => {
                    let unknown =
                        values.into_iter().find(|kind| SiteKind::from_name(kind).is_none());
                    faults.extend(unknown.map(|kind| format!("no site is of kind {kind}")));
                }
                Some(("severity", values)) => {
                    let unknown = values.into_iter().find(|one| Severity::from_name(one).is_none());
                    faults.extend(unknown.map(|one| format!("no alert has severity {one}")));
                }
                _ if operator.ends_with('~')
                    && matches!(&**right, Expr::Regex(text) if !is_whole(text)) =>
                {
                    faults.push("a regular expression that is not anchored".to_owned());
                }
                _ => {}
            },
            _ => {}
        });
    }
    let unknown = named.measurements.iter().find(|name| known.measurement(name).is_none());
    faults.extend(unknown.map(|name| format!("neither quantity nor measurement: {name}")));
    if query.contains("from(") && named.measurements.is_empty() && !query.contains("exists r.kind")
    {
        faults.push("reads everything there is".to_owned());
    }
    faults.into_iter().next().map_or(Ok(named), Err)
}

fn is_whole(regex: &str) -> bool {
    regex.starts_with('^') && regex.ends_with('$')
}

/// A column of the row and the texts that it is compared with.
fn compared<'e>(left: &'e Expr, right: &Expr) -> Option<(&'e str, Vec<String>)> {
    let Expr::Member(_, column) = left else { return None };
    let values = match right {
        Expr::Text(text) => vec![text.clone()],
        Expr::Regex(text) => {
            let inner = text.strip_prefix('^')?.strip_suffix('$')?;
            let inner = inner.strip_prefix('(').and_then(|inner| inner.strip_suffix(')'));
            inner.unwrap_or(&text[1..text.len() - 1]).split('|').map(str::to_owned).collect()
        }
        _ => return None,
    };
    Some((column, values))
}

/// A filter that names measurements asks them for nothing that they have not.
fn check_filter(arguments: &[(String, Expr)], known: &Known) -> Result<(), String> {
    let (mut measurements, mut fields, mut columns) = (Vec::new(), Vec::new(), Vec::new());
    for (_, argument) in arguments {
        argument.walk(&mut |expr| match expr {
            Expr::Binary(_, left, right) => match compared(left, right) {
                Some(("_measurement", values)) => measurements.extend(values),
                Some(("_field", values)) => fields.extend(values),
                _ => {}
            },
            Expr::Member(of, column) if **of == Expr::Name("r".to_owned()) => {
                columns.push(column.as_str());
            }
            _ => {}
        });
    }
    for name in &measurements {
        let Some((tags, has)) = known.measurement(name) else { continue };
        if let Some(field) = fields.iter().find(|field| !has.contains(&field.as_str())) {
            return Err(format!("{name} has no field {field}"));
        }
        let own = ["_measurement", "_field", "_time", "_value"];
        let unknown = columns.iter().find(|column| !own.contains(column) && !tags.contains(column));
        if let Some(column) = unknown {
            return Err(format!("{name} has no tag {column}"));
        }
    }
    Ok(())
}

/// Brackets, functions, metrics and labels of a PromQL query.
pub fn check_prometheus(query: &str, known: &Known) -> Result<(), String> {
    let mut open = Vec::new();
    let mut texts = query.split('"');
    let code: String = texts.by_ref().step_by(2).collect::<Vec<_>>().join("\"\"");
    if query.matches('"').count() % 2 == 1 {
        return Err("a text that does not end".to_owned());
    }
    for letter in code.chars() {
        match letter {
            '(' | '[' | '{' => open.push(letter),
            ')' | ']' | '}' => {
                let wanted = match letter {
                    ')' => '(',
                    ']' => '[',
                    _ => '{',
                };
                if open.pop() != Some(wanted) {
                    return Err(format!("{letter} closes nothing"));
                }
            }
            _ => {}
        }
    }
    if let Some(open) = open.pop() {
        return Err(format!("{open} is not closed"));
    }
    let mut labels: Option<Vec<String>> = None;
    let mut metrics = 0;
    let words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
    for word in words.clone().filter(|word| word.starts_with("stadspuls")) {
        let found = known.metric(word).ok_or(format!("no such metric: {word}"))?;
        labels = found.clone().or(labels);
        metrics += 1;
    }
    if metrics == 0 {
        return Err("no metric of stadspuls".to_owned());
    }
    for (at, _) in code.match_indices('(') {
        let before = code[..at].trim_end();
        let word = before.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
        if !word.is_empty() && word != "by" && !PROMETHEUS.contains(&word) {
            return Err(format!("{word} is no function that is known"));
        }
        if word == "by" {
            let inner = code[at + 1..].split(')').next().unwrap_or_default();
            let unknown = inner.split(',').map(str::trim).find(|label| {
                labels.as_ref().is_some_and(|known| !known.iter().any(|one| one == label))
            });
            if let Some(label) = unknown {
                return Err(format!("no label {label}"));
            }
        }
    }
    check_outcomes(query)
}

fn check_outcomes(query: &str) -> Result<(), String> {
    for (_, after) in query.match_indices("outcome=").map(|(at, _)| query.split_at(at)) {
        let values = after.split('"').nth(1).unwrap_or_default();
        let is_outcome = |name: &&str| Outcome::ALL.iter().any(|outcome| outcome.name() == *name);
        if let Some(unknown) = values.split('|').find(|name| !is_outcome(name)) {
            return Err(format!("no outcome {unknown}"));
        }
    }
    Ok(())
}
