use crate::{Painted, Region, Semihosting};
use semihosting::process::exit;
use shatterscope_firmware::device::{Board, Device, Keep, NoDelay, NoPin, Status};
use shatterscope_firmware::{End, serve};

/// Serves requests until the host is gone, then ends the program.
pub fn run<const R: usize, const T: usize>(board: Board, arena: &mut [f32], flash: impl Keep) -> ! {
    let stack = Painted::new();
    let Ok(bytes) = Semihosting::open() else { exit(1) };
    let status = Status { led: NoPin, timing: NoPin, delay: NoDelay };
    let mut device = Device { board, bytes, clock: Region, stack, status, flash };
    match serve::<R, T, _, _, _, _, _, _, _>(&mut device, arena) {
        End::Closed => exit(0),
        End::Transport => exit(1),
    }
}

/// The `main` of an emulated board, with the constants that the build script made from its `board.toml`.
#[macro_export]
macro_rules! board {
    () => {
        // A chip's flash has slots; these programs do not use the constants.
        #[allow(dead_code)]
        mod facts {
            use $crate::Board;
            include!(concat!(env!("OUT_DIR"), "/", env!("CARGO_BIN_NAME"), ".rs"));
        }
        use facts::{BOARD, ROWS, TILE};

        static ARENA: $crate::static_cell::ConstStaticCell<[f32; facts::ARENA_BYTES / 4]> =
            $crate::static_cell::ConstStaticCell::new([0.0; facts::ARENA_BYTES / 4]);
        static FLASH: $crate::static_cell::ConstStaticCell<[u8; facts::FLASH]> =
            $crate::static_cell::ConstStaticCell::new([0; facts::FLASH]);

        $crate::entry!(if facts::FLASH > 0 {
            $crate::run::<ROWS, TILE>(BOARD, ARENA.take(), $crate::flash(FLASH.take()))
        } else {
            $crate::run::<ROWS, TILE>(BOARD, ARENA.take(), $crate::NoFlash)
        });
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
