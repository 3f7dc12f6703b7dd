//! LED: the upper left one (row P0.21, column P0.28). Timing pin: ring 0 (P0.02).
#![no_std]
#![no_main]

use shatterscope_nrf_support::{entry, facts, init, logs_and_frames, low, serve};

facts!();

#[entry]
fn main() -> ! {
    let frames = logs_and_frames();
    let p = init(Default::default());
    let _column = low(p.P0_28);
    serve(facts::setup(), frames, p.NVMC, low(p.P0_21), low(p.P0_02))
}
