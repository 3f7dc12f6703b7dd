//! Elements that change places.
use super::Scope;
use crate::{
    error::Result,
    model::ValueId,
    onnx_format::resolve_slice,
    operation::{Operation, PadMode},
    shape,
};

impl Scope<'_, '_> {
    pub fn reshape(&mut self) -> Result<ValueId> {
        let (x, to) = (self.operand(0)?, self.new_shape()?);
        self.builder.reshape(self.site, x, &to)
    }

    /// The shape that a reshape makes.
    pub fn new_shape(&self) -> Result<Vec<usize>> {
        let x = self.operand(0)?;
        let given = if self.operands.get(1).is_some_and(Option::is_some) {
            self.ints(1, "dimensions")?
        } else {
            let list = self.options.map_or(Ok(None), |o| o.ints(0))?;
            list.ok_or_else(|| self.site.error("its shape is missing"))?.into_iter().map(i64::from).collect()
        };
        let from = self.shape(x);
        let all = self.at(shape::elements(&from))?;
        let open = given.iter().position(|&n| n == -1);
        let sizes = given.iter().map(|&n| if n == -1 { Some(1) } else { usize::try_from(n).ok() });
        let bad = || self.site.error(format!("shape {from:?} cannot become {given:?}"));
        let mut to: Vec<usize> = sizes.collect::<Option<_>>().ok_or_else(bad)?;
        let known = self.at(shape::elements(&to))?;
        // A shape for one image is meant for each of a batch.
        let open = open.or_else(|| (to.first() == Some(&1) && known != all).then_some(0));
        if let Some(axis) = open {
            to[axis] = all.checked_div(known).filter(|n| n * known == all).ok_or_else(bad)?;
        }
        Ok(to)
    }

    /// Paddings of all axes: before them, then after them.
    pub fn paddings(&self) -> Result<Vec<usize>> {
        let given = self.ints(1, "paddings")?;
        let sizes =
            given.iter().map(|&n| u32::try_from(n).map(|n| n as usize)).collect::<std::result::Result<Vec<_>, _>>();
        let sizes = sizes.map_err(|_| self.site.error(format!("paddings {given:?}")))?;
        let pairs = sizes.as_chunks::<2>().0;
        Ok(pairs.iter().map(|p| p[0]).chain(pairs.iter().map(|p| p[1])).collect())
    }

    pub fn pad(&mut self) -> Result<ValueId> {
        let (x, pads) = (self.operand(0)?, self.paddings()?);
        self.emit(Operation::Pad { mode: PadMode::Constant, pads, value: 0.0 }, &[x])
    }

    pub fn transpose(&mut self) -> Result<ValueId> {
        let x = self.operand(0)?;
        let given = self.ints(1, "axes")?;
        let rank = self.shape(x).len();
        let perm: Vec<usize> =
            self.at(given.iter().take(shape::MAX_RANK + 1).map(|&a| shape::axis(a, rank)).collect())?;
        self.move_axes(x, &perm)
    }

    pub fn squeeze(&mut self) -> Result<ValueId> {
        let (x, to) = (self.operand(0)?, self.squeezed_shape()?);
        self.builder.reshape(self.site, x, &to)
    }

    /// The shape without axes of size 1.
    pub fn squeezed_shape(&self) -> Result<Vec<usize>> {
        let x = self.operand(0)?;
        let from = self.shape(x);
        let given: Vec<i64> = match self.options.map_or(Ok(None), |o| o.ints(0))? {
            Some(list) if !list.is_empty() => list.into_iter().map(i64::from).collect(),
            _ => (0..from.len()).filter(|&i| from[i] == 1).map(|i| i as i64).collect(),
        };
        let axes = self.at(shape::axes(&given, from.len()))?;
        if axes.iter().any(|&a| from[a] != 1) {
            return Err(self.site.error(format!("axes {axes:?} of {from:?} are not all 1")));
        }
        Ok((0..from.len()).filter(|i| !axes.contains(i)).map(|i| from[i]).collect())
    }

    pub fn expand_dims(&mut self) -> Result<ValueId> {
        let (x, to) = (self.operand(0)?, self.expanded_shape()?);
        self.builder.reshape(self.site, x, &to)
    }

    /// The shape with another axis of size 1.
    pub fn expanded_shape(&self) -> Result<Vec<usize>> {
        let x = self.operand(0)?;
        let given = self.ints(1, "axis")?;
        let mut to = self.shape(x);
        let &[axis] = given.as_slice() else { return Err(self.site.error(format!("axes {given:?}, expected one"))) };
        to.insert(self.at(shape::axis(axis, to.len() + 1))?, 1);
        Ok(to)
    }

    pub fn strided_slice(&mut self) -> Result<ValueId> {
        let x = self.operand(0)?;
        let from = self.shape(x);
        let [begins, ends, steps] = [self.ints(1, "begins")?, self.ints(2, "ends")?, self.ints(3, "strides")?];
        let [begin_mask, end_mask, ellipsis, new_axis, shrink] =
            [self.int(0, 0)?, self.int(1, 0)?, self.int(2, 0)?, self.int(3, 0)?, self.int(4, 0)?];
        if ellipsis != 0 || new_axis != 0 || self.byte(5)? != 0 {
            return Err(self.site.unsupported("with an ellipsis, a new axis or offsets"));
        }
        let n = begins.len();
        if n != ends.len() || n != steps.len() || n > from.len() || steps.contains(&0) {
            return Err(self
                .site
                .error(format!("begins {begins:?}, ends {ends:?}, strides {steps:?} for shape {from:?}")));
        }
        let (mut starts, mut by, mut to) = (vec![0; from.len()], vec![1; from.len()], from.clone());
        let mut kept = Vec::new();
        for axis in 0..from.len() {
            let set = |mask: i32| axis < 31 && mask >> axis & 1 == 1;
            if axis >= n {
                kept.push(axis);
                continue;
            }
            let step = steps[axis];
            let forward = step > 0;
            let begin = if set(begin_mask) { if forward { 0 } else { i64::MAX } } else { begins[axis] };
            if set(shrink) {
                let index = if begin == i64::MAX { 0 } else { begin };
                let index = if index < 0 { index + from[axis] as i64 } else { index };
                starts[axis] = usize::try_from(index).ok().filter(|&i| i < from[axis]).ok_or_else(|| {
                    self.site.error(format!("index {} is outside axis {axis} of {from:?}", begins[axis]))
                })?;
                to[axis] = 1;
                continue;
            }
            let end = if set(end_mask) { if forward { i64::MAX } else { i64::MIN } } else { ends[axis] };
            (starts[axis], to[axis]) = resolve_slice(begin, end, step, from[axis]);
            by[axis] = if to[axis] > 1 { isize::try_from(step).unwrap_or(1) } else { 1 };
            kept.push(axis);
        }
        let y = self.builder.emit(self.site, Operation::Slice { starts, steps: by }, &[x], Some(&to))?;
        let rest: Vec<usize> = kept.iter().map(|&a| to[a]).collect();
        self.builder.reshape(self.site, y, &rest)
    }
}
