//! Files are written whole or not at all.
use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// A file that the system did not let us write.
#[derive(Debug)]
pub struct FileError {
    /// Which one.
    pub path: PathBuf,
    /// What the system says.
    pub error: std::io::Error,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot write {}: {}", self.path.display(), self.error)
    }
}

/// Writes files into a folder, made where it is not there: all are complete beside their places before the first takes
/// its name.
///
/// # Errors
/// The first file that cannot be written; what stood there before stands there still.
pub fn write_all(dir: &Path, files: &[(String, Vec<u8>)]) -> Result<Vec<PathBuf>, FileError> {
    let failed = |path: &Path, error| FileError { path: path.to_owned(), error };
    std::fs::create_dir_all(dir).map_err(|error| failed(dir, error))?;
    let mut ready = Vec::new();
    for (name, bytes) in files {
        let path = dir.join(name);
        if path.is_dir() {
            return Err(failed(&path, std::io::ErrorKind::IsADirectory.into()));
        }
        let write = || {
            let mut file = builder().tempfile_in(dir)?;
            file.write_all(bytes)?;
            Ok(file)
        };
        let file = write().map_err(|error| failed(&path, error))?;
        ready.push((path, file));
    }
    let persist = |(path, file): (PathBuf, tempfile::NamedTempFile)| match file.persist(&path) {
        Ok(_) => Ok(path),
        Err(error) => Err(failed(&path, error.error)),
    };
    ready.into_iter().map(persist).collect()
}

/// What the name of a file that is not complete begins and ends with; a process that is killed leaves it.
const PREFIX: &str = ".shatterscope-";
const PART: &str = ".part";

/// Takes away what killed processes left in a folder; one that is not there holds nothing.
///
/// # Errors
/// A folder that cannot be read, a file that cannot be removed.
pub fn clear_parts(dir: &Path) -> Result<(), FileError> {
    let failed = |path: &Path, error| FileError { path: path.to_owned(), error };
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|error| failed(dir, error))?,
    };
    for entry in entries {
        let path = entry.map_err(|error| failed(dir, error))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(PREFIX) && name.ends_with(PART) {
            std::fs::remove_file(&path).map_err(|error| failed(&path, error))?;
        }
    }
    Ok(())
}

/// Temporary files with the permissions that a new file would have.
fn builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(PART);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder
}
