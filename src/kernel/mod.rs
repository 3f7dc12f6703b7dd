//! The dense arithmetic and the one reduction, on tiles `[unit][T]` of T independent points.
//!
//! [`naive`] is the definition. The faster kernels must equal it bit for bit, which they do because speed comes only
//! from lanes that are independent outputs: no chain is ever split.
#[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
mod cortex_m;
pub mod naive;
pub mod portable;
mod red16;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use red16::Red16;

/// Which instructions the dense kernel uses; the bits are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Isa {
    /// What the compiler's target has.
    #[default]
    Portable,
    /// AVX on x86-64.
    Avx,
}

impl Isa {
    /// Whether this processor has the instructions.
    pub fn is_available(self) -> bool {
        match self {
            Isa::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx => x86::has_avx(),
            #[cfg(not(target_arch = "x86_64"))]
            Isa::Avx => false,
        }
    }

    /// The widest instructions that this processor has.
    pub fn detect() -> Self {
        if Isa::Avx.is_available() { Isa::Avx } else { Isa::Portable }
    }
}

/// Continues the chains of `y[row]` by the columns of a panel: `y[row] <- chain(y[row]; panel[row][k] * x[k])`.
///
/// # Shapes
/// `x` is `[column][T]`, `y` is `[row][T]`; the panel holds its rows in groups of R, `[group][column][R]`, and the rows
/// left over one by one, `[row][column]`: the order in which the kernel reads them.
///
/// # Numerics
/// Equal to [`naive::dense`] for any R, T and instruction set: k ascends, each operation is rounded.
#[inline]
pub fn chain<const R: usize, const T: usize>(isa: Isa, panel: &[f32], x: &[[f32; T]], y: &mut [[f32; T]]) {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx if x86::has_avx() => x86::chain_avx::<R, T>(panel, x, y),
        _ => portable::chain::<R, T>(panel, x, y),
    }
}

/// Where element (row, column) of a block stands in its panel, see [`chain`].
#[inline]
pub const fn panel_index<const R: usize>(rows: usize, columns: usize, row: usize, column: usize) -> usize {
    let (group, lane) = (row / R, row % R);
    if (group + 1) * R <= rows { group * R * columns + column * R + lane } else { row * columns + column }
}

/// The rounding mode, flush-to-zero and default-NaN bits of the floating-point control register; all zero is right.
pub(crate) fn control_bits() -> u32 {
    #[cfg(target_arch = "x86_64")]
    return x86::control_bits();
    #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
    return cortex_m::control_bits();
    #[cfg(not(any(target_arch = "x86_64", all(target_arch = "arm", target_abi = "eabihf"))))]
    0
}
