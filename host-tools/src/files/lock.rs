//! A folder of results belongs to one process at a time.
//!
//! The process holds a lock of the system (`flock`) on the file `.shatterscope.lock` in the folder, which says who it is. The lock
//! ends with its process, however that ends; the file is removed at the end of a run, and one that a killed process left is
//! taken over by the next. Reading a folder takes no lock.
use super::{Destination, FileError, disk, find, parts, same_file};
use crate::Result;
use crate::ending::{self, Ending};
use crate::text::visible;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

const NAME: &str = ".shatterscope.lock";

/// A folder that this process alone writes results into, until it is dropped.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    /// Closing it ends the lock.
    _file: File,
    /// Folders that were not there, the outermost first.
    created: Vec<PathBuf>,
    /// Removes the lock file if the program ends without destructors.
    ending: Option<Ending>,
}

/// Who holds a folder.
#[derive(Serialize, Deserialize)]
struct Holder {
    pid: u32,
    host: String,
    command: String,
    since: String,
}

/// Opens a folder for results, making it if it does not exist: takes its lock, removes the parts that killed processes left, and
/// tries whether the folder and the files of these names in it can be written.
///
/// # Errors
/// A folder that another process writes into, with that process; a folder or file that cannot be written. Then nothing has changed.
pub fn claim(folder: &Path, names: &[impl AsRef<Path>]) -> Result<Claim> {
    let created = disk::create_folder(folder).map_err(|error| FileError::new(folder, error))?;
    let path = folder.join(NAME);
    let own = path.clone();
    let begun = ending::begin(|| Ok::<_, FileError>((lock(folder)?, move || drop(fs::remove_file(&own)))));
    let (file, ending) = begun.inspect_err(|_| remove_empty(&created))?;
    let claim = Claim { path, _file: file, created, ending: Some(ending) };
    parts::clear(folder)?;
    disk::create(folder).map_err(|error| FileError::new(folder, error))?;
    names.iter().try_for_each(|name| Destination::open(&folder.join(name)).map(drop))?;
    Ok(claim)
}

/// The open lock file, locked, with this process in it.
fn lock(folder: &Path) -> std::result::Result<File, FileError> {
    let path = folder.join(NAME);
    let failed = |error| FileError::new(&path, error);
    loop {
        if fs::symlink_metadata(&path).is_ok_and(|found| !found.is_file()) {
            return Err(FileError::because(&path, "it is no ordinary file: remove it"));
        }
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = file.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => FileError::because(folder, "no new file can be made there: give another folder"),
            _ => FileError::new(folder, error),
        })?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(FileError::because(folder, held(&file))),
            Err(TryLockError::Error(error)) => {
                let why = format!("its file system gives no locks ({error}): give a folder on a local disk");
                return Err(FileError::because(folder, why));
            }
        }
        // The process before may have removed the file between our opening and our locking it.
        let named = find(&path).map_err(failed)?;
        let opened = file.metadata().map_err(failed)?;
        if named.is_some_and(|named| same_file(&named, &opened) || !cfg!(unix)) {
            file.set_len(0).map_err(failed)?;
            file.write_all(&serde_json::to_vec(&Holder::me()).unwrap_or_default()).map_err(failed)?;
            return Ok(file);
        }
    }
}

impl Holder {
    fn me() -> Self {
        let words: Vec<_> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
        Self {
            pid: std::process::id(),
            host: host(),
            command: words.join(" ").chars().take(1000).collect(),
            since: chrono::Utc::now().format("%Y-%m-%d %H:%M:%S UTC").to_string(),
        }
    }
}

#[cfg(unix)]
fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
fn host() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_default()
}

/// Who holds a lock, in words. What the file says was written by another process and is shown with its control characters escaped.
fn held(mut file: &File) -> String {
    let mut bytes = Vec::new();
    let _ = (&mut file as &mut dyn Read).take(1 << 16).read_to_end(&mut bytes);
    let who = match serde_json::from_slice::<Holder>(&bytes) {
        Err(_) => "another process writes there".to_owned(),
        Ok(Holder { pid, host, command, since }) => {
            let [host, command, since] = [host, command, since].map(|text| visible(&text));
            format!("process {pid} on {host} has been writing there since {since} (`{command}`)")
        }
    };
    format!("{who}; wait until it ends, or give another folder")
}

fn remove_empty(created: &[PathBuf]) {
    // The innermost first; a folder that is not empty stays.
    created.iter().rev().all(|folder| fs::remove_dir(folder).is_ok());
}

impl Drop for Claim {
    /// The file goes first, while it is locked: whoever opened it meanwhile sees that it has lost its name.
    fn drop(&mut self) {
        // Before the file goes: afterwards another process could have one of this name.
        self.ending = None;
        let _ = fs::remove_file(&self.path);
        remove_empty(&self.created);
    }
}
