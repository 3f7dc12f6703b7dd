//! Operations on values of i8, and between these and f32, a point at a time.
use super::forward::Forward;
use crate::graph::Node;
use crate::workers::Workers;
#[cfg(feature = "int8")]
use crate::{
    graph::{Int8Range, Op, Shape},
    kernel::{self, Isa, all_finite},
    op::{GroupedConv, int8::Quantised},
};

/// The value of one point by the kernels of an instruction set, or by the plain loops where it has none. Any length of scratch: longer is faster.
#[cfg(feature = "int8")]
fn compute(quantised: &Quantised, isa: Isa, operands: (&[f32], &[f32]), scratch: &mut [u32], value: &mut [f32]) {
    if by_kernel(quantised, isa, operands, scratch, value).is_none() {
        // Nothing is refused of a checked graph with slices of its plan.
        let done = quantised.plain(operands, value);
        debug_assert!(done.is_ok(), "{done:?}");
    }
}

#[cfg(feature = "int8")]
fn by_kernel(
    quantised: &Quantised,
    isa: Isa,
    (first, second): (&[f32], &[f32]),
    scratch: &mut [u32],
    value: &mut [f32],
) -> Option<()> {
    let [of_x, of_y] = quantised.operands;
    let units = |shape: Shape| shape.units().map(|units| units as usize);
    let (x, y): (&[i8], &[i8]) = (bytemuck::must_cast_slice(first), bytemuck::must_cast_slice(second));
    let (x, numbers) = (x.get(..units(of_x)?)?, quantised.numbers());
    let to: &mut [i8] = bytemuck::must_cast_slice_mut(value);
    let to = to.get_mut(..units(quantised.value)?)?;
    let layer = |groups, window| GroupedConv {
        input: of_x.image(),
        channels: quantised.value.channels,
        groups,
        window,
        taps_first: false,
    };
    let at = |Int8Range { operand_zero, zero, least, most }: Int8Range| kernel::Quantisation {
        input_zero: operand_zero,
        output_zero: zero,
        low: least,
        high: most,
    };
    match *quantised.op {
        Op::Int8Conv { window, range, .. } => {
            kernel::quantised_conv(isa, &layer(1, window), &at(range), numbers, x, scratch, to);
        }
        Op::Int8DepthwiseConv { window, range, .. } => {
            kernel::quantised_depthwise(isa, &layer(of_x.channels, window), &at(range), numbers, x, scratch, to);
        }
        Op::Int8Dense { range, real, .. } => {
            kernel::quantised_dense(isa, real, &at(range), numbers, x, scratch, to);
        }
        Op::Int8Add { range } if of_x == of_y => {
            let [zero_x, qx, sx, zero_y, qy, sy, q, s] = *numbers else { return None };
            let add = kernel::Addition {
                zeros: [i8::try_from(zero_x).ok()?, i8::try_from(zero_y).ok()?],
                operands: [[qx, sx], [qy, sy]],
                sum: [q, s],
                output_zero: range.zero,
                low: range.least,
                high: range.most,
            };
            kernel::quantised_add(isa, &add, [x, y.get(..x.len())?], scratch, to);
        }
        _ => return None,
    }
    Some(())
}

impl<K: Workers, const R: usize, const T: usize> Forward<'_, '_, '_, K, R, T> {
    /// The plan has refused the graph: the code is left out.
    #[cfg(not(feature = "int8"))]
    pub(super) fn quantised(&mut self, _: &Node) -> bool {
        false
    }

    #[cfg(feature = "int8")]
    #[inline(never)]
    pub(super) fn quantised(&mut self, node: &Node) -> bool {
        // The executor has refused wider tiles: the code is left out.
        if T != 1 {
            return false;
        }
        let graph = self.memory.plan.graph();
        let operands = [node.x, node.y].map(|i| graph.shape(i as usize));
        // A checked graph has facts for each node.
        let len = invariant!(graph.facts(self.node()).map(|facts| facts.parameters_len() as usize));
        let parameters = self.take(len);
        let quantised = Quantised { op: &node.op, operands, value: node.shape, parameters };
        let (isa, workers) = (self.room.isa, self.memory.workers);
        let [first, second, to] = [node.x, node.y, self.node()].map(|i| self.memory.span(i));
        let bytes = node.op.is_int8()[1];
        if first.start == to.start {
            // Only what works in place has its operand's place.
            return self.memory.over(to, |_, y| quantised.in_place(y));
        }
        let scratch: &mut [u32] = bytemuck::must_cast_slice_mut(&mut *self.room.scratch);
        let (rest, value) = self.memory.writing(to);
        let (x, y) = (rest.get(first), rest.get(second));
        let operands = |tile: usize| (first.of_tile(x, tile), second.of_tile(y, tile));
        if workers.count() == 1 {
            let tiles = value.chunks_exact_mut(to.tile_len.max(1));
            return tiles.enumerate().fold(true, |finite, (tile, value)| {
                compute(&quantised, isa, operands(tile), scratch, value);
                finite & (bytes || all_finite(isa, value))
            });
        }
        // Several points at a time have no scratch.
        !workers.any(value, to.tile_len, |tile, value| {
            compute(&quantised, isa, operands(tile), &mut [], value);
            !(bytes || all_finite(isa, value))
        })
    }
}
