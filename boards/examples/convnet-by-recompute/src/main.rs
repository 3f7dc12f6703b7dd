//! A convnet with batch norm on 256 digits, run and differentiated on a chip whose memory does not hold the values of all of them. One point is
//! resident at a time, and the statistics of the batch are recomputed. The digest is the same as on the desktop.
#![no_std]
#![no_main]

mod arena;
mod network;
mod run;

use arena::{Arena, OPTIONS, ROWS, TILE};
use network::{POINTS, WHOLE_BATCH, bytes, lengths};
use run::DIGEST;
use semihosting::{println, process::exit};
use shatterscope::exec::Isa;
use shatterscope_qemu_support::entry;
use static_cell::ConstStaticCell;

static ARENA: ConstStaticCell<Arena> = ConstStaticCell::new(Arena::new());

entry!({
    let arena = ARENA.take();
    println!("parameters  {} B", size_of_val(&arena.parameters));
    println!("inputs      {} B", size_of_val(&arena.inputs));
    println!("values      {} B", size_of_val(&arena.values));
    println!("tape        {} B", size_of_val(&arena.tape));
    println!("statistics  {} B", size_of_val(&arena.statistics));
    println!("scratch     {} B", size_of_val(&arena.scratch));
    println!("outputs     {} B", size_of_val(&arena.outputs));
    println!("gradient    {} B", size_of_val(&arena.gradient));
    println!("all buffers {} B, {TILE} of {POINTS} points resident", size_of::<Arena>());
    println!("whole batch {} B, all points resident", bytes(&lengths(&WHOLE_BATCH, TILE as u32)));
    let mut steps = 1;
    match run::run::<ROWS, TILE>(OPTIONS.with_isa(Isa::detect()), arena.memory(), |_| steps += 1) {
        Ok(digest) => {
            println!("steps       {steps}");
            println!("digest      {digest}");
            if digest.text() == DIGEST {
                exit(0)
            }
            println!("expected    {DIGEST}");
            exit(1)
        }
        Err(error) => {
            println!("{error}");
            exit(1)
        }
    }
});
