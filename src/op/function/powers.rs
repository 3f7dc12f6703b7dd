//! Powers.
use super::super::Saved;
use super::Single;
use crate::math::{Math, negate, wide};

pub struct Sqrt;

impl Single for Sqrt {
    const OF: Saved = Saved::Value;

    fn value(_: [f32; 2], x: f32) -> f32 {
        Math::Libm.sqrt(x)
    }

    fn slope(_: [f32; 2], y: f32, g: f32) -> f32 {
        g / (2.0 * y)
    }
}

pub struct Reciprocal;

impl Single for Reciprocal {
    const OF: Saved = Saved::Value;

    fn value(_: [f32; 2], x: f32) -> f32 {
        1.0 / x
    }

    fn slope(_: [f32; 2], y: f32, g: f32) -> f32 {
        negate(g * (y * y))
    }
}

pub struct Power;

/// The largest whole exponent, of either sign, that is computed by products.
const PRODUCTS: f32 = 16.0;

fn power(x: f32, c: f32) -> f32 {
    if (-PRODUCTS..=PRODUCTS).contains(&c) {
        let whole = c as i32;
        if whole as f32 == c {
            let count = whole.unsigned_abs();
            if count == 0 {
                return 1.0;
            }
            let p = (1..count).fold(x, |p, _| p * x);
            return if whole > 0 { p } else { 1.0 / p };
        }
    }
    match x {
        x if x > 0.0 => wide::exp(f64::from(c) * wide::ln(x)) as f32,
        0.0 => {
            if c > 0.0 {
                0.0
            } else {
                f32::INFINITY
            }
        }
        _ => f32::NAN,
    }
}

impl Single for Power {
    const OF: Saved = Saved::Operands;

    fn value([a, _]: [f32; 2], x: f32) -> f32 {
        power(x, a)
    }

    fn slope([a, _]: [f32; 2], x: f32, g: f32) -> f32 {
        g * (a * power(x, a - 1.0))
    }
}
