//! The default handlers loop for ever, and an emulator with them.
#![allow(unsafe_code)]

use crate::transport::complain;
use core::panic::PanicInfo;
use semihosting::process::exit;

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    complain(format_args!("{info}\n"));
    exit(101)
}

#[cfg(target_arch = "arm")]
#[cortex_m_rt::exception]
unsafe fn HardFault(frame: &cortex_m_rt::ExceptionFrame) -> ! {
    complain(format_args!("hard fault at {:#010x}\n", frame.pc()));
    exit(99)
}

#[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
#[unsafe(export_name = "ExceptionHandler")]
extern "C" fn exception(frame: &riscv_rt::TrapFrame) -> ! {
    complain(format_args!(
        "exception {:?} at {:#x}, ra {:#x}\n",
        riscv::register::mcause::read().cause(),
        riscv::register::mepc::read(),
        frame.ra
    ));
    exit(99)
}

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
