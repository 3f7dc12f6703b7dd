//! The start-up code paints the stack; what is painted no more has been used.
#![allow(unsafe_code)]

unsafe extern "C" {
    /// The lowest address of the stack.
    static _stack_end: u32;
    /// One past the highest.
    static _stack_start: u32;
}

/// What cortex-m-rt paints with.
const PAINT: u32 = 0xcccc_cccc;

/// The most bytes of stack that were ever in use.
pub fn peak() -> usize {
    let (mut at, top) = (&raw const _stack_end, &raw const _stack_start);
    // SAFETY: the linker script puts both symbols at the ends of the stack, aligned to words, and every word between
    // them is memory that start-up wrote. Volatile, because the words above the stack pointer belong to live frames.
    unsafe {
        while at < top && at.read_volatile() == PAINT {
            at = at.add(1);
        }
    }
    top as usize - at as usize
}
