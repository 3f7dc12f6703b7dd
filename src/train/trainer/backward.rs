use super::parameters::{Into, fitting, own};
use super::{Trainer, fault, least};
use crate::error::{Buffer, Error, Pass};
use crate::kernel::{
    Matrix, all_finite, chain_matrix, conv_backward_input, conv_pack, crelu_backward, nest_rows, relu_backward,
};
use crate::layer::{
    Conv, Pool, Shortcut, average_pool_backward, dropout_backward, join_backward_branch, join_backward_input,
    max_pool_backward, shortcut_backward,
};
use crate::network::Workers;
use crate::train::plan::Place;
use crate::train::{Layer, Step};

/// The gradient buffers of the tiles in use.
pub(super) struct Gradients<'b> {
    /// Of what came out of the layer at hand.
    pub here: &'b mut [f32],
    /// Of what went in, where that is not in place.
    pub there: &'b mut [f32],
    /// Of what a fork kept.
    pub skip: &'b mut [f32],
}

impl<K: Workers, const R: usize, const T: usize> Trainer<'_, K, R, T> {
    /// All layers backward, from the gradient of the outputs: gradients of the parameters are added to `gradient`, in the order of
    /// the parameters, chain after chain where earlier batches left them; an empty one takes none. What a batch adds to is +0.0 or what an earlier batch left, never -0.0.
    ///
    /// # Errors
    /// [`Error::NonFinite`] with the layer, counted from 1, whose input has a gradient that is NaN or infinite; [`Error::TooShort`], also
    /// where no batch has begun. At a fault `gradient` has what the layers after it added.
    pub fn backward(&mut self, parameters: &[f32], gradient: &mut [f32]) -> Result<(), Error> {
        self.holds(parameters, None)?;
        if !gradient.is_empty() {
            least(Buffer::Gradient, gradient.len(), self.plan.parameters_len)?;
        }
        self.walk_back(Into::<fn(usize, &mut [f32], &[f32])>::Buffer(parameters, gradient))
    }

    /// The same, where each gradient is used at once and kept nowhere: `update(index of the first, parameters, their gradients)` is called
    /// for some parameters after the other, of each once.
    ///
    /// # Errors
    /// As [`Trainer::backward`]. At a fault the parameters of the layers after it have changed, its own and those before have not.
    pub fn backward_with(
        &mut self,
        parameters: &mut [f32],
        update: impl FnMut(usize, &mut [f32], &[f32]),
    ) -> Result<(), Error> {
        self.holds(parameters, None)?;
        self.keeps_gradients()?;
        self.walk_back(Into::Update(parameters, update, None))
    }

    /// The same, where a step's rule takes the gradients, and `state` is what its optimiser keeps. No gradient is kept, and under plain descent
    /// on one point in tiles of one, those of dense layers are used where they arise.
    ///
    /// # Numerics
    /// Bit for bit [`Trainer::backward`] and [`Step::apply`], where no parameter is -0.0: none is drawn, and no step makes one.
    ///
    /// # Errors
    /// As [`Trainer::backward_with`].
    pub fn descend(&mut self, parameters: &mut [f32], state: &mut [f32], step: &Step) -> Result<(), Error> {
        self.holds(parameters, None)?;
        let (each, have) = (step.kept(), state.len() as u64);
        let need = self.plan.parameters_len * each as u64;
        if have < need {
            return Err(Error::TooShort { buffer: Buffer::State, need, have });
        }
        if step.plain().is_none() {
            self.keeps_gradients()?;
        }
        let update = |at: usize, weights: &mut [f32], gradient: &[f32]| {
            let state = state.get_mut(at * each..(at + weights.len()) * each).unwrap_or_default();
            // Cannot fail: all lengths were seen.
            let _ = step.apply(weights, gradient, state);
        };
        self.walk_back(Into::Update(parameters, update, step.plain()))
    }

    /// Refuses scratch that was planned for steps which keep no gradient.
    fn keeps_gradients(&self) -> Result<(), Error> {
        least(Buffer::Scratch, self.buffers.scratch.len(), self.all_scratch)
    }

    // Out of line, as the way forward: what either needs of a small stack is not there while losses are taken.
    #[inline(never)]
    fn walk_back<F: FnMut(usize, &mut [f32], &[f32])>(&mut self, mut into: Into<'_, F>) -> Result<(), Error> {
        self.has_begun()?;
        self.clear_past_the_last();
        let (bottom, alone) = self.bottom;
        let mut looked = false;
        for (i, layer) in self.layers.iter().enumerate().skip(bottom).rev() {
            let Some(&place) = self.buffers.places.get(i) else { break };
            // What no layer above has looked at reaches no parameter.
            if i == bottom && alone && !looked && !self.gradient_is_finite(layer) {
                return Err(fault(Pass::Backward, i));
            }
            looked |= !matches!(layer, Layer::Relu { .. } | Layer::Crelu { .. } | Layer::Dropout { .. });
            if !self.layer_backward(i, layer, place, &mut into) {
                return Err(fault(Pass::Backward, i));
            }
        }
        Ok(())
    }

    /// Points that are none have no gradient.
    #[inline(never)]
    fn clear_past_the_last(&mut self) {
        let (tile_len, last, units) = (self.tile_len(), self.tiles().saturating_sub(1), self.plan.outputs as usize);
        let valid = self.count.saturating_sub(last * T);
        let tile = self.gradients().here.get_mut(last * tile_len..).unwrap_or_default();
        for lanes in tile.as_chunks_mut::<T>().0.iter_mut().take(units) {
            lanes.get_mut(valid..).unwrap_or_default().fill(0.0);
        }
    }

    fn gradient_is_finite(&mut self, layer: &Layer) -> bool {
        let (isa, workers, tile_len) = (self.options.isa, self.workers, self.tile_len());
        let used = layer.output().unwrap_or(0) as usize * T;
        !workers.any(self.gradients().here, tile_len, |_, g| !all_finite(isa, g.get(..used).unwrap_or_default()))
    }

    /// Whether the gradient of what went in is finite, or not asked for.
    fn layer_backward<F: FnMut(usize, &mut [f32], &[f32])>(
        &mut self,
        i: usize,
        layer: &Layer,
        place: Place,
        into: &mut Into<'_, F>,
    ) -> bool {
        let isa = self.options.isa;
        let (inputs, outputs) = (layer.input().unwrap_or(0) as usize, layer.output().unwrap_or(0) as usize);
        let unasked = self.bottom == (i, true);
        match *layer {
            Layer::Dense { bias, .. } => {
                let (weights, _) = own(layer, place, into.parameters());
                let matrix = Matrix { data: weights, stride: inputs, transposed: true };
                let finite = unasked
                    || self.across_back((outputs, inputs), |_, g, to| {
                        to.fill(0.0);
                        chain_matrix::<R, T>(isa, matrix, g.as_chunks().0, to.as_chunks_mut().0);
                        all_finite(isa, to)
                    });
                if finite && into.wanted() {
                    self.dense_parameters((inputs, outputs, bias), place, into);
                }
                self.flipped = !self.flipped;
                finite
            }
            Layer::Conv { ref conv, bias } => {
                let finite = unasked || self.conv_backward(conv, own(layer, place, into.parameters()).0);
                if finite && into.wanted() {
                    self.conv_parameters(conv, bias, place, into);
                }
                self.flipped = !self.flipped;
                finite
            }
            Layer::Relu { .. } => self.back_in_place(place, outputs, |_, g, tape| {
                relu_backward(isa, g, tape);
                true
            }),
            Layer::Crelu { image } => {
                let plane = image.plane() as usize;
                self.back_in_place(place, outputs, |_, g, tape| {
                    crelu_backward::<T>(isa, plane, g.as_chunks_mut::<T>().0, tape);
                    true
                })
            }
            Layer::Prelu { image, .. } => self.prelu_backward(image, place, into),
            Layer::BatchNorm { image, .. } => self.norm_backward(image, place, into),
            Layer::AveragePool { ref pool } => self.average_back(pool, (outputs, inputs)),
            Layer::MaxPool { ref pool } => self.max_back(pool, place, (outputs, inputs)),
            Layer::Dropout { rate, .. } => self.dropout_back(i, rate, place, outputs),
            Layer::Fork { .. } => self.fork_backward(outputs),
            Layer::Join { ref shortcut, a, b } => self.join_backward(shortcut, (a, b), outputs),
        }
    }

    // The kinds of layers are out of line: what one needs of a small stack is not there while another is at work.

    #[inline(never)]
    fn average_back(&mut self, pool: &Pool, units: (usize, usize)) -> bool {
        let isa = self.options.isa;
        let finite =
            self.across_back(units, |_, g, to| average_pool_backward(pool, T, g, to).is_ok() && all_finite(isa, to));
        self.flipped = !self.flipped;
        finite
    }

    #[inline(never)]
    fn max_back(&mut self, pool: &Pool, place: Place, units: (usize, usize)) -> bool {
        let (isa, tape_len) = (self.options.isa, self.plan.tape_tile_len as usize);
        let tape = core::mem::take(&mut self.buffers.tape);
        let of_tile = |tile: usize| tape.get(tile * tape_len + place.tape as usize..).unwrap_or_default();
        let finite = self.across_back(units, |tile, g, to| {
            max_pool_backward(pool, T, of_tile(tile), g, to).is_ok() && all_finite(isa, to)
        });
        self.buffers.tape = tape;
        self.flipped = !self.flipped;
        finite
    }

    #[inline(never)]
    fn dropout_back(&mut self, i: usize, rate: f32, place: Place, units: usize) -> bool {
        let isa = self.options.isa;
        let Some((dropout, first)) = self.dropout(i, rate) else { return true };
        self.back_in_place(place, units, |tile, g, _| {
            dropout_backward(&dropout, first.wrapping_add((tile * T) as u32), T, g);
            all_finite(isa, g)
        })
    }

    /// What came through the branch joins what skipped it.
    #[inline(never)]
    fn fork_backward(&mut self, units: usize) -> bool {
        let (isa, workers, tile_len) = (self.options.isa, self.workers, self.tile_len());
        let Gradients { here, skip, .. } = self.gradients();
        !workers.any2(here, tile_len, skip, tile_len, |_, g, skip| {
            let (Some(g), Some(skip)) = (g.get_mut(..units * T), skip.get(..units * T)) else { return true };
            isa.compiled(fork, g, skip);
            !all_finite(isa, g)
        })
    }

    #[inline(never)]
    fn join_backward(&mut self, shortcut: &Shortcut, (a, b): (f32, f32), units: usize) -> bool {
        let (isa, workers, tile_len) = (self.options.isa, self.workers, self.tile_len());
        let straight = shortcut.output() == Some(shortcut.input);
        let kept = shortcut.input.units().unwrap_or(0) as usize;
        let Gradients { here, there, skip } = self.gradients();
        let here = &*here;
        workers.any2(there, tile_len, skip, tile_len, |i, scaled, skip| {
            let g = here.get(i * tile_len..i * tile_len + units * T).unwrap_or_default();
            let to = if straight { &mut *skip } else { &mut *scaled };
            isa.compiled(scale, (a, g), to.get_mut(..units * T).unwrap_or_default());
            let skip = skip.get_mut(..kept * T).unwrap_or_default();
            !straight && shortcut_backward(shortcut, T, scaled, skip).is_err()
        });
        let Gradients { here, .. } = self.gradients();
        !workers.any(here, tile_len, |_, g| {
            let Some(g) = g.get_mut(..units * T) else { return true };
            isa.compiled(branch, b, g);
            !all_finite(isa, g)
        })
    }

    #[inline(never)]
    fn conv_backward(&mut self, conv: &Conv, weights: &[f32]) -> bool {
        let (isa, inputs) = (self.options.isa, conv.input.channels as usize);
        let units = (conv.output().and_then(|image| image.units()).unwrap_or(0), conv.input.units().unwrap_or(0));
        let units = (units.0 as usize, units.1 as usize);
        let scratch = core::mem::take(&mut self.buffers.scratch);
        let each = weights.len() / inputs.max(1);
        let mut finite = true;
        for rows in fitting(inputs, each, scratch.len(), nest_rows::<T>(isa)) {
            let panel = scratch.get_mut(..rows.len() * each).unwrap_or_default();
            conv_pack::<T>(isa, conv, true, rows.clone(), weights, panel);
            let panel = &*panel;
            let last = rows.end == inputs;
            finite = self.across_back(units, |_, g, to| {
                conv_backward_input::<T>(isa, conv, rows.clone(), panel, g.as_chunks().0, to.as_chunks_mut().0);
                !last || all_finite(isa, to)
            });
        }
        self.buffers.scratch = scratch;
        finite
    }

    /// The gradient buffers.
    pub(super) fn gradients(&mut self) -> Gradients<'_> {
        let used = self.tiles() * self.tile_len();
        let (first, rest) =
            self.buffers.gradients.split_at_mut_checked(self.plan.gradient_len as usize).unwrap_or_default();
        let (second, skip) = rest.split_at_mut_checked(self.plan.gradient_len as usize).unwrap_or_default();
        let (here, there) = if self.flipped { (second, first) } else { (first, second) };
        let used = |buffer: &mut [f32]| used.min(buffer.len());
        let (in_here, in_there, in_skip) = (used(here), used(there), used(skip));
        Gradients { here: &mut here[..in_here], there: &mut there[..in_there], skip: &mut skip[..in_skip] }
    }

    /// `f(tile, gradient of the outputs, gradient of the inputs)` for every tile, with so many units; whether it said true of all.
    pub(super) fn across_back(
        &mut self,
        (outputs, inputs): (usize, usize),
        f: impl Fn(usize, &[f32], &mut [f32]) -> bool + Sync,
    ) -> bool {
        let (workers, tile_len) = (self.workers, self.tile_len());
        let Gradients { here, there, .. } = self.gradients();
        let here = &*here;
        !workers.any(there, tile_len, |i, to| {
            let g = here.get(i * tile_len..i * tile_len + outputs * T).unwrap_or_default();
            !f(i, g, to.get_mut(..inputs * T).unwrap_or_default())
        })
    }

    /// `f` on the gradient of every tile in place, with the layer's tape; whether it said true of all.
    fn back_in_place(
        &mut self,
        place: Place,
        units: usize,
        f: impl Fn(usize, &mut [f32], &[u8]) -> bool + Sync,
    ) -> bool {
        let (workers, tile_len, tape_len) = (self.workers, self.tile_len(), self.plan.tape_tile_len as usize);
        let tape = core::mem::take(&mut self.buffers.tape);
        let of_tile = |i: usize| tape.get(i * tape_len + place.tape as usize..).unwrap_or_default();
        let any = workers
            .any(self.gradients().here, tile_len, |i, g| !f(i, g.get_mut(..units * T).unwrap_or_default(), of_tile(i)));
        self.buffers.tape = tape;
        !any
    }
}

/// `g <- skip + g`: what was kept is scaled already.
#[inline(always)]
fn fork(g: &mut [f32], skip: &[f32]) {
    join_backward_input(1.0, skip, g);
}

#[inline(always)]
fn branch(b: f32, g: &mut [f32]) {
    join_backward_branch(b, g);
}

#[inline(always)]
fn scale((a, g): (f32, &[f32]), to: &mut [f32]) {
    for (to, g) in to.iter_mut().zip(g) {
        *to = a * g;
    }
}
