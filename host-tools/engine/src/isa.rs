use crate::{Failure, Result};
use clap::ValueEnum;
use clap::builder::PossibleValue;
use shatterscope::internals::kernel::{self, Matrix, Tiled, chain_matrix};
use std::hint::black_box;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The instructions of the kernels, as `--isa` names them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isa {
    /// The fastest on this processor, which need not be the widest: it is tried.
    #[default]
    Auto,
    /// These.
    Only(kernel::Isa),
}

/// `auto` and every instruction set.
static VARIANTS: [Isa; 1 + kernel::Isa::ALL.len()] = {
    let mut variants = [Isa::Auto; 1 + kernel::Isa::ALL.len()];
    let mut i = 0;
    while i < kernel::Isa::ALL.len() {
        variants[i + 1] = Isa::Only(kernel::Isa::ALL[i]);
        i += 1;
    }
    variants
};

impl ValueEnum for Isa {
    fn value_variants<'a>() -> &'a [Self] {
        &VARIANTS
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Isa::Auto => PossibleValue::new("auto")
                .help("The fastest on this processor, which need not be the widest: it is tried"),
            // One that the processor lacks is an error of its own, and no part of the help.
            Isa::Only(isa) => {
                PossibleValue::new(isa.name()).help(isa.summary().trim_end_matches('.')).hide(!isa.is_available())
            }
        })
    }
}

impl Isa {
    /// The kernel to use.
    ///
    /// # Errors
    /// Wrong use where this processor lacks it.
    pub fn kernel(self) -> Result<kernel::Isa> {
        match self {
            Isa::Auto => Ok(fastest()),
            Isa::Only(isa) if isa.is_available() => Ok(isa),
            Isa::Only(isa) => {
                Err(Failure::usage(format!("--isa {}: this processor does not have it, use --isa auto", isa.name())))
            }
        }
    }
}

/// The kernel that is fastest here, tried once: processors that do sixteen lanes in two halves are faster with eight.
fn fastest() -> kernel::Isa {
    static FASTEST: OnceLock<kernel::Isa> = OnceLock::new();
    *FASTEST.get_or_init(|| {
        let found = kernel::Isa::ALL.into_iter().filter(|isa| isa.is_detected() && isa.is_available());
        let found: Vec<_> = found.collect();
        match found[..] {
            [] | [_] => kernel::Isa::detect(),
            // Of equals the widest.
            _ => found.into_iter().rev().min_by_key(|isa| isa.tiled(POINTS as u32, Product(*isa))).unwrap_or_default(),
        }
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
