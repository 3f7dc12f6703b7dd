//! The default handlers loop for ever, and an emulator with them. Here a fault ends the program with one line on standard error, and a stack
//! that has left its memory is named.
//!
//! A stack that has run out is of no use to a handler. Nothing of the program runs after a fault, so each handler begins at the top of the
//! stack, over stack frames that are never returned to.
#![allow(unsafe_code)]

use crate::transport::complain;
use core::panic::PanicInfo;
use semihosting::process::exit;

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    complain(format_args!("{info}\n"));
    exit(101)
}

#[cfg(not(target_arch = "aarch64"))]
mod stack {
    use super::{complain, exit};

    /// Exit status of a stack overflow.
    const OVERFLOW: i32 = 98;

    unsafe extern "C" {
        /// The lowest address of the stack.
        static _stack_end: u32;
        /// One past the highest.
        static _stack_start: u32;
    }

    /// The most that one instruction pushes, and what a core pushes for a handler.
    const NEAR: usize = 256;

    /// Bytes of the stack where it has run out at `sp`.
    pub fn overflowed(sp: usize) -> Option<usize> {
        let (end, start) = (&raw const _stack_end as usize, &raw const _stack_start as usize);
        (sp < end + NEAR).then(|| start.saturating_sub(end))
    }

    pub fn overflow(len: usize) -> ! {
        complain(format_args!("stack overflow: the {len} B of stack are not enough\n"));
        exit(OVERFLOW)
    }

    pub fn end() -> usize {
        &raw const _stack_end as usize
    }
}

#[cfg(target_arch = "arm")]
#[doc(hidden)]
pub use arm::guard;

#[cfg(target_arch = "arm")]
mod arm {
    use super::{complain, exit, stack};
    use core::arch::naked_asm;

    /// Bytes below the stack that the memory protection unit guards.
    const GUARD: usize = 32 << 10;

    /// Below the stack there is no memory. Not every bus says so: Cortex-M3, M4 and M7 forbid it by their memory protection unit as well, where they
    /// have one.
    pub fn guard() {
        const PART: *const u32 = 0xe000_ed00u32 as _;
        const UNIT: *mut u32 = 0xe000_ed90u32 as _;
        // SAFETY: registers of every Cortex-M, the unit's type among them, which is 0 without one; no other code uses it, and no program has
        // anything in that memory.
        unsafe {
            let (part, regions) = (PART.read_volatile() >> 4 & 0xfff, UNIT.read_volatile() >> 8 & 0xff);
            if !matches!(part, 0xc23 | 0xc24 | 0xc27) || regions == 0 {
                return;
            }
            let (control, number, base, rule) = (UNIT.add(1), UNIT.add(2), UNIT.add(3), UNIT.add(4));
            number.write_volatile(0);
            base.write_volatile((stack::end() - GUARD) as u32);
            // No access, no instructions; the size as its logarithm, less one.
            rule.write_volatile(1 << 28 | (GUARD.ilog2() - 1) << 1 | 1);
            // On, with the usual map for all other memory, and off in the handlers of faults.
            control.write_volatile(0b101);
        }
        cortex_m::asm::dsb();
        cortex_m::asm::isb();
    }

    /// In place of cortex-m-rt's, which begins on the stack that is there.
    #[unsafe(naked)]
    #[unsafe(export_name = "HardFault")]
    unsafe extern "C" fn hard_fault() -> ! {
        naked_asm!(
            "mov r0, sp",
            "ldr r1, 1f",
            "mov sp, r1",
            "bl {named}",
            ".p2align 2",
            "1: .word _stack_start",
            named = sym named,
        )
    }

    /// `sp` is where the core pushed the registers, or meant to.
    extern "C" fn named(sp: *const u32) -> ! {
        if let Some(len) = stack::overflowed(sp as usize) {
            stack::overflow(len);
        }
        // SAFETY: the core has pushed eight words there, and the stack's memory holds them.
        let pc = unsafe { sp.add(6).read_volatile() };
        complain(format_args!("hard fault at {pc:#010x}\n"));
        exit(99)
    }
}

#[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
mod riscv {
    use super::{complain, exit, stack};
    use core::arch::{asm, global_asm};

    /// Bytes below the stack that must not be accessed; the memory maps leave them free.
    const GUARD: usize = 256 << 10;

    /// Locks the memory below the stack, and takes over from riscv-rt's handler, which begins on the stack that is there.
    pub fn guard() {
        let first = stack::end() - GUARD;
        // A naturally aligned power of two; locked, so that the rule holds in machine mode as well.
        let (address, rule) = ((first >> 2) | (GUARD / 8 - 1), 0x98usize);
        // SAFETY: no program has anything in that memory; the vector is a function that never returns, aligned to four bytes.
        unsafe {
            asm!("csrw pmpaddr0, {}", "csrw pmpcfg0, {}", "csrw mtvec, {}", in(reg) address, in(reg) rule, in(reg) shatterscope_fault as *const () as usize);
        }
    }

    // Functions are aligned to two bytes where instructions are compressed, and the vector's lowest two bits mean a mode.
    global_asm!(
        ".section .text.shatterscope_fault, \"ax\"",
        ".p2align 2",
        ".global shatterscope_fault",
        "shatterscope_fault:",
        "mv a0, sp",
        "la sp, _stack_start",
        "call {named}",
        named = sym named,
    );

    unsafe extern "C" {
        fn shatterscope_fault() -> !;
    }

    extern "C" fn named(sp: usize) -> ! {
        let (cause, place, address): (usize, usize, usize);
        // SAFETY: three registers are read.
        unsafe {
            asm!("csrr {}, mcause", "csrr {}, mepc", "csrr {}, mtval", out(reg) cause, out(reg) place, out(reg) address);
        }
        let guarded = stack::end() - GUARD..stack::end();
        if let Some(len) = stack::overflowed(if guarded.contains(&address) { 0 } else { sp }) {
            stack::overflow(len);
        }
        complain(format_args!("exception {cause} at {place:#x}, address {address:#x}\n"));
        exit(99)
    }
}
#[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
#[doc(hidden)]
pub use riscv::guard;

/// Nothing to prepare: without page tables nothing can be forbidden; the firmware looks at the end of the stack after each request.
#[cfg(target_arch = "aarch64")]
#[doc(hidden)]
pub fn guard() {}

#[cfg(target_arch = "aarch64")]
mod aarch64 {
    use super::{complain, exit};
    use aarch64_rt::{ExceptionHandlers, RegisterStateRef, exception_handlers};

    exception_handlers!(Faults);

    struct Faults;

    impl ExceptionHandlers for Faults {
        extern "C" fn sync_current(state: RegisterStateRef) {
            complain(format_args!("exception at {:#x}\n", state.elr));
            exit(99)
        }
    }
}
