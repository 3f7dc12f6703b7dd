use super::dilated_pool::{self, Lengths};
use super::positions::{part, part_mut};
use super::{DilatedPool, DilatedWindow, Facts, long_enough};
use crate::error::{Buffer, Error};
use crate::shape::Shape;

/// A number of taps that f32 holds.
const MOST_AVERAGED: u64 = 1 << 24;

/// What a sum is divided by: the taps that see the image from a position, or all taps.
fn divisor(shape: &Lengths, place: usize, whole: bool) -> f32 {
    if whole { shape.places.taps() as f32 } else { shape.places.seen_from(place).count() as f32 }
}

/// `y[c][row][column] = chain(+0.0; x[c][..]) / k` over the taps that see the image, ky and then kx ascending, k being their number, or that of
/// all taps if the `whole` window counts.
///
/// Its tangent is the average of tangents.
///
/// # Shapes
/// `x` `[channels][height][width][points]`, `y` `[channels][rows][columns][points]` of [`DilatedPool::output`].
///
/// # Errors
/// [`InvalidSpec::Window`] where the window does not fit, [`InvalidSpec::Pool`] where a position sees nothing of the image, or with more than
/// 2^24 taps, [`InvalidSpec::TooLarge`] past 2^32 - 1 units, [`Error::TooShort`] where a slice does not hold its shape; what is longer is left alone.
pub fn dilated_average_pool_forward(
    pool: &DilatedPool,
    whole: bool,
    points: usize,
    x: &[f32],
    y: &mut [f32],
) -> Result<(), Error> {
    let shape = Lengths::of(pool, points, MOST_AVERAGED)?;
    long_enough(Buffer::Inputs, x.len(), shape.input)?;
    long_enough(Buffer::Outputs, y.len(), shape.output)?;
    for place in 0..shape.places.count() {
        let k = divisor(&shape, place, whole);
        for c in 0..shape.channels {
            let x = part(x, c, shape.planes.0);
            let y = part_mut(part_mut(y, c, shape.planes.1), place, points);
            y.fill(0.0);
            for (_, seen) in shape.places.seen_from(place) {
                for (y, x) in y.iter_mut().zip(part(x, seen, points)) {
                    *y += x;
                }
            }
            for y in y {
                *y /= k;
            }
        }
    }
    Ok(())
}

/// `grad_input[c][y][x] = chain(+0.0; grad_output[c][row][column] / k)` over the positions that see (y, x), rows and then columns ascending:
/// overwrites.
///
/// # Shapes
/// `grad_output` `[channels][rows][columns][points]`, `grad_input` `[channels][height][width][points]`.
///
/// # Errors
/// As [`dilated_average_pool_forward`].
pub fn dilated_average_pool_backward(
    pool: &DilatedPool,
    whole: bool,
    points: usize,
    grad_output: &[f32],
    grad_input: &mut [f32],
) -> Result<(), Error> {
    let shape = Lengths::of(pool, points, MOST_AVERAGED)?;
    long_enough(Buffer::Cotangent, grad_output.len(), shape.output)?;
    long_enough(Buffer::Gradient, grad_input.len(), shape.input)?;
    for c in 0..shape.channels {
        part_mut(grad_input, c, shape.planes.0).fill(0.0);
    }
    for place in 0..shape.places.count() {
        let k = divisor(&shape, place, whole);
        for c in 0..shape.channels {
            let g = part(part(grad_output, c, shape.planes.1), place, points);
            let grad_input = part_mut(grad_input, c, shape.planes.0);
            for (_, seen) in shape.places.seen_from(place) {
                for (grad, g) in part_mut(grad_input, seen, points).iter_mut().zip(g) {
                    *grad += g / k;
                }
            }
        }
    }
    Ok(())
}

/// A dilated average pool of a graph.
pub(crate) const fn facts(x: Shape, window: DilatedWindow) -> Result<Facts, Error> {
    dilated_pool::facts(x, window, MOST_AVERAGED)
}
