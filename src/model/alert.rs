use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{DevEui, SiteId};

/// The permanent name of an alert rule, of the same form as a site's id.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId(pub Arc<str>);

impl From<&str> for RuleId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How much an alert matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// To be seen to some day.
    Info,
    /// To be seen to in working hours.
    Warning,
    /// Somebody is to be woken.
    Critical,
}

impl Severity {
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.name() == name)
    }
}

/// Where an alert is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AlertState {
    /// What the rule describes is there, not yet for as long as the rule wants. Nobody is told.
    Pending,
    Open,
    /// Somebody has taken it on.
    Acknowledged,
    Resolved,
}

impl AlertState {
    pub const ALL: [Self; 4] = [Self::Pending, Self::Open, Self::Acknowledged, Self::Resolved];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Open => "open",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }

    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// What an alert is about. A rule has at most one alert that is not resolved about each.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    Site(SiteId),
    Device(DevEui),
    /// A gateway, by the network server's name of it.
    Gateway(String),
    /// A connection to a network server, by its name in the configuration.
    Source(String),
    /// All that is registered and has never been heard.
    NeverHeard,
}

impl Subject {
    /// Back from its text.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Some(match text.split_once(':') {
            Some(("site", id)) => Self::Site(SiteId::from(id)),
            Some(("device", dev_eui)) => Self::Device(dev_eui.parse().ok()?),
            Some(("gateway", name)) => Self::Gateway(name.to_owned()),
            Some(("source", name)) => Self::Source(name.to_owned()),
            None if text == "never-heard" => Self::NeverHeard,
            _ => return None,
        })
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Site(id) => write!(f, "site:{id}"),
            Self::Device(dev_eui) => write!(f, "device:{dev_eui}"),
            Self::Gateway(name) => write!(f, "gateway:{name}"),
            Self::Source(name) => write!(f, "source:{name}"),
            Self::NeverHeard => f.write_str("never-heard"),
        }
    }
}

/// How an alert that is not resolved stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Never [`AlertState::Resolved`].
    pub state: AlertState,
    /// Since when the rule's condition has been there.
    pub since: DateTime<Utc>,
    /// Since when it has been away, for an alert that is not to resolve at once.
    pub clearing_since: Option<DateTime<Utc>>,
    /// How often it has come, this time included, without having been away for long.
    pub openings: u32,
}

/// A text for the staff in both their languages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wording {
    pub sv: String,
    pub en: String,
}
