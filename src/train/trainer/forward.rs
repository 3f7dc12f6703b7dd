use super::parameters::{fitting, own};
use super::{Mode, Trainer, fault};
use crate::error::{Buffer, Error, Pass};
use crate::kernel::{
    Matrix, all_finite, chain_matrix, conv_forward, conv_pack, crelu_forward, nest_rows, relu_forward,
};
use crate::layer::{
    Conv, Dropout, Shortcut, average_pool_forward, dropout_forward, join_forward, max_pool_forward, shortcut_forward,
};
use crate::network::Workers;
use crate::train::Layer;
use crate::train::plan::{Place, Region};

impl<K: Workers, const R: usize, const T: usize> Trainer<'_, K, R, T> {
    /// All layers forward, from the inputs that [`Trainer::begin`] handed out; once, for some layers write over them.
    ///
    /// # Shapes
    /// `parameters` and `running` as planned: of each layer its weights, then its biases; of each batch norm its running means, then
    /// variances. What is longer is left alone.
    ///
    /// # Errors
    /// [`Error::NonFinite`] with the layer, counted from 1, where NaN or infinity arose; [`Error::NotFinite`] with the element of the
    /// inputs that is one; [`Error::TooShort`], also where no batch has begun. Running statistics move while training, up to the layer
    /// at fault.
    #[inline(never)]
    pub fn forward(&mut self, parameters: &[f32], running: &mut [f32], mode: Mode) -> Result<(), Error> {
        self.holds(parameters, Some(running))?;
        self.has_begun()?;
        self.mode = mode;
        self.inputs_are_finite()?;
        for (i, layer) in self.layers.iter().enumerate() {
            let Some(&place) = self.buffers.places.get(i) else { break };
            let own = own(layer, place, parameters);
            if !self.layer_forward(i, layer, place, own, running) {
                return Err(fault(Pass::Forward, i));
            }
        }
        Ok(())
    }

    /// Rectifiers, pools and dropout could hide what is not.
    fn inputs_are_finite(&mut self) -> Result<(), Error> {
        let (isa, workers, used) = (self.options.isa, self.workers, self.plan.inputs as usize * T);
        let (start, len, tile_len) =
            self.span(self.buffers.places.first().map_or(Region::default(), |place| place.source));
        let x = self.buffers.activations.get_mut(start..start + len).unwrap_or_default();
        if !workers.any(x, tile_len, |_, x| !all_finite(isa, x.get(..used).unwrap_or_default())) {
            return Ok(());
        }
        let bad = |(i, x): &(usize, &f32)| *i % tile_len.max(1) < used && !x.is_finite();
        let index = x.iter().enumerate().find(bad).map_or(0, |(i, _)| i as u64);
        Err(Error::NotFinite { buffer: Buffer::Inputs, layer: 0, index })
    }

    /// Whether all that came out is finite.
    fn layer_forward(
        &mut self,
        i: usize,
        layer: &Layer,
        place: Place,
        (weights, biases): (&[f32], &[f32]),
        running: &mut [f32],
    ) -> bool {
        let (isa, outputs) = (self.options.isa, layer.output().unwrap_or(0) as usize);
        match *layer {
            Layer::Dense { inputs, outputs, .. } => {
                self.dense_forward((inputs as usize, outputs as usize), place, weights, biases)
            }
            Layer::Conv { ref conv, .. } => self.conv_forward(conv, place, weights, biases),
            Layer::Relu { units } => self.in_place(place, units as usize, |_, x, tape| {
                relu_forward(isa, x, tape);
                true
            }),
            Layer::Crelu { image } => {
                let (units, plane) = (image.units().unwrap_or(0) as usize, image.plane() as usize);
                self.in_place(place, 2 * units, |_, x, tape| {
                    let tape = tape.get_mut(..(units * T).div_ceil(8)).unwrap_or_default();
                    crelu_forward::<T>(isa, plane, x.as_chunks_mut::<T>().0, tape);
                    true
                })
            }
            Layer::Prelu { .. } => self.prelu_forward(outputs, place, weights),
            Layer::BatchNorm { image, eps, momentum } => {
                self.norm_forward((image, eps, momentum), place, (weights, biases), running)
            }
            Layer::AveragePool { ref pool } => self.across(place, |x, y, _| {
                average_pool_forward(pool, T, x, y).is_ok() && all_finite(isa, y.get(..outputs * T).unwrap_or_default())
            }),
            Layer::MaxPool { ref pool } => {
                self.across(place, |x, y, tape| max_pool_forward(pool, T, x, y, tape).is_ok())
            }
            Layer::Dropout { units, rate } => match self.dropout(i, rate) {
                Some((dropout, first)) => self.in_place(place, units as usize, |tile, x, _| {
                    dropout_forward(&dropout, first.wrapping_add((tile * T) as u32), T, x);
                    all_finite(isa, x)
                }),
                None => true,
            },
            Layer::Fork { .. } => {
                self.across(place, |x, y, _| match (x.get(..outputs * T), y.get_mut(..outputs * T)) {
                    (Some(x), Some(y)) => {
                        y.iter_mut().zip(x).for_each(|(y, x)| *y = *x);
                        true
                    }
                    _ => false,
                })
            }
            Layer::Join { ref shortcut, a, b } => self.join_forward(shortcut, (a, b), place, outputs),
        }
    }

    /// The mask of layer i and the number of its first point, while training.
    pub(super) fn dropout(&self, i: usize, rate: f32) -> Option<(Dropout, u32)> {
        let Mode::Training { step } = self.mode else { return None };
        Some((Dropout::new(self.options.seed, step, i as u32 + 1, rate).ok()?, self.first))
    }

    fn join_forward(&mut self, shortcut: &Shortcut, (a, b): (f32, f32), place: Place, units: usize) -> bool {
        let (isa, workers, tile_len) = (self.options.isa, self.workers, self.tile_len());
        let (from, from_len, from_tile) = self.span(place.kept);
        let (to, to_len, to_tile) = self.span(place.region);
        let straight = shortcut.output() == Some(shortcut.input);
        let activations = core::mem::take(&mut self.buffers.activations);
        let (before, after) = activations.split_at_mut_checked(to).unwrap_or_default();
        let (kept, x) = (before.get(from..from + from_len), after.get_mut(..to_len));
        let (kept, x) = (kept.unwrap_or_default(), x.unwrap_or_default());
        // Nothing comes back yet: there is room for what comes through the shortcut.
        let through = self.gradients().skip;
        let bad = workers.any2(x, to_tile, through, tile_len, |i, x, through| {
            let kept = kept.get(i * from_tile..(i + 1) * from_tile).unwrap_or_default();
            let (Some(x), Some(through)) = (x.get_mut(..units * T), through.get_mut(..units * T)) else { return true };
            if straight {
                isa.compiled(join, (a, kept), (b, x));
            } else if shortcut_forward(shortcut, T, kept, through).is_ok() {
                isa.compiled(join, (a, through), (b, x));
            } else {
                return true;
            }
            !all_finite(isa, x)
        });
        self.buffers.activations = activations;
        !bad
    }

    /// `f` on the used elements of every tile of a region, with the layer's tape; whether it said true of all.
    fn in_place(
        &mut self,
        place: Place,
        units: usize,
        f: impl Fn(usize, &mut [f32], &mut [u8]) -> bool + Sync,
    ) -> bool {
        let (start, len, tile_len) = self.span(place.region);
        let tape_len = self.plan.tape_tile_len as usize;
        let x = self.buffers.activations.get_mut(start..start + len).unwrap_or_default();
        !self.workers.any2(x, tile_len, self.buffers.tape, tape_len, |tile, x, tape| {
            let tape = tape.get_mut(place.tape as usize..).unwrap_or_default();
            !f(tile, x.get_mut(..units * T).unwrap_or_default(), tape)
        })
    }

    /// `f` from every tile of the source to that of the region, with the layer's tape; whether it said true of all.
    pub(super) fn across(&mut self, place: Place, f: impl Fn(&[f32], &mut [f32], &mut [u8]) -> bool + Sync) -> bool {
        let (from, from_len, from_tile) = self.span(place.source);
        let (to, to_len, to_tile) = self.span(place.region);
        let tape_len = self.plan.tape_tile_len as usize;
        let Some((before, after)) = self.buffers.activations.split_at_mut_checked(to) else { return false };
        let x = before.get(from..from + from_len).unwrap_or_default();
        let y = after.get_mut(..to_len).unwrap_or_default();
        !self.workers.any2(y, to_tile, self.buffers.tape, tape_len, |i, y, tape| {
            let x = x.get(i * from_tile..(i + 1) * from_tile).unwrap_or_default();
            !f(x, y, tape.get_mut(place.tape as usize..).unwrap_or_default())
        })
    }

    fn dense_forward(
        &mut self,
        (inputs, outputs): (usize, usize),
        place: Place,
        weights: &[f32],
        biases: &[f32],
    ) -> bool {
        let isa = self.options.isa;
        let matrix = Matrix { data: weights, stride: inputs, transposed: false };
        self.across(place, |x, y, _| {
            let (x, y) = (x.as_chunks::<T>().0, y.as_chunks_mut::<T>().0);
            let (Some(x), Some(y)) = (x.get(..inputs), y.get_mut(..outputs)) else { return false };
            begin(biases, y);
            chain_matrix::<R, T>(isa, matrix, x, y);
            all_finite(isa, y.as_flattened())
        })
    }

    fn conv_forward(&mut self, conv: &Conv, place: Place, weights: &[f32], biases: &[f32]) -> bool {
        let isa = self.options.isa;
        let (outputs, units) =
            (conv.channels as usize, conv.output().and_then(|image| image.units()).unwrap_or(0) as usize);
        let scratch = core::mem::take(&mut self.buffers.scratch);
        let each = weights.len() / outputs.max(1);
        let mut finite = true;
        for rows in fitting(outputs, each, scratch.len(), nest_rows::<T>(isa)) {
            let panel = scratch.get_mut(..rows.len() * each).unwrap_or_default();
            conv_pack::<T>(isa, conv, false, rows.clone(), weights, panel);
            let panel = &*panel;
            let last = rows.end == outputs;
            finite = self.across(place, |x, y, _| {
                let Some(y) = y.get_mut(..units * T) else { return false };
                conv_forward::<T>(isa, conv, rows.clone(), panel, biases, x.as_chunks().0, y.as_chunks_mut().0);
                !last || all_finite(isa, y)
            });
        }
        self.buffers.scratch = scratch;
        finite
    }
}

/// Chains start from their biases, or from +0.0 where there are none.
fn begin<const T: usize>(biases: &[f32], y: &mut [[f32; T]]) {
    let (from_biases, from_zero) = y.split_at_mut_checked(biases.len().min(y.len())).unwrap_or_default();
    from_zero.as_flattened_mut().fill(0.0);
    for (y, bias) in from_biases.iter_mut().zip(biases) {
        *y = [bias + 0.0; T];
    }
}

#[inline(always)]
fn join((a, kept): (f32, &[f32]), (b, x): (f32, &mut [f32])) {
    join_forward(a, kept, b, x);
}
