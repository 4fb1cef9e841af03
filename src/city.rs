//! A new city's folder: a configuration with sentences, an empty fleet, and secrets of its own.
//!
//! Nothing that is there is ever written again, so this can be run as often as one likes; and no
//! secret is ever told, only where it lies.

mod files;
mod owner;
mod passwords;
mod plan;

use std::io;
use std::path::{Path, PathBuf};

use files::{make_file, make_folder};
use owner::Owner;
use passwords::{Randomness, password_file};
pub use plan::Flavour;
use plan::{Content, FOLDER_MODE, PASSWORDS, files_of, folders_of, users_of};

/// Why a folder cannot be set up. What has been made until then stays, and the next run goes on.
#[derive(Debug, thiserror::Error)]
pub enum CityError {
    #[error("{} is in the way: a folder is wanted there", .0.display())]
    NoFolder(PathBuf),
    #[error("{} is in the way: a file is wanted there", .0.display())]
    NoFile(PathBuf),
    #[error("cannot make {}: {error}", path.display())]
    Write { path: PathBuf, error: io::Error },
    #[error("cannot read {}: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("{} holds no secret: delete it, and a new one is made", .0.display())]
    Empty(PathBuf),
    #[error(
        "{} is there and {} is not: delete the first too, and both are made anew",
        passwords.display(), secret.display()
    )]
    Orphan { passwords: PathBuf, secret: PathBuf },
    #[error("the system gives no random bytes")]
    NoRandomness,
}

/// What has become of one file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It was not there and is now.
    Made,
    /// It was there and has been left as it was.
    Kept,
    /// It was there, should be for its owner alone, and others can get at it.
    Open,
}

/// One file or folder of the city.
#[derive(Debug)]
pub struct Item {
    /// From the city's folder; a folder ends with a slash.
    pub name: String,
    pub state: State,
}

/// What there is now.
#[derive(Debug)]
pub struct City {
    /// User and group to whom belongs what was made, in numbers.
    pub owner: String,
    pub items: Vec<Item>,
}

/// Sets up a city's folder, or what is missing in it.
///
/// # Errors
///
/// As [`CityError`], naming the file at fault.
pub fn set_up(dir: &Path, flavour: Flavour) -> Result<City, CityError> {
    let owner = Owner::of(dir);
    refuse_orphan(dir, flavour)?;
    make_folder(dir, FOLDER_MODE, owner)?;
    let mut items = Vec::new();
    for (name, mode) in folders_of(flavour) {
        let state = make_folder(&dir.join(name), *mode, owner)?;
        items.push(Item { name: format!("{name}/"), state });
    }
    let randomness = Randomness::new();
    for file in files_of(flavour, dir, owner) {
        let text = || match file.content {
            Content::Text(text) => Ok(text),
            Content::Secret => randomness.secret().map(|secret| secret + "\n"),
            Content::Health => Ok(format!("-u health\n-P {}\n", randomness.secret()?)),
            Content::Passwords => password_file(dir, users_of(flavour), &randomness),
        };
        let state = make_file(&dir.join(file.name), file.mode, owner, text)?;
        items.push(Item { name: file.name.to_owned(), state });
    }
    Ok(City { owner: owner.to_string(), items })
}

/// The broker's file of passwords holds no password, only what they are tested by: one made from
/// a secret that has gone lets nobody in.
fn refuse_orphan(dir: &Path, flavour: Flavour) -> Result<(), CityError> {
    let passwords = dir.join(PASSWORDS);
    let gone = users_of(flavour).iter().map(|(_, file)| dir.join(file)).find(|file| !file.exists());
    match gone {
        Some(secret) if passwords.exists() => Err(CityError::Orphan { passwords, secret }),
        _ => Ok(()),
    }
}
