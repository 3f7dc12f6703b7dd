use super::facts::of_image;
use super::positions::{Places, at, part, part_mut};
use super::{BackwardFacts, Facts, Saved};
use super::{Conv, Image, Window, long_enough};
use crate::error::{Buffer, Error, InvalidSpec};
use crate::shape::Shape;
use crate::shape::conv_gathered_len;

/// The lengths of a convolution at so many points.
struct Lengths {
    positions: Places,
    /// Elements of a channel, in and out.
    planes: (usize, usize),
    taps: usize,
    /// Channels in and out.
    fan_in: usize,
    fan_out: usize,
    weight: Option<usize>,
    input: Option<usize>,
    output: Option<usize>,
}

impl Lengths {
    fn of(conv: &Conv, points: usize) -> Result<Self, Error> {
        let positions = Places::new(&conv.window, &conv.input)?;
        let output = conv.output().filter(|image| image.channels > 0 && conv.input.channels > 0);
        let output = output.ok_or(Error::InvalidSpec(InvalidSpec::Window))?;
        let too_large = Error::InvalidSpec(InvalidSpec::TooLarge);
        let (units, units_out) = conv.input.units().zip(output.units()).ok_or(too_large)?;
        let weight = conv.weights().ok_or(too_large)?;
        let (taps, elements) = (conv.window.taps() as usize, |image: &Image| image.plane() as usize);
        // What saturates is refused by its length.
        Ok(Self {
            positions,
            planes: (elements(&conv.input).saturating_mul(points), elements(&output).saturating_mul(points)),
            taps,
            fan_in: conv.input.channels as usize,
            fan_out: conv.channels as usize,
            weight: usize::try_from(weight).ok(),
            input: (units as usize).checked_mul(points),
            output: (units_out as usize).checked_mul(points),
        })
    }

    fn bias(&self, bias: &[f32]) -> Option<usize> {
        Some(if bias.is_empty() { 0 } else { self.fan_out })
    }
}

/// `y[i][row][column] = chain(bias[i]; weight[i][c][ky][kx] * x[c][row * stride + ky - padding][column * stride + kx - padding])`,
/// c, then ky, then kx ascending; taps in the padding are left out.
///
/// # Shapes
/// `weight` `[c_out][c_in][kh][kw]`, `bias` `[c_out]` or empty for +0.0, `x` `[c_in][height][width][points]`, `y`
/// `[c_out][rows][columns][points]` of [`Conv::output`].
///
/// # Errors
/// [`InvalidSpec::Window`] where the window does not fit or there are no channels, [`InvalidSpec::TooLarge`] past 2^32 - 1 units,
/// [`Error::TooShort`] where a slice does not hold its shape; what is longer is left alone.
pub fn conv_forward(
    conv: &Conv,
    weight: &[f32],
    bias: &[f32],
    points: usize,
    x: &[f32],
    y: &mut [f32],
) -> Result<(), Error> {
    let shape = Lengths::of(conv, points)?;
    long_enough(Buffer::Weight, weight.len(), shape.weight)?;
    long_enough(Buffer::Bias, bias.len(), shape.bias(bias))?;
    long_enough(Buffer::Inputs, x.len(), shape.input)?;
    long_enough(Buffer::Outputs, y.len(), shape.output)?;
    for i in 0..shape.fan_out {
        let y = part_mut(y, i, shape.planes.1);
        y.fill(bias.get(i).map_or(0.0, |b| b + 0.0));
        for c in 0..shape.fan_in {
            let x = part(x, c, shape.planes.0);
            for (tap, w) in shape.positions.taps().zip(part(weight, at(i, shape.fan_in, c), shape.taps)) {
                for (place, seen) in shape.positions.seen_by(tap) {
                    for (y, x) in part_mut(y, place, points).iter_mut().zip(part(x, seen, points)) {
                        *y += w * x;
                    }
                }
            }
        }
    }
    Ok(())
}

/// `grad_input[c][y][x] = chain(+0.0; weight[i][c][ky][kx] * grad_output[i][row][column])` over i, then ky, then kx ascending, where
/// the tap (ky, kx) at (row, column) sees (y, x): overwrites.
///
/// # Shapes
/// `weight` `[c_out][c_in][kh][kw]`, `grad_output` `[c_out][rows][columns][points]`, `grad_input` `[c_in][height][width][points]`.
///
/// # Errors
/// As [`conv_forward`].
pub fn conv_backward_input(
    conv: &Conv,
    weight: &[f32],
    points: usize,
    grad_output: &[f32],
    grad_input: &mut [f32],
) -> Result<(), Error> {
    let shape = Lengths::of(conv, points)?;
    long_enough(Buffer::Weight, weight.len(), shape.weight)?;
    long_enough(Buffer::Cotangent, grad_output.len(), shape.output)?;
    long_enough(Buffer::Gradient, grad_input.len(), shape.input)?;
    for c in 0..shape.fan_in {
        let grad_input = part_mut(grad_input, c, shape.planes.0);
        grad_input.fill(0.0);
        for i in 0..shape.fan_out {
            let g = part(grad_output, i, shape.planes.1);
            for (tap, w) in shape.positions.taps().zip(part(weight, at(i, shape.fan_in, c), shape.taps)) {
                // A tap sees a position from one place at most.
                for (place, seen) in shape.positions.seen_by(tap) {
                    for (grad, g) in part_mut(grad_input, seen, points).iter_mut().zip(part(g, place, points)) {
                        *grad += w * g;
                    }
                }
            }
        }
    }
    Ok(())
}

/// `grad_weight[i][c][ky][kx] = chain(grad_weight[i][c][ky][kx]; grad_output[i][row][column][p] * x[c][..][p])` over points p,
/// then rows, then columns ascending, positions where the tap is in the padding left out; `grad_bias[i] = chain(grad_bias[i];
/// grad_output[i][row][column][p])` in the same order: accumulates.
///
/// # Shapes
/// `x` `[c_in][height][width][points]`, `grad_output` `[c_out][rows][columns][points]`, `grad_weight` `[c_out][c_in][kh][kw]`,
/// `grad_bias` `[c_out]` or empty.
///
/// # Errors
/// As [`conv_forward`].
pub fn conv_backward_parameters(
    conv: &Conv,
    points: usize,
    x: &[f32],
    grad_output: &[f32],
    grad_weight: &mut [f32],
    grad_bias: &mut [f32],
) -> Result<(), Error> {
    let shape = Lengths::of(conv, points)?;
    long_enough(Buffer::Inputs, x.len(), shape.input)?;
    long_enough(Buffer::Cotangent, grad_output.len(), shape.output)?;
    long_enough(Buffer::Weight, grad_weight.len(), shape.weight)?;
    long_enough(Buffer::Bias, grad_bias.len(), shape.bias(grad_bias))?;
    for i in 0..shape.fan_out {
        let g = part(grad_output, i, shape.planes.1);
        for c in 0..shape.fan_in {
            let (x, kernel) = (part(x, c, shape.planes.0), part_mut(grad_weight, at(i, shape.fan_in, c), shape.taps));
            for (tap, weight) in shape.positions.taps().zip(kernel) {
                for p in 0..points {
                    for (place, seen) in shape.positions.seen_by(tap) {
                        if let (Some(g), Some(x)) = (g.get(at(place, points, p)), x.get(at(seen, points, p))) {
                            *weight += g * x;
                        }
                    }
                }
            }
        }
        if let Some(bias) = grad_bias.get_mut(i) {
            for p in 0..points {
                for place in shape.positions.all() {
                    if let Some(g) = g.get(at(shape.positions.index(place), points, p)) {
                        *bias += g;
                    }
                }
            }
        }
    }
    Ok(())
}

/// A convolution of a graph. The scratch holds the packed weights of one output channel, or of all.
pub(crate) const fn facts(x: Shape, channels: u32, window: Window, bias: bool) -> Result<Facts, Error> {
    let conv = Conv { input: x.image(), channels, window };
    let facts = match of_image(conv.output()) {
        Ok(facts) => facts,
        Err(error) => return Err(error),
    };
    let each = match window.taps().checked_mul(x.channels as u64) {
        Some(each) => each,
        None => return Err(Error::InvalidSpec(InvalidSpec::TooLarge)),
    };
    match (each.checked_mul(channels as u64), conv.multiply_adds()) {
        (Some(weights), Some(multiply_adds)) => {
            let facts = facts.with_parameters(weights, if bias { channels as u64 } else { 0 });
            Ok(Facts { multiply_adds, scratch: [each, weights], ..facts })
        }
        _ => Err(Error::InvalidSpec(InvalidSpec::TooLarge)),
    }
}

/// The backward pass of a convolution in a graph.
pub(crate) const fn backward(x: Shape, channels: u32, window: Window, bias: bool, tile: u32) -> BackwardFacts {
    let conv = Conv { input: x.image(), channels, window };
    // Nothing saturates that has facts.
    let of_output = window.taps().saturating_mul(x.channels as u64);
    let of_input = window.taps().saturating_mul(channels as u64);
    let row = if of_output > of_input { of_output } else { of_input }.saturating_add(1);
    let all = of_output.saturating_mul(channels as u64).saturating_add(if bias { channels as u64 } else { 0 });
    let gathered = match conv_gathered_len(&conv, tile as u64) {
        Some((inputs, outputs)) => inputs.saturating_add(outputs),
        None => u64::MAX,
    };
    BackwardFacts {
        saved_for_parameters: Saved::Operands,
        scratch: [row, row, all],
        gathered,
        ..BackwardFacts::NOTHING
    }
}
