use super::{Trainer, least};
use crate::error::{Buffer, Error};
use crate::kernel::{conv_gather, conv_gathered_len, conv_read_past, conv_weight_gradient, descend, weight_gradient};
use crate::layer::Conv;
use crate::network::Workers;
use crate::train::Layer;
use crate::train::plan::Place;
use core::ops::Range;

/// Outputs whose weight gradients one worker does at a time.
const PART: usize = 12;

/// What becomes of gradients of parameters.
pub(super) enum Into<'p, F> {
    /// They are added to a buffer as long as the parameters; an empty one takes none.
    Buffer(&'p [f32], &'p mut [f32]),
    /// They change the parameters at once: `f(index of the first, parameters, gradients)`. With a rate that is plain descent, which may
    /// be done without them.
    Update(&'p mut [f32], F, Option<f32>),
}

impl<F: FnMut(usize, &mut [f32], &[f32])> Into<'_, F> {
    pub fn parameters(&self) -> &[f32] {
        match self {
            Into::Buffer(parameters, _) => parameters,
            Into::Update(parameters, ..) => parameters,
        }
    }

    /// Whether any are wanted.
    pub fn wanted(&self) -> bool {
        !matches!(self, Into::Buffer(_, gradient) if gradient.is_empty())
    }

    /// Lets `add` add to the gradients of these parameters, in scratch where there is no buffer for them.
    pub fn with(&mut self, at: Range<usize>, scratch: &mut [f32], add: impl FnOnce(&mut [f32])) {
        match self {
            Into::Buffer(_, gradient) => add(gradient.get_mut(at).unwrap_or_default()),
            Into::Update(parameters, update, _) => {
                let gradient = scratch.get_mut(..at.len()).unwrap_or_default();
                gradient.fill(0.0);
                add(gradient);
                update(at.start, parameters.get_mut(at).unwrap_or_default(), gradient);
            }
        }
    }
}

/// (weights, biases) of a layer.
pub(super) fn own<'p>(layer: &Layer, place: Place, parameters: &'p [f32]) -> (&'p [f32], &'p [f32]) {
    let (weights, biases) = layer.parameters().unwrap_or((0, 0));
    let own = parameters.get(place.parameters as usize..).unwrap_or_default();
    let (weights, rest) = own.split_at_checked(weights as usize).unwrap_or_default();
    (weights, rest.get(..biases as usize).unwrap_or_default())
}

/// Rows of `each` elements, as many at a time as `capacity` holds: all, or whole multiples of `group` where that many fit.
pub(crate) fn fitting(rows: usize, each: usize, capacity: usize, group: usize) -> impl Iterator<Item = Range<usize>> {
    let fit = (capacity / each.max(1)).max(1);
    let fit = if fit < rows && fit >= group { fit - fit % group.max(1) } else { fit };
    (0..rows).step_by(fit.max(1)).map(move |first| first..first.saturating_add(fit).min(rows))
}

/// Rows that a worker takes at a time: [`PART`], or fewer where some workers would have nothing to do.
fn rows_at_once<K: Workers>(workers: &K, rows: usize) -> usize {
    match workers.count() {
        0 | 1 => PART,
        count => rows.div_ceil(rows.div_ceil(PART).div_ceil(count).saturating_mul(count).max(1)).max(1),
    }
}

impl<K: Workers, const R: usize, const T: usize> Trainer<'_, K, R, T> {
    /// Refuses parameters and running statistics that are too few.
    pub(super) fn holds(&self, parameters: &[f32], running: Option<&[f32]>) -> Result<(), Error> {
        least(Buffer::Parameters, parameters.len(), self.plan.parameters_len)?;
        running.map_or(Ok(()), |running| least(Buffer::Running, running.len(), self.plan.running_len))
    }

    /// Gradients of a dense layer's parameters, from the gradient of its outputs in `here`.
    #[inline(never)]
    pub(super) fn dense_parameters<F: FnMut(usize, &mut [f32], &[f32])>(
        &mut self,
        (inputs, outputs, bias): (usize, usize, bool),
        place: Place,
        into: &mut Into<'_, F>,
    ) {
        let scratch = core::mem::take(&mut self.buffers.scratch);
        let (start, len, from_tile) = self.span(place.source);
        let (isa, tile_len, workers) = (self.options.isa, self.tile_len(), self.workers);
        let activations = core::mem::take(&mut self.buffers.activations);
        let x = activations.get(start..start + len).unwrap_or_default();
        let gradients = self.gradients();
        let g = &*gradients.here;
        let at = place.parameters as usize;
        if let (Into::Update(parameters, _, Some(rate)), 1) = (&mut *into, T) {
            // One point: a gradient is one product, and no sum.
            let own = parameters.get_mut(at..).unwrap_or_default();
            let (weights, biases) = own.split_at_mut_checked(inputs * outputs).unwrap_or_default();
            if x.len() == from_tile {
                descend(isa, (outputs, inputs), *rate, x, g, weights);
                if bias {
                    biases.iter_mut().zip(g).take(outputs).for_each(|(bias, g)| *bias -= *rate * g);
                }
                self.buffers.activations = activations;
                self.buffers.scratch = scratch;
                return;
            }
        }
        for rows in fitting(outputs, inputs, scratch.len(), PART) {
            let range = at + rows.start * inputs..at + rows.end * inputs;
            into.with(range, scratch, |gradient| {
                let at_once = rows_at_once(workers, rows.len());
                workers.any(gradient, at_once * inputs, |part, gradient| {
                    let first = rows.start + part * at_once;
                    let shape = (gradient.len() / inputs.max(1), inputs, T);
                    for (x, g) in x.chunks_exact(from_tile.max(1)).zip(g.chunks_exact(tile_len.max(1))) {
                        weight_gradient(isa, shape, x, g.get(first * T..).unwrap_or_default(), gradient);
                    }
                    false
                });
            });
        }
        if bias {
            let at = at + inputs * outputs;
            for rows in fitting(outputs, 1, scratch.len(), 1) {
                into.with(at + rows.start..at + rows.end, scratch, |gradient| {
                    for g in g.chunks_exact(tile_len.max(1)) {
                        let g = g.as_chunks::<T>().0.get(rows.clone()).unwrap_or_default();
                        for (bias, g) in gradient.iter_mut().zip(g) {
                            g.iter().for_each(|g| *bias += g);
                        }
                    }
                });
            }
        }
        self.buffers.activations = activations;
        self.buffers.scratch = scratch;
    }

    /// Gradients of a convolution's parameters, from the gradient of its outputs in `here`.
    #[inline(never)]
    pub(super) fn conv_parameters<F: FnMut(usize, &mut [f32], &[f32])>(
        &mut self,
        conv: &Conv,
        bias: bool,
        place: Place,
        into: &mut Into<'_, F>,
    ) {
        let Some((inputs_len, outputs_len)) = conv_gathered_len(conv, T as u64) else { return };
        let past = conv_read_past(T as u64) as usize;
        let (inputs_len, outputs_len) = ((inputs_len as usize).saturating_sub(past), outputs_len as usize);
        let scratch = core::mem::take(&mut self.buffers.scratch);
        let gathered = core::mem::take(&mut self.buffers.gathered);
        let (start, len, from_tile) = self.span(place.source);
        let (isa, tile_len, workers, tiles) = (self.options.isa, self.tile_len(), self.workers, self.tiles());
        let activations = core::mem::take(&mut self.buffers.activations);
        let x = activations.get(start..start + len).unwrap_or_default();
        let gradients = self.gradients();
        let g = &*gradients.here;
        let (at, outputs) = (place.parameters as usize, conv.channels as usize);
        let each = conv.weights().unwrap_or(0) as usize / outputs.max(1);
        // Biases come with the weights where there is room for all of both, otherwise after them.
        let biases = if bias { outputs } else { 0 };
        let together = scratch.len() >= outputs * each + biases || matches!(into, Into::Buffer(..));
        let capacity = if together { usize::MAX } else { scratch.len() };
        for rows in fitting(outputs, each, capacity, PART) {
            let end = at + rows.end * each + if together { biases } else { 0 };
            into.with(at + rows.start * each..end, scratch, |gradient| {
                let (weights, biases) = gradient.split_at_mut_checked(rows.len() * each).unwrap_or_default();
                let rows_at_once = rows_at_once(workers, rows.len());
                let room = gathered.len().saturating_sub(past);
                let at_once = (room / (inputs_len + outputs_len).max(1)).min(tiles).max(1);
                let (inputs, outputs) = gathered.split_at_mut_checked(at_once * inputs_len + past).unwrap_or_default();
                for first in (0..tiles).step_by(at_once) {
                    let now = at_once.min(tiles - first);
                    let used = inputs.get_mut(..now * inputs_len).unwrap_or_default();
                    workers.any2(used, inputs_len, outputs, outputs_len, |i, inputs, outputs| {
                        let tile = first + i;
                        let x = x.get(tile * from_tile..).unwrap_or_default().as_chunks::<T>().0;
                        let g = g.get(tile * tile_len..).unwrap_or_default().as_chunks::<T>().0;
                        conv_gather::<T>(isa, conv, T, x, g, inputs, outputs);
                        false
                    });
                    let (inputs, outputs, points) = (&*inputs, &*outputs, now * T);
                    workers.any(weights, rows_at_once * each, |part, weights| {
                        let row = rows.start + part * rows_at_once;
                        conv_weight_gradient::<T>(isa, conv, points, row, inputs, outputs, weights, &mut []);
                        false
                    });
                    conv_weight_gradient::<T>(isa, conv, points, 0, &[], outputs, &mut [], biases);
                }
            });
        }
        if bias && !together {
            into.with(at + outputs * each..at + outputs * each + outputs, scratch, |gradient| {
                let plane = conv.output().map_or(0, |image| image.plane()) as usize;
                for g in g.chunks_exact(tile_len.max(1)).take(tiles) {
                    let channels = g.as_chunks::<T>().0.chunks_exact(plane.max(1));
                    for (bias, places) in gradient.iter_mut().zip(channels) {
                        for lane in 0..T {
                            places.iter().for_each(|g| *bias += g.get(lane).copied().unwrap_or(0.0));
                        }
                    }
                }
            });
        }
        self.buffers.activations = activations;
        self.buffers.scratch = scratch;
        self.buffers.gathered = gathered;
    }
}
