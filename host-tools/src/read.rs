//! Files as they are read: regular ones only, of a length that is checked before memory is taken.
use crate::{Failure, Result, limits};
use std::fs::{File, Metadata};
use std::io::Read;
use std::path::Path;

/// The most bytes of a spec, a list of layers or another text.
pub const TEXT: u64 = 16 << 20;

/// Opens a regular file, and says its length. `what` is "cannot read ...", as the message begins.
///
/// # Errors
/// A file that cannot be opened; a folder, device, pipe or socket, which are not opened at all; more than `most` bytes.
pub fn open(path: &Path, what: &str, most: u64) -> Result<(File, u64)> {
    let failed = |error: &dyn std::fmt::Display| Failure::file(path, what, error);
    // A pipe without a writer would block in `open`.
    regular(&path.metadata().map_err(|error| failed(&error))?).map_err(|kind| failed(&kind))?;
    let file = File::open(path).map_err(|error| failed(&error))?;
    let metadata = file.metadata().map_err(|error| failed(&error))?;
    regular(&metadata).map_err(|kind| failed(&kind))?;
    match metadata.len() {
        len if len <= most => Ok((file, len)),
        len => Err(failed(&format!("it has {len} bytes, and at most {most} are read"))),
    }
}

fn regular(metadata: &Metadata) -> std::result::Result<(), &'static str> {
    let kind = metadata.file_type();
    if kind.is_file() {
        return Ok(());
    }
    if kind.is_dir() {
        return Err("it is a folder: give a file");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return Err("it is a pipe: give a regular file");
        }
        if kind.is_char_device() || kind.is_block_device() {
            return Err("it is a device: give a regular file");
        }
    }
    Err("it is not a regular file: give one")
}

/// All bytes of a file.
///
/// # Errors
/// As [`open`]; a file that grows past `most` while it is read; a pointer of Git LFS or a web page in place of the file.
pub fn bytes(path: &Path, what: &str, most: u64) -> Result<Vec<u8>> {
    let failed = |error: &dyn std::fmt::Display| Failure::file(path, what, error);
    let (file, len) = open(path, what, most)?;
    // What is made of them takes as much again, or twice.
    limits::memory(len.saturating_mul(3), &format!("reading {}", path.display()), "the size of the file")?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len as usize).map_err(|_| failed(&format!("no memory for its {len} bytes")))?;
    file.take(most + 1).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
    if bytes.len() as u64 > most {
        return Err(failed(&format!("it has more than {most} bytes, and no more are read")));
    }
    match stand_in(&bytes) {
        Some(kind) => Err(failed(&kind)),
        None => Ok(bytes),
    }
}

/// A text in UTF-8 of at most [`TEXT`] bytes.
///
/// # Errors
/// As [`bytes`]; bytes that are not UTF-8, with their place.
pub fn text(path: &Path, what: &str) -> Result<String> {
    String::from_utf8(bytes(path, what, TEXT)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::file(path, what, format!("byte {at} is not UTF-8: give a text file"))
    })
}

/// What downloads leave in place of a file, recognised by its first bytes.
pub(crate) fn stand_in(bytes: &[u8]) -> Option<&'static str> {
    const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";
    let page = bytes.trim_ascii_start();
    let begins = |text: &[u8]| page.len() >= text.len() && page[..text.len()].eq_ignore_ascii_case(text);
    if bytes.starts_with(POINTER) {
        Some("it is a Git LFS pointer, not the file itself: run `git lfs pull`")
    } else if begins(b"<!doctype html") || begins(b"<html") {
        Some("it is an HTML page, not the file itself: download the file that the page shows")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_of_a_bounded_length_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "text").unwrap();
        assert_eq!(bytes(&path, "cannot read", 4).unwrap(), b"text");
        assert_eq!(text(&path, "cannot read").unwrap(), "text");
        let said = |result: Result<Vec<u8>>| result.unwrap_err().message;
        assert!(said(bytes(&path, "cannot read", 3)).ends_with("it has 4 bytes, and at most 3 are read"));
        assert!(said(bytes(folder.path(), "cannot read", 9)).contains("it is a folder"));
        assert!(said(bytes(&folder.path().join("none"), "cannot read", 9)).contains("none: "));
        std::fs::write(&path, b"ab\xff").unwrap();
        assert!(text(&path, "cannot read").unwrap_err().message.contains("byte 2 is not UTF-8"));
        std::fs::write(&path, "version https://git-lfs.github.com/spec/v1\noid sha256:0\n").unwrap();
        assert!(said(bytes(&path, "cannot read", 99)).contains("git lfs pull"));
        std::fs::write(&path, "\n<!DOCTYPE html><html>").unwrap();
        assert!(said(bytes(&path, "cannot read", 99)).contains("HTML page"));
    }

    #[cfg(unix)]
    #[test]
    fn pipes_and_devices_are_refused_without_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        for (path, kind) in [(pipe.as_path(), "a pipe"), (&link, "a device"), (Path::new("/dev/null"), "a device")] {
            let said = bytes(path, "cannot read", 9).unwrap_err().message;
            assert!(said.contains(kind) && said.contains(&*path.to_string_lossy()), "{said}");
        }
    }
}
