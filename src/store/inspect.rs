//! Reads the store to hold the ledger against all that is derived from it, while the service runs.
//!
//! Everything is read in small snapshots, so that the write-ahead log can be reset in between; what
//! looks wrong only because the service went on is looked at again before it is told.

mod hours;
mod ledger;
mod series;

pub use hours::HourCounts;
pub use ledger::{LedgerItem, Sighting};
pub use series::Newest;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Transaction};

use super::copy::damage;
use super::pack::Unpacker;
use super::{RetainedKind, StoreError, codes, open};

/// A thing that is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// The copy's file and its manifest.
    Manifest,
    /// The structure of the file itself.
    Structure,
    /// Rows without gaps, with one outcome each.
    Ledger,
    /// Messages that unpack to what was received.
    Message,
    UplinkOfDevice,
    UplinkOfOutcome,
    Seen,
    Observation,
    Hourly,
    Latest,
    Change,
    DeviceState,
}

impl Check {
    pub const ALL: [Self; 12] = [
        Self::Manifest,
        Self::Structure,
        Self::Ledger,
        Self::Message,
        Self::UplinkOfDevice,
        Self::UplinkOfOutcome,
        Self::Seen,
        Self::Observation,
        Self::Hourly,
        Self::Latest,
        Self::Change,
        Self::DeviceState,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Structure => "structure",
            Self::Ledger => "ledger",
            Self::Message => "message",
            Self::UplinkOfDevice => "uplink_of_device",
            Self::UplinkOfOutcome => "uplink_of_outcome",
            Self::Seen => "seen",
            Self::Observation => "observation",
            Self::Hourly => "hourly",
            Self::Latest => "latest",
            Self::Change => "change",
            Self::DeviceState => "device_state",
        }
    }
}

/// Something that is not as it should be: one line for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub check: Check,
    /// What it is about: the names of ids and the ids.
    pub ids: Vec<(&'static str, String)>,
    pub says: String,
}

impl Finding {
    #[must_use]
    pub fn new(check: Check, ids: Vec<(&'static str, String)>, says: impl Into<String>) -> Self {
        Self { check, ids, says: says.into() }
    }

    #[must_use]
    pub fn of_uplink(check: Check, uplink: i64, says: impl Into<String>) -> Self {
        Self::new(check, vec![("uplink", uplink.to_string())], says)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.check.name())?;
        for (name, id) in &self.ids {
            write!(f, "{name} {id}, ")?;
        }
        f.write_str(&self.says)
    }
}

/// Where findings go, one by one: there may be millions, so only their number is kept.
pub struct Findings<'f> {
    sink: &'f mut dyn FnMut(Finding),
    counts: BTreeMap<Check, u64>,
}

impl<'f> Findings<'f> {
    pub fn new(sink: &'f mut dyn FnMut(Finding)) -> Self {
        Self { sink, counts: BTreeMap::new() }
    }

    pub fn add(&mut self, finding: Finding) {
        *self.counts.entry(finding.check).or_default() += 1;
        (self.sink)(finding);
    }

    /// How many there were, by what was checked.
    #[must_use]
    pub const fn counts(&self) -> &BTreeMap<Check, u64> {
        &self.counts
    }
}

/// Whole hours: the first and the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HourSpan {
    first: i64,
    last: i64,
}

impl HourSpan {
    pub const ALL: Self = Self { first: i64::MIN, last: i64::MAX };

    /// The hours that the time from `from` until before `until` touches.
    #[must_use]
    pub fn new(from: Option<DateTime<Utc>>, until: Option<DateTime<Utc>>) -> Self {
        let hour = |time| codes::hour_of(codes::micros(time));
        Self {
            first: from.map_or(i64::MIN, hour),
            last: until.map_or(i64::MAX, |until| codes::hour_of(codes::micros(until) - 1)),
        }
    }

    /// The number of the first hour, counted from 1970.
    #[must_use]
    pub const fn first(self) -> i64 {
        self.first
    }

    /// The number of the last hour, counted from 1970.
    #[must_use]
    pub const fn last(self) -> i64 {
        self.last
    }

    /// The first and the last day it touches, counted from 1970.
    #[must_use]
    pub fn days(self) -> (i64, i64) {
        (codes::day_of_hour(self.first), codes::day_of_hour(self.last))
    }

    #[must_use]
    pub fn holds(self, time: DateTime<Utc>) -> bool {
        (self.first..=self.last).contains(&codes::hour_of(codes::micros(time)))
    }
}

/// Rows that retention has dropped, by kind and decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disposal {
    pub kind: String,
    pub decision: Option<String>,
    pub first_day: DateTime<Utc>,
    pub last_day: DateTime<Utc>,
    pub days: u64,
    pub rows: u64,
}

/// A connection that reads a store to check it.
pub struct Inspector {
    connection: Connection,
    path: PathBuf,
    unpacker: Unpacker,
}

impl Inspector {
    /// Opens the store or the backup in a folder. Neither has to be closed by others.
    ///
    /// # Errors
    ///
    /// [`StoreError::Folder`] where there is none; [`StoreError::Older`] and [`StoreError::Newer`]
    /// where its tables are not those of this program.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(open::FILE);
        if let Err(error) = path.metadata() {
            return Err(StoreError::Folder { path, error });
        }
        let connection = open::open_for_reading(&path)?;
        open::refuse_strangers(&connection, &path)?;
        let (found, known) = (open::version(&connection)?, open::schema_version());
        if found < known {
            return Err(StoreError::Older { path, found, known });
        }
        Ok(Self { connection, path, unpacker: Unpacker::default() })
    }

    /// What is wrong with the structure of the file; the rest cannot be trusted where there is any.
    ///
    /// # Errors
    ///
    /// As the store's, and [`super::CopyError::Stopped`].
    pub fn structure(
        &self,
        found: &mut Findings<'_>,
        watch: &mut super::Watch<'_>,
    ) -> Result<(), super::CopyError> {
        let connection = open::open_for_reading(&self.path)?;
        let lines = super::copy::watched(connection, damage, || {
            watch(super::Progress { what: "checking the file's structure", done: 0, total: 0 })
        });
        let lines = match lines {
            Ok(lines) => lines,
            // Damaged so much that not even the check comes to its end.
            Err(super::CopyError::Store(StoreError::Refused(error))) => vec![error.to_string()],
            Err(error) => return Err(error),
        };
        for line in lines {
            found.add(Finding::new(Check::Structure, Vec::new(), line));
        }
        Ok(())
    }

    /// What retention has dropped.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn disposals(&self) -> Result<Vec<Disposal>, StoreError> {
        let day =
            |day: i64| codes::time(codes::hour_start(day.saturating_mul(codes::HOURS_PER_DAY)));
        let mut statement = self.connection.prepare(
            "select kind, decision, min(day), max(day), count(distinct day), sum(rows) from disposal
             group by kind, decision order by kind, min(day)",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(Disposal {
                kind: row.get(0)?,
                decision: row.get(1)?,
                first_day: day(row.get(2)?),
                last_day: day(row.get(3)?),
                days: row.get(4)?,
                rows: row.get(5)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn snapshot(&self) -> Result<Transaction<'_>, StoreError> {
        Ok(self.connection.unchecked_transaction()?)
    }
}

/// The days of which something of a kind has been dropped.
fn disposed_days(connection: &Connection, kind: RetainedKind) -> Result<BTreeSet<i64>, StoreError> {
    let mut statement =
        connection.prepare_cached("select distinct day from disposal where kind = ?1")?;
    let days = statement.query_map([kind.name()], |row| row.get(0))?;
    Ok(days.collect::<Result<_, _>>()?)
}

/// The hour of a column of microseconds as SQL, rounded downwards as [`codes::hour_of`] does.
fn hour_sql(column: &str) -> String {
    format!("(({column} - (({column} % 3600000000 + 3600000000) % 3600000000)) / 3600000000)")
}
