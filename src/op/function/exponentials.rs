//! Functions of exponentials and logarithms, computed in binary64 and rounded once.
use super::super::Saved;
use super::Single;
use crate::math::{copysign, magnitude, wide};

pub struct Tanh;

impl Single for Tanh {
    const OF: Saved = Saved::Value;

    fn value(_: [f32; 2], x: f32) -> f32 {
        let m = wide::exp_m1(2.0 * f64::from(magnitude(x)));
        copysign((m / (m + 2.0)) as f32, x)
    }

    fn slope(_: [f32; 2], y: f32, g: f32) -> f32 {
        g * (1.0 - (y * y))
    }
}

/// # References
/// Klambauer et al., "Self-normalizing neural networks", NeurIPS 2017.
pub struct Selu;

impl Single for Selu {
    const OF: Saved = Saved::Value;

    fn value([alpha, gamma]: [f32; 2], x: f32) -> f32 {
        if x > 0.0 { gamma * x } else { (gamma * alpha) * (wide::exp_m1(f64::from(x)) as f32) }
    }

    fn slope([alpha, gamma]: [f32; 2], y: f32, g: f32) -> f32 {
        g * if y > 0.0 { gamma } else { y + (gamma * alpha) }
    }
}

pub struct Softplus;

impl Single for Softplus {
    const OF: Saved = Saved::Operands;

    fn value(_: [f32; 2], x: f32) -> f32 {
        let e = wide::exp(f64::from(-magnitude(x)));
        (f64::from(if x > 0.0 { x } else { 0.0 }) + wide::ln_1p(e)) as f32
    }

    fn slope(_: [f32; 2], x: f32, g: f32) -> f32 {
        g * (wide::sigmoid(f64::from(x)) as f32)
    }
}

pub struct Exp;

impl Single for Exp {
    const OF: Saved = Saved::Value;

    fn value(_: [f32; 2], x: f32) -> f32 {
        wide::exp(f64::from(x)) as f32
    }

    fn slope(_: [f32; 2], y: f32, g: f32) -> f32 {
        g * y
    }
}

pub struct Log;

impl Single for Log {
    const OF: Saved = Saved::Operands;

    fn value(_: [f32; 2], x: f32) -> f32 {
        wide::ln(x) as f32
    }

    fn slope(_: [f32; 2], x: f32, g: f32) -> f32 {
        g / x
    }
}
