//! Passwords and tokens: named in the configuration, kept outside it.

use std::fs;
use std::path::PathBuf;

/// Where a secret is kept. It is read anew each time it is needed, so that a renewed one is
/// taken in without a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secret {
    /// An environment variable.
    Env(String),
    /// A file; white space at its end does not count.
    File(PathBuf),
    /// Said outright, which no configuration file can do: for the demonstration, where nothing
    /// is secret, and for tests.
    Known(String),
}

#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("the environment variable {0} is not set")]
    NoVariable(String),
    #[error("cannot read {}: {error}", path.display())]
    NoFile { path: PathBuf, error: std::io::Error },
    #[error("{0} is empty")]
    Empty(String),
}

impl Secret {
    /// # Errors
    ///
    /// If there is no such variable or file, or nothing in it.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads secrets from the environment"
    )]
    pub fn read(&self) -> Result<String, SecretError> {
        let (place, text) = match self {
            Self::Env(name) => (
                name.clone(),
                std::env::var(name).map_err(|_| SecretError::NoVariable(name.clone()))?,
            ),
            Self::Known(text) => ("the secret".to_owned(), text.clone()),
            Self::File(path) => {
                let no_file = |error| SecretError::NoFile { path: path.clone(), error };
                (path.display().to_string(), fs::read_to_string(path).map_err(no_file)?)
            }
        };
        let secret = text.trim_end();
        if secret.is_empty() { Err(SecretError::Empty(place)) } else { Ok(secret.to_owned()) }
    }
}
