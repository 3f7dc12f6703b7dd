//! Takes more stack than there is. The fault handler must name that: status 98.
#![no_std]
#![no_main]

use core::hint::black_box;
use semihosting::process::exit;
use shatterscope_qemu_support::entry;

entry!({
    let depth = descend(black_box(u32::MAX));
    // Not reached: so many frames are no stack's.
    exit((depth & 1) as i32)
});

/// A frame of some words on top of the last one.
#[inline(never)]
fn descend(left: u32) -> u32 {
    let frame = black_box([left; 16]);
    match left {
        0 => 0,
        left => descend(left - 1).wrapping_add(frame[black_box(3)]),
    }
}
