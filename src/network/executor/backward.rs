use super::Executor;
use super::activations::{elements_of, units_of};
use crate::error::Error;
use crate::kernel::relu_backward;
use crate::layer::{crelu_backward, join_backward_branch, join_backward_input};
use crate::network::{Layer, Weights, Workers};

impl<W: Weights, K: Workers, const R: usize, const T: usize> Executor<'_, W, K, R, T> {
    /// One unit backward: None while it goes on, otherwise whether all gradients are finite.
    pub(super) fn backward(&mut self, layer: &Layer) -> Result<Option<bool>, Error> {
        let tiles = self.tiles();
        let (tile_len, tape_len) = (self.values.tile_len, self.plan.tape_tile_len as usize);
        let (at, isa) = (self.cursor.tape as usize, self.options.isa);
        match *layer {
            Layer::Dense(ref dense) => return self.dense(dense, true),
            Layer::Relu { width } => {
                self.workers.any2(self.values.used(tiles), tile_len, self.tape, tape_len, |_, g, tape| {
                    relu_backward(isa, elements_of::<T>(g, width as usize), tape.get(at..).unwrap_or_default());
                    false
                });
            }
            Layer::Crelu { width } => {
                self.workers.any2(self.values.used(tiles), tile_len, self.tape, tape_len, |_, g, tape| {
                    let g = units_of::<T>(g, 2 * width as usize);
                    isa.compiled(pairs_back::<T>, g, tape.get(at..).unwrap_or_default());
                    false
                });
            }
            Layer::Centre { .. } | Layer::BatchNorm { .. } => return Ok(Some(self.norm_backward(*layer))),
            Layer::Join { width, a, b } => {
                self.values.keep(tiles);
                self.carry = a;
                self.workers.any(self.values.used(tiles), tile_len, |_, g| {
                    isa.compiled(join_backward_branch, b, elements_of::<T>(g, width as usize));
                    false
                });
                return Ok(Some(self.finite(width as usize, tiles)));
            }
            Layer::Fork { width } => {
                let kept = core::mem::take(&mut self.values.kept);
                let carry = self.carry;
                self.workers.any2(self.values.used(tiles), tile_len, kept, tile_len, |_, g, kept| {
                    let width = width as usize;
                    isa.compiled(join_back, elements_of::<T>(g, width), (carry, elements_of::<T>(kept, width)));
                    false
                });
                self.values.kept = kept;
                return Ok(Some(self.finite(width as usize, tiles)));
            }
        }
        Ok(Some(true))
    }
}

#[inline(always)]
fn join_back(through_branch: &mut [f32], (carry, g): (f32, &[f32])) {
    join_backward_input(carry, g, through_branch);
}

/// CReLU of a vector.
#[inline(always)]
fn pairs_back<const T: usize>(g: &mut [[f32; T]], tape: &[u8]) {
    crelu_backward(1, g, tape);
}
