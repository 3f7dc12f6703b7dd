use crate::train::Step;
use crate::workers::Workers;
use core::ops::Range;

/// Outputs whose weight gradients one worker does at a time.
pub(super) const PART: usize = 12;

/// `update(index of the first, parameters, gradients)`: changes parameters.
pub type Update<'p> = dyn FnMut(usize, &mut [f32], &[f32]) + 'p;

/// What becomes of gradients of parameters. One type for all, so that the backward pass is compiled once.
pub(super) enum Sink<'p> {
    /// They are added to a buffer as long as the parameters; an empty one takes none.
    Buffer(&'p [f32], &'p mut [f32]),
    /// The caller changes the parameters by them.
    Update(&'p mut [f32], &'p mut Update<'p>),
    /// The rule of an optimiser with its state changes the parameters. Plain descent may be done without them.
    Step(&'p mut [f32], &'p mut [f32], &'p Step),
}

impl Sink<'_> {
    pub fn parameters(&self) -> &[f32] {
        match self {
            Sink::Buffer(parameters, _) => parameters,
            Sink::Update(parameters, _) | Sink::Step(parameters, ..) => parameters,
        }
    }

    /// Whether any are wanted.
    pub fn wanted(&self) -> bool {
        !matches!(self, Sink::Buffer(_, gradient) if gradient.is_empty())
    }

    /// Whether parameters are changed.
    pub fn updates(&self) -> bool {
        !matches!(self, Sink::Buffer(..))
    }

    /// Lets `add` add to the gradients of these parameters, in scratch where there is no buffer for them.
    pub fn with(&mut self, at: Range<usize>, scratch: &mut [f32], add: impl FnOnce(&mut [f32])) {
        match self {
            Sink::Buffer(_, gradient) => add(gradient.get_mut(at).unwrap_or_default()),
            Sink::Update(parameters, update) => {
                let gradient = summed(scratch, at.len(), add);
                update(at.start, parameters.get_mut(at).unwrap_or_default(), gradient);
            }
            Sink::Step(parameters, state, step) => {
                let gradient = summed(scratch, at.len(), add);
                // Nothing wraps: the state is that long.
                let each = step.kept();
                let own = state.get_mut(at.start.wrapping_mul(each)..at.end.wrapping_mul(each)).unwrap_or_default();
                // Cannot fail: all lengths were checked.
                let _ = step.apply(parameters.get_mut(at).unwrap_or_default(), gradient, own);
            }
        }
    }
}

/// So many gradients, from zeros.
fn summed(scratch: &mut [f32], len: usize, add: impl FnOnce(&mut [f32])) -> &[f32] {
    let gradient = scratch.get_mut(..len).unwrap_or_default();
    gradient.fill(0.0);
    add(gradient);
    gradient
}

/// Rows of `each` elements, as many at a time as `capacity` holds: all, or whole multiples of `group` where that many fit.
pub(crate) fn fitting(rows: usize, each: usize, capacity: usize, group: usize) -> impl Iterator<Item = Range<usize>> {
    let fit = (capacity / each.max(1)).max(1);
    let fit = if fit < rows && fit >= group { fit - fit % group.max(1) } else { fit };
    (0..rows).step_by(fit.max(1)).map(move |first| first..first.saturating_add(fit).min(rows))
}

/// Rows that a worker takes at a time: [`PART`], or fewer where some workers would have nothing to do.
pub(super) fn rows_at_once<K: Workers>(workers: &K, rows: usize) -> usize {
    match workers.count() {
        0 | 1 => PART,
        count => rows.div_ceil(rows.div_ceil(PART).div_ceil(count).saturating_mul(count).max(1)).max(1),
    }
}
