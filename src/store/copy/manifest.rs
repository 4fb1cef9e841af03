use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use chrono::{DateTime, Utc};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{CopyError, Progress, Watch, file_error, open};
use crate::store::StoreError;

/// Beside the copy, in every backup's folder.
pub const MANIFEST_FILE: &str = "backup.json";

/// Bytes that are read, hashed and written at a time.
const CHUNK_BYTES: usize = 1024 * 1024;

/// What a backup holds, as text that outlives the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Of the program that made it.
    pub version: String,
    pub schema_version: i64,
    /// When the copy was complete.
    pub made_at: DateTime<Utc>,
    pub file: String,
    pub bytes: u64,
    /// Of the file, lower-case hexadecimal.
    pub sha256: String,
    /// `ok`: a copy with any other result is not kept.
    pub integrity: String,
    pub ledger_rows: u64,
    /// The last row of the ledger; none where it is empty.
    pub last_uplink: Option<i64>,
}

impl Manifest {
    /// Reads the manifest of a backup's folder.
    ///
    /// # Errors
    ///
    /// [`CopyError::NotABackup`] where there is none or it cannot be read.
    pub fn read(folder: &Path) -> Result<Self, CopyError> {
        let path = folder.join(MANIFEST_FILE);
        let not_a_backup =
            |reason: String| CopyError::NotABackup { path: folder.to_owned(), reason };
        let text = fs::read_to_string(&path)
            .map_err(|error| not_a_backup(format!("{MANIFEST_FILE}: {error}")))?;
        let manifest: Self = serde_json::from_str(&text)
            .map_err(|error| not_a_backup(format!("{MANIFEST_FILE}: {error}")))?;
        let (found, known) = (manifest.schema_version, open::schema_version());
        if manifest.file != open::FILE {
            return Err(not_a_backup(format!("its file is {:?}", manifest.file)));
        }
        if found > known {
            return Err(StoreError::Newer { path, found, known }.into());
        }
        Ok(manifest)
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), CopyError> {
        let path = folder.join(MANIFEST_FILE);
        let write = || -> io::Result<()> {
            let mut file = File::create(&path)?;
            serde_json::to_writer_pretty(&mut file, self)?;
            file.write_all(b"\n")?;
            file.sync_all()
        };
        write().map_err(file_error(&path))
    }

    /// Whether bytes and hash are those of this manifest.
    pub(super) fn compare(&self, path: &Path, bytes: u64, sha256: &str) -> Result<(), CopyError> {
        let damaged = |what| CopyError::Damaged { path: path.to_owned(), what };
        if bytes != self.bytes {
            return Err(damaged(format!("it has {bytes} bytes, the manifest says {}", self.bytes)));
        }
        if sha256 != self.sha256 {
            return Err(damaged(format!(
                "its SHA-256 is {sha256}, the manifest says {}",
                self.sha256
            )));
        }
        Ok(())
    }
}

/// Compares a backup's file with its manifest, byte for byte by its hash.
///
/// # Errors
///
/// [`CopyError::NotABackup`] and [`CopyError::Damaged`].
pub fn check_manifest(folder: &Path, watch: &mut Watch<'_>) -> Result<Manifest, CopyError> {
    let manifest = Manifest::read(folder)?;
    let path = folder.join(open::FILE);
    let (bytes, sha256) = hash(&path, manifest.bytes, &mut io::sink(), watch)?;
    manifest.compare(&path, bytes, &sha256)?;
    Ok(manifest)
}

/// Reads a file to its end into `copy`; its length and SHA-256.
pub(super) fn hash(
    path: &Path,
    total: u64,
    copy: &mut dyn Write,
    watch: &mut Watch<'_>,
) -> Result<(u64, String), CopyError> {
    let mut file = File::open(path).map_err(file_error(path))?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let (mut hasher, mut done) = (Sha256::new(), 0);
    loop {
        let read = file.read(&mut chunk).map_err(file_error(path))?;
        let bytes = chunk.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            return Ok((done, hex::encode(hasher.finalize())));
        }
        hasher.update(bytes);
        copy.write_all(bytes).map_err(file_error(path))?;
        done += read as u64;
        if watch(Progress { what: "reading the copy", done, total }).is_break() {
            return Err(CopyError::Stopped);
        }
    }
}

/// Rows of the ledger and the last one's number.
pub(super) fn ledger(connection: &Connection) -> Result<(u64, Option<i64>), StoreError> {
    Ok(connection.query_row("select count(*), max(id) from uplink", [], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?)
}
