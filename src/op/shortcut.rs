use super::Facts;
use super::facts::of_image;
use super::positions::{Places, part, part_mut};
use super::{Shortcut, long_enough};
use crate::error::{Buffer, Error, InvalidSpec};
use crate::shape::Shape;

/// Where rows and columns are taken, and the elements in and out at so many points.
fn shape(shortcut: &Shortcut, points: usize) -> Result<(Places, Option<usize>, Option<usize>), Error> {
    let positions = Places::new(&shortcut.window(), &shortcut.input)?;
    let output =
        shortcut.output().filter(|_| shortcut.input.channels > 0).ok_or(Error::InvalidSpec(InvalidSpec::Window))?;
    let units = shortcut.input.units().zip(output.units());
    let (units, units_out) = units.ok_or(Error::InvalidSpec(InvalidSpec::TooLarge))?;
    let elements = |units: u32| (units as usize).checked_mul(points);
    Ok((positions, elements(units), elements(units_out)))
}

/// Elements of a channel, in and out.
fn planes(shortcut: &Shortcut, positions: Places, points: usize) -> (usize, usize) {
    ((shortcut.input.plane() as usize).saturating_mul(points), positions.count().saturating_mul(points))
}

/// `y[c][row][column] = x[c][row * stride][column * stride]` for the channels of x, +0.0 for the others.
///
/// Its tangent is the shortcut of tangents.
///
/// # Shapes
/// `x` `[c_in][height][width][points]`, `y` `[c_out][rows][columns][points]` of [`Shortcut::output`].
///
/// # Errors
/// [`InvalidSpec::Window`] where the stride is 0, the image empty or channels are lost, [`InvalidSpec::TooLarge`] past 2^32 - 1 units,
/// [`Error::TooShort`] where a slice does not hold its shape; what is longer is left alone.
///
/// # References
/// He et al., "Deep residual learning for image recognition", CVPR 2016, section 3.3, option A.
pub fn shortcut_forward(shortcut: &Shortcut, points: usize, x: &[f32], y: &mut [f32]) -> Result<(), Error> {
    let (positions, input, output) = shape(shortcut, points)?;
    long_enough(Buffer::Inputs, x.len(), input)?;
    long_enough(Buffer::Outputs, y.len(), output)?;
    let planes = planes(shortcut, positions, points);
    for c in 0..shortcut.channels as usize {
        let y = part_mut(y, c, planes.1);
        if c >= shortcut.input.channels as usize {
            y.fill(0.0);
            continue;
        }
        let x = part(x, c, planes.0);
        for (place, position) in positions.seen_by((0, 0)) {
            for (y, x) in part_mut(y, place, points).iter_mut().zip(part(x, position, points)) {
                *y = *x;
            }
        }
    }
    Ok(())
}

/// `grad_input[c][row * stride][column * stride] = grad_output[c][row][column]`, +0.0 where nothing was taken: overwrites.
///
/// # Shapes
/// `grad_output` `[c_out][rows][columns][points]`, `grad_input` `[c_in][height][width][points]`.
///
/// # Errors
/// As [`shortcut_forward`].
pub fn shortcut_backward(
    shortcut: &Shortcut,
    points: usize,
    grad_output: &[f32],
    grad_input: &mut [f32],
) -> Result<(), Error> {
    let (positions, input, output) = shape(shortcut, points)?;
    long_enough(Buffer::Cotangent, grad_output.len(), output)?;
    long_enough(Buffer::Gradient, grad_input.len(), input)?;
    let planes = planes(shortcut, positions, points);
    for c in 0..shortcut.input.channels as usize {
        let (g, grad_input) = (part(grad_output, c, planes.1), part_mut(grad_input, c, planes.0));
        grad_input.fill(0.0);
        for (place, position) in positions.seen_by((0, 0)) {
            for (grad, g) in part_mut(grad_input, position, points).iter_mut().zip(part(g, place, points)) {
                *grad = *g;
            }
        }
    }
    Ok(())
}

/// A shortcut of a graph.
pub(crate) const fn facts(x: Shape, channels: u32, stride: u32) -> Result<Facts, Error> {
    of_image(Shortcut { input: x.image(), channels, stride }.output())
}
