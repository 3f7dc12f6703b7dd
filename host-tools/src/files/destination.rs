//! What an output file is, and so how it is written.
//!
//! | the name belongs to | what happens |
//! |---|---|
//! | nothing | a new file |
//! | an ordinary file | a new file takes its name, in one step; it keeps the mode and, where the system allows, the owner. Other hard links keep the old content |
//! | a symbolic link | its target is written as this table says, the link stays |
//! | a named pipe, a character device | written to, and stays what it is; a pipe without a reader for 10 s is refused |
//! | the file that standard output or standard error goes to, or a descriptor under `/proc/self/fd` | written behind what is there |
//! | a folder, a block device, a socket, a link to nothing | refused |
use super::{FileError, disk, find, folder_of, parts, same_file, write};
use crate::{Failure, Result};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
#[cfg(unix)]
use std::time::Instant;
use tempfile::NamedTempFile;

/// One output file.
#[derive(Debug)]
pub struct Destination {
    /// As it was asked for.
    path: PathBuf,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// A file takes the name `path`, with the mode and owner of the one before.
    Replaced {
        path: PathBuf,
        before: Option<Metadata>,
    },
    /// Opened and written to.
    Written {
        append: bool,
    },
    StandardOutput,
    StandardError,
}

/// Bytes that only wait for their name, or for the pipe they go into.
#[derive(Debug)]
pub(super) enum Ready<'a> {
    Part { part: NamedTempFile, to: &'a Path },
    Bytes { bytes: &'a [u8], to: &'a Destination },
}

impl Destination {
    /// Looks at an output before the work for it begins, and tries whether it can be written. Nothing is changed but parts that a
    /// killed process left.
    ///
    /// # Errors
    /// An output that cannot be written, with the reason.
    pub fn open(path: &Path) -> Result<Self> {
        let found = Self::find(path)?;
        if let Kind::Replaced { path, .. } = &found.kind {
            let folder = folder_of(path);
            // Where a folder cannot be listed, parts stay; whether it can be written is tried next.
            let _ = parts::clear(folder);
            disk::create(folder).map_err(|error| FileError::new(&found.path, error))?;
        }
        Ok(found)
    }

    /// Writes the file.
    ///
    /// # Errors
    /// What the system says; an ordinary file that was there keeps its content.
    pub fn write(&self, bytes: &[u8]) -> Result<()> {
        Ok(write::finish(vec![self.prepare(bytes)?])?)
    }

    /// What a name stands for. Nothing is changed.
    pub(super) fn find(path: &Path) -> std::result::Result<Self, FileError> {
        let kind = match fs::metadata(path) {
            Ok(found) => existing(path, found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => absent(path),
            Err(error) => Err(error),
        };
        kind.map(|kind| Self { path: path.to_owned(), kind }).map_err(|error| FileError::new(path, error))
    }

    /// Writes a part beside the place of an ordinary file, down to the disk.
    pub(super) fn prepare<'a>(&'a self, bytes: &'a [u8]) -> std::result::Result<Ready<'a>, FileError> {
        let Kind::Replaced { path, before } = &self.kind else { return Ok(Ready::Bytes { bytes, to: self }) };
        let part = || {
            let mut part = disk::create(folder_of(path))?;
            disk::write(&mut part, bytes)?;
            before.as_ref().map_or(Ok(()), |before| like(&part, before))?;
            disk::sync(&part)?;
            io::Result::Ok(part)
        };
        let part = part().map_err(|error| FileError::new(&self.path, error))?;
        Ok(Ready::Part { part, to: path })
    }

    fn pour(&self, bytes: &[u8]) -> io::Result<()> {
        match &self.kind {
            Kind::StandardOutput => {
                let mut out = io::stdout().lock();
                out.write_all(bytes).and_then(|()| out.flush())
            }
            Kind::StandardError => io::stderr().lock().write_all(bytes),
            // Neither created nor cut: what is there is no file of ours.
            Kind::Written { append } => {
                let mut file = if *append { append_to(&self.path) } else { with_reader(&self.path) }?;
                file.write_all(bytes).and_then(|()| file.flush())
            }
            Kind::Replaced { .. } => Ok(()),
        }
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).open(path)
}

/// How long a named pipe may be without a reader.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens a named pipe or a device. A pipe that nothing reads would keep `open` waiting for ever.
#[cfg(unix)]
fn with_reader(path: &Path) -> io::Result<File> {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
    if !fs::metadata(path)?.file_type().is_fifo() {
        return OpenOptions::new().write(true).open(path);
    }
    let end = Instant::now() + PATIENCE;
    loop {
        let opened = OpenOptions::new().write(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(path);
        match opened {
            Ok(file) => {
                // Its reader may be slow.
                fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
                return Ok(file);
            }
            Err(error) if error.raw_os_error() != Some(rustix::io::Errno::NXIO.raw_os_error()) => return Err(error),
            Err(_) if Instant::now() >= end => {
                return Err(io::Error::other(format!(
                    "it is a pipe that nothing has read for {} s: start its reader first, or give a file",
                    PATIENCE.as_secs()
                )));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

#[cfg(not(unix))]
fn with_reader(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).open(path)
}

/// Refuses to write over a file that the command reads.
///
/// # Errors
/// Wrong use: the output is one of the inputs, under whatever name.
pub fn refuse_input(out: &Path, inputs: &[&Path]) -> Result<()> {
    let Some(found) = find(out).ok().flatten().filter(Metadata::is_file) else { return Ok(()) };
    let same = |input: &&&Path| find(input).ok().flatten().is_some_and(|input| same_file(&found, &input));
    match inputs.iter().find(same) {
        None => Ok(()),
        Some(input) => Err(Failure::usage(format!(
            "the output {} is the input {}: give the output another name",
            out.display(),
            input.display()
        ))),
    }
}

/// [`refuse_input`] for files in a folder.
///
/// # Errors
/// As [`refuse_input`].
pub fn refuse_inputs(folder: &Path, names: &[impl AsRef<Path>], inputs: &[impl AsRef<Path>]) -> Result<()> {
    let inputs: Vec<_> = inputs.iter().map(AsRef::as_ref).collect();
    names.iter().try_for_each(|name| refuse_input(&folder.join(name), &inputs))
}

impl Ready<'_> {
    /// Gives a part its name, or sends the bytes; gives the folder whose names have changed.
    pub(super) fn finish(self) -> std::result::Result<Option<PathBuf>, FileError> {
        match self {
            Ready::Part { part, to } => {
                disk::rename(part, to).map_err(|error| FileError::new(to, error))?;
                Ok(Some(folder_of(to).to_owned()))
            }
            Ready::Bytes { bytes, to } => {
                to.pour(bytes).map_err(|error| FileError::new(&to.path, error))?;
                Ok(None)
            }
        }
    }
}

fn absent(path: &Path) -> io::Result<Kind> {
    if let Ok(target) = fs::read_link(path) {
        return Err(disk::dangling(&target));
    }
    if path.file_name().is_none() || path.as_os_str().as_encoded_bytes().ends_with(b"/") {
        return Err(a_folder());
    }
    let folder = folder_of(path);
    match find(folder)? {
        None => Err(io::Error::other(format!("there is no folder {}: make it first", folder.display()))),
        Some(found) if !found.is_dir() => Err(io::ErrorKind::NotADirectory.into()),
        Some(_) => Ok(Kind::Replaced { path: path.to_owned(), before: None }),
    }
}

fn a_folder() -> io::Error {
    io::Error::other("it is a folder: give the name of a file, or move the folder away")
}

fn existing(path: &Path, found: Metadata) -> io::Result<Kind> {
    if found.is_dir() {
        return Err(a_folder());
    }
    if let Some(kind) = special(path, &found)? {
        return Ok(kind);
    }
    let real = fs::canonicalize(path)?;
    // A file that we may not write is not replaced either, though its folder would let us.
    OpenOptions::new().write(true).open(&real)?;
    Ok(Kind::Replaced { path: real, before: Some(found) })
}

/// What is written without taking another file's name; None for an ordinary file.
#[cfg(unix)]
fn special(path: &Path, found: &Metadata) -> io::Result<Option<Kind>> {
    use std::os::unix::fs::FileTypeExt;
    let standard = |descriptor: io::Result<std::os::fd::OwnedFd>| {
        let opened = descriptor.and_then(|descriptor| File::from(descriptor).metadata());
        opened.is_ok_and(|opened| same_file(&opened, found))
    };
    use std::os::fd::AsFd;
    if standard(io::stdout().as_fd().try_clone_to_owned()) {
        return Ok(Some(Kind::StandardOutput));
    }
    if standard(io::stderr().as_fd().try_clone_to_owned()) {
        return Ok(Some(Kind::StandardError));
    }
    let of = found.file_type();
    if of.is_block_device() || of.is_socket() {
        let what = if of.is_socket() { "socket" } else { "block device" };
        return Err(io::Error::other(format!("it is a {what}: give a file")));
    }
    let pipe = of.is_fifo() || of.is_char_device();
    if pipe || is_descriptor(path) {
        // Opening a pipe waits for its reader, so the permission is asked for.
        rustix::fs::access(path, rustix::fs::Access::WRITE_OK)?;
        return Ok(Some(Kind::Written { append: !pipe }));
    }
    Ok(None)
}

#[cfg(not(unix))]
fn special(_: &Path, _: &Metadata) -> io::Result<Option<Kind>> {
    Ok(None)
}

/// Whether a name leads, by whatever links, to an open descriptor: `/proc/self/fd/3`, `/dev/fd/3`.
#[cfg(unix)]
fn is_descriptor(path: &Path) -> bool {
    let mut path = path.to_owned();
    // As many links as the system follows.
    for _ in 0..40 {
        let Ok(folder) = fs::canonicalize(folder_of(&path)) else { return false };
        if folder.ends_with("fd") && (folder.starts_with("/proc") || folder.starts_with("/dev")) {
            return true;
        }
        match fs::read_link(&path) {
            Ok(target) => path = folder.join(target),
            Err(_) => return false,
        }
    }
    false
}

/// Gives a part the mode and, where the system allows, the owner of the file that it replaces.
#[cfg(unix)]
fn like(part: &NamedTempFile, before: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
    let new = part.as_file().metadata()?;
    if (new.uid(), new.gid()) != (before.uid(), before.gid()) {
        // Only root gives files away; all others keep what they can, the group first.
        let _ = fchown(part.as_file(), None, Some(before.gid()));
        let _ = fchown(part.as_file(), Some(before.uid()), None);
    }
    part.as_file().set_permissions(fs::Permissions::from_mode(before.mode() & 0o777))
}

#[cfg(not(unix))]
fn like(part: &NamedTempFile, before: &Metadata) -> io::Result<()> {
    part.as_file().set_permissions(before.permissions())
}
