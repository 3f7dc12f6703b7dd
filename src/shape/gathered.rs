//! Lengths of operands that kernels read in another order than tiles have.
use super::Conv;

/// Columns that are summed beside each other.
pub(crate) const COLUMNS: usize = 16;

/// f32 elements that `conv_gather` fills for one tile, and what is read past them: (inputs, gradients of outputs). None where that is
/// too much.
pub const fn conv_gathered_len(conv: &Conv, tile: u64) -> Option<(u64, u64)> {
    let Some(output) = conv.output() else { return None };
    let width = conv.input.width as u64 + 2 * conv.window.padding as u64;
    let Some(plane) = width.checked_mul(conv.input.height as u64) else { return None };
    match (plane.checked_mul(conv.input.channels as u64), output.plane().checked_mul(output.channels as u64)) {
        (Some(inputs), Some(outputs)) => {
            match (conv_apart(inputs, tile).checked_mul(tile), conv_apart(outputs, tile).checked_mul(tile)) {
                (Some(inputs), Some(outputs)) => match inputs.checked_add(conv_read_past(tile)) {
                    Some(inputs) => Some((inputs, outputs)),
                    None => None,
                },
                _ => None,
            }
        }
        _ => None,
    }
}

/// Elements that are read and not used past the inputs of `conv_gather`: the last of them are read in whole registers.
pub(crate) const fn conv_read_past(tile: u64) -> u64 {
    conv_lanes(tile)
}

/// Lanes of `conv_weight_gradient` beside tiles of so many points.
pub(crate) const fn conv_lanes(tile: u64) -> u64 {
    if tile < 16 { 4 } else { 32 }
}

/// From one point's operands to the next point's. Where many points are written beside each other, an odd number of cache lines
/// lies between them, so that they do not fight for one place in the cache.
pub(crate) const fn conv_apart(len: u64, tile: u64) -> u64 {
    if tile < 16 { len } else { (len.div_ceil(16) | 1).saturating_mul(16) }
}
