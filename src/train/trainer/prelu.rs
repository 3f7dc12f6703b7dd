use super::Trainer;
use super::gather::gather;
use super::parameters::Into;
use crate::kernel::{COLUMNS, all_finite, chain_rows};
use crate::layer::{Image, prelu_backward_input, prelu_forward, prelu_term};
use crate::network::Workers;
use crate::train::plan::Place;

impl<K: Workers, const R: usize, const T: usize> Trainer<'_, K, R, T> {
    /// Whether slopes, and all that came out, are finite: a slope that met no negative value would hide.
    // Out of line, as its way back: networks without slopes keep none of this on the stack, and a Cortex-M0 has little of it.
    #[inline(never)]
    pub(super) fn prelu_forward(&mut self, units: usize, place: Place, slopes: &[f32]) -> bool {
        let isa = self.options.isa;
        all_finite(isa, slopes)
            && self.across(place, |x, y, _| {
                let (Some(x), Some(y)) = (x.get(..units * T), y.get_mut(..units * T)) else { return false };
                isa.compiled(forward, (slopes, x), &mut *y);
                all_finite(isa, y)
            })
    }

    /// Whether the gradient of what went in is finite.
    #[inline(never)]
    pub(super) fn prelu_backward<F: FnMut(usize, &mut [f32], &[f32])>(
        &mut self,
        image: Image,
        place: Place,
        into: &mut Into<'_, F>,
    ) -> bool {
        let (isa, workers, count, tile_len) = (self.options.isa, self.workers, self.count, self.tile_len());
        let (channels, plane) = (image.channels as usize, image.plane() as usize);
        let units = channels * plane;
        let (start, len, from_tile) = self.span(place.source);
        let activations = core::mem::take(&mut self.buffers.activations);
        let x = activations.get(start..start + len).unwrap_or_default();
        let of_tile = |tile: usize| x.get(tile * from_tile..tile * from_tile + units * T).unwrap_or_default();
        let at = place.parameters as usize;
        let slopes = into.parameters().get(at..at + channels).unwrap_or_default();
        let finite = self.across_back((units, units), |tile, g, to| {
            isa.compiled(backward, (slopes, of_tile(tile)), (g, &mut *to));
            all_finite(isa, to)
        });
        if finite && into.wanted() {
            let scratch = core::mem::take(&mut self.buffers.scratch);
            let gathered = core::mem::take(&mut self.buffers.gathered);
            // What came back is not needed again: the terms take its place, and half as much is gathered.
            let terms = self.gradients().here;
            workers.any(terms, tile_len, |tile, g| {
                isa.compiled(self::terms, of_tile(tile), g);
                false
            });
            let terms = &*terms;
            into.with(at..at + channels, scratch, |gradient| {
                let shape = (channels, plane, count);
                gather::<K, 1, T>((isa, workers), shape, [(terms, tile_len)], gathered, |gathered| {
                    workers.any(gradient, COLUMNS, |part, slopes| {
                        for (rows, terms) in gathered.tiles() {
                            let terms = terms.get(part * COLUMNS..).unwrap_or_default();
                            chain_rows::<false>(isa, (rows, channels), (terms, &[]), slopes, &mut []);
                        }
                        false
                    });
                });
            });
            self.buffers.scratch = scratch;
            self.buffers.gathered = gathered;
        }
        self.buffers.activations = activations;
        self.flipped = !self.flipped;
        finite
    }
}

#[inline(always)]
fn forward((slopes, x): (&[f32], &[f32]), y: &mut [f32]) {
    prelu_forward(slopes, x, y);
}

#[inline(always)]
fn backward((slopes, x): (&[f32], &[f32]), (g, to): (&[f32], &mut [f32])) {
    prelu_backward_input(slopes, x, g, to);
}

/// g becomes what it adds to the gradient of its slope.
#[inline(always)]
fn terms(x: &[f32], g: &mut [f32]) {
    for (g, x) in g.iter_mut().zip(x) {
        *g = prelu_term(*x, *g);
    }
}
