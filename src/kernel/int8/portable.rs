//! Safe Rust, for every target.
use super::Quantisation;
use super::layer::Layer;
use super::requantise::{requantise, requantise_real};

/// The layer, a position at a time.
pub(super) fn layer(layer: &Layer, at: &Quantisation, scratch: &mut [u32], y: &mut [i8]) {
    let columns = layer.axes[1].positions;
    let (patch, direct) = match bytemuck::must_cast_slice_mut::<u32, i8>(scratch).get_mut(..layer.k) {
        Some(patch) if !layer.is_pointwise() => (patch, false),
        None if !layer.is_pointwise() => return without_patch(layer, at, y),
        _ => (&mut [][..], true),
    };
    for (position, y) in y.chunks_exact_mut(layer.outputs.max(1)).enumerate() {
        if direct {
            // Nothing wraps: an index of the image.
            let start = position.wrapping_mul(layer.k);
            let Some(x) = layer.x.get(start..).and_then(|x| x.get(..layer.k)) else { return };
            rows(layer, at, x, y);
            continue;
        }
        let Some(row) = position.checked_div(columns) else { return };
        let mut rest = &mut *patch;
        layer.runs([row, position.wrapping_sub(row.wrapping_mul(columns))], |start, len| {
            let Some((to, behind)) = core::mem::take(&mut rest).split_at_mut_checked(len) else { return };
            match start.and_then(|start| layer.x.get(start..)).and_then(|x| x.get(..len)) {
                Some(from) => to.copy_from_slice(from),
                None => to.fill(at.input_zero),
            }
            rest = behind;
        });
        rows(layer, at, patch, y);
    }
}

/// All channels of a position from its patch.
#[inline]
fn rows(layer: &Layer, at: &Quantisation, x: &[i8], y: &mut [i8]) {
    let weights = layer.weights.chunks_exact(layer.k.max(1));
    for ((w, record), y) in weights.zip(layer.records).zip(y) {
        let products = w.iter().zip(x).map(|(&w, &x)| i32::from(w).wrapping_mul(i32::from(x)));
        *y = output(layer, at, record, products.fold(record[0], i32::wrapping_add));
    }
}

#[inline]
fn output(layer: &Layer, at: &Quantisation, &[_, a, b]: &[i32; 3], sum: i32) -> i8 {
    at.output(if layer.real { requantise_real(sum, a, b) } else { requantise(sum, a, b) })
}

/// The same without memory for a patch.
#[cold]
fn without_patch(layer: &Layer, at: &Quantisation, y: &mut [i8]) {
    let columns = layer.axes[1].positions;
    for (position, y) in y.chunks_exact_mut(layer.outputs.max(1)).enumerate() {
        let Some(row) = position.checked_div(columns) else { return };
        let weights = layer.weights.chunks_exact(layer.k.max(1));
        for ((w, record), y) in weights.zip(layer.records).zip(y) {
            let (mut sum, mut w) = (record[0], w.iter());
            layer.runs([row, position.wrapping_sub(row.wrapping_mul(columns))], |start, len| {
                let x = start.and_then(|start| layer.x.get(start..));
                for (i, &w) in w.by_ref().take(len).enumerate() {
                    let x = x.and_then(|x| x.get(i)).map_or(at.input_zero, |x| *x);
                    sum = sum.wrapping_add(i32::from(w).wrapping_mul(i32::from(x)));
                }
            });
            *y = output(layer, at, record, sum);
        }
    }
}
