use super::{Destination, FileError, destination::Ready, disk};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Writes files into a folder, which is made if it does not exist. All are complete and on the disk beside their places before
/// the first takes its name; when this returns, all names are on the disk, too.
///
/// # Errors
/// The first file that cannot be written; every file that was there keeps its old content.
pub fn write_all(folder: &Path, files: &[(String, Vec<u8>)]) -> Result<Vec<PathBuf>, FileError> {
    disk::create_folder(folder).map_err(|error| FileError::new(folder, error))?;
    let paths: Vec<_> = files.iter().map(|(name, _)| folder.join(name)).collect();
    let places = paths.iter().map(|path| Destination::find(path)).collect::<Result<Vec<_>, _>>()?;
    let ready = places.iter().zip(files).map(|(place, (_, bytes))| place.prepare(bytes));
    finish(ready.collect::<Result<Vec<_>, _>>()?)?;
    Ok(paths)
}

/// Gives the files their names, in their order, and waits for the disk.
pub(super) fn finish(ready: Vec<Ready<'_>>) -> Result<(), FileError> {
    let mut folders = BTreeSet::new();
    for one in ready {
        folders.extend(one.finish()?);
    }
    folders.iter().try_for_each(|folder| disk::sync_folder(folder).map_err(|error| FileError::new(folder, error)))
}
