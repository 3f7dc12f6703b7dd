//! What a window sees from a position, in the order of its weights: runs of bytes of the image, and padding between them.
use super::layer::Layer;

#[cfg(thumb)]
pub(super) use crate::shape::int8::patch_bytes as bytes;
#[cfg(dsp)]
pub(super) use crate::shape::int8::{patches_at_once as at_once, staging_bytes as staging};

impl Layer<'_> {
    /// Whether the window is a single tap that visits every pixel: patches are the pixels.
    pub(super) fn is_pointwise(&self) -> bool {
        self.axes
            .iter()
            .all(|axis| axis.taps == 1 && axis.stride == 1 && axis.before == 0 && axis.positions == axis.size)
    }

    /// Where a window without padding begins in the image, whose columns are neighbours; None for any other.
    #[cfg_attr(not(thumb), allow(dead_code, reason = "kernels of Cortex-M"))]
    #[inline(always)]
    pub(super) fn start(&self, [row, column]: [usize; 2]) -> Option<usize> {
        let [rows, columns] = self.axes;
        // Nothing wraps here: positions are below 2^16, numbers of a window below 2^16 by 2^8; the start is an index of the image.
        let top = row.wrapping_mul(rows.stride).wrapping_sub(rows.before);
        let left = column.wrapping_mul(columns.stride).wrapping_sub(columns.before);
        let height = rows.taps.wrapping_sub(1).wrapping_mul(rows.dilation);
        // What is above or left of the image is a large number.
        let inside = top < rows.size
            && top.wrapping_add(height) < rows.size
            && left < columns.size
            && left.wrapping_add(columns.taps) <= columns.size
            && columns.dilation == 1;
        inside.then_some(top.wrapping_mul(columns.size).wrapping_add(left).wrapping_mul(self.inputs))
    }

    /// Calls `put(start, len)` for each run of a patch in turn: where it starts in the image, or None for padding, and its bytes.
    #[inline(always)]
    pub(super) fn runs(&self, [row, column]: [usize; 2], mut put: impl FnMut(Option<usize>, usize)) {
        let [rows, columns] = self.axes;
        // Nothing wraps here: positions are below 2^16, numbers of a window below 2^16 by 2^8; starts are indices of the image.
        let line = columns.taps.wrapping_mul(self.inputs);
        let left = column.wrapping_mul(columns.stride);
        let before = columns.before.saturating_sub(left);
        let end = columns.size.wrapping_add(columns.before).saturating_sub(left);
        let end = if end < columns.taps { end } else { columns.taps };
        for tap in 0..rows.taps {
            let Some(seen) = rows.sees(row, tap) else {
                put(None, line);
                continue;
            };
            let start = seen.wrapping_mul(columns.size);
            if columns.dilation == 1 && before < end {
                if before > 0 {
                    put(None, before.wrapping_mul(self.inputs));
                }
                let first = left.wrapping_add(before).wrapping_sub(columns.before);
                let inside = end.wrapping_sub(before).wrapping_mul(self.inputs);
                put(Some(start.wrapping_add(first).wrapping_mul(self.inputs)), inside);
                if end < columns.taps {
                    put(None, columns.taps.wrapping_sub(end).wrapping_mul(self.inputs));
                }
                continue;
            }
            for tap in 0..columns.taps {
                let seen = columns.sees(column, tap);
                put(seen.map(|seen| start.wrapping_add(seen).wrapping_mul(self.inputs)), self.inputs);
            }
        }
    }
}
