//! Memory that behaves as NOR flash does: bits go from 1 to 0 until their sector is erased, and a word is written once. It forgets
//! when the emulator ends.
use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};
use shatterscope_firmware::device::InFlash;

/// Such memory.
#[derive(Debug)]
pub struct Emulated(&'static mut [u8]);

/// Two slots that share it.
pub fn flash(bytes: &'static mut [u8]) -> InFlash<Emulated> {
    let len = (bytes.len() / 2 / Emulated::ERASE_SIZE * Emulated::ERASE_SIZE) as u32;
    InFlash { flash: Emulated(bytes), at: 0, len }
}

impl Emulated {
    fn part(&mut self, from: u32, len: usize) -> Result<&mut [u8], NorFlashErrorKind> {
        let from = from as usize;
        self.0.get_mut(from..from.saturating_add(len)).ok_or(NorFlashErrorKind::OutOfBounds)
    }
}

impl ErrorType for Emulated {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Emulated {
    const READ_SIZE: usize = 1;

    fn read(&mut self, from: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        bytes.copy_from_slice(self.part(from, bytes.len())?);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.0.len()
    }
}

impl NorFlash for Emulated {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        if !(from as usize).is_multiple_of(Self::ERASE_SIZE) || !(to as usize).is_multiple_of(Self::ERASE_SIZE) {
            return Err(NorFlashErrorKind::NotAligned);
        }
        self.part(from, to.saturating_sub(from) as usize)?.fill(0xff);
        Ok(())
    }

    fn write(&mut self, from: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        if !(from as usize | bytes.len()).is_multiple_of(Self::WRITE_SIZE) {
            return Err(NorFlashErrorKind::NotAligned);
        }
        let part = self.part(from, bytes.len())?;
        if part.iter().any(|byte| *byte != 0xff) {
            return Err(NorFlashErrorKind::Other);
        }
        part.copy_from_slice(bytes);
        Ok(())
    }
}
