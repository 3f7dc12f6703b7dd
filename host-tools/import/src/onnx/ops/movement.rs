//! Elements that change places.
use crate::{
    error::Result,
    model::ValueId,
    onnx_format::scope::{Results, Scope, one},
    operation::Operation,
    shape::{self, MAX_RANK},
    tensor::Tensor,
};

pub fn identity(s: Scope<'_, '_>) -> Results {
    one(s.operand(0)?)
}

/// In inference all elements are kept.
pub fn dropout(mut s: Scope<'_, '_>) -> Results {
    let x = s.operand(0)?;
    if let Some(training) = s.optional(2)
        && !matches!(s.builder.tensor(training), Some(Tensor::Bool { data, .. }) if data.as_slice() == [false])
    {
        let none = match s.optional(1) {
            Some(rate) => s.builder.tensor(rate).and_then(Tensor::as_scalar) == Some(0.0),
            None => false,
        };
        if !none {
            return s.unsupported("in training mode");
        }
    }
    let mask = if s.node.output.get(1).is_some_and(|name| !name.is_empty()) && s.version >= 10 {
        let shape = s.shape(x);
        let n = shape.iter().product();
        s.spend(n)?;
        Some(s.fresh(Tensor::Bool { shape, data: vec![true; n] }))
    } else {
        None
    };
    Ok(vec![Some(x), mask])
}

pub fn reshape(mut s: Scope<'_, '_>) -> Results {
    let x = s.operand(0)?;
    let dims = s.attribute_or_operand("shape", 5, 1)?.ok_or_else(|| s.error("its shape is missing"))?;
    let from = s.shape(x);
    if dims.len() > MAX_RANK {
        return Err(s.error(format!("a shape of {} axes, at most {MAX_RANK} are supported", dims.len())));
    }
    let keep_zero = s.flag("allowzero")?;
    let mut to = Vec::with_capacity(dims.len());
    let mut open = None;
    for (axis, &n) in dims.iter().enumerate() {
        to.push(match n {
            0 if !keep_zero => {
                *from.get(axis).ok_or_else(|| s.error(format!("shape {dims:?} copies axis {axis} of {from:?}")))?
            }
            -1 if open.is_none() => {
                open = Some(axis);
                1
            }
            n => usize::try_from(n).map_err(|_| s.error(format!("shape {dims:?} has a negative dimension")))?,
        });
    }
    if let Some(axis) = open {
        let (all, known) = (s.at(shape::elements(&from))?, s.at(shape::elements(&to))?);
        if known == 0 || all % known != 0 {
            return Err(s.error(format!("shape {from:?} cannot become {dims:?}")));
        }
        to[axis] = all / known;
    }
    one(s.reshape(x, &to)?)
}

pub fn flatten(mut s: Scope<'_, '_>) -> Results {
    let x = s.operand(0)?;
    let (from, axis) = (s.shape(x), s.int("axis", 1)?);
    let axis = if axis == from.len() as i64 { from.len() } else { s.axis(axis, from.len())? };
    one(s.reshape(x, &[from[..axis].iter().product(), from[axis..].iter().product()])?)
}

pub fn squeeze(mut s: Scope<'_, '_>) -> Results {
    let x = s.operand(0)?;
    let from = s.shape(x);
    let axes = match s.attribute_or_operand("axes", 13, 1)? {
        Some(given) => s.at(shape::axes(&given, from.len()))?,
        None => (0..from.len()).filter(|&i| from[i] == 1).collect(),
    };
    if let Some(&axis) = axes.iter().find(|&&a| from[a] != 1) {
        return Err(s.error(format!("axis {axis} of {from:?} is not 1 and cannot be removed")));
    }
    let to: Vec<usize> = (0..from.len()).filter(|i| !axes.contains(i)).map(|i| from[i]).collect();
    one(s.reshape(x, &to)?)
}

pub fn unsqueeze(mut s: Scope<'_, '_>) -> Results {
    let x = s.operand(0)?;
    let given = s.attribute_or_operand("axes", 13, 1)?.ok_or_else(|| s.error("its axes are missing"))?;
    let from = s.shape(x);
    let rank = from.len() + given.len();
    let axes = s.at(shape::axes(&given, rank))?;
    let mut rest = from.iter();
    let to: Vec<usize> =
        (0..rank).map(|i| if axes.contains(&i) { 1 } else { rest.next().copied().unwrap_or(1) }).collect();
    one(s.reshape(x, &to)?)
}

pub fn transpose(s: Scope<'_, '_>) -> Results {
    let x = s.operand(0)?;
    let perm = match s.sizes("perm")? {
        Some(perm) => perm,
        None => (0..s.shape(x).len()).rev().collect(),
    };
    let site = s.site.clone();
    one(s.builder.transpose(&site, x, &perm)?)
}

pub fn expand(mut s: Scope<'_, '_>) -> Results {
    let x = s.operand(0)?;
    let dims = s.constant_ints(1, "shape")?.ok_or_else(|| s.error("its shape is missing"))?;
    let wanted = s.to_shape(&dims)?;
    let to = s.at(shape::broadcast(&s.shape(x), &wanted))?;
    if to == s.shape(x) {
        return one(x);
    }
    one(s.emit_shaped(Operation::Expand, &[x], &to)?)
}

pub fn concat(mut s: Scope<'_, '_>) -> Results {
    let mut operands = s.all()?;
    let axis = match s.maybe_int("axis")? {
        Some(axis) => axis,
        None if s.version < 4 => 1,
        None => return Err(s.error("attribute `axis` is missing")),
    };
    let axis = s.axis(axis, s.shape(operands[0]).len())?;
    // A computed value has elements; a constant without them adds nothing.
    if operands.iter().any(|&i| s.builder.tensor(i).is_none()) {
        operands.retain(|&i| !s.builder.shape(i).contains(&0));
    }
    if let [single] = operands.as_slice() {
        return one(*single);
    }
    one(s.emit(Operation::Concat { axis }, &operands)?)
}

/// Takes elements along an axis, whose indices may have any shape.
pub fn gather(mut s: Scope<'_, '_>) -> Results {
    let (x, at) = (s.operand(0)?, s.operand(1)?);
    let from = s.shape(x);
    let axis = s.axis(s.int("axis", 0)?, from.len())?;
    let given = s.constant_ints(1, "indices")?.ok_or_else(|| s.error("operand 1 is missing"))?;
    let shape = s.shape(at);
    let mut indices = Vec::with_capacity(given.len());
    for &index in &given {
        let wrapped = if index < 0 { index + from[axis] as i64 } else { index };
        match usize::try_from(wrapped) {
            Ok(i) if i < from[axis] => indices.push(i),
            _ => return Err(s.error(format!("index {index} is outside axis {axis} of {from:?}"))),
        }
    }
    let y = s.emit(Operation::Gather { axis, indices }, &[x])?;
    let to = [&from[..axis], shape.as_slice(), &from[axis + 1..]].concat();
    one(s.reshape(y, &to)?)
}

/// Batch, channels, rows, columns and the block's size.
fn blocks(s: &Scope<'_, '_>, x: ValueId) -> Result<([usize; 4], usize)> {
    let shape = s.shape(x);
    let block = s.int("blocksize", 0)?;
    match (<[usize; 4]>::try_from(shape.as_slice()), usize::try_from(block)) {
        (Ok(sizes), Ok(block)) if block > 0 && block < 1 << 16 => Ok((sizes, block)),
        _ => Err(s.error(format!("shape {shape:?} and blocks of {block}, expected four axes and a positive number"))),
    }
}

pub fn depth_to_space(mut s: Scope<'_, '_>) -> Results {
    let x = s.operand(0)?;
    let ([n, c, h, w], b) = blocks(&s, x)?;
    if c % (b * b) != 0 {
        return Err(s.error(format!("{c} channels are not a multiple of blocks of {b} x {b}")));
    }
    let each = c / (b * b);
    let (split, perm) = match s.text("mode", "DCR")? {
        "DCR" => ([n, b, b, each, h, w], [0, 3, 4, 1, 5, 2]),
        "CRD" => ([n, each, b, b, h, w], [0, 1, 4, 2, 5, 3]),
        other => return Err(s.error(format!("mode {other:?}, expected \"DCR\" or \"CRD\""))),
    };
    three(&mut s, x, &split, &perm, &[n, each, h * b, w * b])
}

pub fn space_to_depth(mut s: Scope<'_, '_>) -> Results {
    let x = s.operand(0)?;
    let ([n, c, h, w], b) = blocks(&s, x)?;
    if h % b != 0 || w % b != 0 {
        return Err(s.error(format!("an image of {h} x {w} is not a multiple of blocks of {b} x {b}")));
    }
    let (h, w) = (h / b, w / b);
    three(&mut s, x, &[n, c, h, b, w, b], &[0, 3, 5, 1, 2, 4], &[n, c * b * b, h, w])
}

/// Reshape, transpose, reshape.
fn three(s: &mut Scope<'_, '_>, x: ValueId, split: &[usize], perm: &[usize], to: &[usize]) -> Results {
    let x = s.reshape(x, split)?;
    let site = s.site.clone();
    let x = s.builder.transpose(&site, x, perm)?;
    one(s.reshape(x, to)?)
}
