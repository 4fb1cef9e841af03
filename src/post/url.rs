use std::str::FromStr;

/// A server's address: `http://host[:port][/path]`, or `https://`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    base: String,
    pub is_tls: bool,
}

/// A text that does not name a server.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadUrl {
    #[error("want http://host:8086 or https://host")]
    Unfit,
    /// Not said again, since it may hold a password.
    #[error("a user or a password does not belong into an address")]
    Credentials,
}

impl FromStr for Url {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Self, BadUrl> {
        let url = Self::with_query(text)?;
        if url.base.contains('?') {
            return Err(BadUrl::Unfit);
        }
        Ok(Self { base: url.base.trim_end_matches('/').to_owned(), ..url })
    }
}

impl Url {
    /// An address that is complete, such as somebody else gives out: it may have a query.
    ///
    /// # Errors
    ///
    /// [`BadUrl`] where it names no server.
    pub fn with_query(text: &str) -> Result<Self, BadUrl> {
        let uri: hyper::Uri = text.parse().map_err(|_| BadUrl::Unfit)?;
        let is_tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(BadUrl::Unfit),
        };
        let authority = uri.authority().ok_or(BadUrl::Unfit)?;
        if authority.as_str().contains('@') {
            return Err(BadUrl::Credentials);
        }
        if authority.host().is_empty() || text.contains('#') {
            return Err(BadUrl::Unfit);
        }
        Ok(Self { base: text.to_owned(), is_tls })
    }

    /// The address as it was given, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.base
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_no_server_is_refused() {
        for url in ["influx.example", "ftp://a", "http://", "http://a?org=b", "http://a/#b", ""] {
            assert_eq!(url.parse::<Url>(), Err(BadUrl::Unfit), "{url}");
        }
        assert_eq!("http://me:secret@a".parse::<Url>(), Err(BadUrl::Credentials));
    }

    #[test]
    fn an_address_that_somebody_gives_out_stays_as_it_is() {
        let url = Url::with_query("https://hooks.example.se/a/?sig=b").unwrap();
        assert_eq!((url.as_str(), url.is_tls), ("https://hooks.example.se/a/?sig=b", true));
    }
}
