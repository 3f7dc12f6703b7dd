use crate::graph::Node;
use crate::network::Workers;
use crate::plan::Plan;

/// The elements of a value: so many of each tile, from `start` on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub start: usize,
    pub len: usize,
    pub tile_len: usize,
}

/// The values of a batch.
pub(super) struct Memory<'e, 'a, K, const T: usize> {
    pub plan: &'e Plan<'a>,
    pub workers: &'e K,
    pub values: &'e mut [f32],
    /// Points that the slots have room for, and tiles in use.
    pub points: usize,
    pub tiles: usize,
}

impl<'a, K: Workers, const T: usize> Memory<'_, 'a, K, T> {
    /// Node i.
    pub fn node(&self, i: u32) -> Option<Node> {
        self.plan.graph().node(i)
    }

    /// Where value i is stored.
    pub fn span(&self, i: u32) -> Span {
        let units = self.node(i).and_then(|node| node.shape.units()).map_or(0, |units| units as usize);
        let slot = self.plan.slots().get(i as usize).map_or(0, |slot| *slot as usize);
        // Nothing wraps: the values are at least as long as the plan says.
        let tile_len = units.wrapping_mul(T);
        Span { start: slot.wrapping_mul(self.points), len: tile_len.wrapping_mul(self.tiles), tile_len }
    }

    /// The elements of value i.
    pub fn value(&self, i: u32) -> &[f32] {
        let Span { start, len, .. } = self.span(i);
        self.values.get(start..).and_then(|values| values.get(..len)).unwrap_or_default()
    }

    /// The same to write to.
    pub fn value_mut(&mut self, i: u32) -> &mut [f32] {
        let Span { start, len, .. } = self.span(i);
        self.values.get_mut(start..).and_then(|values| values.get_mut(..len)).unwrap_or_default()
    }

    /// The elements of value x to read and of value i to write: two values that do not overlap.
    pub fn pair(&mut self, x: u32, i: u32) -> (&[f32], &mut [f32]) {
        let (from, to) = (self.span(x), self.span(i));
        if from.start < to.start {
            let (before, after) = self.values.split_at_mut_checked(to.start).unwrap_or_default();
            let from = before.get(from.start..).and_then(|x| x.get(..from.len)).unwrap_or_default();
            (from, after.get_mut(..to.len).unwrap_or_default())
        } else {
            let (before, after) = self.values.split_at_mut_checked(from.start).unwrap_or_default();
            let to = before.get_mut(to.start..).and_then(|y| y.get_mut(..to.len)).unwrap_or_default();
            (after.get(..from.len).unwrap_or_default(), to)
        }
    }

    /// `f(x, y)` for every tile of values x and i; whether it said true of all.
    pub fn across(&mut self, x: u32, i: u32, f: impl Fn(&[f32], &mut [f32]) -> bool + Sync) -> bool {
        let (from, to, workers) = (self.span(x).tile_len, self.span(i).tile_len, self.workers);
        let (x, y) = self.pair(x, i);
        !workers.any(y, to, |tile, y| {
            let x = x.get(tile.wrapping_mul(from)..).and_then(|x| x.get(..from)).unwrap_or_default();
            !f(x, y)
        })
    }

    /// `f(y)` for every tile of value i, which begins as value x; whether it said true of all.
    pub fn over(&mut self, x: u32, i: u32, f: impl Fn(&mut [f32]) -> bool + Sync) -> bool {
        self.begin_as(x, i);
        let (tile_len, workers) = (self.span(i).tile_len, self.workers);
        !workers.any(self.value_mut(i), tile_len, |_, y| !f(y))
    }

    /// Copies value x to value i, where they have not the same slot.
    fn begin_as(&mut self, x: u32, i: u32) {
        if self.span(x).start != self.span(i).start {
            let (x, y) = self.pair(x, i);
            y.iter_mut().zip(x).for_each(|(y, x)| *y = *x);
        }
    }

    /// `f(other, y)` for every tile of the two operands of node i, of which the value has the place of one, or begins as a copy of the second;
    /// `swapped` says that it is the first.
    pub fn joined(&mut self, (x, y): (u32, u32), i: u32, f: impl Fn(bool, &[f32], &mut [f32]) -> bool + Sync) -> bool {
        let at = |memory: &Self, i: u32| memory.span(i).start;
        let swapped = at(self, x) == at(self, i);
        let (kept, own) = if swapped { (y, x) } else { (x, y) };
        self.begin_as(own, i);
        if at(self, kept) == at(self, i) {
            // Both are one value, and the result has a slot of its own in every verified plan.
            return false;
        }
        self.across(kept, i, |kept, y| f(swapped, kept, y))
    }
}
