//! What a device computes, apart from the device: a list of specs, a way to run each in the caller's memory, and a
//! console to say the digests to. The desktop runs the same list, and `cargo xtask qemu` compares.
#![no_std]

mod console;
mod memory;
mod run;
mod specs;

pub use console::Console;
pub use memory::Memory;
pub use run::{Stop, run_all, run_spec};
pub use specs::{SPECS, Task};
