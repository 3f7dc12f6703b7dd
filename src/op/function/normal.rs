//! Functions of the normal distribution, computed in binary64 and rounded once.
use super::super::Saved;
use super::Single;
use crate::math::{copysign, magnitude, wide};

/// # References
/// Hendrycks and Gimpel, "Gaussian error linear units", 2016.
pub struct Gelu;

impl Single for Gelu {
    const OF: Saved = Saved::Operands;

    fn value(_: [f32; 2], x: f32) -> f32 {
        let x = f64::from(x);
        (x * wide::normal_below(x)) as f32
    }

    fn slope(_: [f32; 2], x: f32, g: f32) -> f32 {
        /// `1 / sqrt(2 pi)`
        const DENSITY: f64 = 0.398_942_280_401_432_7;
        let x = f64::from(x);
        g * ((wide::normal_below(x) + (x * (DENSITY * wide::exp(-0.5 * (x * x))))) as f32)
    }
}

pub struct Erf;

impl Single for Erf {
    const OF: Saved = Saved::Operands;

    fn value(_: [f32; 2], x: f32) -> f32 {
        copysign(wide::erf(f64::from(magnitude(x))) as f32, x)
    }

    fn slope(_: [f32; 2], x: f32, g: f32) -> f32 {
        let x = f64::from(x);
        g * ((core::f64::consts::FRAC_2_SQRT_PI * wide::exp(-(x * x))) as f32)
    }
}
