//! Finds the scripts that need not be started anew for each uplink.
//!
//! A script is started anew so that nothing it remembers outlives an uplink. Most scripts remember nothing: all they
//! do at their outset is to define functions and tables of constants. Of such a script this module says what it
//! defines, and its context freezes that, so that it can be defined once.
//!
//! Whatever is not understood here, or could be written to without the engine refusing it, makes a script one of those that are
//! started anew: that is never wrong, only slower.

mod lexer;

use std::collections::{BTreeMap, BTreeSet};

use self::lexer::{Kind, Token, lex};

/// Names by which a script may look at, or get around, what has been frozen; and its own exports, which are not frozen.
const TELLTALE: [&str; 6] =
    ["Reflect", "exports", "isExtensible", "isFrozen", "isSealed", "module"];

/// Words after which a parenthesis is not that of a call.
const WORDS: [&str; 28] = [
    "await",
    "case",
    "catch",
    "const",
    "default",
    "delete",
    "do",
    "else",
    "extends",
    "for",
    "function",
    "if",
    "in",
    "instanceof",
    "let",
    "new",
    "of",
    "return",
    "static",
    "switch",
    "throw",
    "typeof",
    "var",
    "void",
    "while",
    "with",
    "yield",
    "export",
];

const CONSTANTS: [&str; 6] = ["true", "false", "null", "undefined", "NaN", "Infinity"];

/// Deepest nesting of a table.
const DEPTH_MAX: usize = 32;

/// The names that a script defines at its outset, where it does nothing else and never gives one of them
/// another value.
pub(super) fn definitions(source: &str) -> Option<Vec<&str>> {
    let tokens = lex(source)?;
    let pairs = tokens.iter().zip(tokens.iter().skip(1));
    let functions = pairs.filter(|(word, _)| word.mark() == "function").map(|(_, name)| name.text);
    let mut outset = Outset {
        tokens: &tokens,
        functions: functions.collect(),
        names: BTreeMap::new(),
        settled: BTreeSet::new(),
    };
    outset.statements()?;
    outset.names.get("decodeUplink")?;
    let is_fixed = |at| !outset.is_told(at) && !outset.may_be_written(at);
    (0..tokens.len()).all(is_fixed).then(|| outset.names.into_keys().collect())
}

struct Outset<'t, 's> {
    tokens: &'t [Token<'s>],
    /// What is called a function anywhere: a table may have one before it is defined.
    functions: BTreeSet<&'s str>,
    /// What is defined, and whether the engine refuses to give it another value.
    names: BTreeMap<&'s str, bool>,
    /// Places where a name is defined, or is a value in a table.
    settled: BTreeSet<usize>,
}

impl<'s> Outset<'_, 's> {
    fn text(&self, at: usize) -> &'s str {
        self.tokens.get(at).map_or("", |token| token.mark())
    }

    fn is_name(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(|token| token.kind == Kind::Name)
    }

    /// What follows the bracket that closes the one at `at`, which has to be `open`.
    fn beyond(&self, at: usize, open: &str) -> Option<usize> {
        (self.text(at) == open).then(|| self.tokens.get(at)?.partner).flatten().map(|end| end + 1)
    }

    fn define(&mut self, at: usize, is_const: bool) -> Option<()> {
        let name = self.tokens.get(at).filter(|token| token.kind == Kind::Name)?;
        self.names.insert(name.text, is_const);
        self.settled.insert(at);
        Some(())
    }

    fn statements(&mut self) -> Option<()> {
        let mut at = 0;
        while let Some(token) = self.tokens.get(at) {
            at = match (token.kind, token.mark()) {
                (Kind::Mark, ";") => at + 1,
                (Kind::Text, _) if self.text(at + 1) == ";" => at + 2,
                (Kind::Name, "function") => {
                    self.define(at + 1, false)?;
                    let body = self.beyond(at + 2, "(")?;
                    self.beyond(body, "{")?
                }
                (Kind::Name, word @ ("const" | "let" | "var")) => {
                    self.declarations(at + 1, word == "const")?
                }
                _ => return None,
            };
        }
        Some(())
    }

    /// `name = value, …;`
    fn declarations(&mut self, mut at: usize, is_const: bool) -> Option<usize> {
        loop {
            self.define(at, is_const)?;
            (self.text(at + 1) == "=").then_some(())?;
            at = self.value(at + 2, 0)?;
            match self.text(at) {
                "," => at += 1,
                ";" => return Some(at + 1),
                _ => return None,
            }
        }
    }

    /// A constant, a table of values, a function, or a sum of such. Answers where it ends.
    fn value(&mut self, mut at: usize, depth: usize) -> Option<usize> {
        loop {
            at = self.operand(at, depth)?;
            match self.text(at) {
                "+" | "-" | "*" | "|" | "&" => at += 1,
                "<" if self.text(at + 1) == "<" => at += 2,
                _ => return Some(at),
            }
        }
    }

    fn operand(&mut self, mut at: usize, depth: usize) -> Option<usize> {
        while matches!(self.text(at), "-" | "+") {
            at += 1;
        }
        let token = self.tokens.get(at)?;
        match (token.kind, token.mark()) {
            _ if depth > DEPTH_MAX => None,
            (Kind::Number | Kind::Text, _) => Some(at + 1),
            (Kind::Mark, "[") => self.list(at, depth),
            (Kind::Mark, "{") => self.table(at, depth),
            (Kind::Mark, "(") => {
                let arrow = self.beyond(at, "(")?;
                (self.text(arrow) == "=>").then(|| self.arrow_body(arrow + 1, depth)).flatten()
            }
            (Kind::Name, "function") => {
                let parameters = at + if self.is_name(at + 1) { 2 } else { 1 };
                let body = self.beyond(parameters, "(")?;
                self.beyond(body, "{")
            }
            (Kind::Name, _) if self.text(at + 1) == "=>" => self.arrow_body(at + 2, depth),
            (Kind::Name, word) if CONSTANTS.contains(&word) => Some(at + 1),
            (Kind::Name, _) => self.mention(at),
            _ => None,
        }
    }

    /// The value of something that is defined. Where it is not yet, the script fails and is started anew each time.
    fn mention(&mut self, at: usize) -> Option<usize> {
        let text = self.text(at);
        self.settled.insert(at);
        let is_known = self.names.contains_key(text) || self.functions.contains(text);
        is_known.then_some(at + 1)
    }

    fn list(&mut self, open: usize, depth: usize) -> Option<usize> {
        let end = self.beyond(open, "[")?;
        let mut at = open + 1;
        while at + 1 < end {
            at = if self.text(at) == "," { at + 1 } else { self.value(at, depth + 1)? };
            (at + 1 == end || self.text(at) == "," || self.text(at - 1) == ",").then_some(())?;
        }
        Some(end)
    }

    fn table(&mut self, open: usize, depth: usize) -> Option<usize> {
        let end = self.beyond(open, "{")?;
        let mut at = open + 1;
        while at + 1 < end {
            let key = self.tokens.get(at)?;
            at = match (key.kind, self.text(at + 1)) {
                // It would be the table's prototype.
                _ if key.text.contains("__proto__") || key.text.contains('\\') => return None,
                (Kind::Name | Kind::Number | Kind::Text, ":") => self.value(at + 2, depth + 1)?,
                (Kind::Name, "," | "}") => self.mention(at)?,
                _ => return None,
            };
            at = match self.text(at) {
                "," => at + 1,
                _ if at + 1 == end => at,
                _ => return None,
            };
        }
        Some(end)
    }

    /// A block, or an expression up to what ends it. It runs when it is called and not now.
    fn arrow_body(&self, start: usize, depth: usize) -> Option<usize> {
        if self.text(start) == "{" {
            return self.beyond(start, "{");
        }
        let mut at = start;
        loop {
            let token = self.tokens.get(at)?;
            // Outside brackets a new line may be a new statement.
            if depth == 0 && at > start && token.on_new_line && token.mark() != ";" {
                return None;
            }
            match token.mark() {
                "," | ";" | ")" | "]" | "}" => return (at > start).then_some(at),
                open @ ("(" | "[" | "{") => at = self.beyond(at, open)?,
                _ => at += 1,
            }
        }
    }

    fn is_told(&self, at: usize) -> bool {
        self.is_name(at) && TELLTALE.contains(&self.text(at))
    }

    /// Whether the token is one of the names, where it may be given another value. What a name holds is frozen, so
    /// that only the name itself matters.
    fn may_be_written(&self, at: usize) -> bool {
        if !self.is_name(at) || self.settled.contains(&at) {
            return false;
        }
        let text = self.text(at);
        if self.names.get(text).is_none_or(|is_const| *is_const) {
            return false;
        }
        let before = at.checked_sub(1).map_or("", |before| self.text(before));
        let after = self.text(at + 1);
        match (before, after) {
            // A property of something else that is called the same.
            ("." | "?.", _) => false,
            ("++" | "--", _) => true,
            // A call, something of it, or a key.
            (_, "(" | "." | "?." | "[" | ":") => false,
            ("(" | ",", ",") | (",", ")") => !self.is_in_parentheses(at),
            ("(", ")") => !self.is_in_call(at),
            _ => true,
        }
    }

    fn is_in_parentheses(&self, at: usize) -> bool {
        let inside = self.tokens.get(at).and_then(|token| token.inside);
        inside.is_some_and(|open| self.text(open) == "(")
    }

    /// In parentheses without a call before them a name can be written to.
    fn is_in_call(&self, at: usize) -> bool {
        let called = at.checked_sub(2);
        called.is_some_and(|called| self.is_name(called) && !WORDS.contains(&self.text(called)))
    }
}
