//! Convolutions, dense layers and means: one factor, or one a channel.
use crate::{Error, Profile, Quantisation};
use shatterscope::internals::op::int8::{Scale, multiplier};

/// A factor in fixed point.
pub(crate) fn scale_of(m: f64) -> Scale {
    let (multiplier, shift) = multiplier(m);
    Scale { multiplier, shift }
}

/// The bias with the zero point of the input in it: `bias - zero_in sum`, `sum` being that of the channel's weights; wrapping.
pub fn folded_bias(bias: i32, input: Quantisation, sum: i32) -> i32 {
    bias.wrapping_sub(input.zero().wrapping_mul(sum))
}

/// The records of a convolution or a depthwise convolution: bias', q and shift of each channel out. `scales` are those of the weights, one for all or one
/// a channel; `biases` are the folded ones.
///
/// # Errors
/// [`Error::Count`] with other numbers of scales, [`Error::Scale`] for a scale that is not positive and finite.
pub fn convolution(
    input: Quantisation,
    scales: &[f32],
    output: Quantisation,
    biases: &[i32],
) -> Result<Vec<[i32; 3]>, Error> {
    each(scales, biases, |scale, bias| {
        let Scale { multiplier, shift } = scale_of(factor(input, scale, output));
        [bias, multiplier, shift]
    })
}

/// Whether the records of dense layers hold binary64 multipliers: for `quantised_dense_real` instead of `quantised_dense`.
pub const fn is_real(profile: Profile) -> bool {
    matches!(profile, Profile::LitertRef)
}

/// The records of a dense layer: bias', q and shift of each unit out or, where [`is_real`], bias' and the low and high word of the multiplier.
///
/// # Errors
/// As [`convolution`].
pub fn dense(
    profile: Profile,
    input: Quantisation,
    scales: &[f32],
    output: Quantisation,
    biases: &[i32],
) -> Result<Vec<[i32; 3]>, Error> {
    match profile {
        Profile::Tflm => convolution(input, scales, output, biases),
        Profile::LitertRef => each(scales, biases, |scale, bias| {
            let bits = factor(input, scale, output).to_bits();
            [bias, bits as i32, (bits >> 32) as i32]
        }),
    }
}

/// `(s_in s) / s_out` in binary64.
fn factor(input: Quantisation, scale: f32, output: Quantisation) -> f64 {
    f64::from(input.scale()) * f64::from(scale) / f64::from(output.scale())
}

fn each(scales: &[f32], biases: &[i32], record: impl Fn(f32, i32) -> [i32; 3]) -> Result<Vec<[i32; 3]>, Error> {
    if let Some(found) = scales.iter().copied().find(|scale| !(*scale > 0.0 && scale.is_finite())) {
        return Err(Error::Scale { of: "the weights", found });
    }
    match scales {
        [scale] => Ok(biases.iter().map(|bias| record(*scale, *bias)).collect()),
        scales if scales.len() == biases.len() => {
            Ok(scales.iter().zip(biases).map(|(scale, bias)| record(*scale, *bias)).collect())
        }
        scales => Err(Error::Count { of: "scales of weights", found: scales.len(), expected: biases.len() }),
    }
}

/// The factor of a mean of `count` elements, the division by the count in it: q and shift of `s_in / s_out`; n = floor(log2 count), at most 31 + shift;
/// the multiplier is `q 2^n / count`, rounded down, the shift n less.
pub fn mean(input: Quantisation, output: Quantisation, count: u32) -> Scale {
    let Scale { multiplier, shift } = scale_of(f64::from(input.scale()) / f64::from(output.scale()));
    let n = (count.max(1).ilog2() as i32).min(31 + shift);
    let multiplier = (i64::from(multiplier) << n) / i64::from(count.max(1));
    // At most the multiplier: 2^n is at most the count.
    Scale { multiplier: multiplier as i32, shift: shift - n }
}
