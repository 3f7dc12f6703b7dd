use super::dilated::Dilated;
use super::facts::of_image;
use super::positions::{at as index, part, part_mut};
use super::{BackwardFacts, DilatedPool, DilatedWindow, Facts, long_enough};
use crate::error::{Buffer, Error, InvalidSpec};
use crate::shape::Shape;

/// The lengths of a pool at so many points.
pub(super) struct Lengths {
    pub places: Dilated,
    pub channels: usize,
    /// Elements of a channel, in and out.
    pub planes: (usize, usize),
    pub input: Option<usize>,
    pub output: Option<usize>,
}

impl Lengths {
    pub fn of(pool: &DilatedPool, points: usize, most: u64) -> Result<Self, Error> {
        let places = Dilated::new(&pool.window, &pool.input)?;
        if pool.window.taps() > most || !pool.window.sees_everywhere(&pool.input) {
            return Err(Error::InvalidSpec(InvalidSpec::Pool));
        }
        let output = pool.output().filter(|image| image.channels > 0).ok_or(Error::InvalidSpec(InvalidSpec::Window))?;
        let units = pool.input.units().zip(output.units());
        let (units, units_out) = units.ok_or(Error::InvalidSpec(InvalidSpec::TooLarge))?;
        let plane = |plane: u64| (plane as usize).saturating_mul(points);
        Ok(Self {
            places,
            channels: pool.input.channels as usize,
            planes: (plane(pool.input.plane()), plane(output.plane())),
            input: (units as usize).checked_mul(points),
            output: (units_out as usize).checked_mul(points),
        })
    }
}

/// A tap is at most two bytes of tape.
const MOST_CHOSEN: u64 = 1 << 16;

/// The largest that a dilated window sees: m is the first tap that sees the image, then `if x > m { x } else { m }`, ky and then kx ascending. The
/// tape keeps the tap that was chosen, `ky * width + kx`, the first of equals; without a tape only the values are written.
///
/// # Shapes
/// `x` `[channels][height][width][points]`, `y` `[channels][rows][columns][points]` of [`DilatedPool::output`]; `tape` is empty, or as long as `y`:
/// the low bytes of the taps; with more than 256 taps as long again behind them: the high bytes.
///
/// # Errors
/// [`InvalidSpec::Window`] where the window does not fit, [`InvalidSpec::Pool`] where a position sees nothing of the image, or with more than
/// 2^16 taps, [`InvalidSpec::TooLarge`] past 2^32 - 1 units, [`Error::TooShort`] where a slice does not hold its shape; what is longer is left alone.
///
/// # Numerics
/// A NaN that is not the first tap is not chosen, and so hides: whoever must not lose one looks at x before, as a run does.
pub fn dilated_max_pool_forward(
    pool: &DilatedPool,
    points: usize,
    x: &[f32],
    y: &mut [f32],
    tape: &mut [u8],
) -> Result<(), Error> {
    let shape = Lengths::of(pool, points, MOST_CHOSEN)?;
    long_enough(Buffer::Inputs, x.len(), shape.input)?;
    long_enough(Buffer::Outputs, y.len(), shape.output)?;
    let mut tape = match tape {
        [] => None,
        tape => Some(Tape::new(tape, pool, &shape)?),
    };
    for c in 0..shape.channels {
        let (x, y) = (part(x, c, shape.planes.0), part_mut(y, c, shape.planes.1));
        for place in 0..shape.places.count() {
            let y = part_mut(y, place, points);
            // Nothing wraps: the index of an element of y.
            let first = c.wrapping_mul(shape.planes.1).wrapping_add(place.wrapping_mul(points));
            let mut begun = false;
            for (tap, seen) in shape.places.seen_from(place) {
                for (p, (y, x)) in y.iter_mut().zip(part(x, seen, points)).enumerate() {
                    if !begun || *x > *y {
                        *y = *x;
                        if let Some(tape) = &mut tape {
                            tape.keep(first.wrapping_add(p), tap);
                        }
                    }
                }
                begun = true;
            }
        }
    }
    Ok(())
}

/// The taps that were chosen, by the indices of the values.
struct Tape<'t> {
    low: &'t mut [u8],
    high: &'t mut [u8],
}

impl<'t> Tape<'t> {
    fn new(tape: &'t mut [u8], pool: &DilatedPool, shape: &Lengths) -> Result<Self, Error> {
        let (low, high) = lengths(tape.len(), pool, shape)?;
        let (low, rest) = invariant!(tape.split_at_mut_checked(low));
        Ok(Self { low, high: invariant!(rest.get_mut(..high)) })
    }

    fn keep(&mut self, value: usize, tap: usize) {
        if let Some(low) = self.low.get_mut(value) {
            *low = tap as u8;
        }
        if let Some(high) = self.high.get_mut(value) {
            *high = (tap >> 8) as u8;
        }
    }
}

/// Low and high bytes of a tape of this length.
fn lengths(have: usize, pool: &DilatedPool, shape: &Lengths) -> Result<(usize, usize), Error> {
    let wide = pool.is_wide();
    long_enough(Buffer::Tape, have, shape.output.and_then(|low| low.checked_mul(if wide { 2 } else { 1 })))?;
    let low = invariant!(shape.output);
    Ok((low, if wide { low } else { 0 }))
}

/// The tap of a value in low and high bytes.
fn chosen((low, high): (&[u8], &[u8]), value: usize) -> usize {
    let low = invariant!(low.get(value).copied()) as usize;
    // Windows of at most 256 taps have no high bytes.
    high.get(value).map_or(low, |high| low | (*high as usize) << 8)
}

/// `grad_input[c][y][x] = chain(+0.0; grad_output[c][row][column])` over the positions that chose (y, x), rows and then columns ascending:
/// overwrites.
///
/// # Shapes
/// `tape` of [`dilated_max_pool_forward`], `grad_output` `[channels][rows][columns][points]`, `grad_input` `[channels][height][width][points]`.
///
/// # Errors
/// As [`dilated_max_pool_forward`]. A tap in the tape that sees nothing passes nothing on.
pub fn dilated_max_pool_backward(
    pool: &DilatedPool,
    points: usize,
    tape: &[u8],
    grad_output: &[f32],
    grad_input: &mut [f32],
) -> Result<(), Error> {
    let shape = Lengths::of(pool, points, MOST_CHOSEN)?;
    long_enough(Buffer::Cotangent, grad_output.len(), shape.output)?;
    long_enough(Buffer::Gradient, grad_input.len(), shape.input)?;
    let (low, high) = lengths(tape.len(), pool, &shape)?;
    let (low, rest) = invariant!(tape.split_at_checked(low));
    let tape = (low, invariant!(rest.get(..high)));
    for c in 0..shape.channels {
        let (g, grad_input) = (part(grad_output, c, shape.planes.1), part_mut(grad_input, c, shape.planes.0));
        grad_input.fill(0.0);
        for place in 0..shape.places.count() {
            for (p, g) in part(g, place, points).iter().enumerate() {
                let value = c.wrapping_mul(shape.planes.1).wrapping_add(index(place, points, p));
                let seen = shape.places.sees(place, chosen(tape, value));
                if let Some(grad) = seen.and_then(|seen| grad_input.get_mut(index(seen, points, p))) {
                    *grad += g;
                }
            }
        }
    }
    Ok(())
}

/// The tangents of the maxima, from `(x, t)` to `y`: `y[c][row][column]` is that of the tap that is chosen.
///
/// # Shapes
/// `x` and `t` `[channels][height][width][points]`, `y` `[channels][rows][columns][points]`.
///
/// # Errors
/// As [`dilated_max_pool_forward`].
pub fn dilated_max_pool_tangent(
    pool: &DilatedPool,
    points: usize,
    (x, t): (&[f32], &[f32]),
    y: &mut [f32],
) -> Result<(), Error> {
    let shape = Lengths::of(pool, points, MOST_CHOSEN)?;
    long_enough(Buffer::Inputs, x.len().min(t.len()), shape.input)?;
    long_enough(Buffer::Outputs, y.len(), shape.output)?;
    for c in 0..shape.channels {
        let (x, t) = (part(x, c, shape.planes.0), part(t, c, shape.planes.0));
        let y = part_mut(y, c, shape.planes.1);
        for place in 0..shape.places.count() {
            for (p, y) in part_mut(y, place, points).iter_mut().enumerate() {
                let mut largest = None;
                for (_, seen) in shape.places.seen_from(place) {
                    let at = index(seen, points, p);
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

/// A pool of a graph, of at most so many taps.
pub(super) const fn facts(x: Shape, window: DilatedWindow, most: u64) -> Result<Facts, Error> {
    let pool = DilatedPool { input: x.image(), window };
    let fits = window.positions(&pool.input).is_some();
    if fits && (window.taps() > most || !window.sees_everywhere(&pool.input)) {
        return Err(Error::InvalidSpec(InvalidSpec::Pool));
    }
    of_image(pool.output())
}

/// A dilated max pool of a graph.
pub(crate) const fn max_facts(x: Shape, window: DilatedWindow) -> Result<Facts, Error> {
    facts(x, window, MOST_CHOSEN)
}

/// The backward pass of a dilated max pool in a graph.
pub(crate) const fn max_backward(x: Shape, window: DilatedWindow, tile: u32) -> BackwardFacts {
    let pool = DilatedPool { input: x.image(), window };
    BackwardFacts { tape: pool.tape_len(tile as u64), ..BackwardFacts::NOTHING }
}
