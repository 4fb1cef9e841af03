//! Whole copies of the store: made while it is in use, checked, and put back.

mod backup;
mod manifest;
mod restore;

pub use backup::backup;
pub use manifest::{MANIFEST_FILE, Manifest, check_manifest};
pub use restore::{Holdings, Restored, restore};

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;

use super::{StoreError, open};

/// How far a long piece of work has come. A total of 0 means that nobody can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub what: &'static str,
    pub done: u64,
    pub total: u64,
}

/// Is told of progress now and then, and says whether to go on.
pub type Watch<'w> = dyn FnMut(Progress) -> ControlFlow<()> + 'w;

/// Why a copy was not made or not put back. Nothing is left half done.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// Name another folder; a backup never overwrites anything.
    #[error("{} exists already: name a folder that does not", .0.display())]
    Exists(PathBuf),
    /// Name the folder that `store.dir` names.
    #[error("there is no store in {}", .0.display())]
    NoStore(PathBuf),
    /// Restore elsewhere, or say that this store may be moved aside.
    #[error("{} holds a store already: restore to another folder, or have this one moved aside with --replace", .0.display())]
    Occupied(PathBuf),
    /// Name the folder of a backup.
    #[error("{} is not a backup: {reason}", path.display())]
    NotABackup { path: PathBuf, reason: String },
    /// The copy is not what was written. Take another backup.
    #[error("{} is damaged: {what}", path.display())]
    Damaged { path: PathBuf, what: String },
    #[error("cannot use {}: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("stopped")]
    Stopped,
}

/// How often progress is told.
const TICK: Duration = Duration::from_millis(100);

/// Runs `work` on a thread of its own with its connection, and interrupts it if `watch` says so.
pub(super) fn watched<T: Send>(
    connection: Connection,
    work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send,
    mut watch: impl FnMut() -> ControlFlow<()>,
) -> Result<T, CopyError> {
    let interrupt = connection.get_interrupt_handle();
    thread::scope(|scope| {
        let working = scope.spawn(move || {
            let done = work(&connection);
            // Closed here, where its outcome can still be told.
            connection.close().map_err(|(_, error)| StoreError::from(error)).and(done)
        });
        let mut stopped = false;
        while !working.is_finished() {
            if watch().is_break() {
                stopped = true;
                interrupt.interrupt();
            }
            thread::park_timeout(TICK);
        }
        let done = working.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        if stopped { Err(CopyError::Stopped) } else { Ok(done?) }
    })
}

/// What `pragma integrity_check` finds wrong with the file of `connection`; nothing in a whole one.
pub(super) fn damage(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let mut statement = connection.prepare("pragma integrity_check")?;
    let lines: Vec<String> =
        statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(lines.into_iter().filter(|line| line != "ok").collect())
}

/// Refuses a file with a fault in its structure.
fn refuse_damage(path: &Path, watch: &mut Watch<'_>) -> Result<(), CopyError> {
    let connection = open::open_for_reading(path)?;
    let found = watched(connection, damage, || {
        watch(Progress { what: "checking the file's structure", done: 0, total: 0 })
    })?;
    match found.first() {
        None => Ok(()),
        Some(first) => Err(CopyError::Damaged { path: path.to_owned(), what: first.clone() }),
    }
}

/// The folder that a new or renamed entry has to be flushed in.
fn sync_folder(path: &Path) -> Result<(), CopyError> {
    let folder = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(file_error(folder))
}

fn file_error(path: &Path) -> impl FnOnce(io::Error) -> CopyError + use<> {
    let path = path.to_owned();
    |error| CopyError::File { path, error }
}
