//! Runs every kernel once for `cargo xtask bench --counts`, which counts the instructions of each region under valgrind.
//!
//! Prints the regions in the order in which they run; a region is one call of [`region`], whose name is what valgrind looks
//! for. Nothing in a region depends on the processor: no allocation, the kernels forced.
mod convolutions;
mod kernels;
mod networks;

use shatterscope::exec::Isa;
use shatterscope::internals::kernel::Tiled;
use std::hint::black_box;
use std::process::ExitCode;

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    let Some(isa) = Isa::ALL.into_iter().find(|isa| format!("{isa:?}").eq_ignore_ascii_case(&name)) else {
        eprintln!("usage: counts portable|sse2|avx");
        return ExitCode::FAILURE;
    };
    if !isa.is_available() {
        eprintln!("this processor has no {isa:?}");
        return ExitCode::FAILURE;
    }
    isa.tiled(POINTS, All(isa));
    ExitCode::SUCCESS
}

/// So many that tiles are full.
const POINTS: u32 = 64;

struct All(Isa);

impl Tiled for All {
    type Output = ();

    fn with<const R: usize, const T: usize>(self) {
        let isa = self.0;
        kernels::products::<R, T>(isa);
        kernels::weight_gradient(isa);
        kernels::red16();
        kernels::draws(isa);
        convolutions::convolutions::<T>(isa);
        networks::units::<R, T>(isa);
        networks::whole::<R, T>(isa);
    }
}

/// Announces a region and runs it.
fn count(name: &str, work: impl FnOnce()) {
    println!("{name}");
    region(work);
}

/// What is counted: valgrind clears its counters where this begins and writes them out where it ends.
#[inline(never)]
fn region(work: impl FnOnce()) {
    black_box(work)();
}

/// Values of both signs, the same every time.
fn values(len: usize, column: u32) -> Vec<f32> {
    use shatterscope::random::{Normal, Purpose, Stream};
    let stream = Stream::new(1, 0, Purpose::Weight, 1, Normal::IrwinHall);
    (0..len as u32).map(|row| stream.value(row, column)).collect()
}
