//! Paints the stack at the start; what is painted no more has been used.
#![no_std]
#![allow(unsafe_code)]

use core::hint::black_box;
use shatterscope_firmware::device::Stack;

unsafe extern "C" {
    /// The lowest address of the stack. What lies below is no memory, so that an overflow faults.
    static _stack_end: u32;
    /// One past the highest.
    static _stack_start: u32;
}

const PAINT: u32 = 0xcccc_cccc;

/// Bytes below the frame that paints which it leaves alone: its own, and what a call of it pushes.
const MARGIN: usize = 256;

/// The lowest words of the stack; one of them that is not painted any more is an overflow.
const LAST: usize = 4;

/// The stack, painted.
#[derive(Clone, Copy, Debug)]
pub struct Painted(());

impl Painted {
    /// Paints what is free.
    #[inline(never)]
    pub fn new() -> Self {
        let here = black_box(0u32);
        let (mut at, top) = (&raw const _stack_end as *mut u32, (&raw const here as usize).saturating_sub(MARGIN));
        // SAFETY: the linker script puts the symbol at the lowest end of the stack, aligned to words; all words from there
        // to well below this frame belong to the stack and to no frame.
        unsafe {
            while (at as usize) < top {
                at.write_volatile(PAINT);
                at = at.add(1);
            }
        }
        Self(())
    }
}

impl Default for Painted {
    fn default() -> Self {
        Self::new()
    }
}

impl Stack for Painted {
    fn peak(&self) -> Option<u32> {
        let (mut at, top) = (&raw const _stack_end, &raw const _stack_start);
        // SAFETY: both symbols are the ends of the stack, aligned to words, and every word between them is memory.
        // Volatile, because the words above the stack pointer belong to live frames.
        unsafe {
            while at < top && at.read_volatile() == PAINT {
                at = at.add(1);
            }
        }
        Some((top as usize - at as usize) as u32)
    }

    fn overflowed(&self) -> bool {
        let last = &raw const _stack_end;
        // SAFETY: as above; a stack has more words than that.
        (0..LAST).any(|i| unsafe { last.add(i).read_volatile() } != PAINT)
    }
}
