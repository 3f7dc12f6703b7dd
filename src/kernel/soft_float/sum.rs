use super::Range;

/// The leading bit of a significand of 24 bits.
const LEADING: u32 = 1 << 23;
const SIGN: u32 = 1 << 31;
/// Half of the last place, where the places below it fill a word.
const HALF: u32 = 1 << 31;
/// The exponent of zero, not above that of any product: so zero is shifted, by any number of places, or nothing is.
const ZERO: i32 = 0;

/// The sum of a chain, taken apart: value = sign * significand * 2^exponent, in the scale of [`Range`].
///
/// The exponent is counted as the sum of two factors' fields less [`Range::low`], which is that of their product if its
/// significand is two or more, before it is brought below. The significand has its leading bit in
/// place 23, except for the sum that a chain begins with (subnormal), zero, and 2^24 (rounded up to there, and left so:
/// the next step sees to it). Exponents have no lower bound: sums of f32 are multiples of 2^-149, so a sum that would be
/// subnormal has no bits to round off, and its exponent just goes below 1.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Sum {
    pub significand: u32,
    pub exponent: i32,
    /// The sign in bit 31; the others may be anything.
    pub sign: u32,
}

impl Sum {
    /// A sum that the fast path may continue: neither -0.0 nor 2^126 or more.
    ///
    /// -0.0 is the one sum that a term of +0.0 changes; once gone it never comes back. Everything below 2^126 stays
    /// finite whatever the range lets through.
    #[inline(always)]
    pub fn of(y: f32, range: Range) -> Option<Self> {
        let bits = y.to_bits();
        let field = (bits << 1) >> 24;
        if bits == SIGN || field >= 253 {
            return None;
        }
        let scale = Self::scale(range);
        let fraction = bits & (LEADING - 1);
        Some(match field {
            0 if fraction == 0 => Self { sign: 0, exponent: ZERO, significand: 0 },
            0 => Self { sign: bits, exponent: 1 + scale, significand: fraction },
            _ => Self { sign: bits, exponent: field as i32 + scale, significand: fraction | LEADING },
        })
    }

    /// The exponents here less the fields of f32.
    #[inline(always)]
    fn scale(range: Range) -> i32 {
        126 - (range.low >> 24) as i32
    }

    /// The sum as a number.
    #[inline(always)]
    pub fn value(self, range: Range) -> f32 {
        // Nothing wraps: both are sums of a few exponents of eight bits.
        let exponent = self.exponent.wrapping_sub(Self::scale(range));
        let magnitude = if exponent >= 1 {
            // The leading bit counts as one step of the exponent; 2^24 as two.
            ((exponent as u32 - 1) << 23).wrapping_add(self.significand)
        } else {
            // A shift by all bits leaves nothing.
            self.significand.checked_shr(1u32.wrapping_sub(exponent as u32)).map_or(0, |magnitude| magnitude)
        };
        f32::from_bits((self.sign & SIGN) | magnitude)
    }

    /// Adds the rounded product of a weight in the range, whose exponent there is given, and an input that is not zero.
    #[inline(always)]
    pub fn add(&mut self, weight: u32, above: u32, input: u32) {
        // The weight's leading bit in place 23, the input's in place 31: the product's in place 54 or 55.
        let weight_significand = (weight & (LEADING - 1)) | LEADING;
        let product = u64::from(weight_significand) * u64::from((input << 8) | SIGN);
        let (mut high, mut low) = ((product >> 32) as u32, product as u32);
        let mut exponent = (above + ((input << 1) >> 24)) as i32;
        if high < LEADING {
            (high, low) = (high << 1 | low >> 31, low << 1);
            exponent -= 1;
        }
        let term = rounded(high, low);
        let opposite = (weight ^ input ^ self.sign) & SIGN != 0;
        let above = self.exponent - exponent;
        if above >= 0 {
            let (high, low) = shifted(term, above as u32);
            if opposite {
                self.subtract(self.significand, (high, low), self.exponent);
            } else {
                self.carry(self.significand + high, low, self.exponent);
            }
        } else {
            let (high, low) = shifted(self.significand, above.unsigned_abs());
            if opposite {
                self.sign ^= SIGN;
                self.subtract(term, (high, low), exponent);
            } else {
                self.carry(term + high, low, exponent);
            }
        }
    }

    /// The sum of two significands, `high` and the places of `low` below it, which may have carried.
    #[inline(always)]
    fn carry(&mut self, high: u32, low: u32, exponent: i32) {
        // No bit falls off: the shift that filled `low` took it from 24 bits, so its last place is free below 2^32 + 1,
        // and beyond that it is empty.
        let carried = high >> 24 != 0;
        let (high, low) = if carried { (high >> 1, high << 31 | low >> 1) } else { (high, low) };
        (self.significand, self.exponent) = (rounded(high, low), exponent + i32::from(carried));
    }

    /// `significand` less the other, with new leading places.
    #[inline(always)]
    fn subtract(&mut self, significand: u32, (high, low): (u32, u32), exponent: i32) {
        self.exponent = exponent;
        let borrow = u32::from(low != 0);
        let (mut high, mut low) = (significand.wrapping_sub(high).wrapping_sub(borrow), low.wrapping_neg());
        if high & SIGN != 0 {
            // Only where nothing was shifted, so that `low` is zero.
            high = high.wrapping_neg();
            self.sign ^= SIGN;
        }
        if high < LEADING {
            (high, low) = (high << 1 | low >> 31, low << 1);
            self.exponent -= 1;
            if high < LEADING {
                // More than one place went: then the exponents differed by one at most, and no place is left below.
                return self.cancelled(high);
            }
        }
        self.significand = rounded(high, low);
    }

    /// What is left after leading places went, exactly; +0.0 if nothing is.
    #[inline(always)]
    fn cancelled(&mut self, left: u32) {
        if left == 0 {
            *self = Self { sign: 0, exponent: ZERO, significand: 0 };
            return;
        }
        let by = left.leading_zeros() - 8;
        self.significand = left << by;
        self.exponent -= by as i32;
    }
}

/// To the nearest, ties to even.
#[inline(always)]
fn rounded(high: u32, low: u32) -> u32 {
    high + u32::from(low > HALF || (low == HALF && high & 1 == 1))
}

/// A significand shifted right, and the places that went below it.
#[inline(always)]
fn shifted(significand: u32, by: u32) -> (u32, u32) {
    match by {
        0 => (significand, 0),
        1..32 => (significand >> by, significand << (32 - by)),
        // Less than a quarter of the other's last place, even where that goes down a binade: it cannot matter.
        _ => (0, 0),
    }
}
