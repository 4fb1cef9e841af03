use std::path::PathBuf;

use rusqlite::ErrorCode;

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full. Acknowledge nothing and try again: it passes when there is room.
    #[error("the disk is full")]
    Full(#[source] rusqlite::Error),
    /// The disk or file system fails. Acknowledge nothing and try again.
    #[error("the disk cannot be read or written")]
    Disk(#[source] rusqlite::Error),
    /// Somebody holds the database. Acknowledge nothing and try again.
    #[error("the database is locked")]
    Locked(#[source] rusqlite::Error),
    /// Another process runs on this folder; two would each believe to be alone.
    #[error("{} is in use by another stadspuls", .0.display())]
    InUse(PathBuf),
    /// The file was written by a later version. Upgrade; an older program must not touch it.
    #[error("{} has schema version {found}, this program knows up to {known}: use a newer stadspuls", path.display())]
    Newer { path: PathBuf, found: i64, known: i64 },
    /// The file was written by an earlier version. Start the service on it once, or restore it.
    #[error("{} has schema version {found}, this program reads {known}: start the service on it once, or restore it if it is a backup", path.display())]
    Older { path: PathBuf, found: i64, known: i64 },
    /// The file is some other program's.
    #[error("{} is not a stadspuls database", .0.display())]
    Foreign(PathBuf),
    /// There is no store yet.
    #[error("there is no {} yet: the service has never run here", .0.display())]
    Missing(PathBuf),
    /// The folder cannot be made or opened.
    #[error("cannot use {}: {error}", path.display())]
    Folder { path: PathBuf, error: std::io::Error },
    /// A stored message cannot be unpacked: the file is damaged.
    #[error("stored message {uplink} cannot be unpacked: {error}")]
    Unpack { uplink: i64, error: std::io::Error },
    /// A fault in this program or a damaged file.
    #[error("the database refused a statement")]
    Refused(#[source] rusqlite::Error),
}

impl StoreError {
    /// Whether the same work may succeed later, unchanged.
    #[must_use]
    pub const fn passes(&self) -> bool {
        matches!(self, Self::Full(_) | Self::Disk(_) | Self::Locked(_))
    }

    /// One fixed word for metrics.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Full(_) => "full",
            Self::Disk(_) => "disk",
            Self::Locked(_) => "locked",
            Self::InUse(_) => "in_use",
            Self::Newer { .. } => "newer",
            Self::Older { .. } => "older",
            Self::Foreign(_) => "foreign",
            Self::Missing(_) => "missing",
            Self::Folder { .. } => "folder",
            Self::Unpack { .. } => "unpack",
            Self::Refused(_) => "refused",
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full(error),
            Some(
                ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::OutOfMemory,
            ) => Self::Disk(error),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked(error),
            _ => Self::Refused(error),
        }
    }
}
