//! Cortex-M: a stack that runs out becomes a fault, and the fault gets a name.
//!
//! The memory maps put the stack below all other memory. cortex-m-rt's handler of hard faults begins on the stack that has run out; the
//! one here begins at the stack's top, over frames that are never returned to, and hands the fault to the program's [`on_fault`].
#![no_std]
#![allow(unsafe_code)]

use core::arch::naked_asm;

/// Bytes below the stack that the memory protection unit guards.
const GUARD: usize = 32 << 10;

/// The most that one instruction pushes, and what a core pushes for a handler.
const NEAR: usize = 256;

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The stack has run out of its so many bytes.
    Overflow(usize),
    /// Anything else, at this address of the program.
    Other(u32),
}

unsafe extern "C" {
    /// The lowest address of the stack.
    static _stack_end: u32;
    /// One past the highest.
    static _stack_start: u32;
}

unsafe extern "Rust" {
    fn shatterscope_on_fault(fault: Fault) -> !;
}

/// Names the function that a fault ends in: `fn(Fault) -> !`.
#[macro_export]
macro_rules! on_fault {
    ($handler:path) => {
        #[unsafe(export_name = "shatterscope_on_fault")]
        fn shatterscope_on_fault(fault: $crate::Fault) -> ! {
            $handler(fault)
        }
    };
}

/// To be called first. Below the stack there is no memory; not every bus says so, and Cortex-M3, M4 and M7 forbid it by their memory
/// protection unit as well, where they have one.
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
        base.write_volatile((&raw const _stack_end as usize - GUARD) as u32);
        // No access, no instructions; the size as its logarithm, less one.
        rule.write_volatile(1 << 28 | (GUARD.ilog2() - 1) << 1 | 1);
        // On, with the usual map for all other memory, and off in the handlers of faults.
        control.write_volatile(0b101);
    }
    cortex_m::asm::dsb();
    cortex_m::asm::isb();
}

/// In place of cortex-m-rt's.
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
    let (end, start) = (&raw const _stack_end as usize, &raw const _stack_start as usize);
    let fault = if (sp as usize) < end + NEAR {
        Fault::Overflow(start.saturating_sub(end))
    } else {
        // SAFETY: the core has pushed eight words there, and the stack's memory holds them.
        Fault::Other(unsafe { sp.add(6).read_volatile() })
    };
    // SAFETY: `on_fault!` defines it with this type.
    unsafe { shatterscope_on_fault(fault) }
}
