//! From a sum of 32 bits to an output: a multiplier and a shift, with two roundings, or a multiplier of f64.

/// `x 2^max(shift, 0)`, wrapped to 32 bits, times `multiplier / 2^31`, rounded to the nearest integer and half upwards, then divided by
/// `2^max(-shift, 0)` and rounded, half away from zero. Shifts are at least -31 and at most 31.
#[inline]
pub const fn requantise(x: i32, multiplier: i32, shift: i32) -> i32 {
    let (left, right) = if shift > 0 { (shift as u32, 0) } else { (0, shift.unsigned_abs()) };
    let product = (x.wrapping_shl(left) as i64).wrapping_mul(multiplier as i64);
    // Nothing wraps: the largest product is 2^62. Only that one is too large for 32 bits afterwards.
    let high = product.wrapping_add(1 << 30) >> 31;
    let high = if high > i32::MAX as i64 { i32::MAX as i64 } else { high };
    if right == 0 {
        return high as i32;
    }
    let right = if right > 31 { 31 } else { right };
    // Nothing wraps: sums of numbers below 2^32. One less for a negative number turns half upwards into half away from zero.
    (high.wrapping_add(1 << right.wrapping_sub(1)).wrapping_add(high >> 63) >> right) as i32
}

/// `x` times a multiplier of f64, given as its low and its high word, rounded to f64, then to the nearest integer, half away from zero.
/// On integers: the bits do not depend on a unit for f64. A multiplier is 0 or positive, normal and at most 2^31; of any other the
/// result has no meaning, and is saturated.
pub const fn requantise_real(x: i32, low: i32, high: i32) -> i32 {
    let bits = (high as u32 as u64) << 32 | low as u32 as u64;
    let exponent = (bits >> 52 & 0x7ff) as i32;
    if exponent == 0 || x == 0 {
        return 0;
    }
    let significand = bits & ((1 << 52) - 1) | 1 << 52;
    let size = x.unsigned_abs() as u64;
    // size * significand = above 2^32 + below. Nothing wraps: products of 32 by 21 and 32 bits.
    let part = size.wrapping_mul(significand & 0xffff_ffff);
    let above = size.wrapping_mul(significand >> 32).wrapping_add(part >> 32);
    let below = part as u32;
    // Rounded to 53 bits, half to even: bits of the product beyond those; at least one bit stands in `above`, at most 53.
    let excess = 64u32.wrapping_sub(above.leading_zeros()).wrapping_add(32).saturating_sub(53);
    let product = (above as u128) << 32 | below as u128;
    let kept = (product >> excess) as u64;
    let rest = product & ((1u128 << excess).wrapping_sub(1));
    let half = if excess == 0 { 0 } else { 1u128 << excess.wrapping_sub(1) };
    let up = excess > 0 && (rest > half || rest == half && kept & 1 == 1);
    let kept = kept.wrapping_add(up as u64);
    // The value is kept * 2^(excess + exponent - 1075).
    let shift = 1075i32.wrapping_sub(exponent).wrapping_sub(excess as i32);
    let rounded = match shift {
        ..=0 => i32::MAX as u64,
        1..=62 => kept.wrapping_add(1 << shift.wrapping_sub(1)) >> shift,
        _ => 0,
    };
    let rounded = if rounded > i32::MAX as u64 { i32::MAX } else { rounded as i32 };
    if x < 0 { rounded.wrapping_neg() } else { rounded }
}

/// The sign bit is set where the fast form may not compute a channel: where a sum may reach 2^30, the bias and so much for the products
/// included, where the multiplier is negative, or the shift is not in its range.
#[cfg_attr(not(thumb), allow(dead_code, reason = "kernels of Cortex-M"))]
#[inline(always)]
pub(super) const fn irregular(&[bias, multiplier, shift]: &[i32; 3], products: u32) -> i32 {
    let limit = ((1u32 << 30).saturating_sub(products) as i32).wrapping_sub(1);
    // Where a difference wraps, the other one is negative as well.
    let bias = limit.wrapping_sub(bias) | limit.wrapping_add(bias);
    bias | multiplier | shift.wrapping_add(31) | 31i32.wrapping_sub(shift)
}
