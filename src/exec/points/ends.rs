use super::Run;
use crate::exec::Input;
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
                Input::Points(points) => points.get((first + p) * all + before + k).copied().unwrap_or(0.0),
            });
            if tangents {
                let t = self.tangents.get_mut(span.start..).and_then(|t| t.get_mut(..span.len)).unwrap_or_default();
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
            store::<T>(self.memory.get(span), span.tile_len, slice.clone(), (before, all), self.outputs);
            if !self.reverse() {
                let t = self.tangents.get(span.start..).and_then(|t| t.get(..span.len)).unwrap_or_default();
                store::<T>(t, span.tile_len, slice.clone(), (before, all), self.gradient);
            }
            before += span.tile_len / T;
        }
    }

    /// Loads the cotangents of the outputs.
    #[inline(never)]
    pub(super) fn load_seed(&mut self) {
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
            store::<T>(self.memory.get(span), span.tile_len, slice.clone(), (before, all), self.gradient);
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
#[derive(Clone)]
struct Slice {
    rows: usize,
    points: core::ops::Range<usize>,
}

/// Element i, or 1.0 where nothing was set.
fn at(cotangent: Option<&[f32]>, i: usize) -> f32 {
    cotangent.map_or(1.0, |cotangent| cotangent.get(i).copied().unwrap_or(0.0))
}

fn load<const T: usize>(values: &mut [f32], tile_len: usize, count: usize, value: impl Fn(usize, usize) -> f32) {
    for (tile, x) in values.chunks_exact_mut(tile_len.max(1)).enumerate() {
        for (unit, lanes) in x.as_chunks_mut::<T>().0.iter_mut().enumerate() {
            for (lane, x) in lanes.iter_mut().enumerate() {
                *x = value((tile * T + lane).min(count.saturating_sub(1)), unit);
            }
        }
    }
}

/// Writes the wanted points to `[point][all units]`, from unit `before` on.
fn store<const T: usize>(
    values: &[f32],
    tile_len: usize,
    Slice { rows, points }: Slice,
    (before, all): (usize, usize),
    result: &mut [f32],
) {
    let rows = result.chunks_exact_mut(all.max(1)).skip(rows);
    for (p, row) in points.zip(rows) {
        let tile = values.get(p / T * tile_len..).and_then(|x| x.get(..tile_len)).unwrap_or_default();
        for (lanes, result) in tile.as_chunks::<T>().0.iter().zip(row.get_mut(before..).unwrap_or_default()) {
            *result = lanes.get(p % T).copied().unwrap_or(0.0);
        }
    }
}
