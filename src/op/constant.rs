use super::channel_norm::gathered_len;
use super::facts::{compiled, finite};
use super::{BackwardFacts, Facts};
use crate::error::Error;
use crate::shape::Shape;

/// `y[u][p] = c[u]` at every point: parameters as a value.
///
/// # Shapes
/// `constants` `[unit]`, `y` `[unit][points]`.
pub fn constant_forward(constants: &[f32], points: usize, y: &mut [f32]) {
    for (y, c) in y.chunks_exact_mut(points.max(1)).zip(constants) {
        y.fill(*c);
    }
}

/// `grad[u] = chain(old value; g[u][p], p ascending)`
///
/// # Shapes
/// `g` `[unit][points]`, `grad` `[unit]`.
pub fn constant_backward(points: usize, g: &[f32], grad: &mut [f32]) {
    for (grad, g) in grad.iter_mut().zip(g.chunks_exact(points.max(1))) {
        *grad = g.iter().fold(*grad, |sum, g| sum + g);
    }
}

/// Constants in a graph. The operand says how many points there are, and nothing else.
pub(super) const fn facts(shape: Shape, start: f32) -> Result<Facts, Error> {
    match (compiled(cfg!(feature = "models")), finite(start), Facts::of(shape)) {
        (Ok(()), Ok(()), Ok(facts)) => match shape.units() {
            Some(units) => Ok(facts.with_parameters(units as u64, 0).starting_at(start)),
            None => Ok(facts),
        },
        (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => Err(error),
    }
}

/// Their backward pass.
pub(super) const fn backward(shape: Shape, tile: u32, learns: bool) -> BackwardFacts {
    match shape.units() {
        Some(units) if learns => BackwardFacts {
            scratch: [0, units as u64, units as u64],
            gathered: gathered_len(shape, tile, 1),
            ..BackwardFacts::NOTHING
        },
        _ => BackwardFacts::NOTHING,
    }
}
