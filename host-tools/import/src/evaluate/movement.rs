//! Elements that change places.
use crate::{shape::Outcome, tensor::Tensor};

/// Steps between neighbours along each axis.
pub fn strides(shape: &[usize]) -> Vec<isize> {
    let mut strides = vec![0; shape.len()];
    let mut step = 1isize;
    for (stride, &n) in strides.iter_mut().zip(shape).rev() {
        *stride = step;
        step = step.saturating_mul(isize::try_from(n).unwrap_or(isize::MAX));
    }
    strides
}

/// Elements `start + sum of index * stride` for every index of `shape`, the last axis fastest.
pub fn strided<T: Copy>(data: &[T], shape: &[usize], strides: &[isize], start: isize) -> Outcome<Vec<T>> {
    let n: usize = shape.iter().product();
    let mut out = Vec::with_capacity(n);
    let mut index = vec![0usize; shape.len()];
    let mut at = start;
    for _ in 0..n {
        let element = usize::try_from(at).ok().and_then(|i| data.get(i)).ok_or("an index outside the tensor")?;
        out.push(*element);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            at += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            at -= strides[axis] * shape[axis].cast_signed();
            index[axis] = 0;
        }
    }
    Ok(out)
}

/// The same for any element type.
fn moved(x: &Tensor, shape: &[usize], strides: &[isize], start: isize) -> Outcome<Tensor> {
    let to = shape.to_vec();
    Ok(match x {
        Tensor::F32 { data, .. } => Tensor::F32 { data: strided(data, shape, strides, start)?, shape: to },
        Tensor::I64 { data, .. } => Tensor::I64 { data: strided(data, shape, strides, start)?, shape: to },
        Tensor::Bool { data, .. } => Tensor::Bool { data: strided(data, shape, strides, start)?, shape: to },
    })
}

/// Strides of a tensor that is read as if it had the larger shape.
pub fn broadcast_strides(from: &[usize], to: &[usize]) -> Vec<isize> {
    let own = strides(from);
    let offset = to.len().saturating_sub(from.len());
    (0..to.len())
        .map(|axis| match axis.checked_sub(offset) {
            Some(i) if from[i] != 1 => own[i],
            _ => 0,
        })
        .collect()
}

pub fn expand(x: &Tensor, shape: &[usize]) -> Outcome<Tensor> {
    moved(x, shape, &broadcast_strides(x.shape(), shape), 0)
}

pub fn transpose(perm: &[usize], x: &Tensor, shape: &[usize]) -> Outcome<Tensor> {
    let own = strides(x.shape());
    moved(x, shape, &perm.iter().map(|&a| own[a]).collect::<Vec<_>>(), 0)
}

pub fn slice(starts: &[usize], steps: &[isize], x: &Tensor, shape: &[usize]) -> Outcome<Tensor> {
    let own = strides(x.shape());
    let start = starts.iter().zip(&own).map(|(&s, &d)| s.cast_signed() * d).sum();
    moved(x, shape, &steps.iter().zip(&own).map(|(&s, &d)| s.saturating_mul(d)).collect::<Vec<_>>(), start)
}

/// Product of the axes before one, that axis, product of those after.
fn around(shape: &[usize], axis: usize) -> (usize, usize, usize) {
    (shape[..axis].iter().product(), shape[axis], shape[axis + 1..].iter().product())
}

pub fn gather(axis: usize, indices: &[usize], x: &Tensor, shape: &[usize]) -> Outcome<Tensor> {
    fn rows<T: Copy>(data: &[T], (outer, n, inner): (usize, usize, usize), indices: &[usize]) -> Vec<T> {
        let mut out = Vec::with_capacity(outer * indices.len() * inner);
        for o in 0..outer {
            for i in indices {
                let at = (o * n + i) * inner;
                out.extend_from_slice(&data[at..at + inner]);
            }
        }
        out
    }
    let sizes = around(x.shape(), axis);
    let to = shape.to_vec();
    Ok(match x {
        Tensor::F32 { data, .. } => Tensor::F32 { data: rows(data, sizes, indices), shape: to },
        Tensor::I64 { data, .. } => Tensor::I64 { data: rows(data, sizes, indices), shape: to },
        Tensor::Bool { data, .. } => Tensor::Bool { data: rows(data, sizes, indices), shape: to },
    })
}

pub fn concat(axis: usize, inputs: &[&Tensor], shape: &[usize]) -> Outcome<Tensor> {
    fn join<T: Copy>(parts: &[(&[T], usize)], outer: usize) -> Vec<T> {
        let mut out = Vec::with_capacity(parts.iter().map(|(data, _)| data.len()).sum());
        for o in 0..outer {
            for (data, row) in parts {
                out.extend_from_slice(&data[o * row..(o + 1) * row]);
            }
        }
        out
    }
    let outer = around(shape, axis).0;
    let row = |t: &Tensor| t.shape()[axis..].iter().product::<usize>();
    let to = shape.to_vec();
    macro_rules! of {
        ($kind:ident) => {{
            let parts = inputs.iter().map(|t| match t {
                Tensor::$kind { data, .. } => Ok((data.as_slice(), row(t))),
                _ => Err(format!("operands of {} and {}", inputs[0].element(), t.element())),
            });
            Ok(Tensor::$kind { data: join(&parts.collect::<Outcome<Vec<_>>>()?, outer), shape: to })
        }};
    }
    match inputs.first() {
        Some(Tensor::F32 { .. }) => of!(F32),
        Some(Tensor::I64 { .. }) => of!(I64),
        Some(Tensor::Bool { .. }) => of!(Bool),
        None => Err("no operands".to_owned()),
    }
}

pub fn pad(pads: &[usize], value: f32, x: &Tensor, shape: &[usize]) -> Outcome<Tensor> {
    fn around<T: Copy>(data: &[T], from: &[usize], pads: &[usize], to: &[usize], fill: T) -> Vec<T> {
        let mut out = vec![fill; to.iter().product()];
        let (own, wide) = (strides(from), strides(to));
        for (i, &element) in data.iter().enumerate() {
            let mut rest = i;
            let mut at = 0;
            for axis in 0..from.len() {
                let step = own[axis].cast_unsigned();
                at += (rest / step + pads[axis]) * wide[axis].cast_unsigned();
                rest %= step;
            }
            out[at] = element;
        }
        out
    }
    let (from, to) = (x.shape(), shape.to_vec());
    match x {
        Tensor::F32 { data, .. } => Ok(Tensor::F32 { data: around(data, from, pads, shape, value), shape: to }),
        Tensor::I64 { data, .. } => Ok(Tensor::I64 { data: around(data, from, pads, shape, value as i64), shape: to }),
        Tensor::Bool { .. } => Err("truth values cannot be padded".to_owned()),
    }
}

/// A tensor in another element type, as the numbers of [`crate::onnx_format`]'s types.
pub fn cast_from(x: &Tensor, to: crate::onnx_format::Type) -> Outcome<Tensor> {
    use crate::onnx_format::Type;
    let shape = x.shape().to_vec();
    Ok(match (x, to.class()) {
        (Tensor::F32 { .. }, crate::onnx_format::Class::Float) => match to {
            Type::F16 | Type::Bf16 => {
                let data = x.floats().ok_or("not f32")?.iter().map(|&v| to.rounded(v)).collect();
                Tensor::F32 { shape, data }
            }
            _ => x.clone(),
        },
        (Tensor::I64 { data, .. }, crate::onnx_format::Class::Float) => {
            Tensor::F32 { shape, data: data.iter().map(|&v| to.rounded(v as f32)).collect() }
        }
        (Tensor::Bool { data, .. }, crate::onnx_format::Class::Float) => {
            Tensor::F32 { shape, data: data.iter().map(|&v| f32::from(u8::from(v))).collect() }
        }
        (Tensor::F32 { data, .. }, crate::onnx_format::Class::Integer) => {
            let integers = data.iter().enumerate().map(|(index, &v)| {
                if v.is_finite() && v.abs() < 9.2e18 {
                    Ok(to.wrapped(v as i64))
                } else {
                    Err(format!("element {index} is {v:e}, which is not an integer of 64 bits"))
                }
            });
            Tensor::I64 { shape, data: integers.collect::<Outcome<_>>()? }
        }
        (Tensor::I64 { data, .. }, crate::onnx_format::Class::Integer) => {
            Tensor::I64 { shape, data: data.iter().map(|&v| to.wrapped(v)).collect() }
        }
        (Tensor::Bool { data, .. }, crate::onnx_format::Class::Integer) => {
            Tensor::I64 { shape, data: data.iter().map(|&v| i64::from(v)).collect() }
        }
        (Tensor::F32 { data, .. }, crate::onnx_format::Class::Bool) => {
            Tensor::Bool { shape, data: data.iter().map(|&v| v != 0.0).collect() }
        }
        (Tensor::I64 { data, .. }, crate::onnx_format::Class::Bool) => {
            Tensor::Bool { shape, data: data.iter().map(|&v| v != 0).collect() }
        }
        (Tensor::Bool { .. }, crate::onnx_format::Class::Bool) => x.clone(),
    })
}
