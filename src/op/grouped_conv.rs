use super::dilated::Dilated;
use super::facts::of_image;
use super::positions::{at, part, part_mut};
use super::{BackwardFacts, DilatedWindow, Facts, GroupedConv, Saved, long_enough};
use crate::error::{Buffer, Error, InvalidSpec};
use crate::shape::{Shape, conv_gathered_len};
use core::ops::Range;

/// The lengths of a grouped convolution at so many points.
struct Lengths {
    places: Dilated,
    /// Elements of a channel, in and out.
    planes: (usize, usize),
    /// Channels of a group, in and out.
    fan_in: usize,
    fan_out: usize,
    /// Channels, in and out.
    inputs: usize,
    outputs: usize,
    weight: Option<usize>,
    input: Option<usize>,
    output: Option<usize>,
}

impl Lengths {
    fn of(conv: &GroupedConv, points: usize) -> Result<Self, Error> {
        let places = Dilated::new(&conv.window, &conv.input)?;
        let window = Error::InvalidSpec(InvalidSpec::Window);
        let (output, (fan_in, fan_out)) = conv.output().zip(conv.per_group()).ok_or(window)?;
        let too_large = Error::InvalidSpec(InvalidSpec::TooLarge);
        let (units, units_out) = conv.input.units().zip(output.units()).ok_or(too_large)?;
        let weight = conv.weights().ok_or(too_large)?;
        // What saturates is refused by its length.
        Ok(Self {
            places,
            planes: (
                (conv.input.plane() as usize).saturating_mul(points),
                (output.plane() as usize).saturating_mul(points),
            ),
            fan_in: fan_in as usize,
            fan_out: fan_out as usize,
            inputs: conv.input.channels as usize,
            outputs: conv.channels as usize,
            weight: usize::try_from(weight).ok(),
            input: (units as usize).checked_mul(points),
            output: (units_out as usize).checked_mul(points),
        })
    }

    /// The first channel in, and the first channel out, of a group.
    fn first_of(&self, group: usize) -> (usize, usize) {
        // Nothing wraps: a group of those that there are.
        (group.wrapping_mul(self.fan_in), group.wrapping_mul(self.fan_out))
    }

    /// (channel in of the group, tap) of term k of a chain.
    fn term(&self, k: usize, taps_first: bool) -> (usize, usize) {
        let (inputs, taps) = (self.fan_in.max(1), self.places.taps().max(1));
        if taps_first { (k % inputs, k / inputs) } else { (k / taps, k % taps) }
    }
}

/// `y[i][row][column] = chain(bias[i]; weight[i][c][ky][kx] * x[c][row * sy + ky * dy - top][column * sx + kx * dx - left])`, c, then ky, then kx
/// ascending, c counting the channels in of the group of i; with `taps_first` ky, then kx, then c. Taps outside of the image are left out.
///
/// # Shapes
/// `weight` `[c_out][c_in / groups][kh][kw]`, `bias` `[c_out]` or empty for +0.0, `x` `[c_in][height][width][points]`, `y`
/// `[c_out][rows][columns][points]` of [`GroupedConv::output`].
///
/// # Errors
/// [`InvalidSpec::Window`] where the window does not fit or the groups do not divide the channels, [`InvalidSpec::TooLarge`] past 2^32 - 1 units,
/// [`Error::TooShort`] where a slice does not hold its shape; what is longer is left alone.
pub fn grouped_conv_forward(
    conv: &GroupedConv,
    weight: &[f32],
    bias: &[f32],
    points: usize,
    x: &[f32],
    y: &mut [f32],
) -> Result<(), Error> {
    let shape = Lengths::of(conv, points)?;
    long_enough(Buffer::Weight, weight.len(), shape.weight)?;
    long_enough(Buffer::Bias, bias.len(), Some(if bias.is_empty() { 0 } else { shape.outputs }))?;
    long_enough(Buffer::Inputs, x.len(), shape.input)?;
    long_enough(Buffer::Outputs, y.len(), shape.output)?;
    let each = shape.fan_in.wrapping_mul(shape.places.taps());
    for i in 0..shape.outputs {
        let (first, _) = shape.first_of(i / shape.fan_out.max(1));
        let (y, weight) = (part_mut(y, i, shape.planes.1), part(weight, i, each));
        y.fill(bias.get(i).map_or(0.0, |b| b + 0.0));
        for k in 0..each {
            let (c, tap) = shape.term(k, conv.taps_first);
            let w = invariant!(weight.get(at(c, shape.places.taps(), tap)).copied());
            let x = part(x, first.wrapping_add(c), shape.planes.0);
            for (place, seen) in shape.places.seen_by(tap) {
                for (y, x) in part_mut(y, place, points).iter_mut().zip(part(x, seen, points)) {
                    *y += w * x;
                }
            }
        }
    }
    Ok(())
}

/// `grad_input[c][y][x] = chain(+0.0; weight[i][c][ky][kx] * grad_output[i][row][column])` over i of the group of c, then ky, then kx ascending,
/// where the tap (ky, kx) at (row, column) sees (y, x): overwrites.
///
/// # Shapes
/// `weight` `[c_out][c_in / groups][kh][kw]`, `grad_output` `[c_out][rows][columns][points]`, `grad_input` `[c_in][height][width][points]`.
///
/// # Errors
/// As [`grouped_conv_forward`].
pub fn grouped_conv_backward_input(
    conv: &GroupedConv,
    weight: &[f32],
    points: usize,
    grad_output: &[f32],
    grad_input: &mut [f32],
) -> Result<(), Error> {
    let shape = Lengths::of(conv, points)?;
    long_enough(Buffer::Weight, weight.len(), shape.weight)?;
    long_enough(Buffer::Cotangent, grad_output.len(), shape.output)?;
    long_enough(Buffer::Gradient, grad_input.len(), shape.input)?;
    let taps = shape.places.taps();
    for channel in 0..shape.inputs {
        let (group, c) = (channel / shape.fan_in.max(1), channel % shape.fan_in.max(1));
        let (_, first) = shape.first_of(group);
        let grad_input = part_mut(grad_input, channel, shape.planes.0);
        grad_input.fill(0.0);
        for i in first..first.wrapping_add(shape.fan_out) {
            let g = part(grad_output, i, shape.planes.1);
            for (tap, w) in part(weight, at(i, shape.fan_in, c), taps).iter().enumerate() {
                // A tap sees a position from one position of the window at most.
                for (place, seen) in shape.places.seen_by(tap) {
                    for (grad, g) in part_mut(grad_input, seen, points).iter_mut().zip(part(g, place, points)) {
                        *grad += w * g;
                    }
                }
            }
        }
    }
    Ok(())
}

/// `grad_weight[i][c][ky][kx] = chain(grad_weight[i][c][ky][kx]; grad_output[i][row][column][p] * x[c][..][p])` over points p, then rows, then
/// columns ascending, positions from which the tap does not see the image left out; `grad_bias[i] = chain(grad_bias[i];
/// grad_output[i][row][column][p])` in the same order: accumulates.
///
/// # Shapes
/// `x` `[c_in][height][width][points]`, `grad_output` `[c_out][rows][columns][points]`, `grad_weight` `[c_out][c_in / groups][kh][kw]`,
/// `grad_bias` `[c_out]` or empty.
///
/// # Errors
/// As [`grouped_conv_forward`].
pub fn grouped_conv_backward_parameters(
    conv: &GroupedConv,
    points: usize,
    x: &[f32],
    grad_output: &[f32],
    grad_weight: &mut [f32],
    grad_bias: &mut [f32],
) -> Result<(), Error> {
    let shape = Lengths::of(conv, points)?;
    long_enough(Buffer::Weight, grad_weight.len(), shape.weight)?;
    long_enough(Buffer::Bias, grad_bias.len(), Some(if grad_bias.is_empty() { 0 } else { shape.outputs }))?;
    grouped_conv_backward_weights(conv, 0..shape.outputs, points, x, grad_output, grad_weight)?;
    for (i, bias) in grad_bias.iter_mut().enumerate().take(shape.outputs) {
        let g = part(grad_output, i, shape.planes.1);
        for p in 0..points {
            for place in 0..shape.places.count() {
                *bias += invariant!(g.get(at(place, points, p)).copied());
            }
        }
    }
    Ok(())
}

/// The gradients of the weights of some channels out, `grad_weight` beginning with those of the first.
///
/// # Errors
/// As [`grouped_conv_forward`].
pub(crate) fn grouped_conv_backward_weights(
    conv: &GroupedConv,
    outputs: Range<usize>,
    points: usize,
    x: &[f32],
    grad_output: &[f32],
    grad_weight: &mut [f32],
) -> Result<(), Error> {
    let shape = Lengths::of(conv, points)?;
    long_enough(Buffer::Inputs, x.len(), shape.input)?;
    long_enough(Buffer::Cotangent, grad_output.len(), shape.output)?;
    let taps = shape.places.taps();
    let each = shape.fan_in.wrapping_mul(taps);
    for (i, kernels) in outputs.zip(grad_weight.chunks_exact_mut(each.max(1))) {
        let (first, _) = shape.first_of(i / shape.fan_out.max(1));
        let g = part(grad_output, i, shape.planes.1);
        for (c, kernel) in (first..).zip(kernels.chunks_exact_mut(taps.max(1))) {
            let x = part(x, c, shape.planes.0);
            for (tap, weight) in kernel.iter_mut().enumerate() {
                for p in 0..points {
                    for (place, seen) in shape.places.seen_by(tap) {
                        if let (Some(g), Some(x)) = (g.get(at(place, points, p)), x.get(at(seen, points, p))) {
                            *weight += g * x;
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

/// A grouped convolution of a graph. The scratch holds the packed weights of one output channel, or of all.
pub(crate) const fn facts(
    x: Shape,
    (channels, groups): (u32, u32),
    window: DilatedWindow,
    bias: bool,
) -> Result<Facts, Error> {
    let conv = GroupedConv { input: x.image(), channels, groups, window, taps_first: false };
    if conv.per_group().is_none() {
        return Err(Error::InvalidSpec(InvalidSpec::Operation));
    }
    let facts = match of_image(conv.output()) {
        Ok(facts) => facts,
        Err(error) => return Err(error),
    };
    match (conv.weights_each(), conv.weights(), conv.multiply_adds()) {
        (Some(each), Some(weights), Some(multiply_adds)) => {
            let facts = facts.with_parameters(weights, if bias { channels as u64 } else { 0 });
            Ok(Facts { multiply_adds, scratch: [each, weights], ..facts })
        }
        _ => Err(Error::InvalidSpec(InvalidSpec::TooLarge)),
    }
}

/// The backward pass of a grouped convolution in a graph.
pub(crate) const fn backward(
    x: Shape,
    (channels, groups): (u32, u32),
    window: DilatedWindow,
    bias: bool,
    tile: u32,
) -> BackwardFacts {
    let conv = GroupedConv { input: x.image(), channels, groups, window, taps_first: false };
    // Nothing saturates that has facts.
    let (of_output, of_input, all) = match (conv.per_group(), conv.weights_each(), conv.weights()) {
        (Some((_, outputs)), Some(each), Some(all)) => (each, window.taps().saturating_mul(outputs as u64), all),
        _ => (0, 0, 0),
    };
    let biases = if bias { channels as u64 } else { 0 };
    let row = if of_output > of_input { of_output } else { of_input };
    let row = if row > biases { row } else { biases };
    // The operands of one group, where they are gathered.
    let gathered = match conv.padded_group() {
        Some(group) => match conv_gathered_len(&group, tile as u64) {
            Some((inputs, outputs)) => inputs.saturating_add(outputs),
            None => u64::MAX,
        },
        None => 0,
    };
    BackwardFacts {
        saved_for_parameters: Saved::Operands,
        scratch: [row, row, all.saturating_add(biases)],
        gathered,
        ..BackwardFacts::NOTHING
    }
}
