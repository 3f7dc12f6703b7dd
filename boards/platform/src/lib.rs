//! What a Cortex-M core under a debugger or an emulator gives the firmware: a console by semihosting, an exit status,
//! the peak of the stack, and a word before it dies.
//!
//! Exit status: 0 all tasks ran, 1 the self-test or a task failed, 99 hard fault, 101 panic.
#![no_std]

mod console;
mod fault;
mod stack;

use console::Semihosting;
use semihosting::process::exit;
use shatterscope_firmware::{Task, run_all};

// The implementation of critical sections.
use cortex_m as _;

/// Runs every task, then says the peak of the stack in bytes and ends the program.
pub fn run<const R: usize, const T: usize>(tasks: &[Task], floats: &mut [f32], tape: &mut [u8]) -> ! {
    let mut console = Semihosting;
    if run_all::<R, T>(tasks, floats, tape, &mut console).is_err() {
        exit(1);
    }
    console.number("peak-stack", stack::peak());
    exit(0)
}
