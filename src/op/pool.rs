use super::facts::of_image;
use super::positions::{Places, at as index, part, part_mut};
use super::{BackwardFacts, Facts};
use super::{Image, Pool, Window, long_enough};
use crate::error::{Buffer, Error, InvalidSpec};
use crate::shape::Shape;

/// The lengths of a pool at so many points.
struct Lengths {
    positions: Places,
    channels: usize,
    /// Elements of a channel, in and out.
    planes: (usize, usize),
    input: Option<usize>,
    output: Option<usize>,
}

impl Lengths {
    fn of(pool: &Pool, points: usize, allowed: bool) -> Result<Self, Error> {
        let positions = Places::new(&pool.window, &pool.input)?;
        let output = pool.output().filter(|image| image.channels > 0).ok_or(Error::InvalidSpec(InvalidSpec::Window))?;
        if !allowed {
            return Err(Error::InvalidSpec(InvalidSpec::Pool));
        }
        let units = pool.input.units().zip(output.units());
        let (units, units_out) = units.ok_or(Error::InvalidSpec(InvalidSpec::TooLarge))?;
        let plane = |plane: u64| (plane as usize).saturating_mul(points);
        Ok(Self {
            positions,
            channels: pool.input.channels as usize,
            planes: (plane(pool.input.plane()), plane(output.plane())),
            input: (units as usize).checked_mul(points),
            output: (units_out as usize).checked_mul(points),
        })
    }

    /// The position in a plane that a byte of tape means at a place.
    fn chosen(&self, place: (u32, u32), tap: u8) -> Option<usize> {
        self.positions.sees(place, self.positions.tap(tap.into())?)
    }
}

/// No padding, and a number of taps that f32 holds.
const fn can_average(pool: &Pool) -> bool {
    pool.window.padding == 0 && pool.window.taps() <= 1 << 24
}

/// A tap is a byte of tape.
const fn can_choose(pool: &Pool) -> bool {
    pool.window.taps() <= 256
}

/// `y[c][row][column] = chain(+0.0; x[c][row * stride + ky][column * stride + kx]) / taps`, ky and then kx ascending.
///
/// Its tangent is the average of tangents.
///
/// # Shapes
/// `x` `[channels][height][width][points]`, `y` `[channels][rows][columns][points]` of [`Pool::output`].
///
/// # Errors
/// [`InvalidSpec::Window`] where the window does not fit, [`InvalidSpec::Pool`] where it has padding or more than 2^24 taps,
/// [`InvalidSpec::TooLarge`] past 2^32 - 1 units, [`Error::TooShort`] where a slice does not hold its shape; what is longer is left alone.
pub fn average_pool_forward(pool: &Pool, points: usize, x: &[f32], y: &mut [f32]) -> Result<(), Error> {
    let shape = Lengths::of(pool, points, can_average(pool))?;
    long_enough(Buffer::Inputs, x.len(), shape.input)?;
    long_enough(Buffer::Outputs, y.len(), shape.output)?;
    let taps = pool.window.taps() as f32;
    for c in 0..shape.channels {
        let (x, y) = (part(x, c, shape.planes.0), part_mut(y, c, shape.planes.1));
        for place in shape.positions.all() {
            let y = part_mut(y, shape.positions.index(place), points);
            y.fill(0.0);
            for position in shape.positions.taps().filter_map(|tap| shape.positions.sees(place, tap)) {
                for (y, x) in y.iter_mut().zip(part(x, position, points)) {
                    *y += x;
                }
            }
            for y in y {
                *y /= taps;
            }
        }
    }
    Ok(())
}

/// `grad_input[c][y][x] = chain(+0.0; grad_output[c][row][column] / taps)` over the positions that see (y, x), rows and then columns
/// ascending: overwrites.
///
/// # Shapes
/// `grad_output` `[channels][rows][columns][points]`, `grad_input` `[channels][height][width][points]`.
///
/// # Errors
/// As [`average_pool_forward`].
pub fn average_pool_backward(
    pool: &Pool,
    points: usize,
    grad_output: &[f32],
    grad_input: &mut [f32],
) -> Result<(), Error> {
    let shape = Lengths::of(pool, points, can_average(pool))?;
    long_enough(Buffer::Cotangent, grad_output.len(), shape.output)?;
    long_enough(Buffer::Gradient, grad_input.len(), shape.input)?;
    let taps = pool.window.taps() as f32;
    for c in 0..shape.channels {
        let (g, grad_input) = (part(grad_output, c, shape.planes.1), part_mut(grad_input, c, shape.planes.0));
        grad_input.fill(0.0);
        for place in shape.positions.all() {
            let g = part(g, shape.positions.index(place), points);
            for position in shape.positions.taps().filter_map(|tap| shape.positions.sees(place, tap)) {
                for (grad, g) in part_mut(grad_input, position, points).iter_mut().zip(g) {
                    *grad += g / taps;
                }
            }
        }
    }
    Ok(())
}

/// The largest a window sees: m is the first tap, then `if x > m { x } else { m }`, ky and then kx ascending; taps in the padding
/// are left out. Keeps the tap chosen, `ky * width + kx`, the first of equals.
///
/// # Shapes
/// `x` `[channels][height][width][points]`, `y` and `tape` `[channels][rows][columns][points]` of [`Pool::output`].
///
/// # Errors
/// [`InvalidSpec::Window`] where the window does not fit, [`InvalidSpec::Pool`] where it has more than 256 taps,
/// [`InvalidSpec::TooLarge`] past 2^32 - 1 units, [`Error::TooShort`] where a slice does not hold its shape; what is longer is left
/// alone.
///
/// # Numerics
/// A NaN that is not the first tap is not chosen, and so hides: whoever must not lose one looks at x before, as a run does.
pub fn max_pool_forward(pool: &Pool, points: usize, x: &[f32], y: &mut [f32], tape: &mut [u8]) -> Result<(), Error> {
    let shape = Lengths::of(pool, points, can_choose(pool))?;
    long_enough(Buffer::Inputs, x.len(), shape.input)?;
    long_enough(Buffer::Outputs, y.len(), shape.output)?;
    long_enough(Buffer::Tape, tape.len(), shape.output)?;
    for c in 0..shape.channels {
        let (x, y) = (part(x, c, shape.planes.0), part_mut(y, c, shape.planes.1));
        let tape = part_mut(tape, c, shape.planes.1);
        for place in shape.positions.all() {
            let at = shape.positions.index(place);
            let (y, tape) = (part_mut(y, at, points), part_mut(tape, at, points));
            let taps = (0..=u8::MAX).zip(shape.positions.taps());
            let mut seen = taps.filter_map(|(i, tap)| Some((i, shape.positions.sees(place, tap)?)));
            // No place sees padding alone.
            if let Some((first, position)) = seen.next() {
                tape.fill(first);
                for (y, x) in y.iter_mut().zip(part(x, position, points)) {
                    *y = *x;
                }
            }
            for (tap, position) in seen {
                for ((y, chosen), x) in y.iter_mut().zip(tape.iter_mut()).zip(part(x, position, points)) {
                    (*y, *chosen) = if *x > *y { (*x, tap) } else { (*y, *chosen) };
                }
            }
        }
    }
    Ok(())
}

/// `grad_input[c][y][x] = chain(+0.0; grad_output[c][row][column])` over the positions that chose (y, x), rows and then columns
/// ascending: overwrites.
///
/// # Shapes
/// `tape` and `grad_output` `[channels][rows][columns][points]`, `grad_input` `[channels][height][width][points]`.
///
/// # Errors
/// As [`max_pool_forward`]. A byte of tape that is no tap of the window passes nothing on.
pub fn max_pool_backward(
    pool: &Pool,
    points: usize,
    tape: &[u8],
    grad_output: &[f32],
    grad_input: &mut [f32],
) -> Result<(), Error> {
    let shape = Lengths::of(pool, points, can_choose(pool))?;
    long_enough(Buffer::Tape, tape.len(), shape.output)?;
    long_enough(Buffer::Cotangent, grad_output.len(), shape.output)?;
    long_enough(Buffer::Gradient, grad_input.len(), shape.input)?;
    for c in 0..shape.channels {
        let (g, tape) = (part(grad_output, c, shape.planes.1), part(tape, c, shape.planes.1));
        let grad_input = part_mut(grad_input, c, shape.planes.0);
        grad_input.fill(0.0);
        for place in shape.positions.all() {
            let at = shape.positions.index(place);
            for (p, (g, chosen)) in part(g, at, points).iter().zip(part(tape, at, points)).enumerate() {
                let position = shape.chosen(place, *chosen);
                if let Some(grad) = position.and_then(|position| grad_input.get_mut(index(position, points, p))) {
                    *grad += g;
                }
            }
        }
    }
    Ok(())
}

/// The tangent of what was chosen: `y[c][row][column]` is that of the tap in the tape.
///
/// # Shapes
/// `t` `[channels][height][width][points]`, `tape` and `y` `[channels][rows][columns][points]`.
///
/// # Errors
/// As [`max_pool_forward`]. A byte of tape that is no tap of the window gives +0.0.
pub fn max_pool_tangent(pool: &Pool, points: usize, tape: &[u8], t: &[f32], y: &mut [f32]) -> Result<(), Error> {
    let shape = Lengths::of(pool, points, can_choose(pool))?;
    long_enough(Buffer::Tape, tape.len(), shape.output)?;
    long_enough(Buffer::Inputs, t.len(), shape.input)?;
    long_enough(Buffer::Outputs, y.len(), shape.output)?;
    for c in 0..shape.channels {
        let (t, tape) = (part(t, c, shape.planes.0), part(tape, c, shape.planes.1));
        let y = part_mut(y, c, shape.planes.1);
        for place in shape.positions.all() {
            let at = shape.positions.index(place);
            for (p, (y, chosen)) in part_mut(y, at, points).iter_mut().zip(part(tape, at, points)).enumerate() {
                let position = shape.chosen(place, *chosen);
                *y = invariant!(position.and_then(|position| t.get(index(position, points, p))).copied());
            }
        }
    }
    Ok(())
}

/// An average pool of a graph.
pub(crate) const fn average_facts(x: Shape, window: Window) -> Result<Facts, Error> {
    let pool = Pool { input: x.image(), window };
    match of_image(pool.output()) {
        Ok(_) if !can_average(&pool) => Err(Error::InvalidSpec(InvalidSpec::Pool)),
        facts => facts,
    }
}

/// A max pool of a graph.
pub(crate) const fn max_facts(x: Shape, window: Window) -> Result<Facts, Error> {
    let pool = Pool { input: x.image(), window };
    match of_image(pool.output()) {
        Ok(_) if !can_choose(&pool) => Err(Error::InvalidSpec(InvalidSpec::Pool)),
        facts => facts,
    }
}

/// The values of [`max_pool_forward`] alone.
///
/// # Errors
/// As [`max_pool_forward`].
pub(crate) fn max_pool_values(pool: &Pool, points: usize, x: &[f32], y: &mut [f32]) -> Result<(), Error> {
    let shape = Lengths::of(pool, points, can_choose(pool))?;
    long_enough(Buffer::Inputs, x.len(), shape.input)?;
    long_enough(Buffer::Outputs, y.len(), shape.output)?;
    for c in 0..shape.channels {
        let (x, y) = (part(x, c, shape.planes.0), part_mut(y, c, shape.planes.1));
        for place in shape.positions.all() {
            let y = part_mut(y, shape.positions.index(place), points);
            let mut seen = shape.positions.taps().filter_map(|tap| shape.positions.sees(place, tap));
            // No position sees padding alone.
            if let Some(position) = seen.next() {
                for (y, x) in y.iter_mut().zip(part(x, position, points)) {
                    *y = *x;
                }
            }
            for position in seen {
                for (y, x) in y.iter_mut().zip(part(x, position, points)) {
                    *y = if *x > *y { *x } else { *y };
                }
            }
        }
    }
    Ok(())
}

/// The tangents of the maxima, from `(x, t)` to `y`: [`max_pool_tangent`] without a tape.
///
/// # Errors
/// As [`max_pool_forward`].
pub(crate) fn max_pool_tangents(
    pool: &Pool,
    points: usize,
    (x, t): (&[f32], &[f32]),
    y: &mut [f32],
) -> Result<(), Error> {
    let shape = Lengths::of(pool, points, can_choose(pool))?;
    long_enough(Buffer::Inputs, x.len().min(t.len()), shape.input)?;
    long_enough(Buffer::Outputs, y.len(), shape.output)?;
    for c in 0..shape.channels {
        let (x, t) = (part(x, c, shape.planes.0), part(t, c, shape.planes.0));
        let y = part_mut(y, c, shape.planes.1);
        for place in shape.positions.all() {
            for (p, y) in part_mut(y, shape.positions.index(place), points).iter_mut().enumerate() {
                let mut largest = None;
                for position in shape.positions.taps().filter_map(|tap| shape.positions.sees(place, tap)) {
                    let at = index(position, points, p);
                    let (Some(x), Some(t)) = (x.get(at), t.get(at)) else { continue };
                    if largest.is_none_or(|largest| *x > largest) {
                        (largest, *y) = (Some(*x), *t);
                    }
                }
            }
        }
    }
    Ok(())
}

/// The backward pass of a max pool in a graph.
pub(crate) const fn max_backward(x: Shape, window: Window, tile: u32) -> BackwardFacts {
    let tape = match (Pool { input: x.image(), window }).output() {
        // Nothing saturates: a byte for each output of a tile.
        Some(Image { channels, height, width }) => {
            (channels as u64).saturating_mul(height as u64).saturating_mul(width as u64).saturating_mul(tile as u64)
        }
        None => 0,
    };
    BackwardFacts { tape, ..BackwardFacts::NOTHING }
}
