use super::{Buffer, Error, QuantisedConv, Scale, at, check, long_enough, placed};
use crate::error::InvalidSpec;

/// `y[row][column][i] = zero_out + D(bias'[i] + sum weight[ky][kx][i] x[row * sy + ky * dy - top][column * sx + kx * dx - left][i / m], q[i], shift[i])`
/// within the bounds, m being the channels out through the channels in. Taps outside of the image see the zero point of the input.
///
/// # Shapes
/// `weights` `[kh][kw][c_out]`; records, `x` and `y` as [`quantised_conv`](super::quantised_conv) has them.
///
/// # Errors
/// [`InvalidSpec::Window`] where the window does not fit or the channels in do not divide the channels out, [`Error::TooShort`] where a slice does not
/// hold its shape; what is longer is left alone.
pub fn quantised_depthwise(
    conv: &QuantisedConv,
    weights: &[i8],
    records: &[[i32; 3]],
    x: &[i8],
    y: &mut [i8],
) -> Result<(), Error> {
    let (places, output) = placed(&conv.window, &conv.input, conv.channels)?;
    let (inputs, outputs, taps) = (conv.input.channels as usize, conv.channels as usize, places.taps());
    let multiple = match outputs.checked_div(inputs) {
        Some(multiple) if multiple > 0 && outputs.is_multiple_of(inputs) => multiple,
        _ => return Err(Error::InvalidSpec(InvalidSpec::Window)),
    };
    long_enough(Buffer::Weight, weights.len(), taps.checked_mul(outputs))?;
    long_enough(Buffer::Bias, records.len(), Some(outputs))?;
    check(x, &conv.input, y, &output)?;
    for place in 0..places.count() {
        for i in 0..outputs {
            let [bias, multiplier, shift] = invariant!(records.get(i).copied());
            let mut acc = bias;
            for tap in 0..taps {
                let x = match places.sees(place, tap) {
                    Some(seen) => i32::from(invariant!(x.get(at(seen, inputs, i / multiple)).copied())),
                    None => conv.input_zero,
                };
                let w = invariant!(weights.get(at(tap, outputs, i)).copied());
                acc = acc.wrapping_add(x.wrapping_mul(i32::from(w)));
            }
            if let Some(y) = y.get_mut(at(place, outputs, i)) {
                *y = conv.output.of(Scale { multiplier, shift }.apply(acc));
            }
        }
    }
    Ok(())
}
