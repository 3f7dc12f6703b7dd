//! Result files: written whole or not at all, durable once written, and by one process in a folder at a time.
//!
//! [`claim`] opens a folder of results for this process alone, [`write_all`] writes files into it, and a [`Destination`] is
//! one output file that may be anything with a name: an ordinary file, a link, a pipe, a device.
#[cfg(test)]
mod crash;
mod destination;
mod disk;
mod lock;
mod parts;
#[cfg(all(test, unix))]
mod tests;
mod write;

pub use destination::{Destination, refuse_input, refuse_inputs};
pub use lock::{Claim, claim};
pub use write::write_all;

use std::fmt;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

/// An output file or folder that the system did not let us write.
#[derive(Debug)]
pub struct FileError {
    /// Which one.
    pub path: PathBuf,
    /// The reason, from the system or from this module.
    pub error: io::Error,
}

impl FileError {
    fn new(path: &Path, error: impl Into<io::Error>) -> Self {
        Self { path: path.to_owned(), error: error.into() }
    }

    /// For a reason that the system has no words for.
    fn because(path: &Path, why: impl Into<String>) -> Self {
        Self::new(path, io::Error::other(why.into()))
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot write {}: {}", self.path.display(), self.error)
    }
}

/// A pipe without a reader is named as one, all else is an ordinary failure.
impl From<FileError> for crate::Failure {
    fn from(error: FileError) -> Self {
        match error.error.kind() {
            io::ErrorKind::BrokenPipe => Self::closed_pipe(),
            _ => Self::failed(error.to_string()),
        }
    }
}

/// The facts of a file, through links; None where nothing has this name.
///
/// # Errors
/// Anything but absence: a folder that may not be searched says nothing about what it holds.
pub fn find(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether there is a file that is no folder under this name.
///
/// # Errors
/// One line that names the file, when the system does not say whether it is there.
pub fn is_there(path: &Path) -> crate::Result<bool> {
    let found = find(path).map_err(|error| crate::Failure::file(path, "cannot look for", error))?;
    Ok(found.is_some_and(|found| !found.is_dir()))
}

/// The folder that a path lies in.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether both are one file, under whatever names.
#[cfg(unix)]
fn same_file(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

/// Elsewhere the standard library does not say which file it is.
#[cfg(not(unix))]
fn same_file(_: &Metadata, _: &Metadata) -> bool {
    false
}
