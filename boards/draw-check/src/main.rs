//! Weights drawn in series against the definition, on any emulated core; then panels between markers, for the counter of
//! instructions: forward and transposed, by Irwin-Hall and by as241, 500 weights each.
#![no_std]
#![no_main]

mod draws;

use core::hint::black_box;
use semihosting::{println, process::exit};
use shatterscope::kernel::Isa;
use shatterscope::math::Math;
use shatterscope::network::{Block, Dense, Role, Seeded, Spec, Weights};
use shatterscope::random::Normal;
use shatterscope_firmware::device::Clock;
use shatterscope_platform::{Region, entry};

/// Rows of the register tile of a board of this core.
const R: usize = if cfg!(any(target_abi = "eabihf", target_feature = "zicsr")) { 4 } else { 1 };

entry!({
    for normal in [Normal::IrwinHall, Normal::As241] {
        match draws::check(Isa::Portable, normal) {
            Ok(compared) => println!("{normal:?}: {compared} values as defined"),
            Err(different) => {
                let draws::Different { place, drawn, defined } = different;
                println!("{normal:?} at {place:?}: {drawn:#010x}, not {defined:#010x}");
                exit(1)
            }
        }
    }
    for normal in [Normal::IrwinHall, Normal::As241] {
        for transposed in [false, true] {
            panel(normal, transposed);
        }
    }
    exit(0)
});

#[inline(never)]
fn panel(normal: Normal, transposed: bool) {
    let mut panel = [0.0; 500];
    let weights = Seeded::with(&black_box(Spec::feedforward(2, 125)), black_box(1), black_box(0), normal, Math::Libm);
    let dense = black_box(Dense { role: Role::Hidden, layer: 2, fan_in: 125, fan_out: 125, bias: true });
    let block = black_box(Block { transposed, rows: 8..12, columns: 0..125 });
    Region.start();
    weights.fill::<R>(&dense, &block, &mut panel);
    Region.stop();
    black_box(&panel);
}
