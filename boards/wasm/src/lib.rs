//! The firmware as WebAssembly. The embedder brings `read` and `write` in the module `host` and calls `run`; `run.mjs` does
//! so under node, with standard input and output.
#![no_std]
#![allow(unsafe_code)]

use core::panic::PanicInfo;
use embedded_io::{ErrorKind, ErrorType, Read, ReadReady, Write};
use shatterscope::exec::Isa;
use shatterscope::internals::kernel::Tile;
use shatterscope_firmware::device::{Board, Device, NoClock, NoDelay, NoFlash, NoPin, NoStack, Status};
use shatterscope_firmware::{End, serve};
use static_cell::ConstStaticCell;

const ARENA_BYTES: usize = 8 << 20;

static ARENA: ConstStaticCell<[f32; ARENA_BYTES / 4]> = ConstStaticCell::new([0.0; ARENA_BYTES / 4]);

/// Of the instructions that the module is built with.
const TILE: Tile = Isa::BASE.tile();

const BOARD: Board = Board { name: "wasm", core: "WebAssembly", fpu: true, clock: 0, flash: 0, ram: 0 };

#[link(wasm_import_module = "host")]
unsafe extern "C" {
    /// Waits for bytes; how many came, 0 at the end, below 0 after an error.
    fn read(to: *mut u8, len: usize) -> i32;
    /// Takes bytes; how many, below 0 after an error.
    fn write(from: *const u8, len: usize) -> i32;
}

struct Embedder;

impl ErrorType for Embedder {
    type Error = ErrorKind;
}

impl Read for Embedder {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        // SAFETY: the embedder writes at most `len` bytes there.
        let len = unsafe { read(buffer.as_mut_ptr(), buffer.len()) };
        usize::try_from(len).map_err(|_| ErrorKind::Other)
    }
}

impl Write for Embedder {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        // SAFETY: the embedder reads at most `len` bytes there.
        let len = unsafe { write(bytes.as_ptr(), bytes.len()) };
        usize::try_from(len).map_err(|_| ErrorKind::Other)
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl ReadReady for Embedder {
    /// A blocking read is all there is: a host that wants the end of a run ends the process.
    fn read_ready(&mut self) -> Result<bool, ErrorKind> {
        Ok(false)
    }
}

/// Serves requests until the transport ends; 0 when the host closed it.
#[unsafe(no_mangle)]
pub extern "C" fn run() -> i32 {
    let status = Status { led: NoPin, timing: NoPin, delay: NoDelay };
    let mut device = Device { board: BOARD, bytes: Embedder, clock: NoClock, stack: NoStack, status, flash: NoFlash };
    match serve::<{ TILE.rows }, { TILE.points }, _, _, _, _, _, _, _>(&mut device, ARENA.take()) {
        End::Closed => 0,
        End::Transport => 1,
    }
}

#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}
