//! The embedded store: the ledger of all messages, the observations made from them, and the
//! registry. The only place that knows SQL.
//!
//! One [`Writer`] on the pipeline's thread commits batches; a [`Reader`] serves everybody else.
//!
//! Power loss is survived because SQLite's write-ahead log is flushed to disk at each commit
//! (`journal_mode = WAL`, `synchronous = FULL`), and nothing is acknowledged before that.

mod alert;
mod codes;
mod copy;
mod device;
mod disposal;
mod error;
mod fleet;
mod inspect;
mod ledger;
mod open;
mod pack;
mod read;
mod redecode;
mod request;
mod roll_up;
mod series;
mod sink;
mod statements;
#[cfg(test)]
mod tests;
mod write;

pub use alert::{
    Alert, AlertEvent, AlertFilter, AlertId, By, Evidence, Happening, Notice, NoticeKind,
    RuleChange, Said, Sent, Silence, StaffRule, Waiting,
};
pub use copy::{
    CopyError, Holdings, MANIFEST_FILE, Manifest, Progress, Restored, Watch, backup,
    check_manifest, restore,
};
pub use device::{DeviceState, Heard, HeardFrom};
pub use disposal::{Dropped, RetainedKind, Retention, Rule};
pub use error::StoreError;
pub use fleet::Fleet;
pub use inspect::{
    Check, Disposal, Finding, Findings, HourCounts, HourSpan, Inspector, LedgerItem, Newest,
    Sighting,
};
pub use ledger::{LedgerEntry, UplinkId};
pub use open::{Store, StoreConfig, holder};
pub use read::{Disposed, LedgerRow, Reader, StoredMessage, UplinkFilter};
pub use redecode::{Archived, Made, RedecodeRun, RedecodeScope, Revision, Tally};
pub use request::{WriteError, WriteRequest, Writes};
pub use series::{Change, End, HourAggregate, Range, StoredObservation};
pub use sink::{
    About, Advance, Again, Backfill, BackfillScope, DeadLetter, HeardRow, ItemId, Page, Refusal,
    SinkState, Told, Transition,
};
pub use write::{Batch, Writer};
