//! TOML files and tables read key by key, so that every fault in them is found in one run and named
//! with file, line, key, value and what was wanted.

mod csv;
mod malformed;
mod near;
mod values;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub use csv::{Columns, Row, read_rows, with_point};
pub use near::{is_alike, or_near};
pub use values::FromToml;

/// Something in a file that cannot be taken as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub file: PathBuf,
    /// From 1; 0 where the file as a whole is meant.
    pub line: usize,
    pub key: String,
    /// As written in the file.
    pub value: String,
    pub wanted: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        f.write_str(": ")?;
        if !self.key.is_empty() {
            write!(f, "{} is ", self.key)?;
        }
        write!(f, "{}, want {}", self.value, self.wanted)
    }
}

/// All faults found so far, in any number of files.
#[derive(Debug, Default)]
pub struct Faults {
    found: RefCell<Vec<Fault>>,
}

impl Faults {
    pub fn add(&self, fault: Fault) {
        self.found.borrow_mut().push(fault);
    }

    /// A fault of a file as a whole.
    pub fn of_file(&self, file: &Path, value: impl Into<String>, wanted: impl Into<String>) {
        self.add(Fault {
            file: file.to_owned(),
            line: 0,
            key: String::new(),
            value: value.into(),
            wanted: wanted.into(),
        });
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }

    #[must_use]
    pub fn into_vec(self) -> Vec<Fault> {
        self.found.into_inner()
    }
}

/// Part of a file that says something of one thing: a table or a row.
pub trait Entry {
    /// Says that the value of `key` fits its type and is still not what is wanted.
    fn refuse(&self, key: &str, wanted: &str);
    /// Where it begins, for messages about others: the file's name and the line.
    fn place(&self) -> String;
}

impl Entry for Section<'_> {
    fn refuse(&self, key: &str, wanted: &str) {
        Section::refuse(self, key, wanted);
    }

    fn place(&self) -> String {
        place(self.file(), self.line())
    }
}

fn place(file: &Path, line: usize) -> String {
    let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
    format!("{name}:{line}")
}

/// How much of a file of many tables is parsed at once: parsed, it takes some twenty times as much.
const PART_BYTES: usize = 8 * 1024;

struct File<'f> {
    path: &'f Path,
    text: &'f str,
    faults: &'f Faults,
    /// What comes before `text`, where that is a part of the file.
    lines_before: usize,
    tables_before: usize,
}

/// Reads a TOML file through `read`. Keys that `read` does not ask for are faults.
///
/// Returns `None` if the file cannot be opened or is no TOML at all; `faults` then says why.
pub fn read<T>(path: &Path, faults: &Faults, read: impl FnOnce(&Section<'_>) -> T) -> Option<T> {
    parse(path, &text_of(path, faults)?, faults, read)
}

/// Reads each `[[key]]` of a TOML file that holds nothing else, however many there are.
///
/// Returns `None` as [`read`] does.
pub fn read_tables<T>(
    path: &Path,
    faults: &Faults,
    key: &str,
    read: impl FnMut(&Section<'_>) -> T,
) -> Option<Vec<T>> {
    parse_tables(path, &text_of(path, faults)?, faults, key, read)
}

fn text_of(path: &Path, faults: &Faults) -> Option<String> {
    let text = fs::read_to_string(path);
    text.map_err(|error| faults.of_file(path, error.to_string(), "a readable file")).ok()
}

fn parse_tables<T>(
    path: &Path,
    text: &str,
    faults: &Faults,
    key: &str,
    mut read: impl FnMut(&Section<'_>) -> T,
) -> Option<Vec<T>> {
    let mut all = Some(Vec::new());
    let mut lines_before = 0;
    for text in parts(text, key) {
        let tables_before = all.as_ref().map_or(0, Vec::len);
        let file = File { path, text, faults, lines_before, tables_before };
        all = match (file.parse(), all) {
            (Some(root), Some(mut all)) => {
                all.extend(Section::enter(&file, String::new(), &root, |root| {
                    root.tables(key, &mut read)
                }));
                Some(all)
            }
            // All of the file is looked at all the same, so that all faults are found.
            _ => None,
        };
        lines_before += text.matches('\n').count();
    }
    all
}

/// Cuts a text before a `[[key]]`, as often as it is long.
fn parts<'t>(text: &'t str, key: &str) -> Vec<&'t str> {
    let header = format!("[[{key}]]");
    let is_header = |line: &str| line.trim_start().starts_with(&header);
    let is_blank = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    // A key before the first table may clash with all of them, and a line in a long text may look like a header.
    let is_plain = text.lines().take_while(|line| !is_header(line)).all(is_blank);
    if !is_plain || ["\"\"\"", "'''"].iter().any(|quotes| text.contains(quotes)) {
        return vec![text];
    }
    let (mut parts, mut rest, mut length) = (Vec::new(), text, 0);
    for line in text.split_inclusive('\n') {
        if length >= PART_BYTES
            && is_header(line)
            && let Some((part, left)) = rest.split_at_checked(length)
        {
            parts.push(part);
            (rest, length) = (left, 0);
        }
        length += line.len();
    }
    parts.push(rest);
    parts
}

/// [`read`] for text that is already at hand; `path` only names it.
pub fn parse<T>(
    path: &Path,
    text: &str,
    faults: &Faults,
    read: impl FnOnce(&Section<'_>) -> T,
) -> Option<T> {
    let file = File { path, text, faults, lines_before: 0, tables_before: 0 };
    let root = file.parse()?;
    Some(Section::enter(&file, String::new(), &root, read))
}

impl<'f> File<'f> {
    fn parse(&self) -> Option<Spanned<DeTable<'f>>> {
        let (root, errors) = DeTable::parse_recoverable(self.text);
        self.refuse_malformed(&errors);
        errors.is_empty().then_some(root)
    }

    fn fault(&self, at: usize, key: String, value: String, wanted: impl Into<String>) {
        let (file, line) = (self.path.to_owned(), self.line(at));
        self.faults.add(Fault { file, line, key, value, wanted: wanted.into() });
    }

    fn line(&self, at: usize) -> usize {
        self.lines_before + self.text.get(..at).unwrap_or(self.text).matches('\n').count() + 1
    }

    /// A value as the author wrote it, cut to what fits in a message.
    fn written(&self, span: Range<usize>) -> String {
        const SHOWN_CHARS: usize = 60;
        let text = self.text.get(span).unwrap_or_default();
        let line = text.lines().next().unwrap_or_default();
        let mut shown: String = line.chars().take(SHOWN_CHARS).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        shown
    }
}

/// One table of a file.
pub struct Section<'d> {
    file: &'d File<'d>,
    /// `site[3].bathing`; empty for the whole file.
    path: String,
    at: usize,
    table: &'d DeTable<'d>,
    asked: RefCell<BTreeSet<String>>,
}

impl<'d> Section<'d> {
    fn enter<T>(
        file: &'d File<'d>,
        path: String,
        table: &'d Spanned<DeTable<'d>>,
        read: impl FnOnce(&Section<'d>) -> T,
    ) -> T {
        let at = table.span().start;
        Self::enter_at(file, path, at, table.get_ref(), read)
    }

    fn enter_at<T>(
        file: &'d File<'d>,
        path: String,
        at: usize,
        table: &'d DeTable<'d>,
        read: impl FnOnce(&Section<'d>) -> T,
    ) -> T {
        let section = Section { file, path, at, table, asked: RefCell::default() };
        let value = read(&section);
        section.refuse_unknown();
        value
    }

    /// The path of the file, for what lies beside it.
    #[must_use]
    pub fn file(&self) -> &'d Path {
        self.file.path
    }

    /// The line where a key stands, or where this table begins.
    #[must_use]
    pub fn line_of(&self, key: &str) -> usize {
        self.get(key).map_or_else(|| self.line(), |value| self.file.line(value.span().start))
    }

    /// The line where this table begins, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.file.line(self.at)
    }

    /// The value of a key, `None` where it is absent or, with a fault, where it does not fit.
    pub fn optional<T: FromToml>(&self, key: &str) -> Option<T> {
        let value = self.get(key)?;
        let read = T::from_toml(value.get_ref());
        if read.is_none() {
            let wanted = value.get_ref().as_str().map_or_else(T::wanted, T::wanted_for);
            self.refuse(key, &wanted);
        }
        read
    }

    /// The value of a key that must be there; `None` only with a fault.
    pub fn required<T: FromToml>(&self, key: &str) -> Option<T> {
        if self.get(key).is_none() {
            let name = self.name(key);
            self.file.fault(self.at, name, "missing".to_owned(), T::wanted());
            return None;
        }
        self.optional(key)
    }

    /// The value of a key, or `default`.
    pub fn or<T: FromToml>(&self, key: &str, default: T) -> T {
        self.optional(key).unwrap_or(default)
    }

    /// The table under a key, if there is one.
    pub fn table<T>(&self, key: &str, read: impl FnOnce(&Section<'d>) -> T) -> Option<T> {
        let value = self.get(key)?;
        match value.get_ref() {
            DeValue::Table(table) => {
                Some(Section::enter_at(self.file, self.name(key), value.span().start, table, read))
            }
            DeValue::Array(items)
                if !items.is_empty() && items.iter().all(|item| item.get_ref().is_table()) =>
            {
                let wanted = format!("[{}] in single brackets, once", self.header(key));
                self.refuse(key, &wanted);
                None
            }
            _ => {
                self.refuse(key, "a table");
                None
            }
        }
    }

    /// Each table of `[[key]]`, in order.
    pub fn tables<T>(&self, key: &str, mut read: impl FnMut(&Section<'d>) -> T) -> Vec<T> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            let wanted = match value.get_ref() {
                DeValue::Table(_) => {
                    &format!("[[{}]] in double brackets, as often as needed", self.header(key))
                }
                _ => "an array of tables",
            };
            self.refuse(key, wanted);
            return Vec::new();
        };
        let mut all = Vec::new();
        let before = if self.path.is_empty() { self.file.tables_before } else { 0 };
        for (number, item) in (before + 1..).zip(items.iter()) {
            let name = format!("{}[{number}]", self.name(key));
            match item.get_ref() {
                DeValue::Table(table) => {
                    all.push(Section::enter_at(
                        self.file,
                        name,
                        item.span().start,
                        table,
                        &mut read,
                    ));
                }
                _ => self.file.fault(
                    item.span().start,
                    name,
                    self.file.written(item.span()),
                    "a table",
                ),
            }
        }
        all
    }

    /// Each table of `[key.<name>]` with its name, by name.
    pub fn named_tables<T>(
        &self,
        key: &str,
        mut read: impl FnMut(&str, &Section<'d>) -> T,
    ) -> Vec<T> {
        let names = self.table(key, |section| {
            for (name, _) in section.table.iter() {
                section.asked.borrow_mut().insert(name.get_ref().to_string());
            }
            section
                .table
                .iter()
                .map(|(name, _)| name.get_ref().to_string())
                .filter_map(|name| section.table(&name, |inner| read(&name, inner)))
                .collect()
        });
        names.unwrap_or_default()
    }

    /// The keys of this table that nobody has asked for yet.
    #[must_use]
    pub fn other_keys(&self) -> Vec<String> {
        let asked = self.asked.borrow();
        let keys = self.table.keys().map(|key| key.get_ref().to_string());
        keys.filter(|key| !asked.contains(key)).collect()
    }

    /// Lets the keys that nobody has asked for be, where what they should be depends on what is at fault.
    pub fn let_others_be(&self) {
        let others = self.other_keys();
        self.asked.borrow_mut().extend(others);
    }

    /// Says that this table cannot have the name it has.
    pub fn refuse_name(&self, wanted: &str) {
        let name = self.path.rsplit('.').next().unwrap_or_default();
        self.file.fault(self.at, self.path.clone(), format!("{name:?}"), wanted);
    }

    /// Says that the value of `key` fits its type and is still not what is wanted.
    pub fn refuse(&self, key: &str, wanted: &str) {
        let (at, value) = match self.get(key) {
            Some(value) => (value.span().start, self.file.written(value.span())),
            None => (self.at, "missing".to_owned()),
        };
        self.file.fault(at, self.name(key), value, wanted);
    }

    /// [`Self::refuse`] where the value may be a password, which does not belong in logs.
    pub fn refuse_unshown(&self, key: &str, wanted: &str) {
        let at = self.get(key).map_or(self.at, |value| value.span().start);
        self.file.fault(at, self.name(key), "not shown here".to_owned(), wanted);
    }

    /// Whether the value of a key is a table, `None` where the key is absent.
    #[must_use]
    pub fn is_table(&self, key: &str) -> Option<bool> {
        self.get(key).map(|value| matches!(value.get_ref(), DeValue::Table(_)))
    }

    fn get(&self, key: &str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.asked.borrow_mut().insert(key.to_owned());
        self.table.get(key)
    }

    fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// What stands between the brackets above a table: `site.bathing`.
    fn header(&self, key: &str) -> String {
        let name = self.name(key);
        let parts = name.split('[').map(|part| part.split_once(']').map_or(part, |(_, rest)| rest));
        parts.collect()
    }

    fn refuse_unknown(&self) {
        let asked = self.asked.borrow();
        for (key, value) in self.table.iter() {
            if !asked.contains(key.get_ref().as_ref()) {
                let mut known: Vec<&str> = asked.iter().map(String::as_str).collect();
                known.sort_unstable();
                let wanted = format!("one of the keys {}", known.join(", "));
                let wanted = or_near(&wanted, key.get_ref(), known);
                let name = self.name(key.get_ref());
                let written = self.file.written(value.span());
                self.file.fault(
                    key.span().start,
                    name,
                    format!("{written}, an unknown key"),
                    wanted,
                );
            }
        }
    }
}

#[cfg(test)]
mod tests;
