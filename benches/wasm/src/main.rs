//! Times kernels and gradients with the instructions that this program is built for: lines of name, digest of the result and seconds of
//! one call, separated by tabs. `cargo xtask bench --wasm` runs both builds in turns.
//!
//! With the argument `tiles` it times the dense kernel with other register tiles instead.
mod kernels;
mod networks;

use shatterscope::contract::Digest;
use shatterscope::exec::Isa;
use shatterscope::internals::kernel::Tiled;
use std::time::{Duration, Instant};

/// As in benches/kernels.rs and benches/networks.rs.
const POINTS: usize = 256;
const WIDTH: usize = 200;

fn main() {
    let isa = Isa::detect();
    if std::env::args().any(|word| word == "tiles") {
        kernels::tiles(isa);
    } else {
        isa.tiled(POINTS as u32, All(isa));
    }
}

struct All(Isa);

impl Tiled for All {
    type Output = ();
    const NARROW: bool = false;

    fn with<const R: usize, const T: usize>(self) {
        kernels::dense::<R, T>(self.0, "");
        kernels::others::<T>(self.0);
        networks::gradients::<R, T>(self.0);
    }
}

/// Calls the work for a tenth of a second at least, after the first call, which compiles it; prints the shortest call.
fn time(name: &str, mut work: impl FnMut() -> Digest) {
    let digest = work();
    let (begin, mut least, mut calls) = (Instant::now(), Duration::MAX, 0);
    while begin.elapsed() < Duration::from_millis(100) || calls < 3 {
        let start = Instant::now();
        assert_eq!(work(), digest, "{name}");
        least = least.min(start.elapsed());
        calls += 1;
    }
    println!("{name}\t{digest}\t{:e}", least.as_secs_f64());
}

/// Values of both signs, the same every time.
fn values(len: usize, column: u32) -> Vec<f32> {
    use shatterscope::random::{Normal, Purpose, Stream};
    let stream = Stream::new(1, 0, Purpose::Weight, 1, Normal::IrwinHall);
    (0..len as u32).map(|row| stream.value(row, column)).collect()
}
