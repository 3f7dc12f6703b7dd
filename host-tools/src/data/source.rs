//! A file read from front to back, unpacked where it is gzip, with errors that say the place.
use crate::{Failure, Result};
use flate2::bufread::MultiGzDecoder;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// What is left of a file.
pub(super) struct Source<'a> {
    path: &'a Path,
    reader: Box<dyn Read + 'a>,
    at: u64,
    /// Bytes of the file, where it is not packed.
    len: Option<u64>,
}

/// The most bytes that a packed file may expand to, and a plain one may have.
const MOST: u64 = 8 << 30;

impl<'a> Source<'a> {
    /// Opens a file.
    pub(super) fn open(path: &'a Path) -> Result<Self> {
        let (file, len) = crate::read::open(path, "cannot read", MOST)?;
        let source = Self::new(path, BufReader::with_capacity(1 << 16, file))?;
        Ok(Self { len: source.len.map(|_| len), ..source })
    }

    /// What a file holds. Its first bytes, not its name, say whether it is packed: browsers unpack on their own.
    pub(super) fn new(path: &'a Path, mut file: impl BufRead + 'a) -> Result<Self> {
        let first = file.fill_buf().map_err(|error| Failure::file(path, "cannot read", error))?;
        if let Some(kind) = crate::read::stand_in(first) {
            return Err(Failure::file(path, "cannot read", kind));
        }
        let packed = first.starts_with(&[0x1f, 0x8b]);
        let reader: Box<dyn Read + 'a> = if packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        Ok(Self { path, reader, at: 0, len: (!packed).then_some(u64::MAX) })
    }

    pub(super) fn path(&self) -> &'a Path {
        self.path
    }

    /// A failure at a byte (of the unpacked file).
    pub(super) fn failure(&self, at: u64, what: impl std::fmt::Display) -> Failure {
        Failure::failed(format!("{}, byte {at}: {what}", self.path.display()))
    }

    /// At most `len` bytes: fewer where the file ends.
    pub(super) fn up_to(&mut self, len: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = (&mut self.reader).take(len).read_to_end(&mut bytes);
        self.at += bytes.len() as u64;
        match read {
            Ok(_) => Ok(bytes),
            Err(error) => Err(self.failure(self.at, format!("cannot read on ({error}): get the file again"))),
        }
    }

    /// The next `len` bytes.
    pub(super) fn exactly(&mut self, len: u64, what: &str) -> Result<Vec<u8>> {
        let end = self.at.saturating_add(len);
        if end > MOST {
            return Err(self.failure(self.at, format!("{what} should end at {end}, and at most {MOST} bytes are read")));
        }
        if let Some(have) = self.len.filter(|&have| have < end) {
            return Err(
                self.failure(have, format!("the file ends here, and {what} should end at {end}: get the file again"))
            );
        }
        crate::limits::memory(len, &self.path.display().to_string(), "the number of its examples")?;
        let bytes = self.up_to(len)?;
        if self.at == end {
            Ok(bytes)
        } else {
            Err(self
                .failure(self.at, format!("the file ends here, and {what} should end at {end}: get the file again")))
        }
    }

    /// Nothing is left.
    pub(super) fn end(mut self) -> Result<()> {
        let at = self.at;
        match self.up_to(1)?.is_empty() {
            true => Ok(()),
            false => Err(self.failure(at, "the file should end here, by its header, and goes on: get the file again")),
        }
    }
}
