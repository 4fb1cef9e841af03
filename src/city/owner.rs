//! Whose a city's folder is.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

use rustix::process::{getegid, geteuid};

/// The user of the container image, who is nobody on the machine.
const IMAGE_USER: u32 = 10001;

/// User and group in numbers, since a container knows no names of the machine's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    user: u32,
    group: u32,
    /// Root makes files for somebody else.
    gives_away: bool,
}

impl Owner {
    /// Whoever runs this. No service should run as root, so what root makes belongs to the one who
    /// owns the folder, and where that is root too, to the user of the container image.
    pub fn of(dir: &Path) -> Self {
        let (user, group) = (geteuid().as_raw(), getegid().as_raw());
        if user != 0 {
            return Self { user, group, gives_away: false };
        }
        let (user, group) = match fs::metadata(dir) {
            Ok(there) if there.uid() != 0 => (there.uid(), there.gid()),
            _ => (IMAGE_USER, IMAGE_USER),
        };
        Self { user, group, gives_away: true }
    }

    /// Gives a new file or folder to its owner.
    pub fn take(self, path: &Path) -> io::Result<()> {
        if self.gives_away {
            chown(path, Some(self.user), Some(self.group))?;
        }
        Ok(())
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.user, self.group)
    }
}
