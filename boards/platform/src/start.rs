use crate::{Painted, Region, Semihosting};
use semihosting::process::exit;
use shatterscope_firmware::device::{Board, Device, Keep, NoDelay, NoPin, Status};
use shatterscope_firmware::{End, serve};

/// Serves requests until the host is gone, then ends the program.
pub fn run<const R: usize, const T: usize>(board: Board, arena: &mut [f32], flash: impl Keep) -> ! {
    let stack = Painted::new();
    let Ok(bytes) = Semihosting::open() else { exit(1) };
    let status = Status { lamp: NoPin, timing: NoPin, delay: NoDelay };
    let mut device = Device { board, bytes, clock: Region, stack, status, flash };
    match serve::<R, T, _, _, _, _, _, _, _>(&mut device, arena) {
        End::Closed => exit(0),
        End::Transport => exit(1),
    }
}

/// The `main` of an emulated board: its facts, the register tile R x T, bytes of arena, and of memory that behaves as flash does, if any.
#[macro_export]
macro_rules! board {
    ($board:expr, rows: $rows:literal, tile: $tile:literal, arena: $arena:expr) => {
        static ARENA: $crate::static_cell::ConstStaticCell<[f32; $arena / 4]> =
            $crate::static_cell::ConstStaticCell::new([0.0; $arena / 4]);

        $crate::entry!($crate::run::<$rows, $tile>($board, ARENA.take(), $crate::NoFlash));
    };
    ($board:expr, rows: $rows:literal, tile: $tile:literal, arena: $arena:expr, flash: $flash:expr) => {
        static ARENA: $crate::static_cell::ConstStaticCell<[f32; $arena / 4]> =
            $crate::static_cell::ConstStaticCell::new([0.0; $arena / 4]);
        static FLASH: $crate::static_cell::ConstStaticCell<[u8; $flash]> =
            $crate::static_cell::ConstStaticCell::new([0; $flash]);

        $crate::entry!($crate::run::<$rows, $tile>($board, ARENA.take(), $crate::flash(FLASH.take())));
    };
}

/// The `main` of a program for any of the cores: an expression that never ends.
#[macro_export]
macro_rules! entry {
    ($body:expr) => {
        #[cfg(target_arch = "arm")]
        #[$crate::cortex_m_rt::entry]
        fn main() -> ! {
            $crate::guard();
            $body
        }

        #[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
        #[$crate::riscv_rt::entry]
        fn main() -> ! {
            $crate::guard();
            $body
        }

        // With the pages of the stack given: without them aarch64-rt 0.4 calls itself by a name that is not in scope here.
        #[cfg(target_arch = "aarch64")]
        $crate::aarch64_rt::entry!(main, 40);

        #[cfg(target_arch = "aarch64")]
        fn main(_: u64, _: u64, _: u64, _: u64) -> ! {
            $crate::guard();
            $body
        }
    };
}
