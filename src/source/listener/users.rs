use std::collections::BTreeMap;
use std::fmt;

use sha2::{Digest, Sha256};

use super::refusal::Refusal;

/// A user's password. Only its SHA-256 is kept, so comparing takes the same time wherever two
/// passwords differ, and no log or dump can show it.
#[derive(Clone)]
pub struct Password([u8; 32]);

impl Password {
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(digest(text.as_bytes()))
    }

    fn matches(&self, given: &[u8]) -> bool {
        let given = digest(given);
        let differing = self.0.iter().zip(given).fold(0, |bits, (a, b)| bits | (a ^ b));
        std::hint::black_box(differing) == 0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(hidden)")
    }
}

fn digest(text: &[u8]) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// Checks the credentials of a CONNECT (MQTT 5, 3.1.3.5 and 3.1.3.6). Without any user
/// configured everyone is let in, which `bind` allows on loopback addresses only.
///
/// # Errors
///
/// [`Refusal::NoCredentials`] if user or password is missing, [`Refusal::BadCredentials`] if
/// they are wrong; which of the two was wrong is not told.
pub(super) fn check(
    users: &BTreeMap<String, Password>,
    user: Option<&str>,
    password: Option<&[u8]>,
) -> Result<(), Refusal> {
    if users.is_empty() {
        return Ok(());
    }
    let (Some(user), Some(password)) = (user, password) else {
        return Err(Refusal::NoCredentials);
    };
    // An unknown user costs the same comparison, so names cannot be found out by the clock.
    let nobody = Password([0; 32]);
    let known = users.get(user);
    let matches = known.unwrap_or(&nobody).matches(password);
    if known.is_some() && matches { Ok(()) } else { Err(Refusal::BadCredentials) }
}
