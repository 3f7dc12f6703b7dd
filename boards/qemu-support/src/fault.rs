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

#[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
mod stack {
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

    pub fn end() -> usize {
        &raw const _stack_end as usize
    }
}

#[cfg(target_arch = "arm")]
#[doc(hidden)]
pub use shatterscope_guard::guard;

#[cfg(target_arch = "arm")]
shatterscope_guard::on_fault!(ended);

#[cfg(target_arch = "arm")]
fn ended(fault: shatterscope_guard::Fault) -> ! {
    match fault {
        shatterscope_guard::Fault::Overflow(len) => overflow(len),
        shatterscope_guard::Fault::Other(pc) => {
            complain(format_args!("hard fault at {pc:#010x}\n"));
            exit(99)
        }
    }
}

#[cfg(not(target_arch = "aarch64"))]
fn overflow(len: usize) -> ! {
    /// Exit status of a stack overflow.
    const OVERFLOW: i32 = 98;
    complain(format_args!("stack overflow: the {len} B of stack are not enough\n"));
    exit(OVERFLOW)
}

#[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
mod riscv {
    use super::{complain, exit, stack};
    use core::arch::{asm, global_asm};

    /// Bytes below the stack that must not be accessed; the memory maps leave them free.
    const GUARD: usize = include!(concat!(env!("OUT_DIR"), "/guard.rs"));

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
            super::overflow(len);
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
