//! A random whole number to a weight.
use crate::random::UNIT;
use core::ops::RangeInclusive;

/// Biased exponents of scales that make neither a subnormal product nor an infinite one.
const SAFE: RangeInclusive<u32> = 20..=250;

/// Multiplies whole numbers by 2^-19 and a scale.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    scale: f32,
    /// Of the scale, with its leading one; 0 where products need not be normal numbers.
    significand: u32,
    /// Sign and exponent of a product that needs no shift.
    top: u32,
}

impl Scale {
    /// Any scale, subnormal and infinite ones too.
    pub const fn new(scale: f32) -> Self {
        let bits = scale.to_bits();
        let exponent = bits >> 23 & 0xff;
        let safe = *SAFE.start() <= exponent && exponent <= *SAFE.end();
        let significand = if safe { bits & 0x7f_ffff | 0x80_0000 } else { 0 };
        Self { scale, significand, top: (bits >> 23).wrapping_add(12) << 23 }
    }

    /// The scale itself.
    pub const fn scale(&self) -> f32 {
        self.scale
    }

    /// `(n * 2^-19) * scale`, each step rounded, for odd n below 2^22 in magnitude.
    #[inline(always)]
    pub fn times(&self, n: i32) -> f32 {
        if FLOATS { n as f32 * UNIT * self.scale } else { self.times_on_integers::<COUNTS, WIDE>(n) }
    }

    /// The same without floats, where the scale lets it be: for a core that COUNTS leading zeros or does not, whose products are
    /// WIDE, of 64 bits, or not.
    ///
    /// # Numerics
    /// The first step is exact, so the product of the magnitudes, 54 to 56 bits, is rounded once to 24: to nearest, ties to even.
    #[inline(always)]
    pub fn times_on_integers<const COUNTS: bool, const WIDE: bool>(&self, n: i32) -> f32 {
        if self.significand == 0 {
            return n as f32 * UNIT * self.scale;
        }
        let mut top = self.top ^ n as u32 & 1 << 31;
        let mut magnitude = n.unsigned_abs();
        if COUNTS {
            let zeros = magnitude.leading_zeros() & 31;
            magnitude <<= zeros;
            top = top.wrapping_sub(zeros << 23);
        } else {
            // Three or four steps for most.
            magnitude <<= 10;
            top = top.wrapping_sub(10 << 23);
            while magnitude as i32 > 0 {
                magnitude <<= 1;
                top = top.wrapping_sub(1 << 23);
            }
        }
        let (mut high, mut low) = product::<WIDE>(magnitude, self.significand);
        if high < 1 << 23 {
            (high, low) = (high << 1 | low >> 31, low << 1);
            top = top.wrapping_sub(1 << 23);
        }
        // More than a half, or a half above an odd number.
        let up = low.overflowing_add(0x7fff_ffff + (high & 1)).1;
        // The leading one adds one to the exponent, and a carry of the rounding another.
        f32::from_bits(top.wrapping_add(high).wrapping_add(up as u32))
    }
}

/// The high and the low half of x y, for y below 2^24.
#[inline(always)]
fn product<const WIDE: bool>(x: u32, y: u32) -> (u32, u32) {
    if WIDE {
        let product = x as u64 * y as u64;
        return ((product >> 32) as u32, product as u32);
    }
    let (x_high, x_low, y_high, y_low) = (x >> 16, x & 0xffff, y >> 16, y & 0xffff);
    let (outer, inner) = (x_low * y_high, x_high * y_low);
    // Below 2^24 + 2^16, so there is room for one half of the other.
    let first = outer + ((x_low * y_low) >> 16);
    let second = (first & 0xffff) + inner;
    (x_high * y_high + (first >> 16) + (second >> 16), x.wrapping_mul(y))
}

/// Whether floats are the processor's own. As for the other two, only speed depends on it.
const FLOATS: bool = !cfg!(soft_float);
/// Whether there is an instruction that counts leading zeros.
const COUNTS: bool = !cfg!(any(thumb = "v6m", target_arch = "riscv32", target_arch = "riscv64"));
/// Whether products of 64 bits are cheap.
const WIDE: bool = !cfg!(thumb = "v6m");
