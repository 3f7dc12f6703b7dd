//! The operations on the file system that the order of writing depends on. Tests record them and replay power cuts.
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// The first and the last part of the name of a file that is not complete yet.
pub(super) const PREFIX: &str = ".shatterscope-";
pub(super) const PART: &str = ".part";

/// One operation, as a test records it.
#[cfg(test)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    CreateFolder(PathBuf),
    Create(PathBuf),
    Write(PathBuf, Vec<u8>),
    Sync(PathBuf),
    Rename(PathBuf, PathBuf),
    SyncFolder(PathBuf),
    Remove(PathBuf),
}

#[cfg(test)]
thread_local! {
    /// What this thread did, while it is recorded.
    pub(super) static TRACE: std::cell::RefCell<Option<Vec<Operation>>> = const { std::cell::RefCell::new(None) };
    /// Waits are recorded, but not done.
    pub(super) static QUICK: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Whether to wait for the disk: tests of the order alone do not.
fn really() -> bool {
    #[cfg(test)]
    return !QUICK.get();
    #[cfg(not(test))]
    true
}

/// Records an operation that has succeeded.
macro_rules! record {
    ($operation:ident($($operand:expr),*)) => {
        #[cfg(test)]
        TRACE.with_borrow_mut(|trace| {
            if let Some(trace) = trace {
                trace.push(Operation::$operation($($operand.to_owned()),*));
            }
        });
    };
}

/// Makes a folder and those above it; gives those that were not there, the outermost first.
pub(super) fn create_folder(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::metadata(folder) {
        Ok(found) if found.is_dir() => return Ok(Vec::new()),
        Ok(_) => return Err(io::ErrorKind::NotADirectory.into()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Err(_) => {}
    }
    if let Ok(target) = fs::read_link(folder) {
        return Err(dangling(&target));
    }
    let above = super::folder_of(folder);
    let mut created = create_folder(above)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !folder.is_dir() => return Err(error),
        // Another process was faster.
        Err(_) => return Ok(created),
        Ok(()) => {}
    }
    record!(CreateFolder(folder));
    sync_folder(above)?;
    created.push(folder.to_owned());
    Ok(created)
}

/// What is said of a link to nothing.
pub(super) fn dangling(target: &Path) -> io::Error {
    io::Error::other(format!(
        "it is a link to {}, which does not exist: make that, or remove the link",
        target.display()
    ))
}

/// A file of its own in a folder, with the permissions that a new file gets. It is removed when it is dropped, and locked so that
/// no other process takes it for one that a killed process left.
pub(super) fn create(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(PART);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    loop {
        let part = builder.tempfile_in(folder)?;
        // Whoever clears the folder may have come between; a file system without locks is never cleared.
        let ours = !matches!(part.as_file().try_lock(), Err(fs::TryLockError::WouldBlock));
        let named = super::find(part.path())?.zip(part.as_file().metadata().ok());
        if ours && named.is_some_and(|(named, opened)| super::same_file(&named, &opened) || !cfg!(unix)) {
            record!(Create(part.path()));
            return Ok(part);
        }
    }
}

/// Writes what a file holds.
pub(super) fn write(part: &mut NamedTempFile, bytes: &[u8]) -> io::Result<()> {
    part.write_all(bytes)?;
    record!(Write(part.path(), bytes));
    Ok(())
}

/// Waits until a file's bytes are on the disk.
pub(super) fn sync(part: &NamedTempFile) -> io::Result<()> {
    if really() {
        part.as_file().sync_all()?;
    }
    record!(Sync(part.path()));
    Ok(())
}

/// Gives a file its name, in place of what had it.
pub(super) fn rename(part: NamedTempFile, to: &Path) -> io::Result<()> {
    #[cfg(test)]
    let from = part.path().to_owned();
    part.persist(to).map_err(|error| error.error)?;
    record!(Rename(from, to));
    Ok(())
}

/// Waits until the names in a folder are on the disk, where the system knows how.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) && really() {
        match File::open(folder).and_then(|folder| folder.sync_all()) {
            // Some network file systems have no such operation; a folder that may be written but not read cannot be opened.
            Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {}
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            done => done?,
        }
    }
    record!(SyncFolder(folder));
    Ok(())
}

/// Removes a file.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    record!(Remove(path));
    Ok(())
}
