use super::Executor;
use super::activations::{elements_of, units_of};
use super::cursor::Phase;
use crate::error::Error;
use crate::kernel::relu_forward;
use crate::layer::{crelu_forward, crelu_tangent, join_forward, relu_tangent};
use crate::network::{Input, Layer, Weights, Workers};

impl<W: Weights, K: Workers, const R: usize, const T: usize> Executor<'_, W, K, R, T> {
    /// Whether this sweep only finds statistics: values travel, tangents do not.
    pub(super) fn moments(&self) -> bool {
        matches!(self.cursor.phase, Phase::Moments { .. })
    }

    /// One unit forward: None while it goes on, otherwise whether all values are finite.
    pub(super) fn forward(&mut self, layer: &Layer) -> Result<Option<bool>, Error> {
        let tiles = self.tiles();
        match *layer {
            Layer::Dense(ref dense) => return self.dense(dense, false),
            Layer::Relu { width } => self.relu(width as usize, tiles),
            Layer::Crelu { width } => self.crelu(width as usize, tiles),
            Layer::Centre { .. } | Layer::BatchNorm { .. } => return Ok(Some(self.norm_forward(*layer))),
            Layer::Fork { .. } => {
                self.values.keep(tiles);
                self.tangents.keep(tiles);
            }
            Layer::Join { width, a, b } => {
                self.join(width as usize, a, b, tiles);
                return Ok(Some(self.finite(width as usize, tiles)));
            }
        }
        Ok(Some(true))
    }

    fn relu(&mut self, width: usize, tiles: usize) {
        let (tile_len, tape_len) = (self.values.tile_len, self.plan.tape_tile_len as usize);
        let isa = self.options.isa;
        if self.reverse() {
            let at = self.cursor.tape as usize;
            self.workers.any2(self.values.used(tiles), tile_len, self.tape, tape_len, |_, x, tape| {
                relu_forward(isa, elements_of::<T>(x, width), tape.get_mut(at..).unwrap_or_default());
                false
            });
        } else {
            self.workers.any2(self.values.used(tiles), tile_len, self.tangents.used(tiles), tile_len, |_, x, t| {
                isa.compiled(relu_tangent, elements_of::<T>(x, width), elements_of::<T>(t, width));
                false
            });
        }
    }

    fn crelu(&mut self, width: usize, tiles: usize) {
        let (tile_len, tape_len) = (self.values.tile_len, self.plan.tape_tile_len as usize);
        let isa = self.options.isa;
        if self.reverse() {
            let at = self.cursor.tape as usize;
            let bytes = (width * T).div_ceil(8);
            self.workers.any2(self.values.used(tiles), tile_len, self.tape, tape_len, |_, x, tape| {
                let tape = tape.get_mut(at..at + bytes).unwrap_or_default();
                isa.compiled(rectify_pairs::<T>, units_of::<T>(x, 2 * width), tape);
                false
            });
        } else {
            self.workers.any2(self.values.used(tiles), tile_len, self.tangents.used(tiles), tile_len, |_, x, t| {
                isa.compiled(rectify_pairs_of_tangents::<T>, units_of::<T>(x, 2 * width), units_of::<T>(t, 2 * width));
                false
            });
        }
    }

    fn join(&mut self, width: usize, a: f32, b: f32, tiles: usize) {
        let (isa, tile_len) = (self.options.isa, self.values.tile_len);
        for buffers in [&mut self.values, &mut self.tangents] {
            let kept = core::mem::take(&mut buffers.kept);
            self.workers.any2(buffers.used(tiles), tile_len, kept, tile_len, |_, branch, kept| {
                isa.compiled(join, (elements_of::<T>(branch, width), b), (elements_of::<T>(kept, width), a));
                false
            });
            buffers.kept = kept;
        }
    }

    /// Puts the points of the block into `here`; lanes past the last point repeat it, so that they hold real values.
    pub(super) fn load_inputs(&mut self) {
        let (first, count) = (self.cursor.first as usize, self.count());
        let inputs = self.network.inputs() as usize;
        let input = self.input;
        let value = |p: usize, k: usize| match input {
            Input::Grid { from, step } => from + p as f32 * step,
            Input::Points(points) => points.get(p * inputs + k).copied().unwrap_or(0.0),
        };
        load::<T>(&mut self.values, first, count, inputs, value);
        if !self.reverse() {
            let seed = self.seed;
            load::<T>(&mut self.tangents, first, count, inputs, |p, k| seeded(seed, p * inputs + k));
        }
    }

    /// Hands out the results of the block.
    pub(super) fn store_outputs(&mut self) {
        let units = self.network.outputs() as usize;
        let (block, slice) = ((self.cursor.first, self.count()), (self.options.first, self.options.count));
        store::<T>(self.values.here, self.values.tile_len, block, slice, units, self.outputs);
        if !self.reverse() {
            store::<T>(self.tangents.here, self.tangents.tile_len, block, slice, units, self.gradient);
        }
    }

    /// Starts the way back from u.
    pub(super) fn load_seed(&mut self) {
        let (first, count) = (self.cursor.first as usize, self.count());
        let (outputs, seed) = (self.network.outputs() as usize, self.seed);
        load::<T>(&mut self.values, first, count, outputs, |p, k| seeded(seed, p * outputs + k));
    }

    /// Hands out df/dx of the block.
    pub(super) fn store_gradient(&mut self) {
        let units = self.network.inputs() as usize;
        let (block, slice) = ((self.cursor.first, self.count()), (self.options.first, self.options.count));
        store::<T>(self.values.here, self.values.tile_len, block, slice, units, self.gradient);
    }
}

#[inline(always)]
fn join((branch, b): (&mut [f32], f32), (kept, a): (&[f32], f32)) {
    join_forward(a, kept, b, branch);
}

fn seeded(seed: Option<&[f32]>, at: usize) -> f32 {
    seed.map_or(1.0, |seed| seed.get(at).copied().unwrap_or(0.0))
}

fn load<const T: usize>(
    buffers: &mut super::Activations<'_, T>,
    first: usize,
    count: usize,
    units: usize,
    value: impl Fn(usize, usize) -> f32,
) {
    let tile_len = buffers.tile_len.max(1);
    for (tile, x) in buffers.here.chunks_exact_mut(tile_len).take(count.div_ceil(T)).enumerate() {
        for (unit, lanes) in units_of::<T>(x, units).iter_mut().enumerate() {
            for (lane, x) in lanes.iter_mut().enumerate() {
                let p = (tile * T + lane).min(count.saturating_sub(1));
                *x = value(first + p, unit);
            }
        }
    }
}

/// Writes the points of a block that lie in the wanted slice to `[point][unit]`.
fn store<const T: usize>(
    here: &[f32],
    tile_len: usize,
    (first, count): (u32, usize),
    (wanted, wanted_count): (u32, u32),
    units: usize,
    result: &mut [f32],
) {
    let mut rows = result.chunks_exact_mut(units.max(1));
    let skip = (first as usize).saturating_sub(wanted as usize);
    let start = (wanted as usize).saturating_sub(first as usize);
    let _ = skip.checked_sub(1).and_then(|skip| rows.nth(skip));
    let end = count.min((wanted as usize + wanted_count as usize).saturating_sub(first as usize));
    for (p, row) in (start..end).zip(rows) {
        let tile = here.get(p / T * tile_len..).unwrap_or_default().as_chunks::<T>().0;
        for (lanes, result) in tile.iter().zip(row) {
            *result = lanes.get(p % T).copied().unwrap_or(0.0);
        }
    }
}

/// CReLU of a vector.
#[inline(always)]
fn rectify_pairs<const T: usize>(x: &mut [[f32; T]], tape: &mut [u8]) {
    crelu_forward(1, x, tape);
}

#[inline(always)]
fn rectify_pairs_of_tangents<const T: usize>(x: &mut [[f32; T]], t: &mut [[f32; T]]) {
    crelu_tangent(1, x, t);
}
