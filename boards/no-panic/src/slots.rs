//! A training state in flash.
use crate::{buffer, slice};
use core::convert::Infallible;
use core::hint::black_box;
use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use shatterscope::train::slots::{Progress, Slots, slot_len};

/// Of which nobody knows what it holds.
struct Flash;

impl ErrorType for Flash {
    type Error = Infallible;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = 4;

    fn read(&mut self, _: u32, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill(black_box(0));
        Ok(())
    }

    fn capacity(&self) -> usize {
        black_box(1 << 20)
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = 8;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Infallible> {
        black_box((from, to));
        Ok(())
    }

    fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), Infallible> {
        black_box((at, bytes));
        Ok(())
    }
}

pub fn everything() {
    black_box(slot_len(black_box((1, 2, 3)), black_box((1, 4, 4096))));
    let Ok(mut slots) = Slots::open(Flash, black_box(0), black_box(8192), black_box(7)) else { return };
    black_box((slots.newest(), slots.contents()));
    let (mut parameters, mut running, mut state) = ([1.0; 8], [1.0; 2], [1.0; 4]);
    if let Ok(Some(progress)) = slots.load(buffer(&mut parameters), buffer(&mut running), buffer(&mut state)) {
        let progress = Progress::from_le_bytes(black_box(progress.to_le_bytes()));
        let _ = black_box(slots.save(slice(&parameters), slice(&running), slice(&state), &progress));
    }
    black_box(slots.free());
}
