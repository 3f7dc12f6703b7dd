//! From 32-bit sums to int8: fixed-point multipliers, their two roundings, and products with binary64 multipliers on integers.

/// A factor in fixed point: `multiplier 2^(shift - 31)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Scale {
    /// 31 fractional bits; 2^30 to 2^31 - 1, or 0, where [`multiplier`] made it.
    pub multiplier: i32,
    /// Left where it is positive, right where it is negative.
    pub shift: i32,
}

impl Scale {
    /// `D(x, multiplier, shift)`: `a = x 2^max(shift, 0)`, wrapping; `h` = [`doubled_high_product`] of a and the multiplier; the value is h by
    /// [`rounded_shift`] of `max(-shift, 0)`.
    ///
    /// # Numerics
    /// Two roundings, as gemmlowp has them. The reference is undefined where the first product overflows, and for shifts past 31.
    pub const fn apply(self, x: i32) -> i32 {
        let Self { multiplier, shift } = self;
        let a = if shift <= 0 { x } else { shifted_left(x, shift.unsigned_abs()) };
        let h = doubled_high_product(a, multiplier);
        if shift < 0 { rounded_shift(h, shift.unsigned_abs()) } else { h }
    }
}

/// `x 2^by` of 32 bits.
pub(super) const fn shifted_left(x: i32, by: u32) -> i32 {
    match x.checked_shl(by) {
        Some(x) => x,
        None => 0,
    }
}

/// `(a b + 2^30) / 2^31`, rounded down; 2^31 - 1 for the square of -2^31.
pub const fn doubled_high_product(a: i32, b: i32) -> i32 {
    if a == i32::MIN && b == i32::MIN {
        return i32::MAX;
    }
    // Nothing wraps: a product of two i32 is below 2^62 in size, here below its largest value.
    ((a as i64).wrapping_mul(b as i64).wrapping_add(1 << 30) >> 31) as i32
}

/// `x / 2^by`, rounded to the nearest integer, half away from zero.
pub const fn rounded_shift(x: i32, by: u32) -> i32 {
    if by == 0 {
        return x;
    }
    if by > 32 {
        return 0;
    }
    // Nothing wraps: at most 2^31 + 2^31.
    let size = (x.unsigned_abs() as u64).wrapping_add(1 << (by - 1)) >> by;
    if x < 0 { (size as i32).wrapping_neg() } else { size as i32 }
}

/// The fixed-point multiplier and the shift of a positive factor: `m = f 2^shift` with f in [0.5, 1); `q = f 2^31`, rounded half away from zero;
/// q = 2^31 is halved and the shift one more; (0, 0) where the shift is below -31.
///
/// (0, 0) also for zero, NaN and what is negative; (2^31 - 1, 31) from 2^31 on and for infinity, which the reference does not define.
pub const fn multiplier(m: f64) -> (i32, i32) {
    let bits = m.to_bits();
    let exponent = (bits >> 52) as i32;
    // The sign is the highest bit of twelve: negative numbers are past 0x7FF. NaN has the exponent of infinity.
    if exponent > 0x7FF || exponent < 1022 - 32 || m.is_nan() {
        return (0, 0);
    }
    // Nothing wraps: an exponent of eleven bits.
    let shift = exponent.wrapping_sub(1022);
    if shift > 31 {
        return (i32::MAX, 31);
    }
    // f 2^53 to f 2^31: 22 bits go.
    let significand = (bits & ((1 << 52) - 1)) | (1 << 52);
    let q = significand.wrapping_add(1 << 21) >> 22;
    let (q, shift) = if q == 1 << 31 { (1 << 30, shift.wrapping_add(1)) } else { (q, shift) };
    if shift < -31 { (0, 0) } else { (q as i32, shift) }
}

/// `acc m`, rounded to binary64 and then to the nearest integer, half away from zero; saturated. `m` are the bits of a binary64; NaN gives 0.
///
/// # Numerics
/// Integers only. Equal to `(acc as f64 * m).round() as i32` for all bits.
pub const fn rounded_product(acc: i32, m: u64) -> i32 {
    let exponent = (m >> 52) as u32 & 0x7FF;
    let fraction = m & ((1 << 52) - 1);
    let negative = (m >> 63 != 0) != (acc < 0);
    let size = if exponent == 0x7FF {
        // Infinity times zero is NaN.
        if fraction != 0 || acc == 0 { 0 } else { u64::MAX }
    } else if exponent == 0 {
        // Below 2^31 2^-1022.
        0
    } else {
        nearest(acc.unsigned_abs(), fraction | (1 << 52), exponent)
    };
    if negative {
        if size > 1 << 31 { i32::MIN } else { (size as i32).wrapping_neg() }
    } else if size > i32::MAX as u64 {
        i32::MAX
    } else {
        size as i32
    }
}

/// `a s 2^(exponent - 1075)`, rounded to 53 bits, half to even, and then to an integer, half up; what is past 2^32 is only known to be.
const fn nearest(a: u32, s: u64, exponent: u32) -> u64 {
    if a == 0 {
        return 0;
    }
    // Nothing wraps: 85 bits.
    let product = (a as u128).wrapping_mul(s as u128);
    let dropped = (128 - product.leading_zeros()).saturating_sub(53);
    let mut kept = (product >> dropped) as u64;
    if dropped > 0 {
        let rest = product & ((1 << dropped) - 1);
        let half = 1 << (dropped - 1);
        if rest > half || (rest == half && kept & 1 == 1) {
            kept = kept.wrapping_add(1);
        }
    }
    // kept 2^power, kept being at least 2^52.
    let power = exponent as i32 + dropped as i32 - 1075;
    if power >= 0 {
        u64::MAX
    } else if power < -54 {
        0
    } else {
        let by = power.unsigned_abs();
        kept.wrapping_add(1 << (by - 1)) >> by
    }
}

/// The zero point of an int8 value, and the bounds of its activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Bounds {
    /// The zero point.
    pub zero: i32,
    /// The least value.
    pub low: i8,
    /// The greatest value.
    pub high: i8,
}

impl Bounds {
    /// `zero + x` within the bounds; the sum wraps. The upper bound holds where they cross.
    pub const fn of(self, x: i32) -> i8 {
        clamp(self.zero.wrapping_add(x), self.low, self.high)
    }
}

/// The nearest number of low to high.
pub(super) const fn clamp(x: i32, low: i8, high: i8) -> i8 {
    let x = if x < low as i32 { low as i32 } else { x };
    if x > high as i32 { high } else { x as i8 }
}
