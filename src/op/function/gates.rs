//! Functions `x s(x)` with a sigmoid s, computed in binary64 and rounded once.
use super::super::Saved;
use super::Single;
use crate::math::wide::sigmoid;

/// # References
/// Ramachandran et al., "Searching for activation functions", 2017; a = 1 is SiLU.
pub struct Silu;

impl Single for Silu {
    const OF: Saved = Saved::Operands;

    fn value([a, _]: [f32; 2], x: f32) -> f32 {
        let x = f64::from(x);
        (x * sigmoid(f64::from(a) * x)) as f32
    }

    fn slope([a, _]: [f32; 2], x: f32, g: f32) -> f32 {
        let v = f64::from(a) * f64::from(x);
        let s = sigmoid(v);
        g * ((s * (1.0 + (v * (1.0 - s)))) as f32)
    }
}

/// # References
/// Hendrycks and Gimpel, "Gaussian error linear units", 2016.
pub struct GeluTanh;

/// `2 sqrt(2 / pi)`, and 0.044715 times that.
const A: f64 = 1.595_769_121_605_730_8;
const B: f64 = 0.071_354_816_272_600_25;

impl Single for GeluTanh {
    const OF: Saved = Saved::Operands;

    fn value(_: [f32; 2], x: f32) -> f32 {
        let x = f64::from(x);
        (x * sigmoid(x * (A + (B * (x * x))))) as f32
    }

    fn slope(_: [f32; 2], x: f32, g: f32) -> f32 {
        let x = f64::from(x);
        let s = sigmoid(x * (A + (B * (x * x))));
        g * ((s + (((x * s) * (1.0 - s)) * (A + ((3.0 * B) * (x * x))))) as f32)
    }
}
