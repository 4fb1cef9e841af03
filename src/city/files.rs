//! Files and folders that are made once and never written again.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::NamedTempFile;

use super::owner::Owner;
use super::{CityError, State};

/// Permissions of others than the owner.
const OTHERS: u32 = 0o077;

pub fn make_folder(path: &Path, mode: u32, owner: Owner) -> Result<State, CityError> {
    if path.is_dir() {
        return Ok(kept(path, mode));
    }
    if fs::symlink_metadata(path).is_ok() {
        return Err(CityError::NoFolder(path.to_owned()));
    }
    let make = || {
        fs::create_dir_all(path)?;
        fs::set_permissions(path, Permissions::from_mode(mode))?;
        owner.take(path)
    };
    make().map_err(|error| CityError::Write { path: path.to_owned(), error })?;
    Ok(State::Made)
}

/// Makes a file with what `text` gives, which is asked only if there is none.
pub fn make_file(
    path: &Path,
    mode: u32,
    owner: Owner,
    text: impl FnOnce() -> Result<String, CityError>,
) -> Result<State, CityError> {
    if path.is_file() {
        return Ok(kept(path, mode));
    }
    if fs::symlink_metadata(path).is_ok() {
        return Err(CityError::NoFile(path.to_owned()));
    }
    let text = text()?;
    write_new(path, mode, owner, &text)
        .map_err(|error| CityError::Write { path: path.to_owned(), error })?;
    Ok(State::Made)
}

/// Whole or not at all, and readable by nobody else at any moment: it gets its name when it is on
/// disk, and no file of that name is written over.
fn write_new(path: &Path, mode: u32, owner: Owner, text: &str) -> io::Result<()> {
    let folder = path.parent().ok_or(ErrorKind::NotFound)?;
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    owner.take(file.path())?;
    file.as_file().set_permissions(Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path)?;
    Ok(())
}

fn kept(path: &Path, mode: u32) -> State {
    let is_private = mode & OTHERS == 0;
    let is_open = fs::metadata(path).is_ok_and(|there| there.permissions().mode() & OTHERS != 0);
    if is_private && is_open { State::Open } else { State::Kept }
}
