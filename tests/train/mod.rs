//! Training's parts against f64 formulas, finite differences and closed forms; and that no cut of a batch changes a
//! bit.
mod clip;
mod loss;
mod optimiser;
mod order;
mod rate;

use crate::common::bits;
use shatterscope::random::{Normal, Purpose, Stream};

/// Ordinary numbers.
fn sample(seed: u64, len: usize) -> Vec<f32> {
    let stream = Stream::new(seed, 0, Purpose::Noise, 0, Normal::IrwinHall);
    (0..len).map(|i| stream.value(0, i as u32)).collect()
}

#[track_caller]
fn near(ours: f32, theirs: f64, relative: f64, absolute: f64) {
    let bound = relative * theirs.abs() + absolute;
    assert!((f64::from(ours) - theirs).abs() <= bound, "{ours:e}, not {theirs:e} within {bound:e}");
}
