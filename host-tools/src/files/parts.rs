//! Parts of files, which killed processes leave behind.
use super::{FileError, disk};
use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;

/// Removes the parts that no process writes to any more. A part that is being written is locked by its process.
///
/// # Errors
/// A folder that cannot be read, a part that cannot be removed.
pub(super) fn clear(folder: &Path) -> Result<(), FileError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| FileError { path, error }
    };
    for entry in fs::read_dir(folder).map_err(failed(folder))? {
        let entry = entry.map_err(failed(folder))?;
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        let is_part = name.starts_with(disk::PREFIX.as_bytes()) && name.ends_with(disk::PART.as_bytes());
        if !is_part || !entry.file_type().is_ok_and(|of| of.is_file()) {
            continue;
        }
        let path = entry.path();
        // One that is gone, or that is another user's to read or remove, is left alone.
        let Ok(file) = File::open(&path) else { continue };
        match file.try_lock() {
            Ok(()) => match disk::remove(&path) {
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
                done => done.map_err(failed(&path))?,
            },
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => {}
        }
    }
    Ok(())
}
