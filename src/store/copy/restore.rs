use std::fs::{self, File};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use rusqlite::Connection;

use super::manifest::{Manifest, hash};
use super::{CopyError, Watch, file_error, refuse_damage, sync_folder};
use crate::store::{StoreError, codes, open};

/// A store that has been put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    pub manifest: Manifest,
    pub holdings: Holdings,
    /// Where the store is that was in the folder before.
    pub replaced: Option<PathBuf>,
}

/// What a store holds, in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holdings {
    pub ledger_rows: u64,
    pub observations: u64,
    pub series: u64,
    pub devices_heard: u64,
    pub first_arrival: Option<DateTime<Utc>>,
    pub last_arrival: Option<DateTime<Utc>>,
}

/// Makes the store of a backup the one in folder `to`, brought up to date for this program. With
/// `replace`, a store that is there is moved aside under a name with the time `now`.
///
/// The copy is read once, hashed on its way and checked, before anything in `to` changes.
///
/// # Errors
///
/// As [`CopyError`]; [`StoreError::InUse`] if a process runs on `to`. `to` is then as before.
pub fn restore(
    backup: &Path,
    to: &Path,
    replace: bool,
    now: DateTime<Utc>,
    watch: &mut Watch<'_>,
) -> Result<Restored, CopyError> {
    let manifest = Manifest::read(backup)?;
    let is_new = !to.exists();
    fs::create_dir_all(to).map_err(file_error(to))?;
    let restored = restore_locked(&manifest, backup, to, replace, now, watch);
    if restored.is_err() && is_new {
        // Only what this call has made: an empty lock in a folder of our own.
        let _lock = fs::remove_file(to.join(open::LOCK_FILE));
        let _folder = fs::remove_dir(to);
    }
    restored
}

fn restore_locked(
    manifest: &Manifest,
    backup: &Path,
    to: &Path,
    replace: bool,
    now: DateTime<Utc>,
    watch: &mut Watch<'_>,
) -> Result<Restored, CopyError> {
    let _lock = open::lock(to)?;
    let place = to.join(open::FILE);
    if place.exists() && !replace {
        return Err(CopyError::Occupied(to.to_owned()));
    }
    let partial = tempfile::Builder::new()
        .prefix("restore.partial-")
        .tempdir_in(to)
        .map_err(file_error(to))?;
    let copy = partial.path().join(open::FILE);
    let mut file = File::create(&copy).map_err(file_error(&copy))?;
    let from = backup.join(open::FILE);
    let (bytes, sha256) = hash(&from, manifest.bytes, &mut file, watch)?;
    manifest.compare(&from, bytes, &sha256)?;
    drop(file);
    refuse_damage(&copy, watch)?;
    let holdings = bring_up_to_date(&copy)?;
    File::open(&copy).and_then(|file| file.sync_all()).map_err(file_error(&copy))?;

    let replaced = if place.exists() { Some(move_aside(to, now)?) } else { None };
    fs::rename(&copy, &place).map_err(file_error(&place))?;
    sync_folder(to)?;
    Ok(Restored { manifest: manifest.clone(), holdings, replaced })
}

fn bring_up_to_date(copy: &Path) -> Result<Holdings, StoreError> {
    let connection = Connection::open(copy)?;
    open::prepare(&connection, copy)?;
    let holdings = holdings(&connection)?;
    // Moves the write-ahead log into the file and removes it.
    connection.close().map_err(|(_, error)| error)?;
    Ok(holdings)
}

/// The file and its write-ahead log belong together, so the log is folded in first; only where the
/// old store is too damaged for that does the log move beside it.
fn move_aside(dir: &Path, now: DateTime<Utc>) -> Result<PathBuf, CopyError> {
    let place = dir.join(open::FILE);
    if let Ok(old) = Connection::open(&place) {
        let _folded = old.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()));
    }
    let name = format!("replaced-{}-{}", now.format("%Y%m%dT%H%M%SZ"), open::FILE);
    let aside = dir.join(&name);
    fs::rename(&place, &aside).map_err(file_error(&place))?;
    for suffix in ["-wal", "-shm"] {
        let log = dir.join(format!("{}{suffix}", open::FILE));
        if log.exists() {
            let aside = dir.join(format!("{name}{suffix}"));
            fs::rename(&log, aside).map_err(file_error(&log))?;
        }
    }
    Ok(aside)
}

fn holdings(connection: &Connection) -> Result<Holdings, StoreError> {
    let count = |table: &str| {
        let sql = format!("select count(*) from {table}");
        connection.query_row(&sql, [], |row| row.get::<_, u64>(0))
    };
    let arrival = |which: &str| {
        let sql = format!(
            "select (select arrived_at from uplink where id = (select {which}(id) from uplink))"
        );
        connection.query_row(&sql, [], |row| row.get::<_, Option<i64>>(0))
    };
    Ok(Holdings {
        ledger_rows: count("uplink")?,
        observations: count("observation")?,
        series: count("series")?,
        devices_heard: count("heard")?,
        first_arrival: arrival("min")?.map(codes::time),
        last_arrival: arrival("max")?.map(codes::time),
    })
}
