use super::is_positive;
use crate::contract::Red16;
use crate::error::{Buffer, Error, InvalidConfig};
use crate::math::{Math, is_finite, magnitude, negate};
use crate::math::{floor_log2, power_of_two};

/// The largest magnitude of a gradient, the first of two passes to its norm.
///
/// Gradients of deep networks run from 1e-30 to 1e30: they are scaled before they are squared.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Largest {
    magnitude: f32,
    seen: u64,
}

impl Largest {
    /// An empty accumulator.
    pub const fn new() -> Self {
        Self { magnitude: 0.0, seen: 0 }
    }

    /// Looks at the parameters that come next.
    ///
    /// # Errors
    /// [`Error::InvalidValue`] with the index among all parameters: there is no norm then.
    pub fn add(&mut self, gradient: &[f32]) -> Result<(), Error> {
        for &g in gradient {
            if !is_finite(g) {
                return Err(Error::InvalidValue { buffer: Buffer::Gradient, layer: 0, index: self.seen });
            }
            self.seen = self.seen.wrapping_add(1);
            if magnitude(g) > self.magnitude {
                self.magnitude = magnitude(g);
            }
        }
        Ok(())
    }

    /// The second pass: the scale is the power of two below the largest magnitude, 1 if all are zero.
    pub fn norm(&self) -> GradientNorm {
        let exponent = if self.magnitude > 0.0 { floor_log2(self.magnitude) } else { 0 };
        // In two halves: 2^149 is not an f32.
        let halves = [exponent.div_euclid(2), exponent - exponent.div_euclid(2)];
        GradientNorm {
            up: halves.map(power_of_two),
            down: halves.map(|half| power_of_two(half.wrapping_neg())),
            squares: Red16::new(),
            seen: 0,
        }
    }
}

/// The norm of a gradient over all parameters, in order, the second of two passes: `r = sqrt(RED16(t * t))`, `t = g *
/// 2^-exponent`.
///
/// # Numerics
/// The scaling is exact but for what is below 2^-126 of the largest: the bits are those of a norm without it, where no
/// square leaves the range of f32.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct GradientNorm {
    up: [f32; 2],
    down: [f32; 2],
    squares: Red16,
    seen: usize,
}

impl GradientNorm {
    /// Adds the parameters that come next; partial sums carry over from slice to slice.
    pub fn add(&mut self, gradient: &[f32]) {
        for g in gradient {
            let t = (g * self.down[0]) * self.down[1];
            self.squares.add(self.seen, t * t);
            self.seen = self.seen.wrapping_add(1);
        }
    }

    fn scaled(&self, math: Math) -> f32 {
        math.sqrt(self.squares.fold())
    }

    /// `r * 2^exponent`; infinite where that is too large, and still good to clip by.
    pub fn value(&self, math: Math) -> f32 {
        (self.scaled(math) * self.up[0]) * self.up[1]
    }

    /// The scaling that reduces the norm to `limit`; `None` if the norm is not larger.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a limit that is not positive and finite.
    pub fn clip(&self, limit: f32, math: Math) -> Result<Option<Clip>, Error> {
        if !is_positive(limit) {
            return Err(Error::InvalidConfig(InvalidConfig::Limit));
        }
        Ok((self.value(math) > limit).then(|| Clip { down: self.down, factor: limit / self.scaled(math) }))
    }
}

/// Scales a gradient whose norm is above its limit.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Clip {
    down: [f32; 2],
    factor: f32,
}

impl Clip {
    /// `(g * 2^-exponent) * (limit / r)`: one element.
    #[inline(always)]
    pub fn element(&self, g: f32) -> f32 {
        ((g * self.down[0]) * self.down[1]) * self.factor
    }

    /// Every element of a slice.
    pub fn apply(&self, gradient: &mut [f32]) {
        for g in gradient {
            *g = self.element(*g);
        }
    }
}

/// Clips a gradient that is one slice by its norm; returns the norm that it had.
///
/// # Errors
/// [`Error::InvalidValue`] for a gradient that is not; [`Error::InvalidConfig`] for a limit that is not positive and finite.
/// Nothing is written then.
pub fn clip_by_norm(gradient: &mut [f32], limit: f32, math: Math) -> Result<f32, Error> {
    let mut largest = Largest::new();
    largest.add(gradient)?;
    let mut norm = largest.norm();
    norm.add(gradient);
    if let Some(clip) = norm.clip(limit, math)? {
        clip.apply(gradient);
    }
    Ok(norm.value(math))
}

/// `if g > limit { limit } else if g < -limit { -limit } else { g }`: NaN stays NaN.
#[inline(always)]
pub fn clip_value(g: f32, limit: f32) -> f32 {
    if g > limit {
        limit
    } else if g < negate(limit) {
        negate(limit)
    } else {
        g
    }
}

/// [`clip_value`] of every element.
///
/// # Errors
/// [`Error::InvalidConfig`] for a limit that is not positive and finite.
pub fn clip_by_value(gradient: &mut [f32], limit: f32) -> Result<(), Error> {
    if !is_positive(limit) {
        return Err(Error::InvalidConfig(InvalidConfig::Limit));
    }
    for g in gradient {
        *g = clip_value(*g, limit);
    }
    Ok(())
}
