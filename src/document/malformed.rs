//! What is said of a file that is no TOML.

use toml::de::Error;

use super::File;

/// What word processors and chats make of `"` and `'`.
const CURLY: [char; 6] = ['“', '”', '„', '‘', '’', '´'];

impl File<'_> {
    /// Says what is wrong, once a line: what follows on the same line follows from it.
    pub(super) fn refuse_malformed(&self, errors: &[Error]) {
        let (mut last, mut is_repeating) = (None, false);
        for error in errors {
            let at = error.span().unwrap_or_default().start;
            let line = self.line_text(at);
            // The keys below a repeated header are repeated as well.
            let is_repeated = is_repeating && is_duplicate(error) && !line.starts_with('[');
            if last.replace(self.line(at)) == Some(self.line(at)) || is_repeated {
                continue;
            }
            if let Some(Comma { key, number }) = decimal_comma(line) {
                let wanted = format!("a decimal point, as in {}", number.replace(',', "."));
                self.fault(at, key.to_owned(), number.to_owned(), wanted);
            } else if let Some((header, is_of_list)) = header(line).filter(|_| is_duplicate(error))
            {
                is_repeating = true;
                let value = match is_of_list {
                    true => format!("[[{header}]] after [{header}]"),
                    false => format!("[{header}] a second time"),
                };
                let wanted = format!("[[{header}]] in double brackets, each time");
                self.fault(at, String::new(), value, wanted);
            } else if let Some(mark) = line.chars().find(|c| CURLY.contains(c)) {
                let value = format!("a quotation mark {mark}");
                self.fault(at, String::new(), value, "the straight one, \"");
            } else {
                self.fault(at, String::new(), error.message().replace('\n', " "), "TOML");
            }
        }
    }

    fn line_text(&self, at: usize) -> &str {
        let (before, after) = self.text.split_at_checked(at).unwrap_or((self.text, ""));
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let end = at + after.find('\n').unwrap_or(after.len());
        self.text.get(start..end).unwrap_or_default()
    }
}

/// A number as it is written in Swedish, and the key it is given to.
struct Comma<'l> {
    key: &'l str,
    number: &'l str,
}

/// Finds `key = 63,5`, also within `{ … }`. In a list a comma parts two numbers.
fn decimal_comma(line: &str) -> Option<Comma<'_>> {
    let is_of_key = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '"');
    line.match_indices('=').find_map(|(at, _)| {
        let (before, after) = (line.get(..at)?.trim_end(), line.get(at + 1..)?.trim_start());
        let (sign, digits) = match after.strip_prefix(['-', '+']) {
            Some(digits) => (1, digits),
            None => (0, after),
        };
        let (whole, rest) = digits.split_once(',')?;
        let is_whole = !whole.is_empty() && whole.bytes().all(|b| b.is_ascii_digit());
        let fraction = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number = after.get(..sign + whole.len() + 1 + fraction)?;
        let key = before.rsplit(|c| !is_of_key(c)).next()?;
        (is_whole && fraction > 0).then_some(Comma { key, number })
    })
}

fn is_duplicate(error: &Error) -> bool {
    error.message().contains("duplicate")
}

/// The name in `[name]`, and whether it stands in `[[name]]`.
fn header(line: &str) -> Option<(&str, bool)> {
    let (name, _) = line.trim().strip_prefix('[')?.split_once(']')?;
    Some(name.strip_prefix('[').map_or((name, false), |name| (name, true)))
}
