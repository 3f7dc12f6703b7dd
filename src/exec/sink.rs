use crate::train::UpdateRule;
use crate::workers::Workers;
use core::ops::Range;

/// Outputs whose weight gradients one worker does at a time.
pub(super) const PART: usize = 12;

/// `update(index of the first, parameters, gradients)`: changes parameters.
pub type Update<'p> = dyn FnMut(usize, &mut [f32], &[f32]) + 'p;

/// What becomes of gradients of parameters. One type for all, so that the backward pass is compiled once.
pub(super) enum Way<'p> {
    /// They are added to a buffer as long as the parameters; an empty one takes none.
    Buffer(&'p [f32], &'p mut [f32]),
    /// The caller changes the parameters by them.
    Update(&'p mut [f32], &'p mut Update<'p>),
    /// The rule of an optimiser with its state changes the parameters. Plain descent may be done without them.
    Step(&'p mut [f32], &'p mut [f32], &'p UpdateRule),
}

/// Where the gradients of a node's parameters go.
pub(super) struct Sink<'p> {
    pub way: Way<'p>,
    /// The parameters that are not frozen, of the node at hand.
    live: Range<usize>,
}

impl<'p> Sink<'p> {
    const ALL: Range<usize> = 0..usize::MAX;

    pub const fn new(way: Way<'p>) -> Self {
        Self { way, live: Self::ALL }
    }

    /// Freezes all parameters but these.
    pub fn freeze_all_but(&mut self, live: Range<usize>) {
        self.live = live;
    }

    /// No parameter is frozen.
    pub fn thaw(&mut self) {
        self.live = Self::ALL;
    }

    pub fn parameters(&self) -> &[f32] {
        match &self.way {
            Way::Buffer(parameters, _) => parameters,
            Way::Update(parameters, _) | Way::Step(parameters, ..) => parameters,
        }
    }

    /// Whether any are wanted.
    pub fn wanted(&self) -> bool {
        cfg!(feature = "train")
            && !matches!(&self.way, Way::Buffer(_, gradient) if gradient.is_empty())
            && !self.live.is_empty()
    }

    /// Whether a parameter of the node at hand is frozen.
    pub fn freezes(&self) -> bool {
        self.live.end != Self::ALL.end
    }

    /// Whether parameters are changed.
    pub fn updates(&self) -> bool {
        cfg!(feature = "train") && !matches!(self.way, Way::Buffer(..))
    }

    /// Parameters and rate of plain descent, which needs no gradients of them.
    pub fn descent(&mut self) -> Option<(&mut [f32], f32)> {
        if !cfg!(feature = "train") {
            return None;
        }
        match &mut self.way {
            Way::Step(parameters, _, step) if self.live.end == Self::ALL.end => Some((parameters, step.plain()?)),
            _ => None,
        }
    }

    /// Lets `add` add to the gradients of these parameters, in scratch where there is no buffer for them. Those that are frozen get none.
    // What is generic is called once, and all else out of line.
    pub fn with(&mut self, at: Range<usize>, scratch: &mut [f32], add: impl FnOnce(&mut [f32])) {
        if self.freezes() && self.live(&at).is_empty() {
            return;
        }
        add(self.begin(at.clone(), scratch));
        self.end(at, scratch);
    }

    /// Which of these parameters are not frozen.
    fn live(&self, at: &Range<usize>) -> Range<usize> {
        at.start.max(self.live.start)..at.end.min(self.live.end)
    }

    /// Where the gradients of these parameters are added up, from zeros or from what is there.
    #[inline(never)]
    fn begin<'s>(&'s mut self, at: Range<usize>, scratch: &'s mut [f32]) -> &'s mut [f32] {
        let (len, whole) = (at.len(), !self.freezes() || self.live(&at) == at);
        // Short where gradients are added to a buffer of the caller's.
        let own = scratch.get_mut(..len).map_or(&mut [][..], |own| own);
        match &mut self.way {
            Way::Buffer(_, gradient) => {
                let gradient = invariant!(gradient.get_mut(at));
                if whole {
                    return gradient;
                }
                own.iter_mut().zip(gradient).for_each(|(own, g)| *own = *g);
                own
            }
            Way::Update(..) | Way::Step(..) => {
                own.fill(0.0);
                own
            }
        }
    }

    /// Uses them.
    #[inline(never)]
    fn end(&mut self, at: Range<usize>, scratch: &[f32]) {
        let live = self.live(&at);
        if live == at && matches!(&self.way, Way::Buffer(..)) {
            return;
        }
        // Nothing wraps: a part of what was asked for.
        let part = live.start.wrapping_sub(at.start)..live.end.wrapping_sub(at.start);
        let gradient = invariant!(scratch.get(part));
        match &mut self.way {
            Way::Buffer(_, all) => {
                invariant!(all.get_mut(live)).iter_mut().zip(gradient).for_each(|(g, own)| *g = *own);
            }
            Way::Update(parameters, update) => {
                update(live.start, invariant!(parameters.get_mut(live)), gradient);
            }
            Way::Step(parameters, state, step) => {
                // Nothing wraps: the state is that long.
                let each = step.kept();
                let own = invariant!(state.get_mut(live.start.wrapping_mul(each)..live.end.wrapping_mul(each)));
                // Cannot fail: all lengths were checked.
                let _ = step.apply(invariant!(parameters.get_mut(live)), gradient, own);
            }
        }
    }
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
