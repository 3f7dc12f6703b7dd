use super::CHUNK;
use embedded_storage::nor_flash::NorFlash;

/// Collects words to chunks.
pub(super) struct Writer<'f, F> {
    flash: &'f mut F,
    /// Where the next chunk goes.
    pub at: u32,
    len: usize,
    bytes: [u8; CHUNK],
}

impl<'f, F: NorFlash> Writer<'f, F> {
    pub fn new(flash: &'f mut F, at: u32) -> Self {
        Self { flash, at, len: 0, bytes: [0xff; CHUNK] }
    }

    pub fn put(&mut self, word: [u8; 4]) -> Result<(), F::Error> {
        if let Some(to) = self.bytes.get_mut(self.len..self.len + 4) {
            to.copy_from_slice(&word);
        }
        self.len += 4;
        if self.len >= CHUNK { self.flush(CHUNK) } else { Ok(()) }
    }

    /// Fills the unit at hand.
    pub fn end(&mut self, unit: usize) -> Result<(), F::Error> {
        if self.len == 0 { Ok(()) } else { self.flush(self.len.next_multiple_of(unit)) }
    }

    fn flush(&mut self, len: usize) -> Result<(), F::Error> {
        self.flash.write(self.at, invariant!(self.bytes.get(..len)))?;
        self.at += len as u32;
        self.len = 0;
        self.bytes = [0xff; CHUNK];
        Ok(())
    }
}
