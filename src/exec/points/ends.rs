use super::Run;
use crate::exec::Input;
use crate::exec::layout::{load, store};
use crate::plan::Sweep;
use crate::workers::Workers;

impl<'a, K: Workers, const R: usize, const T: usize> Run<'a, K, R, T> {
    /// Loads the inputs of the block. Lanes past the last point repeat it, so that they hold valid values.
    #[inline(never)]
    pub(super) fn load_inputs(&mut self) {
        let left = self.cursor.end(&self.options).saturating_sub(self.cursor.first) as u64;
        let count = left.min(self.lengths.resident) as usize;
        (self.memory.count, self.memory.tiles, self.memory.first) = (count, count.div_ceil(T), self.cursor.first);
        let all = self.ends.0;
        let (first, input, tangent) = (self.cursor.first as usize, self.input, self.cotangent);
        let tangents = self.takes_tangents();
        let mut before = 0;
        for node in 0..self.memory.plan.inputs() {
            let span = self.memory.span(node);
            load::<T>(self.memory.get_mut(span), span.tile_len, count, |p, k| match input {
                Input::Grid { from, step } => from + (first + p) as f32 * step,
                Input::Points(points) => invariant!(points.get((first + p) * all + before + k).copied()),
            });
            if tangents {
                let t = invariant!(self.tangents.get_mut(span.start..).and_then(|t| t.get_mut(..span.len)));
                load::<T>(t, span.tile_len, count, |p, k| at(tangent, (first + p) * all + before + k));
            }
            before += span.tile_len / T;
        }
    }

    /// The nodes that are outputs.
    fn outputs(&self) -> impl Iterator<Item = u32> + use<'a, K, R, T> {
        let plan = self.memory.plan;
        let last = plan.graph().len() as u32 - 1;
        let first = if plan.lifetimes.outputs == 1 { last } else { 0 };
        (first..=last).filter(move |i| plan.graph().last_use(*i as usize) > last)
    }

    /// Stores the outputs and, in forward mode, their tangents.
    #[inline(never)]
    pub(super) fn store_outputs(&mut self) {
        if self.cursor.sweep != Sweep::Results {
            return;
        }
        let all = self.ends.1;
        let slice = self.slice();
        let mut before = 0;
        for node in self.outputs() {
            let span = self.memory.span(node);
            store::<T>(
                self.memory.get(span),
                span.tile_len,
                slice.points.clone(),
                (before, all),
                slice.rows_of(self.outputs, all),
            );
            if !self.reverse() {
                let t = invariant!(self.tangents.get(span.start..).and_then(|t| t.get(..span.len)));
                store::<T>(t, span.tile_len, slice.points.clone(), (before, all), slice.rows_of(self.gradient, all));
            }
            before += span.tile_len / T;
        }
    }

    /// Loads the cotangents of the outputs.
    #[inline(never)]
    pub(super) fn load_cotangent(&mut self) {
        let all = self.ends.1;
        let (first, count, cotangent) = (self.cursor.first as usize, self.memory.count, self.cotangent);
        let mut before = 0;
        for node in self.outputs() {
            let span = self.memory.gradient(node);
            load::<T>(self.memory.get_mut(span), span.tile_len, count, |p, k| {
                at(cotangent, (first + p) * all + before + k)
            });
            before += span.tile_len / T;
        }
    }

    /// Stores the gradients of the inputs.
    #[inline(never)]
    pub(super) fn store_gradient(&mut self) {
        let all = self.ends.0;
        let slice = self.slice();
        let mut before = 0;
        for node in 0..self.memory.plan.inputs() {
            let span = self.memory.gradient(node);
            store::<T>(
                self.memory.get(span),
                span.tile_len,
                slice.points.clone(),
                (before, all),
                slice.rows_of(self.gradient, all),
            );
            before += span.tile_len / T;
        }
    }

    fn slice(&self) -> Slice {
        let (first, count) = (self.cursor.first as usize, self.memory.count);
        let wanted = self.options.first as usize..self.options.first as usize + self.options.count as usize;
        Slice {
            rows: wanted.start.max(first).saturating_sub(wanted.start),
            points: wanted.start.saturating_sub(first)..count.min(wanted.end.saturating_sub(first)),
        }
    }
}

/// The resident points that are wanted, and the row of the first of them in the results.
struct Slice {
    rows: usize,
    points: core::ops::Range<usize>,
}

impl Slice {
    /// The rows of the results that belong to these points.
    fn rows_of<'r>(&self, result: &'r mut [f32], all: usize) -> &'r mut [f32] {
        // Blocks before the slice have no rows.
        result.get_mut(self.rows.wrapping_mul(all)..).map_or(&mut [], |rows| rows)
    }
}

/// Element i, or 1.0 where nothing was set.
fn at(cotangent: Option<&[f32]>, i: usize) -> f32 {
    cotangent.map_or(1.0, |cotangent| invariant!(cotangent.get(i).copied()))
}
