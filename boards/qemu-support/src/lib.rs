//! What a core under an emulator gives the firmware: a transport by semihosting, markers for the counter of
//! instructions, a painted stack, an exit status, and a word before it dies.
//!
//! Exit status: 0 the host closed the transport, 1 the transport failed, 98 stack overflow, 99 any other fault, 101 panic.
#![no_std]

mod fault;
mod flash;
mod region;
mod start;
mod transport;

#[doc(hidden)]
pub use fault::guard;
pub use flash::{Emulated, flash};
pub use region::Region;
pub use shatterscope_stack_paint::Painted;
pub use start::run;
pub use transport::Semihosting;

#[cfg(target_arch = "aarch64")]
#[doc(hidden)]
pub use aarch64_rt;
#[cfg(target_arch = "arm")]
#[doc(hidden)]
pub use cortex_m_rt;
#[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
#[doc(hidden)]
pub use riscv_rt;
#[doc(hidden)]
pub use shatterscope_firmware::device::{Board, NoFlash};
#[doc(hidden)]
pub use static_cell;

// The implementation of critical sections.
#[cfg(target_arch = "arm")]
use cortex_m as _;
