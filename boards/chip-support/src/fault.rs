#![allow(unsafe_code)]

use cortex_m::asm::{bkpt, wfi};
use cortex_m::peripheral::DCB;
use shatterscope_guard::{Fault, on_fault};

on_fault!(logged);

/// Logs the fault; a debug probe then sees the core halted.
fn logged(fault: Fault) -> ! {
    match fault {
        Fault::Overflow(len) => defmt::error!("stack overflow: the {=usize} B of stack are not enough", len),
        Fault::Other(pc) => defmt::error!("hard fault at {=u32:#010x}", pc),
    }
    loop {
        if DCB::is_debugger_attached() {
            bkpt();
        } else {
            wfi();
        }
    }
}
