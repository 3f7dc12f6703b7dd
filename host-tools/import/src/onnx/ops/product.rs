//! Convolutions and products of matrices.
use super::pool::Window;
use crate::{
    error::Result,
    onnx_format::scope::{Results, Scope, one},
    operation::{Operation, Order},
};

/// The shapes of an image and of its filter, which have as many axes: 3 or 4.
pub fn image_and_filter(s: &Scope<'_, '_>) -> Result<(Vec<usize>, Vec<usize>)> {
    let (shape, filter) = (s.shape(s.operand(0)?), s.shape(s.operand(1)?));
    if shape.len() > 4 {
        return s.unsupported(format!("with {} spatial axes", shape.len() - 2));
    }
    if shape.len() < 3 || filter.len() != shape.len() {
        return Err(s.error(format!(
            "an input of shape {shape:?} and a filter of {filter:?}, expected as many axes, 3 or more"
        )));
    }
    match s.sizes("kernel_shape")? {
        Some(found) if found != filter[2..] => {
            Err(s.error(format!("kernel_shape is {found:?}, and the filter has shape {filter:?}")))
        }
        _ => Ok((shape, filter)),
    }
}

pub fn conv(mut s: Scope<'_, '_>) -> Results {
    let (shape, filter) = image_and_filter(&s)?;
    let (x, w) = (s.operand(0)?, s.operand(1)?);
    let Window { strides, pads, dilations, .. } = Window::read(&s, &shape[2..], &filter[2..])?;
    let groups = usize::try_from(s.int("group", 1)?).map_err(|_| s.error("a negative number of groups"))?;
    let operands = [Some(x), Some(w), s.optional(2)];
    let operands: Vec<usize> = operands.into_iter().flatten().collect();
    one(s.emit(Operation::Conv { strides, pads, dilations, groups, order: Order::OfContract }, &operands)?)
}

pub fn gemm(mut s: Scope<'_, '_>) -> Results {
    let op = Operation::Gemm {
        alpha: s.float("alpha", 1.0)?,
        beta: s.float("beta", 1.0)?,
        trans_a: s.flag("transA")?,
        trans_b: s.flag("transB")?,
        order: Order::OfContract,
    };
    let operands = [Some(s.operand(0)?), Some(s.operand(1)?), s.optional(2)];
    let operands: Vec<usize> = operands.into_iter().flatten().collect();
    one(s.emit(op, &operands)?)
}

/// A vector is a matrix of one row on the left and of one column on the right, and the result is without that axis.
pub fn matmul(mut s: Scope<'_, '_>) -> Results {
    let (mut a, mut b) = (s.operand(0)?, s.operand(1)?);
    let (from_a, from_b) = (s.shape(a), s.shape(b));
    if let &[n] = from_a.as_slice() {
        a = s.reshape(a, &[1, n])?;
    }
    if let &[n] = from_b.as_slice() {
        b = s.reshape(b, &[n, 1])?;
    }
    let y = s.emit(Operation::MatMul, &[a, b])?;
    let mut to = s.shape(y);
    if from_b.len() == 1 {
        to.pop();
    }
    if from_a.len() == 1 {
        to.remove(to.len() - if from_b.len() == 1 { 1 } else { 2 });
    }
    one(s.reshape(y, &to)?)
}
