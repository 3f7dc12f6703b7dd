//! `GatherElements`: along one axis, a constant index for each element of the result.
use crate::{
    error::Result,
    model::ValueId,
    onnx_format::scope::{Results, Scope, one},
    operation::{Operation, ReduceKind},
    shape,
    tensor::Tensor,
};

/// Elements of a constant are moved. Of a computed value they are sums over the axis of products with zeros and ones: two operations, whatever
/// the number of indices, exact for finite numbers, and no run stores others (-0.0 becomes +0.0).
pub fn gather_elements(mut s: Scope<'_, '_>) -> Results {
    let (x, at) = (s.operand(0)?, s.operand(1)?);
    let (from, to) = (s.shape(x), s.shape(at));
    let axis = s.axis(s.int("axis", 0)?, from.len())?;
    let fits = to.len() == from.len() && (0..to.len()).all(|i| i == axis || to[i] <= from[i]);
    if !fits {
        return Err(s.error(format!("indices of shape {to:?} along axis {axis} of {from:?}")));
    }
    let given = s.constant_ints(1, "indices")?.ok_or_else(|| s.error("operand 1 is missing"))?;
    let mut indices = Vec::with_capacity(given.len());
    for &index in &given {
        let wrapped = if index < 0 { index.saturating_add(from[axis] as i64) } else { index };
        match usize::try_from(wrapped) {
            Ok(i) if i < from[axis] => indices.push(i),
            _ => return Err(s.error(format!("index {index} is outside axis {axis} of {from:?}"))),
        }
    }
    let mut part = to.clone();
    part[axis] = from[axis];
    let x = if part == from {
        x
    } else {
        let (starts, steps) = (vec![0; from.len()], vec![1; from.len()]);
        s.emit_shaped(Operation::Slice { starts, steps }, &[x], &part)?
    };
    let sizes = Sizes {
        before: to[..axis].iter().product(),
        count: to[axis],
        length: from[axis],
        after: to[axis + 1..].iter().product(),
    };
    let y = if s.builder.tensor(x).is_some() {
        sizes.moved(&mut s, x, &indices)?
    } else {
        sizes.summed(&mut s, x, &indices)?
    };
    one(s.reshape(y, &to)?)
}

/// The axes before the one of the indices, their number along it, its length, and the axes after it.
struct Sizes {
    before: usize,
    count: usize,
    length: usize,
    after: usize,
}

impl Sizes {
    /// Where index `i`, which is `index`, points: the axes before, its number along the axis, the index, the axes after.
    const fn place(&self, i: usize, index: usize) -> [usize; 4] {
        [i / (self.count * self.after), i / self.after % self.count, index, i % self.after]
    }

    fn moved(&self, s: &mut Scope<'_, '_>, x: ValueId, indices: &[usize]) -> Result<ValueId> {
        let flat = s.reshape(x, &[self.before * self.length * self.after])?;
        let element = |(i, &index): (usize, &usize)| {
            let [before, _, index, after] = self.place(i, index);
            (before * self.length + index) * self.after + after
        };
        let indices = indices.iter().enumerate().map(element).collect();
        s.emit(Operation::Gather { axis: 0, indices }, &[flat])
    }

    fn summed(&self, s: &mut Scope<'_, '_>, x: ValueId, indices: &[usize]) -> Result<ValueId> {
        let shape = [self.before, self.count, self.length, self.after];
        let n = s.at(shape::elements(&shape))?;
        s.spend(n)?;
        let mut data = vec![0.0; n];
        for (i, &index) in indices.iter().enumerate() {
            let [before, along, index, after] = self.place(i, index);
            data[((before * self.count + along) * self.length + index) * self.after + after] = 1.0;
        }
        let selection = s.fresh(Tensor::F32 { shape: shape.to_vec(), data });
        let x = s.reshape(x, &[self.before, 1, self.length, self.after])?;
        let terms = s.emit(Operation::Mul, &[x, selection])?;
        s.emit(Operation::Reduce { kind: ReduceKind::Sum, axes: vec![2], keepdims: false }, &[terms])
    }
}
