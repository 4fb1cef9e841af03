//! Cuts a Flux query into words.

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    Name(String),
    Text(String),
    Regex(String),
    Number(String),
    Duration(String),
    Symbol(&'static str),
}

/// Longer ones first, so that `<=` is not `<` and `=`.
const SYMBOLS: [&str; 26] = [
    "|>", "=>", "=~", "!~", "==", "!=", "<=", ">=", "(", ")", "[", "]", "{", "}", ",", ":", ".",
    "=", "<", ">", "+", "-", "*", "/", "%", "^",
];

const UNITS: [&str; 10] = ["ns", "us", "ms", "mo", "s", "m", "h", "d", "w", "y"];

pub fn tokens(query: &str) -> Result<Vec<Token>, String> {
    let mut found: Vec<Token> = Vec::new();
    let mut rest = query.trim_start();
    while let Some(first) = rest.chars().next() {
        let after_match = matches!(found.last(), Some(Token::Symbol("=~" | "!~")));
        let (token, length) = if first == '"' {
            let (text, length) = quoted(rest, '"').ok_or("a text that does not end")?;
            (Token::Text(text), length)
        } else if first == '/' && after_match {
            let (text, length) = quoted(rest, '/').ok_or("a regular expression without an end")?;
            (Token::Regex(text), length)
        } else if first.is_ascii_digit() {
            number(rest)?
        } else if first.is_alphabetic() || first == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            if !rest[..end].is_ascii() {
                return Err(format!("a name with letters beyond ASCII: {}", &rest[..end]));
            }
            (Token::Name(rest[..end].to_owned()), end)
        } else {
            let symbol = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol));
            let symbol = symbol.ok_or_else(|| format!("a sign that Flux has not: {first}"))?;
            (Token::Symbol(symbol), symbol.len())
        };
        found.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(found)
}

/// What stands between two marks, and the length with them.
fn quoted(text: &str, mark: char) -> Option<(String, usize)> {
    let mut is_escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            '\n' => return None,
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            letter if letter == mark => return Some((text[1..at].to_owned(), at + 1)),
            _ => {}
        }
    }
    None
}

fn number(text: &str) -> Result<(Token, usize), String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '.';
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    let word = &text[..end];
    if word.chars().all(|c| c.is_ascii_digit() || c == '.') {
        let is_number = word.parse::<f64>().is_ok() && !word.ends_with('.');
        let token = is_number.then(|| Token::Number(word.to_owned()));
        return token.map(|token| (token, end)).ok_or(format!("not a number: {word}"));
    }
    let mut rest = word;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let unit = UNITS.into_iter().find(|unit| rest[digits..].starts_with(unit));
        match unit {
            Some(unit) if digits > 0 => rest = &rest[digits + unit.len()..],
            _ => return Err(format!("not a duration: {word}")),
        }
    }
    Ok((Token::Duration(word.to_owned()), end))
}
