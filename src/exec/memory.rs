use crate::graph::{Node, Saved};
use crate::plan::{EXTRA, GRADIENT, Plan, VALUE};
use crate::workers::Workers;

/// Elements among the values: so many of each tile, from `start` on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub start: usize,
    pub len: usize,
    pub tile_len: usize,
}

impl Span {
    /// The elements of one tile.
    pub fn of_tile(self, x: &[f32], tile: usize) -> &[f32] {
        invariant!(x.get(tile.wrapping_mul(self.tile_len)..).and_then(|x| x.get(..self.tile_len)))
    }
}

/// The values and gradients of a batch, and its tape.
#[derive(Debug)]
pub(super) struct Memory<'a, K, const T: usize> {
    pub plan: &'a Plan<'a>,
    pub workers: &'a K,
    pub values: &'a mut [f32],
    /// `[tile][node]`: bits of ReLUs, bytes of maxima.
    pub tape: &'a mut [u8],
    pub tape_tile_len: usize,
    /// Points that the slots have room for; points and tiles of the batch at hand; the number of its first point.
    pub points: usize,
    pub count: usize,
    pub tiles: usize,
    pub first: u32,
}

/// All memory except the span that is written.
#[derive(Clone, Copy)]
pub(super) struct Rest<'v> {
    before: &'v [f32],
    after: &'v [f32],
    /// Where `after` begins.
    end: usize,
}

impl<'v> Rest<'v> {
    /// The elements of a span; none where it overlaps what is written, or where the plan has no room for it.
    pub fn get(self, span: Span) -> &'v [f32] {
        let of = |values: &'v [f32], start: usize| values.get(start..).and_then(|values| values.get(..span.len));
        match span.start.checked_sub(self.end) {
            Some(start) => of(self.after, start),
            None => of(self.before, span.start),
        }
        // An operation reads only what is wanted of it.
        .map_or(&[], |values| values)
    }
}

impl<K: Workers, const T: usize> Memory<'_, K, T> {
    /// Node i.
    pub fn node(&self, i: u32) -> Option<Node> {
        self.plan.graph().node(i)
    }

    /// Multiply-adds of so many rows of node i, of all that it has.
    pub fn multiply_adds(&self, i: u32, rows: u64, all: u64) -> u64 {
        // There are no rows of an operand whose gradient is not wanted.
        let each = self.plan.graph().facts(i).and_then(|facts| facts.multiply_adds.checked_div(all));
        let each = each.map_or(0, |each| each);
        each.saturating_mul(rows).saturating_mul(self.count as u64)
    }

    /// Units of value i.
    #[inline(always)]
    pub fn units(&self, i: u32) -> usize {
        self.plan.graph().units(i as usize)
    }

    fn span_at(&self, slot: usize, units: usize) -> Span {
        // Nothing wraps: the values are at least as long as the plan says.
        let tile_len = units.wrapping_mul(T);
        Span { start: slot.wrapping_mul(self.points), len: tile_len.wrapping_mul(self.tiles), tile_len }
    }

    /// Where value i is stored.
    pub fn span(&self, i: u32) -> Span {
        let (slot, units) = self.plan.spot(i, VALUE);
        self.span_at(slot, units)
    }

    /// Where the gradient of value i is stored.
    pub fn gradient(&self, i: u32) -> Span {
        let (slot, units) = self.plan.spot(i, GRADIENT);
        self.span_at(slot, units)
    }

    /// Where node i saves its operand x, normalised.
    pub fn saved(&self, i: u32, x: u32) -> Span {
        self.span_at(self.plan.slot(i, EXTRA), self.units(x))
    }

    /// Where node i keeps its part of the gradient of operand x.
    pub fn part(&self, i: u32, x: u32) -> Span {
        let units = self.units(x);
        let saved = matches!(self.plan.lifetimes.saves(i as usize), Saved::Normalised);
        self.span_at(self.plan.slot(i, EXTRA).wrapping_add(if saved { units } else { 0 }), units)
    }

    /// Whether the parameters of a node with one kind of them get gradients.
    pub fn learns(&self, node: &Node) -> bool {
        self.plan.want().parameters() && !node.is_frozen()
    }

    /// Whether the backward pass goes through node i.
    pub fn is_trained(&self, i: u32) -> bool {
        self.plan.want().backward() && self.plan.lifetimes.wanted(i as usize)
    }

    /// The elements of a span; none where the plan has no room for it.
    pub fn get(&self, Span { start, len, .. }: Span) -> &[f32] {
        // An operation reads only what is wanted of it.
        self.values.get(start..).and_then(|values| values.get(..len)).map_or(&[], |values| values)
    }

    /// The same to write to.
    pub fn get_mut(&mut self, Span { start, len, .. }: Span) -> &mut [f32] {
        invariant!(self.values.get_mut(start..).and_then(|values| values.get_mut(..len)))
    }

    /// The elements of a span to write to, and all others to read.
    pub fn writing(&mut self, to: Span) -> (Rest<'_>, &mut [f32]) {
        let (before, rest) = invariant!(self.values.split_at_mut_checked(to.start));
        let (to, after) = invariant!(rest.split_at_mut_checked(to.len));
        let end = before.len().wrapping_add(to.len());
        (Rest { before, after, end }, to)
    }

    /// The elements of two spans that do not overlap, to write to.
    pub fn two(&mut self, a: Span, b: Span) -> (&mut [f32], &mut [f32]) {
        fn two(values: &mut [f32], first: Span, second: Span) -> (&mut [f32], &mut [f32]) {
            let (before, after) = invariant!(values.split_at_mut_checked(second.start));
            let first = invariant!(before.get_mut(first.start..).and_then(|x| x.get_mut(..first.len)));
            (first, invariant!(after.get_mut(..second.len)))
        }
        if a.start < b.start {
            two(self.values, a, b)
        } else {
            let (b, a) = two(self.values, b, a);
            (a, b)
        }
    }

    /// `f(tile, x, y)` for every tile of two spans that do not overlap; whether it said true of all.
    pub fn across(&mut self, from: Span, to: Span, f: impl Fn(usize, &[f32], &mut [f32]) -> bool + Sync) -> bool {
        let workers = self.workers;
        let (rest, y) = self.writing(to);
        let x = rest.get(from);
        !workers.any(y, to.tile_len, |tile, y| !f(tile, from.of_tile(x, tile), y))
    }

    /// The same with the tape from `at` on.
    pub fn across_taped(
        &mut self,
        (from, to): (Span, Span),
        at: usize,
        f: impl Fn(&[f32], &mut [f32], &mut [u8]) -> bool + Sync,
    ) -> bool {
        let (workers, tape_tile_len) = (self.workers, self.tape_tile_len);
        let tape = core::mem::take(&mut self.tape);
        let (rest, y) = self.writing(to);
        let x = rest.get(from);
        let any = workers.any2(y, to.tile_len, tape, tape_tile_len, |tile, y, tape| {
            !f(from.of_tile(x, tile), y, invariant!(tape.get_mut(at..)))
        });
        self.tape = tape;
        !any
    }

    /// `f(tile, y)` for every tile of a span; whether it said true of all.
    pub fn over(&mut self, span: Span, f: impl Fn(usize, &mut [f32]) -> bool + Sync) -> bool {
        let workers = self.workers;
        !workers.any(self.get_mut(span), span.tile_len, |tile, y| !f(tile, y))
    }

    /// The same with the tape from `at` on.
    pub fn over_taped(&mut self, span: Span, at: usize, f: impl Fn(&mut [f32], &mut [u8]) -> bool + Sync) -> bool {
        let (workers, tape_tile_len) = (self.workers, self.tape_tile_len);
        let tape = core::mem::take(&mut self.tape);
        let any = workers.any2(self.get_mut(span), span.tile_len, tape, tape_tile_len, |_, y, tape| {
            !f(y, invariant!(tape.get_mut(at..)))
        });
        self.tape = tape;
        !any
    }

    /// Copies one span to another, where they are not the same.
    pub fn copy(&mut self, from: Span, to: Span) {
        if from.start != to.start {
            let (rest, y) = self.writing(to);
            let x = rest.get(from);
            if let Some(y) = y.get_mut(..x.len()) {
                y.copy_from_slice(x);
            }
        }
    }

    /// Copies the tiles of a span to the beginnings of the longer tiles of another one, which may begin at the same place.
    pub fn spread(&mut self, from: Span, to: Span) {
        // From the last on, so that no tile is overwritten before it has been copied.
        for tile in (0..self.tiles).rev() {
            self.copy_tile((from, to), tile, from.tile_len);
        }
    }

    /// The beginnings of the tiles of a span, each as long as one of `like`, side by side at the beginning of the span.
    pub fn gather(&mut self, from: Span, like: Span) -> Span {
        let to = Span { start: from.start, ..like };
        for tile in 0..self.tiles {
            self.copy_tile((from, to), tile, like.tile_len);
        }
        to
    }

    fn copy_tile(&mut self, (from, to): (Span, Span), tile: usize, len: usize) {
        // Nothing wraps: both are in the values. One tile is the other one, or does not overlap it.
        let at = |span: Span| span.start.wrapping_add(tile.wrapping_mul(span.tile_len));
        self.copy(Span { start: at(from), len, tile_len: len }, Span { start: at(to), len, tile_len: len });
    }

    /// `f(other, y)` for every tile of the two operands of node i, of which the value has the place of one, or begins as a copy of the second;
    /// `swapped` says that it is the first.
    pub fn joined(&mut self, (x, y): (u32, u32), i: u32, f: impl Fn(bool, &[f32], &mut [f32]) -> bool + Sync) -> bool {
        let [x, y, to] = [x, y, i].map(|i| self.span(i));
        let swapped = x.start == to.start;
        let (kept, own) = if swapped { (y, x) } else { (x, y) };
        self.copy(own, to);
        if kept.start == to.start {
            // Both are one value, and the result has a slot of its own in every verified plan.
            return false;
        }
        self.across(kept, to, |_, kept, y| f(swapped, kept, y))
    }
}
