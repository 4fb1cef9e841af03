use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OpenFlags};

use super::manifest::{Manifest, hash, ledger};
use super::{CopyError, Progress, Watch, file_error, refuse_damage, sync_folder, watched};
use crate::store::{StoreError, open};

/// Copies the store of `dir`, whether it is in use or not, into the new folder `target`, with a
/// manifest. Everything that was acknowledged before this began is in the copy.
///
/// `VACUUM INTO` reads one snapshot in one read transaction: the writer goes on committing all the
/// while, and what it commits is not in the copy. SQLite's backup API would begin anew at each commit
/// of the other process, or copy a file's free pages with what retention has dropped; this copy
/// has none, and every row of it has been read. Memory is that of one page cache. The write-ahead
/// log cannot be reset until the copy is done, so it grows by what is written meanwhile.
///
/// The copy is made under another name, flushed to disk and checked before it gets its own.
///
/// # Errors
///
/// As [`CopyError`]; `target` does then not exist.
pub fn backup(
    dir: &Path,
    target: &Path,
    now: impl Fn() -> DateTime<Utc>,
    watch: &mut Watch<'_>,
) -> Result<Manifest, CopyError> {
    let source = dir.join(open::FILE);
    if !source.is_file() {
        return Err(CopyError::NoStore(dir.to_owned()));
    }
    // A link that leads nowhere counts: something else may appear behind it.
    if target.symlink_metadata().is_ok() {
        return Err(CopyError::Exists(target.to_owned()));
    }
    let parent = target.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(parent).map_err(file_error(parent))?;
    let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let partial = tempfile::Builder::new()
        .prefix(&format!("{name}.partial-"))
        // What the city has received is not for everybody on this machine.
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })
        .map_err(file_error(parent))?;

    let copy = partial.path().join(open::FILE);
    copy_into(&source, &copy, watch)?;
    File::open(&copy).and_then(|file| file.sync_all()).map_err(file_error(&copy))?;
    refuse_damage(&copy, watch)?;
    let bytes = fs::metadata(&copy).map_err(file_error(&copy))?.len();
    let (bytes, sha256) = hash(&copy, bytes, &mut io::sink(), watch)?;
    let connection = open::open_for_reading(&copy)?;
    let (ledger_rows, last_uplink) = ledger(&connection)?;
    let schema_version = open::version(&connection)?;
    drop(connection);
    let manifest = Manifest {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        schema_version,
        made_at: now(),
        file: open::FILE.to_owned(),
        bytes,
        sha256,
        integrity: "ok".to_owned(),
        ledger_rows,
        last_uplink,
    };
    manifest.write(partial.path())?;
    sync_folder(partial.path())?;
    // Fails where something has appeared under that name meanwhile, unless it is an empty folder.
    fs::rename(partial.path(), target).map_err(file_error(target))?;
    sync_folder(parent)?;
    Ok(manifest)
}

fn copy_into(source: &Path, copy: &Path, watch: &mut Watch<'_>) -> Result<(), CopyError> {
    // `query_only` would forbid the copy too; this connection does nothing else.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(source, flags).map_err(StoreError::from)?;
    connection.busy_timeout(open::BUSY_TIMEOUT).map_err(StoreError::from)?;
    open::refuse_strangers(&connection, source)?;
    let total = used_bytes(&connection)?;
    let into = copy.to_string_lossy().into_owned();
    watched(
        connection,
        move |connection| {
            connection.execute("vacuum into ?1", [into])?;
            Ok(())
        },
        || {
            let done = fs::metadata(copy).map_or(0, |copy| copy.len());
            watch(Progress { what: "copying", done: done.min(total), total })
        },
    )
}

/// What the copy will be large, but for pages that are not full.
fn used_bytes(connection: &Connection) -> Result<u64, StoreError> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
    let pages = pragma("page_count")?.saturating_sub(pragma("freelist_count")?);
    Ok(pages.saturating_mul(pragma("page_size")?))
}
