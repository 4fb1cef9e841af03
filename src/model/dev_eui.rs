use std::fmt;
use std::str::FromStr;

/// The 64-bit identity of a LoRaWAN device (LoRaWAN 1.0.4, section 6.2.1).
///
/// Its text is 16 lower-case hexadecimal digits, most significant first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DevEui(pub u64);

/// A text that is not a DevEUI; holds the text.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("DevEUI is {0:?}, want 16 hexadecimal digits")]
pub struct BadDevEui(pub String);

impl BadDevEui {
    /// What has gone wrong, where that can be told: most often a spreadsheet has taken it for a number.
    #[must_use]
    pub fn cause(&self) -> Option<String> {
        let text: Vec<char> =
            self.0.chars().filter(|c| !matches!(c, '-' | ':') && !c.is_whitespace()).collect();
        let is_number = |c: &char| c.is_ascii_digit() || matches!(c, 'E' | '+' | ',' | '.');
        if text.contains(&'+') && text.iter().all(is_number) {
            return Some(
                "a spreadsheet has made a number of this one and its digits are lost: format the column \
                 as Text, then paste the DevEUIs again"
                    .to_owned(),
            );
        }
        let foreign = text.iter().find(|c| !c.is_ascii_hexdigit());
        match (foreign, text.len()) {
            (Some(c), _) => Some(format!("{c:?} is no such digit")),
            (None, 0) => None,
            (None, 8..=15) if text.iter().all(char::is_ascii_digit) => Some(format!(
                "this one has {}: a spreadsheet takes zeros from the front of numbers, so format the \
                 column as Text, then paste the DevEUIs again",
                text.len()
            )),
            (None, length) => Some(format!("this one has {length}")),
        }
    }
}

impl FromStr for DevEui {
    type Err = BadDevEui;

    /// Accepts either case, with or without `-`, `:` or a space between the bytes, as network
    /// servers and stickers on sensors write it.
    fn from_str(text: &str) -> Result<Self, BadDevEui> {
        let mut value = 0_u64;
        let mut digits = 0;
        for character in text.chars().filter(|c| !matches!(c, '-' | ':' | ' ')) {
            let digit = character
                .to_digit(16)
                .filter(|_| digits < 16)
                .ok_or_else(|| BadDevEui(text.to_owned()))?;
            value = value << 4 | u64::from(digit);
            digits += 1;
        }
        if digits == 16 { Ok(Self(value)) } else { Err(BadDevEui(text.to_owned())) }
    }
}

impl fmt::Display for DevEui {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for DevEui {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_dev_eui_is_one_value() {
        for text in [
            "0e7a11fffe4c2d91",
            "0E7A11FFFE4C2D91",
            "0e-7a-11-ff-fe-4c-2d-91",
            "0E:7A:11:FF:FE:4C:2D:91",
            "0E 7A 11 FF FE 4C 2D 91",
        ] {
            let dev_eui: DevEui = text.parse().unwrap();
            assert_eq!(dev_eui.to_string(), "0e7a11fffe4c2d91");
        }
    }

    #[test]
    fn what_has_become_of_a_dev_eui_is_told() {
        let cases = [
            ("", None),
            ("0e7a11fffe4c2d9", Some("this one has 15")),
            ("0e7a11fffe4c2d911a", Some("this one has 18")),
            ("0e7a11fffe4c2d9O", Some("'O' is no such digit")),
            ("70760500001234", Some("this one has 14: a spreadsheet takes zeros")),
            ("76050000", Some("this one has 8: a spreadsheet takes zeros")),
            ("7,07E+13", Some("a spreadsheet has made a number of this one")),
            ("7.07605E+13", Some("a spreadsheet has made a number of this one")),
        ];
        for (text, wanted) in cases {
            let cause = text.parse::<DevEui>().unwrap_err().cause();
            let is_told = cause.as_deref().zip(wanted).is_some_and(|(is, w)| is.starts_with(w));
            assert!(is_told || cause.is_none() && wanted.is_none(), "{text}: {cause:?}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in
            ["", "0e7a11fffe4c2d9", "0e7a11fffe4c2d911", "0e7a11fffe4c2d9g", "åäöåäöåäöåäöåäöå"]
        {
            assert_eq!(text.parse::<DevEui>(), Err(BadDevEui(text.to_owned())));
        }
    }
}
