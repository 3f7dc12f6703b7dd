use super::{Bounds, Buffer, DilatedWindow, Error, Image, Scale, at, check, long_enough, placed};

/// A convolution of an int8 image by a dilated window: one group, or one channel in for each channel out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct QuantisedConv {
    /// The input.
    pub input: Image,
    /// Channels out.
    pub channels: u32,
    /// The kernel's window.
    pub window: DilatedWindow,
    /// The zero point of the input, which taps outside of the image see.
    pub input_zero: i32,
    /// Zero point and bounds of the output.
    pub output: Bounds,
}

/// `y[row][column][i] = zero_out + D(bias'[i] + sum weight[i][ky][kx][c] x[row * sy + ky * dy - top][column * sx + kx * dx - left][c], q[i], shift[i])`
/// within the bounds. Taps outside of the image see the zero point of the input.
///
/// # Shapes
/// `weights` `[c_out][kh][kw][c_in]`; a record a channel out: bias', q, shift, where bias' is the bias less the zero point of the input times the
/// sum of the channel's weights; `x` `[height][width][c_in]`, `y` `[rows][columns][c_out]`.
///
/// # Errors
/// [`InvalidSpec::Window`](crate::error::InvalidSpec::Window) where the window does not fit, [`Error::TooShort`] where a slice does not hold its shape;
/// what is longer is left alone.
pub fn quantised_conv(
    conv: &QuantisedConv,
    weights: &[i8],
    records: &[[i32; 3]],
    x: &[i8],
    y: &mut [i8],
) -> Result<(), Error> {
    let (places, output) = placed(&conv.window, &conv.input, conv.channels)?;
    let (inputs, outputs, taps) = (conv.input.channels as usize, conv.channels as usize, places.taps());
    let each = taps.checked_mul(inputs);
    long_enough(Buffer::Weight, weights.len(), each.and_then(|each| each.checked_mul(outputs)))?;
    long_enough(Buffer::Bias, records.len(), Some(outputs))?;
    check(x, &conv.input, y, &output)?;
    for place in 0..places.count() {
        for i in 0..outputs {
            let [bias, multiplier, shift] = invariant!(records.get(i).copied());
            let mut acc = bias;
            for tap in 0..taps {
                let seen = places.sees(place, tap);
                for c in 0..inputs {
                    let x = match seen {
                        Some(seen) => i32::from(invariant!(x.get(at(seen, inputs, c)).copied())),
                        None => conv.input_zero,
                    };
                    let w = invariant!(weights.get(at(at(i, taps, tap), inputs, c)).copied());
                    acc = acc.wrapping_add(x.wrapping_mul(i32::from(w)));
                }
            }
            if let Some(y) = y.get_mut(at(place, outputs, i)) {
                *y = conv.output.of(Scale { multiplier, shift }.apply(acc));
            }
        }
    }
    Ok(())
}
