//! A program for a microcontroller: no allocation, all memory in statics, all lengths computed at compile time.
//!
//! On a chip the attributes `#![no_std]` and `#![no_main]` come first, and a runtime calls `run`; `boards/examples/` has whole programs. Here
//! a desktop's `main` calls it: the digest is the same.
//!
//! `cargo run --example no_std`
#![no_std]

use core::cell::RefCell;
use shatterscope::Error;
use shatterscope::contract::Digest;
use shatterscope::exec::{Model, Options, Session};

shatterscope::network! {
    /// A convolutional classifier of images of 8 x 8 pixels.
    static NET: Output = input(1, 8, 8).conv(4, 3).relu().max_pool(2).conv(8, 3).relu().max_pool(2).dense(10);
}

/// In flash. A real program takes them from `shatterscope pack`.
static PARAMETERS: [f32; NET.parameters_len as usize] = {
    let mut parameters = [0.0; NET.parameters_len as usize];
    let mut i = 0;
    while i < parameters.len() {
        parameters[i] = ((i * 37 % 64) as f32 - 31.5) / 64.0;
        i += 1;
    }
    parameters
};

struct Memory {
    arena: [f32; NET.arena_len(1, 1)],
    outputs: [f32; 10],
}

/// The network's digest for one image.
fn run(memory: &mut Memory) -> Result<Digest, Error> {
    let mut session = Session::new(&NET, Options::new(1), &mut memory.arena)?;
    let image: [f32; 64] = core::array::from_fn(|i| (i % 8) as f32 / 8.0);
    session.predict(Model::new(&PARAMETERS), &image, &mut memory.outputs)?;
    Ok(Digest::of(&memory.outputs))
}

extern crate std;

fn main() -> Result<(), Error> {
    // A chip's program takes it from a `StaticCell`.
    let memory = RefCell::new(Memory { arena: [0.0; _], outputs: [0.0; _] });
    std::println!("arena {} B", size_of::<Memory>());
    std::println!("output digest {}", run(&mut memory.borrow_mut())?);
    Ok(())
}
