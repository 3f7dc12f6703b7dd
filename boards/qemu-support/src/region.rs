//! Marks the executor's work for an emulator that counts instructions: hint instructions that no core takes for anything.
#![allow(unsafe_code)]

use core::arch::asm;
use shatterscope::Pass;
use shatterscope_firmware::device::Clock;

/// A clock that the emulator reads, not the firmware.
#[derive(Clone, Copy, Debug)]
pub struct Region;

/// One instruction without effect, which the counter knows by its bytes.
macro_rules! marker {
    ($thumb:literal, $riscv:literal, $a64:literal) => {
        // SAFETY: hints, and on RISC-V a write to x0: no register, no memory, no flag changes.
        unsafe {
            #[cfg(target_arch = "arm")]
            asm!($thumb);
            #[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
            asm!($riscv);
            #[cfg(target_arch = "aarch64")]
            asm!($a64);
        }
    };
}

impl Region {
    /// A counted region begins.
    #[inline(always)]
    pub fn begin() {
        marker!(".inst.n 0xbfd0", "slti x0, x0, 0xd0", "hint #0x6d");
    }

    /// It ends.
    #[inline(always)]
    pub fn end() {
        marker!(".inst.n 0xbfe0", "slti x0, x0, 0xe0", "hint #0x6e");
    }
}

impl Clock for Region {
    fn start(&mut self) {
        Self::begin();
    }

    fn stop(&mut self) -> Option<u64> {
        Self::end();
        None
    }

    /// The counter stands still while it is told which operation it was, bit by bit from the lowest: that of the direction.
    fn mark(&mut self, pass: Pass, operation: u32) -> Option<u64> {
        marker!(".inst.n 0xbfa0", "slti x0, x0, 0xa0", "hint #0x6a");
        let mut rest = operation << 1 | u32::from(pass == Pass::Backward);
        while rest > 0 {
            if rest & 1 == 1 {
                marker!(".inst.n 0xbf90", "slti x0, x0, 0x90", "hint #0x69");
            } else {
                marker!(".inst.n 0xbf80", "slti x0, x0, 0x80", "hint #0x68");
            }
            rest >>= 1;
        }
        marker!(".inst.n 0xbfb0", "slti x0, x0, 0xb0", "hint #0x6b");
        None
    }
}
