//! The only door to transcendentals: the libm crate at an exact version, never the platform's library.

/// Which library answers for square roots, logarithms and exponentials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "wire", derive(serde::Serialize, serde::Deserialize))]
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
            Math::Micromath => micromath::F32Ext::sqrt(x),
        }
    }

    /// Natural logarithm.
    pub fn ln(self, x: f32) -> f32 {
        match self {
            Math::Libm => libm::logf(x),
            Math::Micromath => micromath::F32Ext::ln(x),
        }
    }

    /// e^x.
    pub fn exp(self, x: f32) -> f32 {
        match self {
            Math::Libm => libm::expf(x),
            Math::Micromath => micromath::F32Ext::exp(x),
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
