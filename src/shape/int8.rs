//! Words of scratch of layers on int8. Fewer make a layer slower, never wrong.
use super::GroupedConv;
use super::dilated::Axis;

/// Bytes of scratch that patches of four positions, or a strip of the image, may take: as much as the fastest other library takes in the networks of
/// MLPerf Tiny.
const LIMIT: usize = 2304;

/// Elements from which on tables of the operands' terms of a sum are made: an entry takes longer than an element saves.
pub(crate) const TABLES_FROM: usize = 512;

/// Bytes of a patch of so many weights, in whole words.
pub(crate) const fn patch_bytes(k: usize) -> usize {
    // Nothing wraps: lengths of slices, or checked before.
    k.div_ceil(4).wrapping_mul(4)
}

/// Bytes beside the patches, in which a patch is put together whose runs are no whole words. One word more: runs are copied in whole words.
pub(crate) const fn staging_bytes(k: usize, inputs: usize) -> usize {
    if inputs.is_multiple_of(4) { 0 } else { patch_bytes(k).wrapping_add(4) }
}

/// Positions whose patches are computed together where memory suffices for them: four, or two of a window with many weights.
pub(crate) const fn patches_at_once(k: usize, inputs: usize) -> usize {
    if patch_bytes(k).saturating_mul(8).saturating_add(staging_bytes(k, inputs)) <= LIMIT { 4 } else { 2 }
}

/// Of a convolution with one group; None where a length does not fit.
pub const fn quantised_conv_scratch(conv: &GroupedConv) -> Option<usize> {
    match conv.weights_each() {
        Some(k) if k <= u32::MAX as u64 / 16 => {
            let (k, inputs) = (k as usize, conv.input.channels as usize);
            let patches = patch_bytes(k).saturating_mul(2).saturating_mul(patches_at_once(k, inputs));
            Some(patches.saturating_add(staging_bytes(k, inputs)) / 4)
        }
        _ => None,
    }
}

/// Of a dense layer.
pub const fn quantised_dense_scratch(inputs: u32) -> usize {
    let k = inputs as usize;
    patch_bytes(k).saturating_mul(2).saturating_add(staging_bytes(k, k)) / 4
}

/// Words for the weights and records of four channels: the weights of all rows of the window, then of all but the last again.
pub(crate) const fn depthwise_table_words([rows, columns]: [Axis; 2]) -> usize {
    // Nothing saturates that has weights in memory.
    rows.taps.saturating_mul(2).saturating_sub(1).saturating_mul(columns.taps).saturating_mul(2).saturating_add(12)
}

/// Columns of the image that so many positions see, with padding.
pub(crate) const fn columns_seen(columns: Axis, positions: usize) -> usize {
    positions.saturating_sub(1).saturating_mul(columns.stride).saturating_add(columns.taps)
}

/// Of a convolution by channels: a strip of the rows that a window sees, for as many columns as there are or as the limit allows. None where the
/// window does not fit the image.
pub const fn quantised_depthwise_scratch(conv: &GroupedConv) -> Option<usize> {
    let Some(axes) = conv.window.axes(&conv.input) else { return None };
    let (table, [rows, columns]) = (depthwise_table_words(axes), axes);
    let whole = rows.taps.saturating_mul(2).saturating_mul(columns_seen(columns, columns.positions));
    let least = rows.taps.saturating_mul(2).saturating_mul(columns.taps).saturating_add(table);
    let whole = whole.saturating_add(table);
    let most = if least > LIMIT / 4 { least } else { LIMIT / 4 };
    Some(if whole < most { whole } else { most })
}

/// Of a sum of so many elements: tables of both operands' terms, where they are worth it.
pub const fn quantised_add_scratch(elements: usize) -> usize {
    if elements < TABLES_FROM { 0 } else { 512 }
}
