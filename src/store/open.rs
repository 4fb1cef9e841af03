use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::{Reader, StoreError, Writer};

pub(super) const FILE: &str = "stadspuls.sqlite";
pub(super) const LOCK_FILE: &str = "stadspuls.lock";

/// "stpu": tells our files from others' (SQLite file format, section 1.3.14).
const APPLICATION_ID: i64 = 0x7374_7075;

/// Each file of `schema/`, in order; the version of a database is how many it has been through.
const SCHEMA: [&str; 11] = [
    include_str!("schema/0001_first.sql"),
    include_str!("schema/0002_disposal.sql"),
    include_str!("schema/0003_installation.sql"),
    include_str!("schema/0004_redecode.sql"),
    include_str!("schema/0005_reload.sql"),
    include_str!("schema/0006_gateways.sql"),
    include_str!("schema/0007_quality.sql"),
    include_str!("schema/0008_counters.sql"),
    include_str!("schema/0009_sink.sql"),
    include_str!("schema/0010_alerts.sql"),
    include_str!("schema/0011_alert_rules.sql"),
];

/// How long a statement waits for another connection before it reports the database locked.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Larger pages than SQLite's 4 KiB: fewer, fuller pages for rows of a few hundred bytes.
const PAGE_BYTES: i64 = 8192;

/// Pages in the write-ahead log before it is moved into the database: 64 MiB.
const CHECKPOINT_PAGES: i64 = 8192;

/// Where the store is and how much it may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreConfig {
    pub dir: PathBuf,
    /// Memory for the writer's pages, in KiB.
    pub cache_kib: u32,
    /// Connections that read at the same time; further readers wait.
    pub readers: usize,
}

impl StoreConfig {
    #[must_use]
    pub fn in_dir(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), cache_kib: 8 * 1024, readers: 4 }
    }
}

/// An open store. The folder is ours alone for as long as the value lives.
pub struct Store {
    pub writer: Writer,
    pub reader: Reader,
}

impl Store {
    /// Opens the store in its folder, makes it where there is none, and brings an older one up
    /// to date.
    ///
    /// # Errors
    ///
    /// [`StoreError::InUse`] if another process has it, [`StoreError::Newer`] and
    /// [`StoreError::Foreign`] if the file is not for us; none of them has touched the file.
    pub fn open(config: &StoreConfig) -> Result<Self, StoreError> {
        let folder = |error| StoreError::Folder { path: config.dir.clone(), error };
        fs::create_dir_all(&config.dir).map_err(folder)?;
        let lock = lock(&config.dir)?;
        let path = config.dir.join(FILE);
        let connection = Connection::open(&path)?;
        prepare(&connection, &path)?;
        connection.pragma_update(None, "cache_size", -i64::from(config.cache_kib))?;
        let reader = Reader::new(path, config.readers);
        let writer = Writer::new(connection, Some(lock))?;
        Ok(Self { writer, reader })
    }

    /// A writer beside the service that has the store. It is for what touches nothing that the service
    /// remembers: asking for runs, and rehearsing.
    ///
    /// # Errors
    ///
    /// [`StoreError::Missing`] where there is no store; [`StoreError::Older`] and [`StoreError::Newer`] where
    /// its tables are not those of this program.
    pub fn beside(config: &StoreConfig) -> Result<Writer, StoreError> {
        let path = config.dir.join(FILE);
        match path.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(StoreError::Missing(path));
            }
            Err(error) => return Err(StoreError::Folder { path, error }),
            Ok(_) => {}
        }
        let connection = Connection::open(&path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        refuse_strangers(&connection, &path)?;
        let (found, known) = (version(&connection)?, schema_version());
        if found < known {
            return Err(StoreError::Older { path, found, known });
        }
        connection.pragma_update(None, "synchronous", "full")?;
        keep_statements(&connection)?;
        Writer::new(connection, None)
    }
}

pub(super) fn lock(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join(LOCK_FILE);
    let folder = |error| StoreError::Folder { path: path.clone(), error };
    // Not truncated before it is ours: it says who has it.
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(folder)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(StoreError::InUse(dir.to_owned())),
        Err(TryLockError::Error(error)) => return Err(folder(error)),
    }
    file.set_len(0).and_then(|()| write!(file, "{}", std::process::id())).map_err(folder)?;
    Ok(file)
}

/// The process that has the store in a folder; none where nobody has.
///
/// # Errors
///
/// [`StoreError::Folder`] where that cannot be told.
pub fn holder(dir: &Path) -> Result<Option<u32>, StoreError> {
    let path = dir.join(LOCK_FILE);
    let folder = |error| StoreError::Folder { path: path.clone(), error };
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(folder(error)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => {
            let text = fs::read_to_string(&path).map_err(folder)?;
            Ok(text.trim().parse().ok())
        }
        Err(TryLockError::Error(error)) => Err(folder(error)),
    }
}

pub(super) fn prepare(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    refuse_strangers(connection, path)?;
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    // Where rows move to another page, nothing stays behind that retention would not find.
    connection.pragma_update(None, "secure_delete", "fast")?;
    keep_statements(connection)?;
    migrate(connection)
}

pub(super) fn refuse_strangers(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let application = match pragma("application_id") {
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            return Err(StoreError::Foreign(path.to_owned()));
        }
        other => other?,
    };
    let tables: i64 =
        connection.query_row("select count(*) from sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION_ID && (application != 0 || tables > 0) {
        return Err(StoreError::Foreign(path.to_owned()));
    }
    let found = pragma("user_version")?;
    let known = schema_version();
    if found > known {
        return Err(StoreError::Newer { path: path.to_owned(), found, known });
    }
    Ok(())
}

fn migrate(connection: &Connection) -> Result<(), StoreError> {
    let version = version(connection)?;
    for (number, sql) in (1_i64..).zip(SCHEMA).filter(|(number, _)| *number > version) {
        // One transaction each: a migration that is cut off has not happened.
        connection.execute_batch(&format!(
            "begin immediate;
             pragma application_id = {APPLICATION_ID};
             {sql}
             pragma user_version = {number};
             commit;"
        ))?;
    }
    Ok(())
}

/// The schema version of a file.
pub(super) fn version(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// The schema version that this program writes.
pub(super) fn schema_version() -> i64 {
    i64::try_from(SCHEMA.len()).unwrap_or(i64::MAX)
}

/// A statement is prepared once. Without the guarantee SQLite prepares one with a range anew each time
/// that other times are bound, which costs five times what it does.
fn keep_statements(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(64);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(|_| ())
}

/// Opens a connection that cannot write.
pub(super) fn open_for_reading(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "query_only", true)?;
    keep_statements(&connection)?;
    Ok(connection)
}
