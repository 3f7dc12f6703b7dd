//! Reductions; some are written out as several operations.
use crate::{
    error::Result,
    model::ValueId,
    onnx_format::scope::{Results, Scope, one},
    operation::{Operation, ReduceKind},
    shape,
    tensor::Tensor,
};

pub fn reduce(mut s: Scope<'_, '_>) -> Results {
    let x = s.operand(0)?;
    let rank = s.shape(x).len();
    let kind = s.site.kind.clone();
    let since = if kind == "ReduceSum" { 13 } else { 18 };
    let given = s.attribute_or_operand("axes", since, 1)?.filter(|axes| !axes.is_empty());
    if given.is_none() && s.version >= since && s.flag("noop_with_empty_axes")? {
        return match kind.as_str() {
            "ReduceSum" | "ReduceMean" | "ReduceMax" | "ReduceMin" | "ReduceProd" => one(x),
            _ => s.unsupported("without axes (noop_with_empty_axes)"),
        };
    }
    let axes = match given {
        Some(axes) => s.at(shape::axes(&axes, rank))?,
        None => (0..rank).collect(),
    };
    let keepdims = s.int("keepdims", 1)? != 0;
    let over = |s: &mut Scope<'_, '_>, kind: ReduceKind, x: ValueId, keepdims: bool| -> Result<ValueId> {
        if axes.is_empty() {
            return Ok(x);
        }
        s.emit(Operation::Reduce { kind, axes: axes.clone(), keepdims }, &[x])
    };
    let (sum, max) = (ReduceKind::Sum, ReduceKind::Max);
    one(match kind.as_str() {
        "ReduceSum" => over(&mut s, sum, x, keepdims)?,
        "ReduceMean" => over(&mut s, ReduceKind::Mean, x, keepdims)?,
        "ReduceMax" => over(&mut s, max, x, keepdims)?,
        "ReduceMin" => over(&mut s, ReduceKind::Min, x, keepdims)?,
        "ReduceProd" if s.builder.tensor(x).is_none() => product(&mut s, x, &axes, keepdims)?,
        "ReduceProd" => over(&mut s, ReduceKind::Prod, x, keepdims)?,
        "ReduceL1" => {
            let y = s.emit(Operation::Abs, &[x])?;
            over(&mut s, sum, y, keepdims)?
        }
        "ReduceSumSquare" | "ReduceL2" => {
            let y = s.emit(Operation::Mul, &[x, x])?;
            let y = over(&mut s, sum, y, keepdims)?;
            if kind == "ReduceL2" { s.emit(Operation::Sqrt, &[y])? } else { y }
        }
        "ReduceLogSum" => {
            let y = over(&mut s, sum, x, keepdims)?;
            s.emit(Operation::Log, &[y])?
        }
        // The largest is taken out, so that no exponential overflows.
        _ => {
            let top = over(&mut s, max, x, true)?;
            let y = s.emit(Operation::Sub, &[x, top])?;
            let y = s.emit(Operation::Exp, &[y])?;
            let y = over(&mut s, sum, y, keepdims)?;
            let y = s.emit(Operation::Log, &[y])?;
            let to = s.shape(y);
            let top = s.reshape(top, &to)?;
            s.emit(Operation::Add, &[y, top])?
        }
    })
}

/// The most factors of a product that is computed.
const FACTORS: usize = 256;

/// The product over axes of a computed value, its factors one after the other.
fn product(s: &mut Scope<'_, '_>, x: ValueId, axes: &[usize], keepdims: bool) -> Result<ValueId> {
    let mut y = x;
    for &axis in axes {
        let shape = s.shape(y);
        if shape[axis] > FACTORS {
            return s.unsupported(format!("of {} computed factors: at most {FACTORS} are supported", shape[axis]));
        }
        let mut to = shape.clone();
        to[axis] = 1;
        let mut product = None;
        for at in 0..shape[axis] {
            let mut starts = vec![0; shape.len()];
            starts[axis] = at;
            let factor = s.emit_shaped(Operation::Slice { starts, steps: vec![1; shape.len()] }, &[y], &to)?;
            product = Some(match product {
                Some(before) => s.emit(Operation::Mul, &[before, factor])?,
                None => factor,
            });
        }
        y = product.ok_or_else(|| s.error("a product of no factors"))?;
    }
    let kept = s.shape(x).into_iter().enumerate();
    let to: Vec<usize> = kept
        .filter(|(i, _)| keepdims || !axes.contains(i))
        .map(|(i, n)| if axes.contains(&i) { 1 } else { n })
        .collect();
    s.reshape(y, &to)
}

/// The sums of all elements up to each along an axis, as a product with a triangular matrix of ones.
pub fn cumulative(mut s: Scope<'_, '_>) -> Results {
    let x = s.operand(0)?;
    let shape = s.shape(x);
    let axis = match s.constant_ints(1, "axis")?.as_deref() {
        Some(&[axis]) => s.axis(axis, shape.len())?,
        _ => return Err(s.error("its axis is not a single number")),
    };
    let (exclusive, reverse) = (s.flag("exclusive")?, s.flag("reverse")?);
    let n = shape[axis];
    s.spend(s.at(shape::elements(&[n, n]))?)?;
    let counts = |from: usize, to: usize| {
        if reverse { from > to || (from == to && !exclusive) } else { from < to || (from == to && !exclusive) }
    };
    let data = (0..n * n).map(|i| if counts(i / n, i % n) { 1.0 } else { 0.0 }).collect();
    let matrix = s.fresh(Tensor::F32 { shape: vec![n, n], data });
    let last = shape.len() - 1;
    let mut perm: Vec<usize> = (0..shape.len()).collect();
    perm.swap(axis, last);
    let turned = s.builder.transpose(&s.site, x, &perm)?;
    let turned = if shape.len() == 1 { s.reshape(turned, &[1, n])? } else { turned };
    let sums = s.emit(Operation::MatMul, &[turned, matrix])?;
    if shape.len() == 1 {
        return one(s.reshape(sums, &shape)?);
    }
    one(s.builder.transpose(&s.site, sums, &perm)?)
}
