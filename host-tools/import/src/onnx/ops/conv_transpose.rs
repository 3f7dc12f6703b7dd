//! Transposed convolution: a convolution of the image with zeros between its elements, by the filter turned around.
//!
//! Element `o` of the result is the sum of `x[i] w[k]` over all `i` and `k` with `stride i + dilation k = o + pad`. With `stride - 1` zeros behind each
//! element of `x`, that is a convolution with stride 1 by `w[last - k]`. The terms of the zeros are zeros, which change no sum.
use super::{pool::Window, product::image_and_filter};
use crate::{
    error::Result,
    model::ValueId,
    onnx_format::scope::{Results, Scope, one},
    operation::{Operation, Order, PadMode},
};

pub fn conv_transpose(mut s: Scope<'_, '_>) -> Results {
    let (shape, filter) = image_and_filter(&s)?;
    let (x, w, kernel) = (s.operand(0)?, s.operand(1)?, &filter[2..]);
    let window = Window::read_transposed(&s, &shape[2..], kernel)?;
    let groups = usize::try_from(s.int("group", 1)?).map_err(|_| s.error("a negative number of groups"))?;
    if groups == 0 || shape[1] % groups != 0 || filter[0] != shape[1] {
        return Err(s.error(format!(
            "a filter of shape {filter:?} with {groups} groups, expected [{}, output channels / groups, ...] and groups that divide {0}",
            shape[1]
        )));
    }
    let bias = s.optional(2);
    let turned = turned(&mut s, w, &filter, groups)?;
    let n = kernel.len();
    let mut image = x;
    for axis in 0..n {
        image = spread(&mut s, image, 2 + axis, window.strides[axis])?;
    }
    let (image, pads) = around(&mut s, image, kernel, &window)?;
    let operands: Vec<ValueId> = [Some(image), Some(turned), bias].into_iter().flatten().collect();
    let op =
        Operation::Conv { strides: vec![1; n], pads, dilations: window.dilations, groups, order: Order::OfContract };
    one(s.emit(op, &operands)?)
}

/// The filter `[in, out / groups, ...]` as that of the convolution, `[out, in / groups, ...]`, with its spatial axes turned around.
fn turned(s: &mut Scope<'_, '_>, w: ValueId, shape: &[usize], groups: usize) -> Result<ValueId> {
    let (inputs, outputs) = (shape[0] / groups, shape[1]);
    let spatial = &shape[2..];
    let mut w = s.reshape(w, &[&[groups, inputs, outputs], spatial].concat())?;
    let perm: Vec<usize> = [0, 2, 1].into_iter().chain(3..3 + spatial.len()).collect();
    w = s.builder.transpose(&s.site, w, &perm)?;
    let Some(channels) = outputs.checked_mul(groups) else { return Err(s.error("the filter is too large")) };
    let to = [&[channels, inputs], spatial].concat();
    w = s.reshape(w, &to)?;
    if spatial.iter().all(|&k| k == 1) {
        return Ok(w);
    }
    let starts = to.iter().enumerate().map(|(axis, &k)| if axis < 2 { 0 } else { k - 1 }).collect();
    let steps = to.iter().enumerate().map(|(axis, &k)| if axis < 2 || k == 1 { 1 } else { -1 }).collect();
    s.emit_shaped(Operation::Slice { starts, steps }, &[w], &to)
}

/// The image with `stride - 1` zeros behind each element of an axis.
fn spread(s: &mut Scope<'_, '_>, x: ValueId, axis: usize, stride: usize) -> Result<ValueId> {
    if stride == 1 {
        return Ok(x);
    }
    let mut to = s.shape(x);
    let Some(long) = to[axis].checked_mul(stride) else { return Err(s.error("the strides are too large")) };
    // Each element is an axis of its own, which is made longer.
    let alone = [&to[..=axis], &[1], &to[axis + 1..]].concat();
    let mut pads = vec![0; 2 * alone.len()];
    pads[alone.len() + axis + 1] = stride - 1;
    to[axis] = long;
    let alone = s.reshape(x, &alone)?;
    let spread = s.emit(Operation::Pad { mode: PadMode::Constant, pads, value: 0.0 }, &[alone])?;
    s.reshape(spread, &to)
}

/// The image as far as the result depends on it, and the padding of the convolution.
fn around(s: &mut Scope<'_, '_>, x: ValueId, kernel: &[usize], window: &Window) -> Result<(ValueId, Vec<usize>)> {
    let from = s.shape(x);
    let (mut starts, mut to) = (vec![0; from.len()], from.clone());
    let n = kernel.len();
    let mut pads = vec![0; 2 * n];
    for i in 0..n {
        // Neither overflows: the extent was computed, and the image has as many elements.
        let reach = (kernel[i] - 1) * window.dilations[i];
        let (before, cut) = apart(reach, window.pads[i]);
        // There are zeros behind the last element, too.
        let (after, short) =
            apart(reach.saturating_add(window.excess[i]), window.pads[n + i].saturating_add(window.strides[i] - 1));
        to[2 + i] = match from[2 + i].checked_sub(cut).and_then(|rest| rest.checked_sub(short)) {
            Some(rest) if rest > 0 => rest,
            _ => return s.unsupported(format!("whose pads {:?} leave nothing of the image", window.pads)),
        };
        (starts[2 + i], pads[i], pads[n + i]) = (cut, before, after);
    }
    let steps = vec![1; from.len()];
    let x = if to == from { x } else { s.emit_shaped(Operation::Slice { starts, steps }, &[x], &to)? };
    Ok((x, pads))
}

/// `a - b` as a number of elements that are added, and one of those that are taken away.
fn apart(a: usize, b: usize) -> (usize, usize) {
    (a.saturating_sub(b), b.saturating_sub(a))
}
