use super::fixed_point::{exp_negative, one_over_one_plus};
use super::requantise::{clamp, shifted_left};
use super::{Buffer, Error, doubled_high_product, long_enough, rounded_shift};

/// A softmax along the channels of each position; the output has scale 1/256 and zero point -128.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct QuantisedSoftmax {
    /// Channels.
    pub channels: u32,
    /// The scale of the input times beta, in fixed point with 5 integer bits.
    pub multiplier: i32,
    /// Left.
    pub shift: i32,
    /// Differences from the maximum below this have the value -128.
    pub diff_min: i32,
}

impl QuantisedSoftmax {
    /// `exp` of a difference from the maximum, no integer bit; None below `diff_min`.
    fn exp(&self, x: i8, most: i8) -> Option<i32> {
        let difference = i32::from(x).wrapping_sub(i32::from(most));
        // A softmax of a graph shifts to the left: see its facts.
        let left = self.shift.max(0) as u32;
        (difference >= self.diff_min)
            .then(|| exp_negative(doubled_high_product(shifted_left(difference, left), self.multiplier)))
    }
}

/// The softmax of each line of channels in fixed point: exponentials with 5 integer bits, their sum with 12, one reciprocal by Newton's method.
///
/// # Shapes
/// `x` and `y` `[position][channel]`, with the positions that `x` has.
///
/// # Numerics
/// `docs/numerics.md` has the steps. The reference does not define sums of 2^12 or more; here they wrap.
///
/// # Errors
/// [`Error::TooShort`] where `y` is shorter than `x`; what is longer is left alone.
pub fn quantised_softmax(softmax: &QuantisedSoftmax, x: &[i8], y: &mut [i8]) -> Result<(), Error> {
    long_enough(Buffer::Outputs, y.len(), Some(x.len()))?;
    let channels = (softmax.channels as usize).max(1);
    for (x, y) in x.chunks_exact(channels).zip(y.chunks_exact_mut(channels)) {
        let most = x.iter().fold(i8::MIN, |most, x| if *x > most { *x } else { most });
        let mut sum = 0i32;
        for x in x {
            if let Some(e) = softmax.exp(*x, most) {
                sum = sum.wrapping_add(rounded_shift(e, 12));
            }
        }
        // The sum is 2^(12 - zeros) (1 + a) / 2 with a in [0, 1).
        let zeros = sum.leading_zeros();
        let a = shifted_left(sum, zeros).wrapping_sub(i32::MIN);
        let reciprocal = one_over_one_plus(a);
        // Nothing wraps: 12 - zeros + 23, zeros being at most 32.
        let by = 35u32.wrapping_sub(zeros);
        for (x, y) in x.iter().zip(y) {
            *y = match softmax.exp(*x, most) {
                Some(e) => {
                    let value = rounded_shift(doubled_high_product(reciprocal, e), by);
                    clamp(value.wrapping_sub(128), i8::MIN, i8::MAX)
                }
                None => i8::MIN,
            };
        }
    }
    Ok(())
}
