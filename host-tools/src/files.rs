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

/// Temporary files with the permissions that a new file would have.
fn builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder
}
