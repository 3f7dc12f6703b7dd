/// The exponent field of an f32, in place.
const FIELD: u32 = 0xff << 23;
/// Fields of a [`Range`]; a power of two, so that the test is one sign.
const WIDTH: u32 = 128;
/// No product may have a larger field than this, so that 2^24 of them stay below 2^126: see [`super::Terms`].
const LARGEST: u32 = 227;

/// The weights whose products with all of the given inputs need no care: factors and product are normal numbers (or the
/// input is zero), and no sum of such products can leave the range of f32.
///
/// Only exponents decide: the weight's field must be one of the [`WIDTH`] from `low` on. `low` is chosen from the
/// inputs, so the test also stands for that of the input and of the product.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    /// The lowest exponent field, in bits 24 to 31.
    pub low: u32,
}

impl Range {
    /// The range for inputs; none where one of them is subnormal, infinite or NaN, or where they are too far apart.
    pub fn of(inputs: &[f32]) -> Option<Self> {
        let (mut smallest, mut largest) = (FIELD, 0);
        for x in inputs {
            // Zeros of either sign are skipped by the chain.
            let magnitude = x.to_bits() & !(1 << 31);
            if magnitude != 0 {
                smallest = if magnitude < smallest { magnitude } else { smallest };
                largest = if magnitude > largest { magnitude } else { largest };
            }
        }
        if largest == 0 {
            (smallest, largest) = (127 << 23, 127 << 23);
        }
        let (smallest, largest) = (smallest >> 23, largest >> 23);
        // A product's field is the sum of the factors' less 127, and one more where the significands multiply to two or
        // more. From 1 on it is normal, and so is the weight; the highest weight is finite as 127 + WIDTH - 1 is below 255.
        let lowest = if smallest > 127 { 1 } else { 128 - smallest };
        let highest = (LARGEST - 1 + 127 - (WIDTH - 1)).checked_sub(largest)?;
        let highest = if highest > 127 { 127 } else { highest };
        if smallest == 0 || largest == 255 || lowest > highest {
            return None;
        }
        // Weights of 2^-60 to 2^67, where the inputs leave the choice.
        const USUAL: u32 = 67;
        let low = if highest < USUAL {
            highest
        } else if lowest > USUAL {
            lowest
        } else {
            USUAL
        };
        Some(Self { low: low << 24 })
    }

    /// A weight's exponent field less the lowest one, if it is in the range.
    #[inline(always)]
    pub fn exponent(self, weight: u32) -> Option<u32> {
        let above = (weight << 1).wrapping_sub(self.low);
        if above < WIDTH << 24 { Some(above >> 24) } else { None }
    }
}
