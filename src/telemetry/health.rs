use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// What is wrong at the moment, by part. No trouble means ready; a complaint is about something without
/// which everything else goes on.
#[derive(Debug, Default)]
pub struct Health {
    troubles: Mutex<BTreeMap<String, String>>,
    complaints: Mutex<BTreeMap<String, String>>,
}

impl Health {
    /// Says what is wrong with a part, such as `store` or `source chirpstack`.
    pub fn trouble(&self, part: &str, reason: &str) {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.insert(part.to_owned(), reason.to_owned());
    }

    /// Says what is wrong with a part that nothing else depends on, such as `sink influxdb`.
    pub fn complain(&self, part: &str, reason: &str) {
        let mut complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        complaints.insert(part.to_owned(), reason.to_owned());
    }

    /// Says that a part is well.
    pub fn well(&self, part: &str) {
        for wrong in [&self.troubles, &self.complaints] {
            wrong.lock().unwrap_or_else(PoisonError::into_inner).remove(part);
        }
    }

    /// All complaints: part and reason.
    #[must_use]
    pub fn complaints(&self) -> BTreeMap<String, String> {
        self.complaints.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All that is wrong: part and reason.
    #[must_use]
    pub fn troubles(&self) -> BTreeMap<String, String> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
