//! Functions of sums, products, quotients and comparisons.
use super::super::Saved;
use super::Single;
use crate::math::{magnitude, negate};

pub struct LeakyRelu;

impl Single for LeakyRelu {
    // The value has the sign of the operand, as the slope is not negative.
    const OF: Saved = Saved::Value;

    fn value([a, _]: [f32; 2], x: f32) -> f32 {
        if x > 0.0 { x } else { a * x }
    }

    fn slope([a, _]: [f32; 2], y: f32, g: f32) -> f32 {
        if y > 0.0 { g } else { g * a }
    }
}

pub struct Clip;

impl Single for Clip {
    const OF: Saved = Saved::Value;

    // The comparisons keep a NaN and the sign of zero, as the reference kernels of TFLite do.
    fn value([low, high]: [f32; 2], x: f32) -> f32 {
        let x = if x < low { low } else { x };
        if high < x { high } else { x }
    }

    fn slope([low, high]: [f32; 2], y: f32, g: f32) -> f32 {
        if low < y && y < high { g } else { 0.0 }
    }
}

pub struct HardSigmoid;

impl Single for HardSigmoid {
    const OF: Saved = Saved::Value;

    fn value([a, b]: [f32; 2], x: f32) -> f32 {
        Clip::value([0.0, 1.0], (a * x) + b)
    }

    fn slope([a, _]: [f32; 2], y: f32, g: f32) -> f32 {
        Clip::slope([0.0, 1.0], y, g * a)
    }
}

/// # References
/// Howard et al., "Searching for MobileNetV3", ICCV 2019, section 5.2.
pub struct HardSwish;

impl Single for HardSwish {
    const OF: Saved = Saved::Operands;

    fn value(_: [f32; 2], x: f32) -> f32 {
        (x * Clip::value([0.0, 6.0], x + 3.0)) / 6.0
    }

    fn slope(_: [f32; 2], x: f32, g: f32) -> f32 {
        let d = match x {
            x if x <= -3.0 => 0.0,
            x if x >= 3.0 => 1.0,
            x => ((2.0 * x) + 3.0) / 6.0,
        };
        g * d
    }
}

pub struct Softsign;

impl Single for Softsign {
    const OF: Saved = Saved::Value;

    fn value(_: [f32; 2], x: f32) -> f32 {
        x / (1.0 + magnitude(x))
    }

    fn slope(_: [f32; 2], y: f32, g: f32) -> f32 {
        let t = 1.0 - magnitude(y);
        g * (t * t)
    }
}

pub struct Abs;

impl Single for Abs {
    const OF: Saved = Saved::Operands;

    fn value(_: [f32; 2], x: f32) -> f32 {
        magnitude(x)
    }

    fn slope(_: [f32; 2], x: f32, g: f32) -> f32 {
        match x {
            x if x > 0.0 => g,
            x if x < 0.0 => negate(g),
            _ => 0.0,
        }
    }
}

pub struct Affine;

impl Single for Affine {
    const OF: Saved = Saved::Nothing;

    fn value([a, b]: [f32; 2], x: f32) -> f32 {
        (a * x) + b
    }

    fn slope([a, _]: [f32; 2], _: f32, g: f32) -> f32 {
        g * a
    }
}
