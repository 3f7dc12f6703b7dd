use super::long_enough;
use super::naive;
use super::{BackwardFacts, Facts, Saved};
use crate::error::{Buffer, Error};
use crate::shape::Shape;

/// `y[i][p] = chain(bias[i]; weight[i][k] * x[k][p], k ascending)`.
///
/// # Shapes
/// `weight` `[out][in]`, `bias` `[out]` or empty, `x` `[in][points]`, `y` `[out][points]`.
///
/// # Errors
/// [`Error::TooShort`] where a slice does not hold its shape; what is longer is left alone.
pub fn dense_forward(
    weight: &[f32],
    bias: &[f32],
    (fan_out, fan_in, points): (usize, usize, usize),
    x: &[f32],
    y: &mut [f32],
) -> Result<(), Error> {
    long_enough(Buffer::Weight, weight.len(), fan_out.checked_mul(fan_in))?;
    long_enough(Buffer::Bias, bias.len(), Some(if bias.is_empty() { 0 } else { fan_out }))?;
    long_enough(Buffer::Inputs, x.len(), fan_in.checked_mul(points))?;
    long_enough(Buffer::Outputs, y.len(), fan_out.checked_mul(points))?;
    if let Some(y) = y.get_mut(..fan_out * points) {
        naive::dense(weight, bias, fan_in, points, x, y);
    }
    Ok(())
}

/// `grad_input[k][p] = chain(+0.0; weight[i][k] * grad_output[i][p], i ascending)`: overwrites.
///
/// # Shapes
/// `weight` `[out][in]`, `grad_output` `[out][points]`, `grad_input` `[in][points]`.
///
/// # Errors
/// [`Error::TooShort`] where a slice does not hold its shape.
pub fn dense_backward_input(
    weight: &[f32],
    (fan_out, fan_in, points): (usize, usize, usize),
    grad_output: &[f32],
    grad_input: &mut [f32],
) -> Result<(), Error> {
    long_enough(Buffer::Weight, weight.len(), fan_out.checked_mul(fan_in))?;
    long_enough(Buffer::Cotangent, grad_output.len(), fan_out.checked_mul(points))?;
    long_enough(Buffer::Gradient, grad_input.len(), fan_in.checked_mul(points))?;
    if let Some(grad_input) = grad_input.get_mut(..fan_in * points) {
        naive::dense_transposed(weight, fan_in, fan_out, points, grad_output, grad_input);
    }
    Ok(())
}

/// `grad_weight[i][k] = chain(grad_weight[i][k]; grad_output[i][p] * x[k][p], p ascending)` and
/// `grad_bias[i] = chain(grad_bias[i]; grad_output[i][p])`: accumulates.
///
/// # Shapes
/// `x` `[in][points]`, `grad_output` `[out][points]`, `grad_weight` `[out][in]`, `grad_bias` `[out]` or empty.
///
/// # Errors
/// [`Error::TooShort`] where a slice does not hold its shape.
pub fn dense_backward_parameters(
    (fan_out, fan_in, points): (usize, usize, usize),
    x: &[f32],
    grad_output: &[f32],
    grad_weight: &mut [f32],
    grad_bias: &mut [f32],
) -> Result<(), Error> {
    long_enough(Buffer::Inputs, x.len(), fan_in.checked_mul(points))?;
    long_enough(Buffer::Cotangent, grad_output.len(), fan_out.checked_mul(points))?;
    long_enough(Buffer::Weight, grad_weight.len(), fan_out.checked_mul(fan_in))?;
    long_enough(Buffer::Bias, grad_bias.len(), Some(if grad_bias.is_empty() { 0 } else { fan_out }))?;
    let points = points.max(1);
    // Not zipped: the number of chunks is a division, which the compiler may put where it no longer knows that points is not 0.
    let mut rows = grad_weight.chunks_exact_mut(fan_in.max(1));
    for g in grad_output.chunks_exact(points).take(fan_out) {
        let Some(row) = rows.next() else { break };
        let mut weights = row.iter_mut();
        for x in x.chunks_exact(points) {
            let Some(weight) = weights.next() else { break };
            for (g, x) in g.iter().zip(x) {
                *weight += g * x;
            }
        }
    }
    for (g, bias) in grad_output.chunks_exact(points).zip(grad_bias).take(fan_out) {
        for g in g {
            *bias += g;
        }
    }
    Ok(())
}

/// A dense layer of a graph: any shape in, a vector out.
pub(crate) const fn facts(x: Shape, outputs: u32, bias: bool) -> Result<Facts, Error> {
    match (Facts::of(x), Facts::of(Shape::vector(outputs))) {
        (Ok(before), Ok(facts)) => {
            // Nothing saturates: products of numbers below 2^32.
            let weights = match before.shape.units() {
                Some(inputs) => (inputs as u64).saturating_mul(outputs as u64),
                None => 0,
            };
            let facts = facts.with_parameters(weights, if bias { outputs as u64 } else { 0 });
            Ok(Facts { multiply_adds: weights, ..facts })
        }
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

/// The backward pass of a dense layer in a graph.
pub(crate) const fn backward(x: Shape, outputs: u32, bias: bool) -> BackwardFacts {
    let inputs = match x.units() {
        Some(inputs) => inputs as u64,
        None => 0,
    };
    let biases = if bias { outputs as u64 } else { 0 };
    // Nothing saturates: products of numbers below 2^32.
    let scratch = [0, inputs.saturating_add(1), inputs.saturating_mul(outputs as u64).saturating_add(biases)];
    BackwardFacts { saved_for_parameters: Saved::Operands, descends: true, scratch, ..BackwardFacts::NOTHING }
}
