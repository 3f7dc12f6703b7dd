//! Reductions of constants: f32 in a chain, ascending.
use super::movement::{strided, strides};
use crate::{operation::ReduceKind, shape::Outcome, tensor::Tensor};

pub fn reduce(kind: ReduceKind, axes: &[usize], x: &Tensor, shape: &[usize]) -> Outcome<Tensor> {
    let from = x.shape();
    let kept = (0..from.len()).filter(|i| !axes.contains(i));
    let order: Vec<usize> = kept.chain(axes.iter().copied()).collect();
    let own = strides(from);
    let sizes: Vec<usize> = order.iter().map(|&a| from[a]).collect();
    let steps: Vec<isize> = order.iter().map(|&a| own[a]).collect();
    let terms: usize = axes.iter().map(|&a| from[a]).product();
    let to = shape.to_vec();
    if terms == 0 {
        return Err("a reduction of no elements".to_owned());
    }
    match x {
        Tensor::F32 { data, .. } => {
            let rows = strided(data, &sizes, &steps, 0)?;
            let data = rows.chunks_exact(terms).map(|row| float(kind, row)).collect();
            Ok(Tensor::F32 { shape: to, data })
        }
        Tensor::I64 { data, .. } => {
            let rows = strided(data, &sizes, &steps, 0)?;
            let data = rows.chunks_exact(terms).map(|row| integer(kind, row).ok_or("overflow"));
            Ok(Tensor::I64 { shape: to, data: data.collect::<Result<_, _>>()? })
        }
        Tensor::Bool { .. } => Err("a reduction of truth values".to_owned()),
    }
}

fn float(kind: ReduceKind, row: &[f32]) -> f32 {
    match kind {
        ReduceKind::Sum => row.iter().fold(0.0, |sum, v| sum + v),
        ReduceKind::Mean => row.iter().fold(0.0, |sum, v| sum + v) / row.len() as f32,
        ReduceKind::Prod => row.iter().fold(1.0, |product, v| product * v),
        ReduceKind::Max => row[1..].iter().fold(row[0], |m, &v| if v > m || v.is_nan() { v } else { m }),
        ReduceKind::Min => row[1..].iter().fold(row[0], |m, &v| if v < m || v.is_nan() { v } else { m }),
    }
}

fn integer(kind: ReduceKind, row: &[i64]) -> Option<i64> {
    match kind {
        ReduceKind::Sum => row.iter().try_fold(0i64, |sum, &v| sum.checked_add(v)),
        ReduceKind::Mean => {
            row.iter().try_fold(0i64, |sum, &v| sum.checked_add(v))?.checked_div(i64::try_from(row.len()).ok()?)
        }
        ReduceKind::Prod => row.iter().try_fold(1i64, |product, &v| product.checked_mul(v)),
        ReduceKind::Max => row.iter().copied().max(),
        ReduceKind::Min => row.iter().copied().min(),
    }
}
