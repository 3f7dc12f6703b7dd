//! Parts of tensors, and tensors with something around them.
use crate::{
    error::Result,
    onnx_format::scope::{Results, Scope, one},
    operation::{Operation, PadMode},
    shape::{self, MAX_RANK},
    tensor::Tensor,
};

/// Start and number of elements from `start` to before `end` in steps, of `n`.
pub fn resolve(start: i64, end: i64, step: i64, n: usize) -> (usize, usize) {
    let n = n as i64;
    let wrap = |at: i64| if at < 0 { at.saturating_add(n) } else { at };
    let (start, end) = (wrap(start), wrap(end));
    let (start, distance) = if step > 0 {
        let start = start.clamp(0, n);
        (start, end.clamp(0, n) - start)
    } else {
        let start = start.clamp(-1, n - 1);
        (start, start - end.clamp(-1, n - 1))
    };
    if distance <= 0 || start < 0 {
        return (0, 0);
    }
    (start as usize, (distance as u64).div_ceil(step.unsigned_abs()) as usize)
}

pub fn slice(mut s: Scope<'_, '_>) -> Results {
    let x = s.operand(0)?;
    let from = s.shape(x);
    let list = |name: &str, i: usize| s.attribute_or_operand(name, 10, i);
    let starts = list("starts", 1)?.ok_or_else(|| s.error("its starts are missing"))?;
    let ends = list("ends", 2)?.ok_or_else(|| s.error("its ends are missing"))?;
    let axes = match list("axes", 3)? {
        Some(axes) => axes,
        None => (0..starts.len().min(MAX_RANK) as i64).collect(),
    };
    let steps = match s.constant_ints(4, "steps")? {
        Some(steps) if s.version >= 10 => steps,
        _ => vec![1; axes.len()],
    };
    if starts.len() != ends.len() || axes.len() != starts.len() || steps.len() != starts.len() {
        return Err(s.error(format!(
            "{} starts, {} ends, {} axes and {} steps",
            starts.len(),
            ends.len(),
            axes.len(),
            steps.len()
        )));
    }
    s.at(shape::axes(&axes, from.len()))?;
    let (mut to, mut first, mut by) = (from.clone(), vec![0; from.len()], vec![1; from.len()]);
    for (i, &axis) in axes.iter().enumerate() {
        let axis = s.axis(axis, from.len())?;
        if steps[i] == 0 {
            return Err(s.error("a step of 0"));
        }
        (first[axis], to[axis]) = resolve(starts[i], ends[i], steps[i], from[axis]);
        // A step that leaves the axis takes one element, whatever its size.
        by[axis] = if to[axis] > 1 { isize::try_from(steps[i]).unwrap_or(1) } else { 1 };
    }
    if to == from && by.iter().all(|&step| step == 1) {
        return one(x);
    }
    one(s.emit_shaped(Operation::Slice { starts: first, steps: by }, &[x], &to)?)
}

pub fn split(mut s: Scope<'_, '_>) -> Results {
    let x = s.operand(0)?;
    let from = s.shape(x);
    let axis = s.axis(s.int("axis", 0)?, from.len())?;
    let (n, parts) = (from[axis], s.node.output.len());
    let given = if s.version == 1 && !s.has("split") {
        s.constant_ints(1, "split")?
    } else {
        s.attribute_or_operand("split", 13, 1)?
    };
    let sizes: Vec<usize> = match given {
        Some(given) => s.to_sizes(&given)?,
        None if s.has("num_outputs") => {
            let each = n.div_ceil(parts.max(1));
            (0..parts).map(|i| each.min(n.saturating_sub(i * each))).collect()
        }
        None if parts > 0 && n % parts == 0 => vec![n / parts; parts],
        None => return Err(s.error(format!("axis {axis} of {from:?} cannot be split into {parts} equal parts"))),
    };
    if sizes.len() != parts || sizes.iter().try_fold(0usize, |sum, &k| sum.checked_add(k)) != Some(n) {
        return Err(s.error(format!("axis {axis} of {from:?} cannot be split into {parts} parts of {sizes:?}")));
    }
    let mut results = Vec::with_capacity(parts);
    let mut begin = 0;
    for (i, size) in sizes.into_iter().enumerate() {
        let mut to = from.clone();
        to[axis] = size;
        let mut starts = vec![0; from.len()];
        starts[axis] = begin;
        begin += size;
        let named = s.node.output.get(i).is_some_and(|name| !name.is_empty());
        results.push(match (named, size == n) {
            (false, _) => None,
            (_, true) => Some(x),
            _ if size == 0 && s.builder.tensor(x).is_none() => None,
            _ => Some(s.emit_shaped(Operation::Slice { starts, steps: vec![1; from.len()] }, &[x], &to)?),
        });
    }
    Ok(results)
}

pub fn pad(mut s: Scope<'_, '_>) -> Results {
    let mut x = s.operand(0)?;
    let from = s.shape(x);
    let rank = from.len();
    let given = s.attribute_or_operand(if s.version < 2 { "paddings" } else { "pads" }, 11, 1)?;
    let given = given.ok_or_else(|| s.error("its pads are missing"))?;
    let value = if s.version < 11 { s.float("value", 0.0)? } else { value(&s)? };
    let axes = match s.constant_ints(3, "axes")? {
        Some(axes) if s.version >= 18 => {
            s.at(shape::axes(&axes, rank))?;
            axes.iter().map(|&a| s.axis(a, rank)).collect::<Result<Vec<_>>>()?
        }
        _ => (0..rank).collect(),
    };
    if given.len() != 2 * axes.len() {
        return Err(s.error(format!("{} pads for {} axes, expected twice as many", given.len(), axes.len())));
    }
    let mut pads = vec![0; 2 * rank];
    let (mut starts, mut to) = (vec![0; rank], from.clone());
    for (i, &axis) in axes.iter().enumerate() {
        for (end, n) in [(0, given[i]), (1, given[axes.len() + i])] {
            let size = usize::try_from(n.unsigned_abs()).map_err(|_| s.error("a pad is too large"))?;
            if n >= 0 {
                pads[end * rank + axis] = size;
                continue;
            }
            // A negative pad takes elements away.
            to[axis] = match to[axis].checked_sub(size) {
                Some(rest) if rest > 0 => rest,
                _ => return Err(s.error(format!("pads {given:?} leave nothing of {from:?}"))),
            };
            if end == 0 {
                starts[axis] = size;
            }
        }
    }
    let mode = match s.text("mode", "constant")? {
        "constant" => PadMode::Constant,
        "reflect" => PadMode::Reflect,
        "edge" => PadMode::Edge,
        other => return s.unsupported(format!("with mode {other:?}")),
    };
    if to != from {
        if mode != PadMode::Constant {
            return s.unsupported("with negative pads that reflect or repeat");
        }
        x = s.emit_shaped(Operation::Slice { starts, steps: vec![1; rank] }, &[x], &to)?;
    }
    one(if pads.iter().all(|&p| p == 0) { x } else { s.emit(Operation::Pad { mode, pads, value }, &[x])? })
}

/// The value of padding, as an operand.
fn value(s: &Scope<'_, '_>) -> Result<f32> {
    let Some(id) = s.optional(2) else { return Ok(0.0) };
    match s.constant(id, "value")? {
        Tensor::I64 { data, .. } => match data.as_slice() {
            [n] if n.unsigned_abs() < 1 << 24 => Ok(*n as f32),
            _ => Err(s.error(format!("its value is {data:?}, expected a single number below 2^24"))),
        },
        // Some exporters write an empty tensor for no value.
        Tensor::F32 { data, .. } if data.is_empty() => Ok(0.0),
        tensor => tensor.as_scalar().ok_or_else(|| s.error("its value is not a single number")),
    }
}

/// Elements that repeat, an axis after the other.
pub fn tile(mut s: Scope<'_, '_>) -> Results {
    let mut x = s.operand(0)?;
    if s.version < 6 {
        return s.unsupported("of a version before 6");
    }
    let from = s.shape(x);
    let repeats = s.constant_ints(1, "repeats")?.ok_or_else(|| s.error("its repeats are missing"))?;
    let repeats = s.to_sizes(&repeats)?;
    if repeats.len() != from.len() {
        return Err(s.error(format!("{} repeats for {} axes", repeats.len(), from.len())));
    }
    for (axis, &n) in repeats.iter().enumerate() {
        if n != 1 {
            let long = s.at(shape::elements(&[n, from[axis]]))?;
            s.spend(long)?;
            let indices: Vec<usize> = (0..long).map(|i| i % from[axis]).collect();
            x = s.emit(Operation::Gather { axis, indices }, &[x])?;
        }
    }
    one(x)
}
