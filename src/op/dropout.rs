use super::Facts;
use crate::error::{Error, InvalidSpec};
use crate::random::{Normal, Purpose, Stream};
use crate::shape::Shape;

/// The mask of one layer in one step, a pure function of where a value stands: word 0 of the Philox block at (row = point, column =
/// unit, layer, purpose dropout, run = step) keeps the value iff it is at least `rate * 2^32`, rounded to nearest, ties up.
///
/// # References
/// Srivastava et al., "Dropout", JMLR 15 (2014), scaled in training and not afterwards.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Dropout {
    stream: Stream,
    threshold: u32,
    scale: f32,
}

impl Dropout {
    /// The mask that drops a share `rate` of the values; `layer` is below 2^24.
    ///
    /// # Errors
    /// [`InvalidSpec::Rate`] where the rate is not at least 0 and below 1.
    pub fn new(seed: u64, step: u32, layer: u32, rate: f32) -> Result<Self, Error> {
        if !(0.0..1.0).contains(&rate) {
            return Err(Error::InvalidSpec(InvalidSpec::Rate));
        }
        // Exact: a power of two, and 2^32 times the largest f32 below 1 is 2^32 - 2^8.
        let share = rate * 4_294_967_296.0;
        let whole = share as u32;
        // From 2^24 on an f32 is whole.
        let threshold = if share - whole as f32 >= 0.5 { whole.saturating_add(1) } else { whole };
        let stream = Stream::new(seed, step, Purpose::Dropout, layer, Normal::IrwinHall);
        Ok(Self { stream, threshold, scale: 1.0 / (1.0 - rate) })
    }

    /// Whether the value of this unit at this point is kept.
    #[inline]
    pub const fn keeps(&self, point: u32, unit: u32) -> bool {
        self.stream.words(point, unit)[0] >= self.threshold
    }

    /// The least word 0 that keeps.
    pub const fn threshold(&self) -> u32 {
        self.threshold
    }

    /// What kept values are multiplied with: `1 / (1 - rate)`.
    pub const fn scale(&self) -> f32 {
        self.scale
    }
}

/// `y = keeps ? x * scale : +0.0`, in place; it serves tangents, too.
///
/// # Shapes
/// `x` `[unit][points]`, units from 0, points from `first`.
///
/// # Numerics
/// A NaN that is dropped is +0.0: whoever must not lose one looks at x before, as a run does.
pub fn dropout_forward(dropout: &Dropout, first: u32, points: usize, x: &mut [f32]) {
    for (unit, row) in (0..).zip(x.chunks_mut(points.max(1))) {
        for (point, x) in (first..).zip(row) {
            *x = if dropout.keeps(point, unit) { *x * dropout.scale } else { 0.0 };
        }
    }
}

/// `grad_input = keeps ? grad_output * scale : +0.0`, in place: the mask is drawn again, and no tape is kept.
pub fn dropout_backward(dropout: &Dropout, first: u32, points: usize, g: &mut [f32]) {
    dropout_forward(dropout, first, points, g);
}

/// A dropout of a graph.
pub(crate) const fn facts(x: Shape, rate: f32) -> Result<Facts, Error> {
    if 0.0 <= rate && rate < 1.0 { Facts::in_place(x) } else { Err(Error::InvalidSpec(InvalidSpec::Rate)) }
}
