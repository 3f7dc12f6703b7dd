//! NOR flash that several lives of a device share; its power may fail at any word.
use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};
use std::sync::{Arc, Mutex};

/// Bytes of it.
pub const FLASH: usize = 32 << 10;

/// Handles of one flash.
#[derive(Clone)]
pub struct Flash(Arc<Mutex<Cells>>);

#[derive(Clone)]
struct Cells {
    bytes: Vec<u8>,
    /// Words and sectors that are still done; the next one is half done, and all after it fail.
    left: u64,
    done: u64,
}

impl Default for Flash {
    fn default() -> Self {
        // Whatever was there before.
        let bytes = (0..FLASH).map(|i| (i * i % 251) as u8).collect();
        Self(Arc::new(Mutex::new(Cells { bytes, left: u64::MAX, done: 0 })))
    }
}

impl Flash {
    /// One with these bytes; what they lack is erased.
    pub fn of(bytes: &[u8]) -> Self {
        let mut all = bytes.to_vec();
        all.resize(FLASH, 0xff);
        Self(Arc::new(Mutex::new(Cells { bytes: all, left: u64::MAX, done: 0 })))
    }

    /// Its bytes.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().bytes.clone()
    }

    /// Another flash with the same bytes, whose power fails after so many words and sectors.
    pub fn copy(&self, left: u64) -> Self {
        let bytes = self.0.lock().unwrap().bytes.clone();
        Self(Arc::new(Mutex::new(Cells { bytes, left, done: 0 })))
    }

    /// Words written and sectors erased.
    pub fn done(&self) -> u64 {
        self.0.lock().unwrap().done
    }
}

impl Cells {
    /// Changes bytes, or every second one of them when the power fails.
    fn change(&mut self, from: usize, with: impl Iterator<Item = u8>) -> Result<(), NorFlashErrorKind> {
        let failed = self.done >= self.left;
        if self.done > self.left {
            return Err(NorFlashErrorKind::Other);
        }
        self.done += 1;
        for (i, byte) in with.enumerate() {
            if !failed || i % 2 == 0 {
                self.bytes[from + i] = byte;
            }
        }
        if failed { Err(NorFlashErrorKind::Other) } else { Ok(()) }
    }
}

impl ErrorType for Flash {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = 1;

    fn read(&mut self, from: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        let cells = self.0.lock().unwrap();
        bytes.copy_from_slice(&cells.bytes[from as usize..from as usize + bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        FLASH
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 1024;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        let mut cells = self.0.lock().unwrap();
        let sectors = (from as usize..to as usize).step_by(Self::ERASE_SIZE);
        sectors.into_iter().try_for_each(|sector| cells.change(sector, [0xff; Self::ERASE_SIZE].into_iter()))
    }

    fn write(&mut self, from: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        let mut cells = self.0.lock().unwrap();
        for (at, word) in (from as usize..).step_by(4).zip(bytes.chunks_exact(4)) {
            assert_eq!(cells.bytes[at..at + 4], [0xff; 4], "a word is written twice");
            cells.change(at, word.iter().copied())?;
        }
        Ok(())
    }
}
