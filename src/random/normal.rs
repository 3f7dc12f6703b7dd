use crate::math::Math;

/// How a normal is made from one Philox block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Normal {
    /// The sum of twelve 10-bit uniforms, its gaps filled by 8 bits: exact integers, cut at 6 sigma,
    /// excess kurtosis -0.1.
    #[default]
    IrwinHall,
    /// The inverse of the normal distribution function, about seven digits: where true tails matter.
    As241,
}

impl Normal {
    /// A value of mean 0 and variance 1 from four random words.
    ///
    /// # Numerics
    /// Irwin-Hall is exact integer arithmetic followed by one exact scaling; as241 is as written in the
    /// contract, section 6.
    #[inline]
    pub fn value(self, words: [u32; 4], math: Math) -> f32 {
        match self {
            Normal::IrwinHall => irwin_hall(words),
            Normal::As241 => as241(words[0], math),
        }
    }
}

/// What centres the sum of twelve ten-bit numbers, and makes it odd.
pub(crate) const OFFSET: u32 = 3_142_911;
/// 2^-19: the sum to deviation 1.
pub(crate) const UNIT: f32 = 1.0 / 524_288.0;

#[inline]
fn irwin_hall(words: [u32; 4]) -> f32 {
    let (mut sum, mut rest, mut shift) = (0u32, 0u32, 0);
    for w in words {
        // Nothing wraps: twelve numbers below 2^10.
        sum = sum.wrapping_add(w & 1023).wrapping_add(w >> 10 & 1023).wrapping_add(w >> 20 & 1023);
        rest |= (w >> 30) << shift;
        shift += 2;
    }
    // Odd, so never zero: the sign of a weight is always defined.
    let odd = (sum.wrapping_mul(256).wrapping_add(rest).wrapping_mul(2) as i32).wrapping_sub(OFFSET as i32);
    odd as f32 * UNIT
}

fn horner<const N: usize>(coefficients: [f32; N], x: f32) -> f32 {
    let mut y = 0.0;
    for (i, c) in coefficients.into_iter().enumerate() {
        y = if i == 0 { c } else { y * x + c };
    }
    y
}

/// PPND7 of Wichura, "Algorithm AS 241", Applied Statistics 37 (1988).
fn as241(word: u32, math: Math) -> f32 {
    let p = ((word >> 9) as f32 + 0.5) * (1.0 / 8_388_608.0);
    let q = p - 0.5;
    if crate::math::magnitude(q) <= 0.425 {
        let r = 0.180625 - q * q;
        return (q * horner([59.109_437, 159.291_14, 50.434_272, 3.387_132_7], r))
            / horner([67.187_56, 78.757_76, 17.895_17, 1.0], r);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    let r = math.sqrt(-math.ln(tail));
    let z = if r <= 5.0 {
        let r = r - 1.6;
        horner([0.170_238_21, 1.306_728_5, 2.756_815_4, 1.423_437_2], r) / horner([0.120_211_33, 0.737_001_64, 1.0], r)
    } else {
        let r = r - 5.0;
        horner([0.017_337_205, 0.428_682_94, 3.081_226_4, 6.657_905], r) / horner([0.012_258_203, 0.241_978_94, 1.0], r)
    };
    if q < 0.0 { -z } else { z }
}
