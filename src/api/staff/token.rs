use std::sync::Arc;

use axum::http::{HeaderMap, header};
use sha2::{Digest, Sha256};

use crate::api::error::Problem;

/// What staff must send; none where the operator has not chosen one.
#[derive(Clone)]
pub struct StaffToken(Option<Arc<[u8; 32]>>);

impl StaffToken {
    /// An empty token is none.
    pub fn new(token: Option<&str>) -> Self {
        Self(token.filter(|token| !token.is_empty()).map(|token| Arc::new(digest(token))))
    }

    /// Whether the request carries the token as `Authorization: Bearer`.
    pub fn admit(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let wanted = self.0.as_deref().ok_or(Problem::NoStaffToken)?;
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let (_, token) = given
            .and_then(|given| given.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .ok_or(Problem::Unauthorised)?;
        // Digests are of one length, and all of them is compared, so that the time it takes says
        // nothing of how much was right.
        let difference =
            wanted.iter().zip(digest(token.trim())).fold(0, |all, (a, b)| all | (a ^ b));
        if difference == 0 { Ok(()) } else { Err(Problem::Unauthorised) }
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}
