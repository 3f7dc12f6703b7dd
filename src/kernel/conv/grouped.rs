//! Grouped convolutions on tiles `[unit][T]`, by dilated windows. Where a group has several channels out, a few of them are computed beside each
//! other, as in a convolution; where it has one, a few positions are.
use super::side::Side;
use super::signed;
use crate::kernel::Isa;
use crate::kernel::nest::{Nest, nest_from, nest_rows};
use crate::kernel::nest_along::{Along, MOST_ALONG, nest_along};
use crate::shape::GroupedConv;
use core::ops::Range;

/// What `usize` says of one direction of a grouped convolution.
#[derive(Clone, Copy)]
struct Direction {
    /// Channels of a group: of the operand, and of the result.
    chain: usize,
    rows: usize,
    sides: [Side; 2],
    /// Taps: all, and of a row.
    taps: usize,
    across: usize,
    taps_first: bool,
}

impl Direction {
    /// None where the window does not fit, or the groups do not divide the channels.
    fn of(conv: &GroupedConv, transposed: bool) -> Option<Self> {
        let (inputs, outputs) = conv.per_group()?;
        let (inputs, outputs) = (inputs as usize, outputs as usize);
        let axes = conv.window.axes(&conv.input)?;
        let [down, across] = axes.map(|axis| axis.taps);
        let (chain, rows) = if transposed { (outputs, inputs) } else { (inputs, outputs) };
        let sides = axes.map(|axis| Side::new(axis, transposed));
        // Gradients of the operand have one order.
        let taps_first = conv.taps_first && !transposed;
        Some(Self { chain, rows, sides, taps: down.wrapping_mul(across), across, taps_first })
    }

    /// (first row, rows) of what is computed at a time, of one group each.
    fn runs(&self, rows: Range<usize>, most: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (of_group, mut next) = (self.rows.max(1), rows.start);
        core::iter::from_fn(move || {
            let group = (next / of_group).wrapping_add(1).wrapping_mul(of_group).min(rows.end);
            let left = group.checked_sub(next).filter(|left| *left > 0)?;
            // As evenly as it goes.
            let count = left.div_ceil(left.div_ceil(most.max(1)).max(1));
            let run = (next, count);
            next = next.wrapping_add(count);
            Some(run)
        })
    }
}

/// Packs weights `[c_out][c_in / groups][kh][kw]` for [`grouped_conv_forward`], or for [`grouped_conv_backward_input`] if transposed.
///
/// # Shapes
/// `panel` is as long as the weights of these rows, channels out or, transposed, channels in.
pub fn grouped_conv_pack<const T: usize>(
    isa: Isa,
    conv: &GroupedConv,
    transposed: bool,
    rows: Range<usize>,
    weight: &[f32],
    panel: &mut [f32],
) {
    let Some(direction) = Direction::of(conv, transposed) else { return };
    let (taps, chain, own) = (direction.taps, direction.chain, direction.rows);
    // Channels in, and out, of a group.
    let (inputs, outputs) = if transposed { (own, chain) } else { (chain, own) };
    let mut rest = panel;
    for (begin, count) in direction.runs(rows, nest_rows::<T>(isa)) {
        let Some((run, after)) = rest.split_at_mut_checked(count.wrapping_mul(chain).wrapping_mul(taps)) else {
            return;
        };
        for (k, lanes) in run.chunks_exact_mut(count.wrapping_mul(taps).max(1)).enumerate() {
            for (tap, lanes) in lanes.chunks_exact_mut(count.max(1)).enumerate() {
                for (row, to) in (begin..).zip(lanes) {
                    // Nothing wraps: the index of a weight.
                    let group = row / own.max(1);
                    let (i, o) = if transposed {
                        (row % own.max(1), group.wrapping_mul(outputs).wrapping_add(k))
                    } else {
                        (k, row)
                    };
                    let at = o.wrapping_mul(inputs).wrapping_add(i).wrapping_mul(taps);
                    *to = invariant!(weight.get(at.wrapping_add(tap)).copied());
                }
            }
        }
        rest = after;
    }
}

/// `y[o][oy][ox] = chain(bias[o]; weight[o][i][ky][kx] * x[i][..])` over i of the group of o, ky, kx, or over ky, kx, i; taps outside of the image
/// left out.
///
/// # Shapes
/// One tile: `x` `[c_in][h][w]`, `y` `[c_out][oh][ow]`, each unit T points; `panel` from [`grouped_conv_pack`] of these rows, outputs; `bias`
/// `[c_out]` or empty. Other rows of `y` are left alone.
///
/// # Numerics
/// Equal to [`crate::op::grouped_conv_forward`] for every instruction set.
pub fn grouped_conv_forward<const T: usize>(
    isa: Isa,
    conv: &GroupedConv,
    rows: Range<usize>,
    panel: &[f32],
    bias: &[f32],
    x: &[[f32; T]],
    y: &mut [[f32; T]],
) {
    if let Some(direction) = Direction::of(conv, false) {
        direction.run::<T>(isa, rows, panel, bias, x, y);
    }
}

/// `grad_input[i][y][x] = chain(+0.0; weight[o][i][ky][kx] * grad_output[o][..])` over o of the group of i, ky, kx, taps that no output has left
/// out: overwrites.
///
/// # Shapes
/// One tile: `g` `[c_out][oh][ow]`, `grad_input` `[c_in][h][w]`; `panel` from [`grouped_conv_pack`], transposed, of these rows, inputs. Other rows
/// are left alone.
///
/// # Numerics
/// Equal to [`crate::op::grouped_conv_backward_input`] for every instruction set.
pub fn grouped_conv_backward_input<const T: usize>(
    isa: Isa,
    conv: &GroupedConv,
    rows: Range<usize>,
    panel: &[f32],
    g: &[[f32; T]],
    grad_input: &mut [[f32; T]],
) {
    if let Some(direction) = Direction::of(conv, true) {
        direction.run::<T>(isa, rows, panel, &[], g, grad_input);
    }
}

impl Direction {
    fn run<const T: usize>(
        &self,
        isa: Isa,
        rows: Range<usize>,
        panel: &[f32],
        bias: &[f32],
        x: &[[f32; T]],
        y: &mut [[f32; T]],
    ) {
        let [[down, high], [across, wide]] = self.sides.map(|side| <[usize; 2]>::from(side.sizes()));
        let (plane, own) = (down.wrapping_mul(across), high.wrapping_mul(wide));
        let (mut panel, most) = (panel, nest_rows::<T>(isa));
        for (first, count) in self.runs(rows, most) {
            let len = count.wrapping_mul(self.chain).wrapping_mul(self.taps);
            let Some((weights, rest)) = panel.split_at_checked(len) else { return };
            panel = rest;
            // There may be no biases.
            let biases = bias.get(first..).map_or(&[][..], |biases| biases);
            let group = first / self.rows.max(1);
            // Nothing wraps: the index of an element.
            let x = invariant!(x.get(group.wrapping_mul(self.chain).wrapping_mul(own)..)).as_flattened();
            let x = invariant!(x.get(..self.chain.wrapping_mul(own).wrapping_mul(T)));
            let Some(y) = y.get_mut(first.wrapping_mul(plane)..) else { return };
            let line = Line { isa, weights, biases, count, most, plane, across, operand: (own, wide) };
            if count > 1 {
                (0..down).for_each(|row| self.line::<T>(line, 1, 0..across, row, x, y));
                continue;
            }
            // Positions beside each other have the same taps: along rows where no tap is left out at either end, down the columns elsewhere.
            let (low, high) = self.sides[1].inner;
            let (low, high) = if low < high.min(across) { (low, high.min(across)) } else { (across, across) };
            (0..down).for_each(|row| self.line::<T>(line, 1, low..high, row, x, y));
            (0..low).chain(high..across).for_each(|column| self.line::<T>(line, 0, 0..down, column, x, y));
        }
    }

    /// Positions along one side, of rows or columns, at one position of the other.
    fn line<const T: usize>(
        &self,
        line: Line<'_>,
        along: usize,
        positions: Range<usize>,
        other: usize,
        x: &[f32],
        y: &mut [[f32; T]],
    ) {
        let Line { isa, weights, biases, count, most, plane, across, operand: (own, wide) } = line;
        let [down, right] = self.sides;
        let vertical = along == 0;
        let (side, fixed) = if vertical { (down, right.taps(other)) } else { (right, down.taps(other)) };
        let next = side.next.max(1);
        // Nothing wraps: distances between elements, and their indices.
        let (apart, step) = if vertical {
            (next.wrapping_mul(across), side.step.wrapping_mul(wide).wrapping_mul(T))
        } else {
            (next, side.step.wrapping_mul(T))
        };
        // A few positions of one channel, or a few channels of one position.
        let most = if count == 1 { most.clamp(1, MOST_ALONG) } else { 1 };
        for class in positions.clone().take(next) {
            let mut position = class;
            let mut taps = side.taps(position);
            while position < positions.end {
                let (first, mut beside, (tap, many, reads)) = (position, 0usize, taps);
                while beside < most && position < positions.end && (taps.0, taps.1) == (tap, many) {
                    (beside, position) = (beside.wrapping_add(1), position.wrapping_add(next));
                    taps = side.taps(position.min(positions.end));
                }
                let ((ky, high, iy), (kx, wide_taps, ix)) =
                    if vertical { ((tap, many, reads), fixed) } else { (fixed, (tap, many, reads)) };
                let loops = self.loops::<T>((high, wide_taps), count, (own, wide));
                let tap = ky.wrapping_mul(self.across).wrapping_add(kx).wrapping_mul(count);
                let weights = invariant!(weights.get(tap..));
                let start = iy.wrapping_mul(wide).wrapping_add(ix).wrapping_mul(T);
                let (row, column) = if vertical { (first, other) } else { (other, first) };
                let y = invariant!(y.get_mut(row.wrapping_mul(across).wrapping_add(column)..));
                if beside == 1 {
                    nest_from::<T>(isa, &loops, weights, (x, start), biases, count, y, plane);
                } else {
                    let bias = biases.first().map_or(0.0, |bias| bias + 0.0);
                    nest_along::<T>(
                        isa,
                        Along { nest: &loops, w: weights, x, start, step, bias, count: beside, apart, y },
                    );
                }
            }
        }
    }

    /// The loops over the terms of a chain: so many taps down and across, and the channels of the operand.
    fn loops<const T: usize>(&self, (high, right): (usize, usize), count: usize, (own, wide): (usize, usize)) -> Nest {
        let [down, side] = self.sides;
        // Nothing wraps: distances within the weights and within the operand.
        let (row, point) = (signed(wide.wrapping_mul(T)), signed(T));
        let channels = (self.chain, self.taps.wrapping_mul(count), signed(own.wrapping_mul(T)));
        let vertical = (high, down.hop.wrapping_mul(self.across).wrapping_mul(count), down.moves.wrapping_mul(row));
        let horizontal = (right, side.hop.wrapping_mul(count), side.moves.wrapping_mul(point));
        let [a, b, c] =
            if self.taps_first { [vertical, horizontal, channels] } else { [channels, vertical, horizontal] };
        Nest { counts: [a.0, b.0, c.0], w: [a.1, b.1, c.1], x: [a.2, b.2, c.2] }
    }
}

/// What positions of a few channels are computed from.
#[derive(Clone, Copy)]
struct Line<'a> {
    isa: Isa,
    weights: &'a [f32],
    biases: &'a [f32],
    /// Channels at a time, and sums that stay in registers.
    count: usize,
    most: usize,
    /// Positions of the result: all, and of a row.
    plane: usize,
    across: usize,
    /// Positions of the operand: all, and of a row.
    operand: (usize, usize),
}
