use std::sync::Arc;

use axum::http::{HeaderMap, header};
use sha2::{Digest, Sha256};

/// What a client must send as `Authorization: Bearer`. Only its digest is kept.
#[derive(Clone)]
pub struct Token(Arc<[u8; 32]>);

impl Token {
    pub fn new(token: &str) -> Self {
        Self(Arc::new(digest(token)))
    }

    /// Whether a request carries it.
    pub fn is_in(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bearer = given
            .and_then(|given| given.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let Some((_, token)) = bearer else { return false };
        // Digests are of one length, and all of them is compared, so that the time it takes says
        // nothing of how much was right.
        let given = digest(token.trim());
        self.0.iter().zip(given).fold(0, |all, (a, b)| all | (a ^ b)) == 0
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}
