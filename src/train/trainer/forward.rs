use super::parameters::{fitting, own};
use super::{Mode, Trainer, fault};
use crate::error::{Error, Pass};
use crate::kernel::{Matrix, all_finite, chain_matrix, conv_forward, conv_pack, nest_rows, relu_forward};
use crate::layer::{Conv, crelu_forward};
use crate::network::Workers;
use crate::train::Layer;
use crate::train::plan::Place;

impl<K: Workers, const R: usize, const T: usize> Trainer<'_, K, R, T> {
    /// All layers forward, from the inputs that [`Trainer::begin`] handed out.
    ///
    /// # Shapes
    /// `parameters` and `running` as planned: of each layer its weights, then its biases; of each batch norm its running means, then
    /// variances.
    ///
    /// # Errors
    /// [`Error::NonFinite`] with the layer, counted from 1, where NaN or infinity arose; [`Error::TooShort`]. Running statistics move
    /// while training, up to the layer at fault.
    pub fn forward(&mut self, parameters: &[f32], running: &mut [f32], mode: Mode) -> Result<(), Error> {
        self.holds(parameters, Some(running))?;
        self.mode = mode;
        for (i, layer) in self.layers.iter().enumerate() {
            let Some(&place) = self.buffers.places.get(i) else { break };
            let own = own(layer, place, parameters);
            if !self.layer_forward(layer, place, own, running) {
                return Err(fault(Pass::Forward, i));
            }
        }
        Ok(())
    }

    /// Whether all that came out is finite.
    fn layer_forward(
        &mut self,
        layer: &Layer,
        place: Place,
        (weights, biases): (&[f32], &[f32]),
        running: &mut [f32],
    ) -> bool {
        let isa = self.options.isa;
        match *layer {
            Layer::Dense { inputs, outputs, .. } => {
                self.dense_forward((inputs as usize, outputs as usize), place, weights, biases)
            }
            Layer::Conv { ref conv, .. } => self.conv_forward(conv, place, weights, biases),
            Layer::Relu { units } => self.in_place(place, units as usize, |x, tape| relu_forward(isa, x, tape)),
            Layer::Crelu { image } => {
                let (units, plane) = (image.units().unwrap_or(0) as usize, image.plane() as usize);
                self.in_place(place, 2 * units, |x, tape| {
                    let tape = tape.get_mut(..(units * T).div_ceil(8)).unwrap_or_default();
                    isa.compiled(crelu::<T>, (x, plane), tape);
                })
            }
            _ => false,
        }
    }

    /// `f` on the used elements of every tile of a region, with the layer's tape.
    fn in_place(&mut self, place: Place, units: usize, f: impl Fn(&mut [f32], &mut [u8]) + Sync) -> bool {
        let (start, len, tile_len) = self.span(place.region);
        let tape_len = self.plan.tape_tile_len as usize;
        let x = self.buffers.activations.get_mut(start..start + len).unwrap_or_default();
        self.workers.any2(x, tile_len, self.buffers.tape, tape_len, |_, x, tape| {
            let tape = tape.get_mut(place.tape as usize..).unwrap_or_default();
            f(x.get_mut(..units * T).unwrap_or_default(), tape);
            false
        });
        true
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

/// Chains start from their biases.
fn begin<const T: usize>(biases: &[f32], y: &mut [[f32; T]]) {
    y.as_flattened_mut().fill(0.0);
    for (y, bias) in y.iter_mut().zip(biases) {
        *y = [bias + 0.0; T];
    }
}

#[inline(always)]
fn crelu<const T: usize>((x, plane): (&mut [f32], usize), tape: &mut [u8]) {
    crelu_forward::<T>(x.as_chunks_mut::<T>().0, tape);
}
