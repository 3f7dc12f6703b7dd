//! LED: LED1 (P0.13), which lights at a low level. Timing pin: P1.01 (D0).
#![no_std]
#![no_main]

use shatterscope_nrf_support::{ActiveLow, entry, facts, high, init, logs_and_frames, low, serve};

facts!();

#[entry]
fn main() -> ! {
    let frames = logs_and_frames();
    let p = init(Default::default());
    serve(facts::setup(), frames, p.NVMC, ActiveLow(high(p.P0_13)), low(p.P1_01))
}
