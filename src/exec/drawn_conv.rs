//! Convolutions whose weights are drawn some rows at a time: channels out forward, channels in backward.
use super::drawn::Drawing;
use super::memory::{Memory, Span};
use super::run::Room;
use super::sink::fitting;
use crate::graph::Shape;
use crate::kernel::{all_finite, conv_backward_input, conv_forward, conv_pack, nest_rows};
use crate::op::{Conv, Image};
use crate::weights::{Block, Dense, Seeded};
use crate::workers::Workers;

/// A convolution with values and, in forward mode, with their tangents.
pub(super) struct DrawnConv<'s> {
    pub seeded: &'s Seeded,
    pub dense: Dense,
    pub conv: Conv,
    /// The shape of its value.
    pub output: Shape,
    pub transposed: bool,
    pub from: Span,
    pub to: Span,
}

impl DrawnConv<'_> {
    /// Draws some rows and computes them. Returns None while rows are left, otherwise whether all results are finite.
    pub fn step<'a, K: Workers, const R: usize, const T: usize>(
        &self,
        (memory, tangents): (&mut Memory<'a, K, T>, &mut &'a mut [f32]),
        room: &mut Room<'_>,
        drawing: &mut Drawing,
    ) -> Option<bool> {
        let Self { seeded, dense, conv, transposed, .. } = *self;
        let (isa, taps, outputs) = (room.isa, dense.taps, conv.channels);
        let (total, each) = match transposed {
            false => (outputs, dense.fan_in),
            true => (conv.input.channels, outputs.saturating_mul(taps)),
        };
        let (total, each) = (total as usize, each as usize);
        let biases = if dense.bias && !transposed { outputs as usize } else { 0 };
        let (biases, scratch) = invariant!(room.scratch.split_at_mut_checked(biases));
        let behind = seeded.behind(&dense);
        // `Run::new` has checked that a row fits, and all rows of an orthogonal matrix.
        let capacity = scratch.len().saturating_sub(behind) / 2;
        let rows = fitting(total, each, capacity, nest_rows::<T>(isa)).nth(drawing.parts());
        let Some(rows) = rows else { return Some(false) };
        let of = |range: &core::ops::Range<usize>, by: u32| {
            let at = |row: usize| (row as u32).wrapping_mul(by);
            at(range.start)..at(range.end)
        };
        let block = match transposed {
            false => Block { transposed: false, rows: of(&rows, 1), columns: 0..dense.fan_in },
            true => Block { transposed: false, rows: 0..outputs, columns: of(&rows, taps) },
        };
        let (drawn, packed) = invariant!(scratch.split_at_mut_checked(block.len().wrapping_add(behind)));
        seeded.fill::<1>(&dense, &block, drawn);
        for (row, bias) in biases.iter_mut().enumerate().take(rows.end).skip(rows.start) {
            *bias = seeded.bias(&dense, row as u32);
        }
        let own = rows.len() as u32;
        let part = match transposed {
            false => Conv { channels: own, ..conv },
            true => Conv { input: Image { channels: own, ..conv.input }, ..conv },
        };
        let packed = invariant!(packed.get_mut(..block.len()));
        conv_pack::<T>(isa, &part, transposed, 0..rows.len(), drawn, packed);
        let (packed, biases) = (&*packed, &*biases);
        let last = rows.end == total;
        let two = !tangents.is_empty();
        for turn in 0..if two { 2 } else { 1 } {
            // Tangents use the slots of the values, in a buffer of their own, and have no biases.
            let biases = if turn == 0 { biases } else { &[] };
            let finite = memory.across(self.from, self.to, |_, x, y| {
                let (x, to) = (x.as_chunks().0, y.as_chunks_mut().0);
                if transposed {
                    conv_backward_input::<T>(isa, &conv, rows.clone(), packed, x, to);
                } else {
                    conv_forward::<T>(isa, &conv, rows.clone(), packed, biases, x, to);
                }
                !last || all_finite(isa, y)
            });
            drawing.found(finite);
            if two {
                core::mem::swap(&mut memory.values, tangents);
            }
        }
        let products =
            (block.len() as u64).saturating_mul(self.output.plane() as u64).saturating_mul(memory.count as u64);
        drawing.next_part(if two { products.saturating_mul(2) } else { products });
        if !last {
            return None;
        }
        Some(drawing.end())
    }
}
