//! The firmware as a static Linux program that needs no C library and no C compiler: `cargo xtask machines` builds it for processors that
//! no board has, and runs it under QEMU's emulation of one process. Frames come from standard input and go to standard output.
#![no_std]
#![no_main]

mod memory;
mod system;

use core::panic::PanicInfo;
use shatterscope_firmware::device::{Board, Device, NoClock, NoDelay, NoFlash, NoPin, NoStack, Status};
use shatterscope_firmware::{End, serve};
use static_cell::ConstStaticCell;
use system::{Standard, exit};

const BOARD: Board = Board { name: "linux", core: NAME, fpu: true, clock: 0, flash: 0, ram: 16 << 20 };

const NAME: &str = match () {
    () if cfg!(all(target_arch = "x86", target_feature = "sse2")) => "x86 with SSE2",
    () if cfg!(target_arch = "x86") => "x86 with x87",
    () if cfg!(target_arch = "arm") => "Armv7-A",
    () if cfg!(target_arch = "aarch64") => "AArch64",
    () if cfg!(target_arch = "riscv64") => "RV64GC",
    () if cfg!(target_arch = "powerpc64") => "POWER",
    () => "z/Architecture",
};

static ARENA: ConstStaticCell<[f32; 1 << 20]> = ConstStaticCell::new([0.0; 1 << 20]);

/// Where the system starts the program, see [`system`].
#[unsafe(no_mangle)]
#[allow(unsafe_code)]
extern "C" fn program() -> ! {
    let status = Status { led: NoPin, timing: NoPin, delay: NoDelay };
    let mut device = Device { board: BOARD, bytes: Standard, clock: NoClock, stack: NoStack, status, flash: NoFlash };
    match serve::<4, 4, _, _, _, _, _, _, _>(&mut device, ARENA.take()) {
        End::Closed => exit(0),
        End::Transport => exit(1),
    }
}

#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    exit(101)
}

/// The core library names it, though nothing unwinds.
#[unsafe(no_mangle)]
#[allow(unsafe_code)]
extern "C" fn rust_eh_personality() {}
