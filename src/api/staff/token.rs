use axum::http::HeaderMap;

use crate::api::error::Problem;
use crate::api::token::Token;

/// What staff must send; none where the operator has not chosen one.
#[derive(Clone)]
pub struct StaffToken(Option<Token>);

impl StaffToken {
    /// An empty token is none.
    pub fn new(token: Option<&str>) -> Self {
        Self(token.filter(|token| !token.is_empty()).map(Token::new))
    }

    /// Whether the request carries the token as `Authorization: Bearer`.
    pub fn admit(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let wanted = self.0.as_ref().ok_or(Problem::NoStaffToken)?;
        if wanted.is_in(headers) { Ok(()) } else { Err(Problem::Unauthorised) }
    }
}
