//! Square roots, logarithms and exponentials of the contract, never those of the platform's library.
//!
//! ```
//! use shatterscope::math::Math;
//!
//! assert_eq!(Math::Libm.sqrt(2.0).to_bits(), 0x3fb5_04f3);
//! assert_eq!(Math::Libm.exp(-1.0).to_bits(), 0x3ebc_5ab2);
//! ```
mod exp;
mod ln;
pub(crate) mod wide;

/// Which library answers for square roots, logarithms and exponentials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Math {
    /// Correctly rounded square roots, libm's logarithm and exponential: contract `strict-1`.
    #[default]
    Libm,
    /// micromath's approximations, an experiment: contract `strict-1+micromath`.
    Micromath,
}

impl Math {
    /// Square root; under [`Math::Libm`] correctly rounded.
    pub fn sqrt(self, x: f32) -> f32 {
        match self {
            Math::Libm => sqrt(x),
            // By path: in a build that links std, method syntax would find std's own.
            #[cfg(feature = "micromath")]
            Math::Micromath => micromath::F32Ext::sqrt(x),
            #[cfg(not(feature = "micromath"))]
            Math::Micromath => f32::NAN,
        }
    }

    /// Natural logarithm.
    pub fn ln(self, x: f32) -> f32 {
        match self {
            Math::Libm => ln::ln(x),
            #[cfg(feature = "micromath")]
            Math::Micromath => micromath::F32Ext::ln(x),
            #[cfg(not(feature = "micromath"))]
            Math::Micromath => f32::NAN,
        }
    }

    /// e^x.
    pub fn exp(self, x: f32) -> f32 {
        match self {
            Math::Libm => exp::exp(x),
            #[cfg(feature = "micromath")]
            Math::Micromath => micromath::F32Ext::exp(x),
            #[cfg(not(feature = "micromath"))]
            Math::Micromath => f32::NAN,
        }
    }

    /// Whether these functions are compiled in; the others give NaN.
    pub const fn is_available(self) -> bool {
        match self {
            Math::Libm => true,
            Math::Micromath => cfg!(feature = "micromath"),
        }
    }
}

#[cfg(not(registers = "cortex_m"))]
fn sqrt(x: f32) -> f32 {
    libm::sqrtf(x)
}

/// libm's square root is software on Cortex-M (57 instructions); the compiler turns this symbol into VSQRT.
#[cfg(registers = "cortex_m")]
fn sqrt(x: f32) -> f32 {
    // SAFETY: compiler_builtins defines this symbol with this signature; it has no precondition.
    #[allow(unsafe_code)]
    unsafe extern "C" {
        safe fn sqrtf(x: f32) -> f32;
    }
    sqrtf(x)
}

/// `y 2^k` of a y between 1/4 and 4 for k from -150 to 128, rounded once.
fn scale(y: f32, k: i32) -> f32 {
    match k {
        // The first product is exact.
        ..-125 => (y * power_of_two(k + 100)) * power_of_two(-100),
        128.. => (y * power_of_two(127)) * power_of_two(k - 127),
        _ => y * power_of_two(k),
    }
}

/// |x| by its sign bit.
pub(crate) const fn magnitude(x: f32) -> f32 {
    f32::from_bits(x.to_bits() & 0x7fff_ffff)
}

/// The magnitude of `x` with the sign of `sign`.
pub(crate) const fn copysign(x: f32, sign: f32) -> f32 {
    f32::from_bits((x.to_bits() & 0x7fff_ffff) | (sign.to_bits() & 0x8000_0000))
}

/// -x by its sign bit.
pub(crate) const fn negate(x: f32) -> f32 {
    f32::from_bits(x.to_bits() ^ 0x8000_0000)
}

/// Whether x is neither NaN nor infinite.
pub(crate) const fn is_finite(x: f32) -> bool {
    x.to_bits() & 0x7f80_0000 != 0x7f80_0000
}

/// Whether all are. Inlined into each instruction set.
#[inline(always)]
pub(crate) fn all_finite(values: &[f32], (): ()) -> bool {
    !values.iter().fold(false, |any, x| any | (x.to_bits() & 0x7f80_0000 == 0x7f80_0000))
}

/// floor(log2(x)) of a positive finite x.
pub(crate) fn floor_log2(x: f32) -> i32 {
    let bits = x.to_bits();
    if bits >> 23 == 0 { 31 - bits.leading_zeros() as i32 - 149 } else { (bits >> 23) as i32 - 127 }
}

/// 2^exponent for normal exponents.
pub(crate) fn power_of_two(exponent: i32) -> f32 {
    f32::from_bits((exponent.wrapping_add(127) as u32) << 23)
}
