use std::convert::Infallible;

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use chrono::{DateTime, Utc};

use super::error::Problem;

/// The variable part of an address. One that is no text is nowhere.
pub struct Name(pub String);

impl<S: Sync + Send> FromRequestParts<S> for Name {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(name) =
            Path::from_request_parts(parts, state).await.map_err(|_| Problem::NotFound)?;
        Ok(Self(name))
    }
}

/// The query of an address. What a resource does not know is refused, so that a misspelt filter
/// never looks like an answer.
pub struct Params(Option<Vec<(String, String)>>);

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self(Query::try_from_uri(&parts.uri).ok().map(|Query(pairs)| pairs)))
    }
}

impl Params {
    /// Refuses every parameter that is not one of `known`, and any given twice.
    pub fn only(self, known: &'static [&'static str]) -> Result<Known, Problem> {
        let pairs = self.0.ok_or(Problem::BadQuery("The query cannot be read.".into()))?;
        for (index, (name, _)) in pairs.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                return Err(unknown(known));
            }
            if pairs.iter().take(index).any(|(before, _)| before == name) {
                return Err(Problem::BadQuery("A query parameter is given twice.".into()));
            }
        }
        Ok(Known(pairs))
    }

    /// For resources without parameters.
    pub fn none(self) -> Result<(), Problem> {
        self.only(&[]).map(drop)
    }

    /// One parameter, whatever else there is: for pages, to whose address others add their own.
    pub fn one(&self, name: &str) -> Option<&str> {
        let pairs = self.0.as_deref()?;
        pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

fn unknown(known: &[&str]) -> Problem {
    Problem::BadQuery(if known.is_empty() {
        "This resource has no query parameters.".into()
    } else {
        format!("This resource has only the query parameters {}.", known.join(", ")).into()
    })
}

/// A query in which every name is known.
pub struct Known(Vec<(String, String)>);

impl Known {
    /// The value of a parameter, read by `read`; `wanted` completes "<name> must be …".
    pub fn get<T>(
        &self,
        name: &str,
        wanted: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found
            .map(|(_, value)| {
                read(value)
                    .ok_or_else(|| Problem::BadQuery(format!("{name} must be {wanted}.").into()))
            })
            .transpose()
    }

    /// A text that must be given.
    pub fn text(&self, name: &'static str) -> Result<&str, Problem> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found
            .map(|(_, value)| value.as_str())
            .ok_or_else(|| Problem::BadQuery(format!("{name} must be given.").into()))
    }

    /// A whole number in a range.
    pub fn number(
        &self,
        name: &str,
        default: usize,
        range: std::ops::RangeInclusive<usize>,
    ) -> Result<usize, Problem> {
        let wanted = format!("a whole number from {} to {}", range.start(), range.end());
        let number = self.get(name, &wanted, |text| {
            // `parse` takes a sign, which is none of a number's digits here.
            let number = text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())??;
            range.contains(&number).then_some(number)
        })?;
        Ok(number.unwrap_or(default))
    }

    /// An instant of RFC 3339, in any zone.
    pub fn instant(&self, name: &str) -> Result<Option<DateTime<Utc>>, Problem> {
        self.get(name, "a date and time of RFC 3339, such as 2026-07-14T10:00:00Z", |text| {
            // An unescaped plus sign reads as a space in a query.
            let text = text.replace(' ', "+");
            let time = DateTime::parse_from_rfc3339(&text).ok()?.to_utc();
            (1970..=9999).contains(&chrono::Datelike::year(&time)).then_some(time)
        })
    }
}
