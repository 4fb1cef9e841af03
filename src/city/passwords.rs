//! Random secrets, and the form in which Mosquitto keeps passwords.

use std::fs;
use std::num::NonZeroU32;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::pbkdf2::{PBKDF2_HMAC_SHA512, derive};
use ring::rand::{SecureRandom, SystemRandom};

use super::CityError;

/// Bytes of a secret. Written as hex it may stand in any file and on any command line, and is
/// shorter than the longest password that InfluxDB takes.
const SECRET_BYTES: usize = 24;

/// Mosquitto 2.0 refuses any other length.
const SALT_BYTES: usize = 12;
const HASH_BYTES: usize = 64;

/// As `mosquitto_passwd` has it. Many rounds protect words that people have thought of; nobody
/// finds a random secret by trying, with however few.
const ROUNDS: NonZeroU32 = NonZeroU32::new(101).unwrap();

/// What the system gives.
pub struct Randomness(SystemRandom);

impl Randomness {
    pub fn new() -> Self {
        Self(SystemRandom::new())
    }

    pub fn secret(&self) -> Result<String, CityError> {
        let mut bytes = [0; SECRET_BYTES];
        self.0.fill(&mut bytes).map_err(|_| CityError::NoRandomness)?;
        Ok(hex::encode(bytes))
    }

    fn salt(&self) -> Result<[u8; SALT_BYTES], CityError> {
        let mut salt = [0; SALT_BYTES];
        self.0.fill(&mut salt).map_err(|_| CityError::NoRandomness)?;
        Ok(salt)
    }
}

/// Mosquitto's file of passwords for users whose secrets lie in files of the city's folder.
pub fn password_file(
    dir: &Path,
    users: &[(&str, &str)],
    randomness: &Randomness,
) -> Result<String, CityError> {
    let mut text = String::new();
    for (user, file) in users {
        let password = read(&dir.join(file))?;
        let hash = hashed(&password, &randomness.salt()?);
        text += &format!("{user}:{hash}\n");
    }
    Ok(text)
}

/// A password alone in a file, or after `-P ` among the options of a client of the broker.
fn read(path: &Path) -> Result<String, CityError> {
    let text = fs::read_to_string(path)
        .map_err(|error| CityError::Read { path: path.to_owned(), error })?;
    let option = text.lines().find_map(|line| line.strip_prefix("-P "));
    let password = option.unwrap_or(&text).trim_end();
    if password.is_empty() {
        return Err(CityError::Empty(path.to_owned()));
    }
    Ok(password.to_owned())
}

/// `$7$<rounds>$<salt>$<hash>`: PBKDF2 with SHA-512, as `mosquitto_passwd` writes it.
fn hashed(password: &str, salt: &[u8; SALT_BYTES]) -> String {
    let mut hash = [0; HASH_BYTES];
    derive(PBKDF2_HMAC_SHA512, ROUNDS, salt, password.as_bytes(), &mut hash);
    format!("$7${ROUNDS}${}${}", BASE64.encode(salt), BASE64.encode(hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_the_same_and_has_no_character_with_a_meaning() {
        let randomness = Randomness::new();
        let (one, other) = (randomness.secret().unwrap(), randomness.secret().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), 2 * SECRET_BYTES);
        assert!(one.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
}
