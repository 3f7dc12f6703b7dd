//! The default handlers loop for ever, and an emulator with them.
#![allow(unsafe_code)]

use crate::console::complain;
use core::panic::PanicInfo;
use cortex_m_rt::{ExceptionFrame, exception};
use semihosting::process::exit;

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    complain(format_args!("{info}\n"));
    exit(101)
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    complain(format_args!("hard fault at {:#010x}\n", frame.pc()));
    exit(99)
}
