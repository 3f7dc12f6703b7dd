//! Losses of classes, whose labels are constant.
//!
//! The probability of the label is selected by a product with zeros and ones and a sum over the classes: two operations, whatever the
//! number of labels. A logarithm of minus infinity in a class that is not the label would become NaN; no run stores one, for a value that is
//! not finite ends it.
use crate::{
    error::Result,
    model::ValueId,
    onnx_format::scope::{Results, Scope, one},
    operation::{Operation, ReduceKind},
    shape,
    tensor::Tensor,
};

/// `loss[n, d] = -weight[label[n, d]] x[n, label[n, d], d]`; its sum; its sum divided by that of the weights of all labels.
pub fn negative_log_likelihood(mut s: Scope<'_, '_>) -> Results {
    let x = s.operand(0)?;
    one(loss(&mut s, x)?)
}

/// The same of `log_prob`, the logarithm of the softmax over the classes, which is the second result.
pub fn softmax_cross_entropy(mut s: Scope<'_, '_>) -> Results {
    let x = s.operand(0)?;
    if s.shape(x).len() < 2 {
        return Err(s.error(format!("scores of shape {:?}, expected [batch, classes, ...]", s.shape(x))));
    }
    let log_prob = s.emit(Operation::LogSoftmax { axis: 1 }, &[x])?;
    let loss = loss(&mut s, log_prob)?;
    Ok(vec![Some(loss), Some(log_prob)])
}

/// The loss of logarithms of probabilities.
fn loss(s: &mut Scope<'_, '_>, x: ValueId) -> Result<ValueId> {
    let reduction = s.text("reduction", "mean")?;
    if !matches!(reduction, "none" | "sum" | "mean") {
        return Err(s.error(format!("reduction {reduction:?}, expected \"none\", \"sum\" or \"mean\"")));
    }
    let shape = s.shape(x);
    let mut weights = selection(s, &shape)?;
    if let Some(given) = s.optional(2) {
        if s.shape(given) != shape[1..2] {
            return Err(s.error(format!("weights of shape {:?}, expected {:?}", s.shape(given), &shape[1..2])));
        }
        let aligned = [&[1, shape[1]][..], &vec![1; shape.len() - 2]].concat();
        let given = s.reshape(given, &aligned)?;
        weights = s.emit(Operation::Mul, &[weights, given])?;
    }
    let over = |axes: Vec<usize>| Operation::Reduce { kind: ReduceKind::Sum, axes, keepdims: false };
    let all: Vec<usize> = (0..shape.len()).collect();
    let terms = s.emit(Operation::Mul, &[x, weights])?;
    let sum = s.emit(over(if reduction == "none" { vec![1] } else { all.clone() }), &[terms])?;
    if reduction != "mean" {
        return s.emit(Operation::Neg, &[sum]);
    }
    let total = s.emit(over(all), &[weights])?;
    if s.builder.tensor(total).and_then(Tensor::as_scalar) == Some(0.0) {
        return Err(s.error("the mean of no labels: all are ignored, or their weights add up to 0"));
    }
    // The sign goes to the divisor, which is a constant where the weights are.
    let total = s.emit(Operation::Neg, &[total])?;
    s.emit(Operation::Div, &[sum, total])
}

/// 1 at the label of each position, 0 in all other classes and where the label is ignored.
fn selection(s: &mut Scope<'_, '_>, shape: &[usize]) -> Result<ValueId> {
    let &[batch, classes, ref rest @ ..] = shape else {
        return Err(s.error(format!("an operand of shape {shape:?}, expected [batch, classes, ...]")));
    };
    let target = s.operand(1)?;
    let expected = [&[batch], rest].concat();
    if s.shape(target) != expected {
        return Err(s.error(format!("labels of shape {:?}, expected {expected:?}", s.shape(target))));
    }
    let labels = s.constant_ints(1, "labels")?.ok_or_else(|| s.error("its labels are missing"))?;
    let ignored = s.maybe_int("ignore_index")?;
    let n = s.at(shape::elements(shape))?;
    s.spend(n)?;
    let positions: usize = rest.iter().product();
    let mut data = vec![0.0; n];
    for (i, &label) in labels.iter().enumerate().filter(|(_, label)| Some(**label) != ignored) {
        match usize::try_from(label) {
            Ok(class) if class < classes => {
                data[(i / positions * classes + class) * positions + i % positions] = 1.0;
            }
            _ => {
                let last = classes.saturating_sub(1);
                return Err(s.error(format!("label {i} is {label}, expected 0 to {last}, or ignore_index")));
            }
        }
    }
    Ok(s.fresh(Tensor::F32 { shape: shape.to_vec(), data }))
}
