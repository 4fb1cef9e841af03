//! Tables as spreadsheets write them, read row by row, so that every fault in them is named.
//!
//! Taken as it comes: `;`, `,` or tabs between the cells, a byte order mark, either end of line, quoted cells, decimal
//! commas, empty rows, and names of columns in any case and with any spaces.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use chrono_tz::Europe::Stockholm;
use toml::de::DeValue;

use super::near::{folded, or_near};
use super::{Entry, Fault, Faults, FromToml};

/// The columns that a table may have.
pub struct Columns<'c> {
    pub required: &'c [&'c str],
    pub optional: &'c [&'c str],
    /// What columns of a free name begin with: `variable.`
    pub prefix: &'c str,
}

/// One row of a table.
pub struct Row<'r> {
    path: &'r Path,
    line: usize,
    names: &'r [Option<String>],
    cells: &'r [String],
    faults: &'r Faults,
}

/// A row as it stands in the file.
struct Line {
    number: usize,
    cells: Vec<String>,
}

/// Reads each row of a table through `read`. What is wrong with the table as a whole is added to `faults`, and then
/// nothing is read of it: each row would be wrong for the same reason.
pub fn read_rows<T>(
    path: &Path,
    faults: &Faults,
    columns: &Columns<'_>,
    read: impl FnMut(&Row<'_>) -> T,
) -> Vec<T> {
    let table = fs::read(path)
        .map_err(|error| Flaw::of_file(error.to_string(), "a readable file"))
        .and_then(text)
        .and_then(|text| {
            let lines = lines(&text, separator(text.lines().next().unwrap_or_default()))?;
            let names = names(lines.first(), columns)?;
            Ok((names, lines))
        });
    let (names, lines) = match table {
        Ok(table) => table,
        Err(Flaw { line, value, wanted }) => {
            let (file, key) = (path.to_owned(), String::new());
            faults.add(Fault { file, line, key, value, wanted });
            return Vec::new();
        }
    };
    let of_rows = Faults::default();
    let rows = rows_of(path, &of_rows, &names, lines.get(1..).unwrap_or_default());
    let all = rows.iter().map(read).collect();
    for fault in counted_once(of_rows.into_vec()) {
        faults.add(fault);
    }
    all
}

/// What is wrong with a table as a whole.
struct Flaw {
    line: usize,
    value: String,
    wanted: String,
}

impl Flaw {
    fn at(line: usize, value: impl Into<String>, wanted: impl Into<String>) -> Self {
        Self { line, value: value.into(), wanted: wanted.into() }
    }

    fn of_file(value: impl Into<String>, wanted: &str) -> Self {
        Self::at(0, value, wanted)
    }
}

/// The text of a table, with the same end at each line.
fn text(bytes: Vec<u8>) -> Result<String, Flaw> {
    const SAVE_AS: &str = "text in UTF-8: in Excel choose Save As and \"CSV UTF-8\"";
    // The beginning of a zip file, which a workbook is.
    if bytes.starts_with(b"PK\x03\x04") {
        return Err(Flaw::of_file("a workbook", SAVE_AS));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        Flaw::at(line, "a character that is not UTF-8", SAVE_AS)
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    Ok(text.replace("\r\n", "\n").replace('\r', "\n"))
}

/// Each fault once, with how many rows have the same.
fn counted_once(faults: Vec<Fault>) -> Vec<Fault> {
    let mut found: Vec<(Fault, usize)> = Vec::new();
    let mut known = BTreeMap::new();
    for fault in faults {
        let what = (fault.key.clone(), fault.value.clone(), fault.wanted.clone());
        let place = *known.entry(what).or_insert(found.len());
        match found.get_mut(place) {
            Some((_, times)) => *times += 1,
            None => found.push((fault, 1)),
        }
    }
    let once = found.into_iter().map(|(fault, times)| match times {
        1 => fault,
        2 => Fault { value: format!("{}, and so in 1 more row", fault.value), ..fault },
        _ => {
            Fault { value: format!("{}, and so in {} more rows", fault.value, times - 1), ..fault }
        }
    });
    once.collect()
}

/// The rows that have no more cells than there are columns.
fn rows_of<'r>(
    path: &'r Path,
    faults: &'r Faults,
    names: &'r [Option<String>],
    lines: &'r [Line],
) -> Vec<Row<'r>> {
    let mut rows = Vec::with_capacity(lines.len());
    for line in lines {
        let row = Row { path, line: line.number, names, cells: &line.cells, faults };
        if line.cells.iter().skip(names.len()).all(String::is_empty) {
            rows.push(row);
        } else {
            let value = format!("a row of {} cells", line.cells.len());
            let wanted = format!(
                "{}, as in the first row; a cell with a comma in it goes in \" \"",
                names.len()
            );
            row.fault("", value, &wanted);
        }
    }
    rows
}

/// The known names of the columns, none for those that are for people.
fn names(head: Option<&Line>, columns: &Columns<'_>) -> Result<Vec<Option<String>>, Flaw> {
    let known = || columns.required.iter().chain(columns.optional).copied();
    let all = known().collect::<Vec<_>>().join(", ");
    let Some(head) = head else { return Err(Flaw::of_file("empty", &format!("columns {all}"))) };
    let mut names: Vec<Option<String>> = Vec::new();
    let mut unknown: Vec<&str> = Vec::new();
    for cell in &head.cells {
        if cell.starts_with('#') {
            names.push(None);
            continue;
        }
        let name = match cell.strip_prefix(columns.prefix) {
            Some(free) => Some(format!("{}{free}", columns.prefix)),
            None => known().find(|name| folded(name) == folded(cell)).map(str::to_owned),
        };
        if name.is_some() && names.contains(&name) {
            return Err(Flaw::at(head.number, format!("{cell:?} once more"), "each column once"));
        }
        if name.is_none() && !cell.is_empty() {
            unknown.push(cell);
        }
        names.push(name);
    }
    if names.iter().all(Option::is_none) {
        // What stands there may be keys and positions, which are for no log.
        let value = "a first row without names of columns".to_owned();
        return Err(Flaw::at(head.number, value, format!("the names of the columns: {all}")));
    }
    if let [first, others @ ..] = unknown.as_slice() {
        let or_more = if others.is_empty() { "an unknown column" } else { "unknown columns" };
        let quoted = unknown.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
        let wanted = format!(
            "names out of {all} and {}NAME, or a # before what is not to be read",
            columns.prefix
        );
        let wanted = if others.is_empty() { or_near(&wanted, first, known()) } else { wanted };
        return Err(Flaw::at(head.number, format!("{quoted}, {or_more}"), wanted));
    }
    let is_there = |wanted: &&&str| names.iter().flatten().any(|name| name == *wanted);
    match columns.required.iter().find(|name| !is_there(name)) {
        Some(name) => Err(Flaw::at(
            head.number,
            format!("no column {name}"),
            "one of this name in the first row",
        )),
        None => Ok(names),
    }
}

/// What stands between the cells: what there is most of in the first row.
fn separator(header: &str) -> char {
    let count = |separator: &char| header.matches(*separator).count();
    // The last of those with the same count wins.
    ['\t', ',', ';'].into_iter().max_by_key(count).unwrap_or(';')
}

/// The rows that have anything in them.
///
/// The `csv` crate takes a quote that is never closed for a cell that holds the rest of the file, and after empty lines
/// says the wrong line; both would send people to the wrong row.
fn lines(text: &str, separator: char) -> Result<Vec<Line>, Flaw> {
    let mut found = Vec::new();
    let (mut cells, mut cell) = (Vec::new(), String::new());
    let (mut number, mut began, mut quoted_at) = (1, 1, None);
    let mut characters = text.chars().chain(['\n']).peekable();
    while let Some(character) = characters.next() {
        number += usize::from(character == '\n');
        match (character, quoted_at) {
            ('"', Some(_)) if characters.next_if_eq(&'"').is_some() => cell.push('"'),
            ('"', Some(_)) => quoted_at = None,
            (_, Some(line)) if characters.peek().is_none() => {
                let wanted = "a \" at either end of a cell";
                return Err(Flaw::at(line, "a \" that is never closed", wanted));
            }
            (character, Some(_)) => cell.push(character),
            ('"', None) if cell.trim().is_empty() => {
                cell.clear();
                quoted_at = Some(number);
            }
            ('\n', None) => {
                cells.push(trimmed(&std::mem::take(&mut cell)));
                let row = std::mem::take(&mut cells);
                if row.iter().any(|cell| !cell.is_empty()) {
                    found.push(Line { number: began, cells: row });
                }
                began = number;
            }
            (character, None) if character == separator => {
                cells.push(trimmed(&std::mem::take(&mut cell)));
            }
            (character, None) => cell.push(character),
        }
    }
    Ok(found)
}

/// A cell without what surrounds it unseen: spaces of all kinds, and a byte order mark of a pasted file.
fn trimmed(cell: &str) -> String {
    cell.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}'))
        .to_owned()
}

impl Row<'_> {
    /// The text of a cell, none where it is empty or not there.
    #[must_use]
    pub fn cell(&self, column: &str) -> Option<&str> {
        let place = self.names.iter().position(|name| name.as_deref() == Some(column))?;
        self.cells.get(place).map(String::as_str).filter(|cell| !cell.is_empty())
    }

    /// The cells of the columns whose names begin with a prefix, by the rest of the name.
    pub fn cells_of(&self, prefix: &str) -> impl Iterator<Item = (&str, &str)> {
        let named = self.names.iter().zip(self.cells);
        named.filter(|(_, cell)| !cell.is_empty()).filter_map(move |(name, cell)| {
            Some((name.as_deref()?.strip_prefix(prefix)?, cell.as_str()))
        })
    }

    /// A value that TOML writes as a text, `None` where there is none or, with a fault, where it does not fit.
    pub fn optional<T: FromToml>(&self, column: &str) -> Option<T> {
        let cell = self.cell(column)?;
        let read = T::from_toml(&DeValue::String(Cow::Borrowed(cell)));
        if read.is_none() {
            self.refuse(column, &T::wanted_for(cell));
        }
        read
    }

    /// The value of a cell that must be there; `None` only with a fault.
    pub fn required<T: FromToml>(&self, column: &str) -> Option<T> {
        if self.cell(column).is_none() {
            self.refuse(column, &T::wanted());
        }
        self.optional(column)
    }

    /// A number, with a decimal comma or point.
    pub fn number(&self, column: &str) -> Option<f64> {
        let cell = self.cell(column)?;
        let number = with_point(cell).parse().ok().filter(|number: &f64| number.is_finite());
        if number.is_none() {
            self.refuse(column, "a number such as 63,5");
        }
        number
    }

    /// A time: with its zone, or as clocks show it in Sweden.
    pub fn time(&self, column: &str) -> Option<DateTime<Utc>> {
        let cell = self.cell(column)?;
        let time = time(cell);
        if time.is_none() {
            self.refuse(column, "a time in Sweden such as 2026-05-01 or 2026-05-01 13:30");
        }
        time
    }

    fn fault(&self, key: &str, value: String, wanted: &str) {
        let (file, line) = (self.path.to_owned(), self.line);
        let (key, wanted) = (key.to_owned(), wanted.to_owned());
        self.faults.add(Fault { file, line, key, value, wanted });
    }
}

impl Entry for Row<'_> {
    fn refuse(&self, column: &str, wanted: &str) {
        let value = self.cell(column).map_or("missing".to_owned(), |cell| format!("{cell:?}"));
        self.fault(column, value, wanted);
    }

    fn place(&self) -> String {
        super::place(self.path, self.line)
    }
}

/// A number as programs write it.
#[must_use]
pub fn with_point(text: &str) -> String {
    // A true minus sign comes with some fonts and locales.
    text.replace(',', ".").replace('\u{2212}', "-")
}

fn time(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    let local = ["%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
        .into_iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let day = || Some(NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_time(NaiveTime::MIN));
    Some(local.or_else(day)?.and_local_timezone(Stockholm).earliest()?.to_utc())
}

#[cfg(test)]
mod tests;
