//! Constants, and what depends on shapes alone.
use crate::{
    error::{Result, quoted},
    evaluate,
    model::ValueId,
    onnx_format::{
        Type,
        scope::{Results, Scope, one},
        types::Class,
    },
    tensor::Tensor,
};

pub fn constant(mut s: Scope<'_, '_>) -> Results {
    let tensor = if let Some(tensor) = s.tensor("value")? {
        tensor
    } else if s.has("value_float") {
        Tensor::scalar(s.float("value_float", 0.0)?)
    } else if let Some(data) = s.floats("value_floats")? {
        Tensor::F32 { shape: vec![data.len()], data: data.to_vec() }
    } else if let Some(value) = s.maybe_int("value_int")? {
        Tensor::I64 { shape: Vec::new(), data: vec![value] }
    } else if let Some(data) = s.ints("value_ints")? {
        Tensor::list(data.to_vec())
    } else {
        return s.unsupported("its value is sparse, or of strings");
    };
    one(s.fresh(tensor))
}

pub fn constant_of_shape(mut s: Scope<'_, '_>) -> Results {
    let dims = s.constant_ints(0, "shape")?.ok_or_else(|| s.error("operand 0 is missing"))?;
    let shape = s.to_shape(&dims)?;
    let n: usize = shape.iter().product();
    s.spend(n)?;
    let tensor = match s.tensor("value")? {
        None => Tensor::F32 { shape, data: vec![0.0; n] },
        Some(Tensor::F32 { data, .. }) if data.len() == 1 => Tensor::F32 { shape, data: vec![data[0]; n] },
        Some(Tensor::I64 { data, .. }) if data.len() == 1 => Tensor::I64 { shape, data: vec![data[0]; n] },
        Some(Tensor::Bool { data, .. }) if data.len() == 1 => Tensor::Bool { shape, data: vec![data[0]; n] },
        Some(other) => return Err(s.error(format!("its value has {} elements, expected 1", other.len()))),
    };
    one(s.fresh(tensor))
}

pub fn range(mut s: Scope<'_, '_>) -> Results {
    let ids = [s.operand(0)?, s.operand(1)?, s.operand(2)?];
    let [start, limit, delta] =
        [s.constant(ids[0], "start")?, s.constant(ids[1], "limit")?, s.constant(ids[2], "delta")?];
    let tensor = match (start, limit, delta) {
        (Tensor::I64 { data: a, .. }, Tensor::I64 { data: b, .. }, Tensor::I64 { data: d, .. }) => {
            let (&[a], &[b], &[d]) = (a.as_slice(), b.as_slice(), d.as_slice()) else {
                return Err(s.error("start, limit and delta are not single numbers"));
            };
            if d == 0 {
                return Err(s.error("delta is 0"));
            }
            // Rounded away from zero where delta does not divide the distance, in i128, which holds all differences.
            let (distance, delta) = (i128::from(b) - i128::from(a), i128::from(d));
            let n = (distance + delta - delta.signum()) / delta;
            let n = usize::try_from(n.max(0)).map_err(|_| s.error("too many elements"))?;
            s.spend(n)?;
            // Every element is between the ends, so that what wraps around comes back.
            Tensor::list((0..n).map(|i| a.wrapping_add((i as i64).wrapping_mul(d))).collect())
        }
        (Tensor::F32 { data: a, .. }, Tensor::F32 { data: b, .. }, Tensor::F32 { data: d, .. }) => {
            let (&[a], &[b], &[d]) = (a.as_slice(), b.as_slice(), d.as_slice()) else {
                return Err(s.error("start, limit and delta are not single numbers"));
            };
            let n = ((f64::from(b) - f64::from(a)) / f64::from(d)).ceil();
            if n.is_nan() || n.abs() >= 4e9 {
                return Err(s.error(format!("a range from {a} to {b} in steps of {d}")));
            }
            let n = n.max(0.0) as usize;
            s.spend(n)?;
            let data = (0..n).map(|i| a + i as f32 * d).collect();
            Tensor::F32 { shape: vec![n], data }
        }
        _ => return Err(s.error("start, limit and delta have different element types")),
    };
    one(s.fresh(tensor))
}

pub fn shape(mut s: Scope<'_, '_>) -> Results {
    let dims = s.shape(s.operand(0)?);
    let rank = dims.len() as i64;
    let bound = |given: i64| (if given < 0 { given.saturating_add(rank) } else { given }).clamp(0, rank) as usize;
    let (start, end) = (bound(s.int("start", 0)?), bound(s.int("end", rank)?));
    let part = dims.get(start..end.max(start)).unwrap_or(&[]);
    let tensor = Tensor::list(part.iter().map(|&n| n as i64).collect());
    one(s.fresh(tensor))
}

pub fn size(mut s: Scope<'_, '_>) -> Results {
    let n: usize = s.shape(s.operand(0)?).iter().product();
    one(s.fresh(Tensor::I64 { shape: Vec::new(), data: vec![n as i64] }))
}

/// Indices of elements that are not zero, one row for each axis.
pub fn non_zero(mut s: Scope<'_, '_>) -> Results {
    let x = s.operand(0)?;
    let tensor = s.constant(x, "operand")?;
    let set: Vec<bool> = match tensor {
        Tensor::F32 { data, .. } => data.iter().map(|&v| v != 0.0).collect(),
        Tensor::I64 { data, .. } => data.iter().map(|&v| v != 0).collect(),
        Tensor::Bool { data, .. } => data.clone(),
    };
    let shape = tensor.shape().to_vec();
    let found: Vec<usize> = (0..set.len()).filter(|&i| set[i]).collect();
    s.spend(found.len() * shape.len())?;
    let steps = evaluate::strides(&shape);
    let mut data = Vec::with_capacity(found.len() * shape.len());
    for (&step, &n) in steps.iter().zip(&shape) {
        data.extend(found.iter().map(|&i| (i / step.cast_unsigned().max(1) % n.max(1)) as i64));
    }
    one(s.fresh(Tensor::I64 { shape: vec![shape.len(), found.len()], data }))
}

pub fn eye_like(mut s: Scope<'_, '_>) -> Results {
    let x = s.operand(0)?;
    let shape = s.shape(x);
    let &[rows, columns] = shape.as_slice() else {
        return Err(s.error(format!("an operand of shape {shape:?}, expected a matrix")));
    };
    let k = s.int("k", 0)?;
    s.spend(rows * columns)?;
    let set: Vec<bool> =
        (0..rows * columns).map(|i| (i / columns) as i64 == ((i % columns) as i64).saturating_sub(k)).collect();
    let kind = match s.maybe_int("dtype")? {
        Some(number) => s.at(Type::new(number))?,
        None if s.is_float(x) => Type::F32,
        None => Type::I64,
    };
    let tensor = s.at(evaluate::cast_from(&Tensor::Bool { shape, data: set }, kind))?;
    one(s.fresh(tensor))
}

pub fn trilu(mut s: Scope<'_, '_>) -> Results {
    fn keep<T: Copy + Default>(data: &[T], rows: usize, columns: usize, upper: bool, k: i64) -> Vec<T> {
        let inside = |i: usize| {
            let (row, column) = ((i / columns % rows) as i64, (i % columns) as i64);
            let distance = column - row;
            if upper { distance >= k } else { distance <= k }
        };
        data.iter().enumerate().map(|(i, &v)| if inside(i) { v } else { T::default() }).collect()
    }
    let (x, upper) = (s.operand(0)?, s.int("upper", 1)? != 0);
    let k = match s.constant_ints(1, "diagonal")?.as_deref() {
        None => 0,
        Some(&[k]) => k,
        Some(_) => return Err(s.error("the diagonal is not a single number")),
    };
    s.spend(s.shape(x).iter().product())?;
    let tensor = s.constant(x, "operand")?;
    let &[.., rows, columns] = tensor.shape() else { return Err(s.error("the operand is not a matrix")) };
    let shape = tensor.shape().to_vec();
    let y = match tensor {
        Tensor::F32 { data, .. } => Tensor::F32 { shape, data: keep(data, rows, columns, upper, k) },
        Tensor::I64 { data, .. } => Tensor::I64 { shape, data: keep(data, rows, columns, upper, k) },
        Tensor::Bool { data, .. } => Tensor::Bool { shape, data: keep(data, rows, columns, upper, k) },
    };
    one(s.fresh(y))
}

/// Values that are computed are f32, so that a cast between floating-point types leaves them as they are.
fn to_type(mut s: Scope<'_, '_>, x: ValueId, kind: Type) -> Results {
    if s.builder.tensor(x).is_none() {
        if s.is_float(x) && kind.class() == Class::Float {
            if matches!(kind, Type::F16 | Type::Bf16) {
                let note = format!("left out the cast to {} at {}: values are f32", kind.name(), quoted(&s.site.name));
                s.builder.notes.push(note);
            }
            return one(x);
        }
        return s.unsupported(format!("a cast to {} of a value that is not constant", kind.name()));
    }
    s.spend(s.shape(x).iter().product())?;
    let y = s.at(evaluate::cast_from(s.constant(x, "operand")?, kind))?;
    one(s.fresh(y))
}

pub fn cast(s: Scope<'_, '_>) -> Results {
    let x = s.operand(0)?;
    let kind = target(&s)?;
    to_type(s, x, kind)
}

/// The type of a cast: before version 6 it was a name.
fn target(s: &Scope<'_, '_>) -> Result<Type> {
    if s.version >= 6 {
        let number = s.maybe_int("to")?.ok_or_else(|| s.error("attribute `to` is missing"))?;
        return Type::new(number).map_err(|e| s.site.unsupported(e));
    }
    let number = match s.text("to", "")? {
        "FLOAT" => 1,
        "UINT8" => 2,
        "INT8" => 3,
        "UINT16" => 4,
        "INT16" => 5,
        "INT32" => 6,
        "INT64" => 7,
        "BOOL" => 9,
        "FLOAT16" => 10,
        "DOUBLE" => 11,
        "UINT32" => 12,
        "UINT64" => 13,
        other => return Err(s.error(format!("attribute `to` is {other:?}, expected the name of an element type"))),
    };
    Type::new(number).map_err(|e| s.site.unsupported(e))
}

pub fn cast_like(s: Scope<'_, '_>) -> Results {
    let (x, like) = (s.operand(0)?, s.operand(1)?);
    let kind = match s.builder.tensor(like) {
        Some(Tensor::I64 { .. }) => Type::I64,
        Some(Tensor::Bool { .. }) => Type::Bool,
        _ if s.is_float(like) => Type::F32,
        _ => return s.unsupported("the second operand is not constant"),
    };
    to_type(s, x, kind)
}
