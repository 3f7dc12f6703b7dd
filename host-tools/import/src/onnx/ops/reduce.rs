//! Reductions; some are written out as several operations.
use crate::{
    error::Result,
    model::ValueId,
    onnx_format::scope::{Results, Scope, one},
    operation::{Operation, ReduceKind},
    shape,
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
        "ReduceProd" if s.builder.tensor(x).is_none() => return s.unsupported("of a value that is not constant"),
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
