//! Which taps of a dilated window reach a position, forward and backward.
use crate::shape::Axis;

/// One side of a pass over an image: from a position of the result to the taps that reach it.
#[derive(Clone, Copy)]
pub(super) struct Side {
    axis: Axis,
    transposed: bool,
    /// Positions whose every tap reaches something.
    pub inner: (usize, usize),
    /// From one tap to the next that reaches the same position, and how far it moves in the operand.
    pub hop: usize,
    pub moves: isize,
    /// From one position to the next that the same taps reach, and how far these move in the operand.
    pub next: usize,
    pub step: usize,
    /// Which taps reach positions from a stride on: the inverse of `dilation / common` by `hop`.
    inverse: usize,
    /// The greatest common divisor of stride and dilation.
    common: usize,
}

impl Side {
    pub fn new(axis: Axis, transposed: bool) -> Self {
        let Axis { size, positions, taps, stride, dilation, before } = axis;
        // Nothing wraps, here and below: sums and products of sizes and positions below 2^17, taps below 2^16, other numbers below 2^8.
        let extent = taps.saturating_sub(1).wrapping_mul(dilation);
        if !transposed {
            let end = size.wrapping_add(before).saturating_sub(extent).div_ceil(stride.max(1)).min(positions);
            let inner = (before.div_ceil(stride.max(1)), end);
            let moves = dilation as isize;
            return Self { axis, transposed, inner, hop: 1, moves, next: 1, step: stride, inverse: 0, common: 1 };
        }
        let common = gcd(stride, dilation).max(1);
        let (hop, along) = (stride / common, dilation / common);
        let inverse = (0..hop).find(|inverse| inverse.wrapping_mul(along) % hop.max(1) == 1 % hop.max(1));
        let inner =
            if stride == 1 { (extent.saturating_sub(before), positions.saturating_sub(before)) } else { (0, 0) };
        let moves = (along as isize).wrapping_neg();
        // Their quotients have no common divisor.
        let inverse = invariant!(inverse);
        Self { axis, transposed, inner, hop, moves, next: stride, step: 1, inverse, common }
    }

    /// Positions of the result and of the operand.
    pub fn sizes(&self) -> (usize, usize) {
        if self.transposed { (self.axis.size, self.axis.positions) } else { (self.axis.positions, self.axis.size) }
    }

    /// (first tap, taps, where the first one reads) of a position of the result; no taps where nothing reaches it.
    pub fn taps(&self, position: usize) -> (usize, usize, usize) {
        let Axis { size, positions, taps, stride, dilation, before } = self.axis;
        let (low, high) = self.inner;
        let inner = low <= position && position < high;
        if !self.transposed {
            let at = position.wrapping_mul(stride);
            if inner {
                return (0, taps, at.wrapping_sub(before));
            }
            let first = before.saturating_sub(at).div_ceil(dilation.max(1));
            let end = taps.min(size.wrapping_add(before).saturating_sub(at).div_ceil(dilation.max(1)));
            let reads = at.wrapping_add(first.wrapping_mul(dilation)).wrapping_sub(before);
            return if first < end { (first, end.wrapping_sub(first), reads) } else { (0, 0, 0) };
        }
        // Tap k of the window at output position o reads the input at o stride + k dilation - before.
        let at = position.wrapping_add(before);
        if inner {
            return (0, taps, at);
        }
        if at % self.common.max(1) != 0 {
            return (0, 0, 0);
        }
        let last = positions.saturating_sub(1).wrapping_mul(stride);
        let least = at.saturating_sub(last).div_ceil(dilation.max(1));
        let hop = self.hop.max(1);
        let wanted = (at / self.common.max(1) % hop).wrapping_mul(self.inverse) % hop;
        let first = least.wrapping_add(wanted.wrapping_add(hop).wrapping_sub(least % hop) % hop);
        let most = (at / dilation.max(1)).min(taps.saturating_sub(1));
        if first > most {
            return (0, 0, 0);
        }
        let reads = at.wrapping_sub(first.wrapping_mul(dilation)) / stride.max(1);
        (first, (most.wrapping_sub(first) / hop).wrapping_add(1), reads)
    }
}

/// The greatest common divisor.
fn gcd(mut a: usize, mut b: usize) -> usize {
    while let Some(rest) = a.checked_rem(b) {
        (a, b) = (b, rest);
    }
    a
}
