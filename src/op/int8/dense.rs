use super::{Bounds, Buffer, Error, Scale, at, long_enough, rounded_product};

/// A dense layer of int8 units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct QuantisedDense {
    /// Units in.
    pub inputs: u32,
    /// Units out.
    pub outputs: u32,
    /// Zero point and bounds of the output.
    pub output: Bounds,
}

/// `y[i] = zero_out + D(bias'[i] + sum weight[i][k] x[k], q[i], shift[i])` within the bounds.
///
/// # Shapes
/// `weights` `[out][in]`; a record a unit out: bias', q, shift, where bias' is the bias less the zero point of the input times the sum of the unit's
/// weights; `x` `[in]`, `y` `[out]`.
///
/// # Errors
/// [`Error::TooShort`] where a slice does not hold its shape; what is longer is left alone.
pub fn quantised_dense(
    dense: &QuantisedDense,
    weights: &[i8],
    records: &[[i32; 3]],
    x: &[i8],
    y: &mut [i8],
) -> Result<(), Error> {
    each(dense, weights, records, x, y, |acc, multiplier, shift| Scale { multiplier, shift }.apply(acc))
}

/// The same with binary64 multipliers: `y[i] = zero_out + round(bias'[i] + sum weight[i][k] x[k], m[i])` within the bounds, by [`rounded_product`].
///
/// # Shapes
/// As [`quantised_dense`]; a record a unit out: bias', then the low and the high word of the multiplier.
///
/// # Errors
/// As [`quantised_dense`].
pub fn quantised_dense_real(
    dense: &QuantisedDense,
    weights: &[i8],
    records: &[[i32; 3]],
    x: &[i8],
    y: &mut [i8],
) -> Result<(), Error> {
    each(dense, weights, records, x, y, |acc, low, high| {
        rounded_product(acc, u64::from(high as u32) << 32 | u64::from(low as u32))
    })
}

fn each(
    dense: &QuantisedDense,
    weights: &[i8],
    records: &[[i32; 3]],
    x: &[i8],
    y: &mut [i8],
    scaled: impl Fn(i32, i32, i32) -> i32,
) -> Result<(), Error> {
    let (inputs, outputs) = (dense.inputs as usize, dense.outputs as usize);
    long_enough(Buffer::Weight, weights.len(), inputs.checked_mul(outputs))?;
    long_enough(Buffer::Bias, records.len(), Some(outputs))?;
    long_enough(Buffer::Inputs, x.len(), Some(inputs))?;
    long_enough(Buffer::Outputs, y.len(), Some(outputs))?;
    for (i, (y, [bias, first, second])) in y.iter_mut().zip(records).enumerate().take(outputs) {
        let mut acc = *bias;
        for (k, x) in x.iter().enumerate().take(inputs) {
            let w = invariant!(weights.get(at(i, inputs, k)).copied());
            acc = acc.wrapping_add(i32::from(*x).wrapping_mul(i32::from(w)));
        }
        *y = dense.output.of(scaled(acc, *first, *second));
    }
    Ok(())
}
