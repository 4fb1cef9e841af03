//! Takes a script apart into tokens, or gives up where two readings are possible.

/// Words that an operand follows, so that a slash after them begins a regular expression.
const BEFORE_OPERAND: [&str; 11] = [
    "return",
    "typeof",
    "case",
    "do",
    "else",
    "in",
    "instanceof",
    "new",
    "void",
    "delete",
    "throw",
];

/// Words of which it depends on their surroundings.
const UNCLEAR: [&str; 3] = ["yield", "await", "of"];

/// Words whose parentheses are not an operand.
const CONDITIONAL: [&str; 4] = ["if", "while", "for", "with"];

/// Marks of several characters that must not be read as several marks. No other mark matters here.
const LONG_MARKS: [&str; 5] = ["...", "=>", "++", "--", "?."];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Name,
    Number,
    Text,
    /// A template, or a part of one between two substitutions.
    Template,
    Regex,
    Mark,
}

#[derive(Clone, Copy, Debug)]
pub struct Token<'s> {
    pub kind: Kind,
    pub text: &'s str,
    pub on_new_line: bool,
    /// Where the bracket is that belongs to this one.
    pub partner: Option<usize>,
    /// Where the bracket is that was opened last before this token.
    pub inside: Option<usize>,
}

impl<'s> Token<'s> {
    /// The text of a name or a mark: that of a literal is no syntax.
    pub fn mark(&self) -> &'s str {
        if matches!(self.kind, Kind::Name | Kind::Mark) { self.text } else { "" }
    }
}

/// The tokens of a script; none if it is not sure that these are they.
pub fn lex(source: &str) -> Option<Vec<Token<'_>>> {
    // Comments as in HTML, and characters that end a line where nobody sees it.
    if ["<!--", "-->", "\u{2028}", "\u{2029}"].iter().any(|odd| source.contains(odd)) {
        return None;
    }
    let mut lexer = Lexer { rest: source, tokens: Vec::new(), open: Vec::new(), on_new_line: true };
    while lexer.skip_blank()? {
        lexer.token()?;
    }
    lexer.open.is_empty().then_some(lexer.tokens)
}

struct Lexer<'s> {
    rest: &'s str,
    tokens: Vec<Token<'s>>,
    /// Brackets that have not been closed.
    open: Vec<usize>,
    on_new_line: bool,
}

impl<'s> Lexer<'s> {
    /// Skips blanks and comments. Answers whether something is left.
    fn skip_blank(&mut self) -> Option<bool> {
        loop {
            let blank = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r');
            let trimmed = self.rest.trim_start_matches(blank);
            let end = if trimmed.starts_with("//") {
                trimmed.find(['\n', '\r']).unwrap_or(trimmed.len())
            } else if let Some(comment) = trimmed.strip_prefix("/*") {
                comment.find("*/")? + 4
            } else {
                0
            };
            let (_, left) = trimmed.split_at_checked(end)?;
            let (skipped, _) = self.rest.split_at_checked(self.rest.len() - left.len())?;
            self.on_new_line |= skipped.contains(['\n', '\r']);
            self.rest = left;
            if end == 0 {
                return Some(!left.is_empty());
            }
        }
    }

    fn token(&mut self) -> Option<()> {
        let first = self.rest.chars().next()?;
        let second = self.rest.chars().nth(1);
        match first {
            'a'..='z' | 'A'..='Z' | '_' | '$' => {
                let is_more = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$');
                self.push(Kind::Name, self.rest.find(|c| !is_more(c)).unwrap_or(self.rest.len()))
            }
            '0'..='9' => self.push(Kind::Number, number_length(self.rest)),
            '.' if second.is_some_and(|c| c.is_ascii_digit()) => {
                self.push(Kind::Number, number_length(self.rest))
            }
            '"' | '\'' => self.push(Kind::Text, text_length(self.rest, first)?),
            '`' => self.template_part(1),
            '/' if self.is_regex_next()? => self.push(Kind::Regex, regex_length(self.rest)?),
            '(' | '[' | '{' => self.open_bracket(1),
            ')' | ']' | '}' => self.close_bracket(first),
            c if c.is_ascii_punctuation() && !matches!(c, '\\' | '#' | '@') => {
                let long = LONG_MARKS.iter().find(|mark| self.rest.starts_with(**mark));
                self.push(Kind::Mark, long.map_or(1, |mark| mark.len()))
            }
            _ => None,
        }
    }

    fn push(&mut self, kind: Kind, length: usize) -> Option<()> {
        let (text, rest) = self.rest.split_at_checked(length)?;
        let inside = self.open.last().copied();
        let on_new_line = std::mem::take(&mut self.on_new_line);
        self.tokens.push(Token { kind, text, on_new_line, partner: None, inside });
        self.rest = rest;
        Some(())
    }

    fn open_bracket(&mut self, length: usize) -> Option<()> {
        let at = self.tokens.len();
        self.push(Kind::Mark, length)?;
        self.open.push(at);
        Some(())
    }

    fn close_bracket(&mut self, close: char) -> Option<()> {
        let open = self.open.pop()?;
        let close_at = self.tokens.len();
        let opening = self.tokens.get_mut(open)?;
        let fits = match close {
            ')' => opening.text == "(",
            ']' => opening.text == "[",
            _ => matches!(opening.text, "{" | "${"),
        };
        opening.partner = Some(close_at);
        let is_substitution = opening.text == "${";
        fits.then_some(())?;
        self.push(Kind::Mark, 1)?;
        self.tokens.last_mut()?.partner = Some(open);
        if is_substitution { self.template_part(0) } else { Some(()) }
    }

    /// The text of a template from `start` up to its end or its next substitution.
    fn template_part(&mut self, start: usize) -> Option<()> {
        let bytes = self.rest.as_bytes();
        let mut at = start;
        loop {
            match bytes.get(at..)? {
                [b'\\', ..] => at += 2,
                [b'`', ..] => return self.push(Kind::Template, at + 1),
                [b'$', b'{', ..] => {
                    self.push(Kind::Template, at)?;
                    return self.open_bracket(2);
                }
                [] => return None,
                _ => at += 1,
            }
        }
    }

    /// Whether a slash begins a regular expression and is no division.
    fn is_regex_next(&self) -> Option<bool> {
        let Some(last) = self.tokens.last() else { return Some(true) };
        let before = |at: usize| at.checked_sub(1).and_then(|before| self.tokens.get(before));
        let is_property = |at| before(at).is_some_and(|dot| matches!(dot.mark(), "." | "?."));
        let at = self.tokens.len().saturating_sub(1);
        match (last.kind, last.text) {
            (Kind::Number | Kind::Text | Kind::Template | Kind::Regex, _) | (Kind::Mark, "]") => {
                Some(false)
            }
            (Kind::Name, _) if is_property(at) => Some(false),
            (Kind::Name, word) if UNCLEAR.contains(&word) => None,
            (Kind::Name, word) => Some(BEFORE_OPERAND.contains(&word)),
            (Kind::Mark, ")") => {
                let open = last.partner?;
                match before(open) {
                    Some(word) if word.text == "await" => None,
                    Some(word) if CONDITIONAL.contains(&word.text) => {
                        Some(!is_property(open.saturating_sub(1)))
                    }
                    _ => Some(false),
                }
            }
            // The end of a block or of an object, and an increment before or after.
            (Kind::Mark, "}" | "++" | "--") => None,
            (Kind::Mark, _) => Some(true),
        }
    }
}

fn number_length(rest: &str) -> usize {
    let is_hexadecimal = rest.starts_with("0x") || rest.starts_with("0X");
    let mut last = ' ';
    let mut is_more = |c: char| {
        let is_sign = matches!(c, '+' | '-') && matches!(last, 'e' | 'E') && !is_hexadecimal;
        last = c;
        is_sign || c.is_ascii_alphanumeric() || matches!(c, '.' | '_')
    };
    rest.find(|c| !is_more(c)).unwrap_or(rest.len())
}

fn text_length(rest: &str, quote: char) -> Option<usize> {
    let mut is_escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '\n' | '\r' => return None,
            c if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Without the flags, which then pass for a name after it.
fn regex_length(rest: &str) -> Option<usize> {
    let (mut is_escaped, mut in_class) = (false, false);
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            '\n' | '\r' => return None,
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            // A class in a class, or a bracket: it depends on a flag that comes later.
            '[' if in_class => return None,
            '[' => in_class = true,
            ']' => in_class = false,
            '/' if !in_class => return Some(at + 1),
            _ => {}
        }
    }
    None
}
