//! Every public operation of the core in one program whose panic handler calls `shatterscope_panicked`.
//!
//! Every argument comes out of `black_box`, lengths too, so that the optimiser knows nothing of it. If the linker keeps
//! no function of `core::panicking` and no `shatterscope_panicked`, then no argument makes the core panic. The program
//! is never run: `cargo xtask panics` reads its symbols.
#![no_std]
#![no_main]

mod contract;
mod exec;
mod graph;
mod int8;
mod layer;
mod network;
mod points;
mod probe;
mod session;
mod slots;
mod train;
mod wire;

use core::hint::black_box;
use core::panic::PanicInfo;

#[allow(unsafe_code, reason = "the linker starts from this name")]
#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    contract::everything();
    black_box(shatterscope_digits::digit(black_box(1)));
    exec::everything();
    graph::everything();
    int8::everything();
    layer::everything();
    network::everything();
    points::everything();
    probe::everything();
    session::everything();
    slots::everything();
    train::everything();
    wire::everything();
    #[cfg(deliberate_panic)]
    black_box(slice(&[1.0])[black_box(1)]);
    loop {
        black_box(());
    }
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    black_box(info);
    shatterscope_panicked()
}

/// Not to be inlined: with a bare loop in the handler, a panic could leave no name behind.
#[allow(unsafe_code, reason = "a name that is looked for")]
#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn shatterscope_panicked() -> ! {
    loop {
        black_box(());
    }
}

/// A slice of which the optimiser knows neither the values nor the length.
fn slice<T>(values: &[T]) -> &[T] {
    black_box(values)
}

/// The same for a buffer.
fn buffer<T>(values: &mut [T]) -> &mut [T] {
    black_box(values)
}
