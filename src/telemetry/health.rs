use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// What is wrong at the moment, by part. Nothing wrong means ready.
#[derive(Debug, Default)]
pub struct Health {
    troubles: Mutex<BTreeMap<String, String>>,
}

impl Health {
    /// Says what is wrong with a part, such as `store` or `source chirpstack`.
    pub fn trouble(&self, part: &str, reason: &str) {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.insert(part.to_owned(), reason.to_owned());
    }

    /// Says that a part is well.
    pub fn well(&self, part: &str) {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner).remove(part);
    }

    /// All that is wrong: part and reason.
    #[must_use]
    pub fn troubles(&self) -> BTreeMap<String, String> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
