use crate::{Failure, Result};
use clap::ValueEnum;
use shatterscope::kernel::{self, Matrix, Tiled, chain_matrix};
use std::hint::black_box;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The instructions of the dense kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Isa {
    /// The fastest on this processor, which need not be the widest: it is tried.
    #[default]
    Auto,
    /// What every processor of this architecture has.
    Portable,
    /// Four lanes, on x86-64.
    Sse2,
    /// Eight lanes, on x86-64.
    Avx,
    /// Sixteen lanes, on x86-64.
    Avx512,
    /// Four lanes, on AArch64.
    Neon,
    /// Integers, as on cores without an FPU.
    SoftFloat,
}

impl Isa {
    /// The kernel to use.
    ///
    /// # Errors
    /// Wrong use where this processor lacks it.
    pub fn kernel(self) -> Result<kernel::Isa> {
        let isa = match self {
            Isa::Auto => fastest(),
            Isa::Portable => kernel::Isa::Portable,
            Isa::Sse2 => kernel::Isa::Sse2,
            Isa::Avx => kernel::Isa::Avx,
            Isa::Avx512 => kernel::Isa::Avx512,
            Isa::Neon => kernel::Isa::Neon,
            Isa::SoftFloat => kernel::Isa::SoftFloat,
        };
        if isa.is_available() {
            Ok(isa)
        } else {
            Err(Failure::usage(format!("--isa {isa:?}: this processor does not have it, use --isa auto")))
        }
    }
}

/// The kernel that is fastest here, tried once: processors that do sixteen lanes in two halves are faster with eight.
fn fastest() -> kernel::Isa {
    static FASTEST: OnceLock<kernel::Isa> = OnceLock::new();
    *FASTEST.get_or_init(|| {
        let (avx, avx512) = (kernel::Isa::Avx, kernel::Isa::Avx512);
        let time = |isa: kernel::Isa| isa.tiled(POINTS as u32, Product(isa));
        if avx512.is_available() && time(avx) < time(avx512) { avx } else { kernel::Isa::detect() }
    })
}

const POINTS: usize = 32;

/// The shortest time that a product of 120 x 120 by 120 x 32 takes, tile by tile, of several.
struct Product(kernel::Isa);

impl Tiled for Product {
    type Output = Duration;

    fn with<const R: usize, const T: usize>(self) -> Duration {
        const WIDTH: usize = 120;
        let weight = vec![0.5f32; WIDTH * WIDTH];
        let (x, mut y) = (vec![[0.5f32; T]; WIDTH], vec![[0.0f32; T]; WIDTH]);
        let matrix = Matrix { data: &weight, stride: WIDTH, transposed: false };
        let once = |_| {
            let start = Instant::now();
            for _ in 0..POINTS / T {
                chain_matrix::<R, T>(self.0, black_box(matrix), &x, black_box(&mut y));
            }
            start.elapsed()
        };
        (0..40).map(once).min().unwrap_or_default()
    }
}
