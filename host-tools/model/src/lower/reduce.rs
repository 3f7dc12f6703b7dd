//! Reductions and softmax.
use super::extents::{Axis as Of, around, merged, of, with_axis};
use super::{Lower, Lowered};
use shatterscope::graph::{Axis, Function, Op, Reduction};
use shatterscope_import::{ReduceKind, ValueId};

impl Lower<'_> {
    pub(super) fn reduce(&mut self, x: ValueId, kind: ReduceKind, axes: &[usize]) -> Lowered<u32> {
        let dims = self.dims(x);
        let marks: Vec<bool> =
            (0..dims.len()).map(|i| axes.iter().any(|&axis| self.axis_or(axis) == Some(i))).collect();
        let mut groups = merged(dims, &marks);
        let (reduction, negated) = match kind {
            ReduceKind::Sum => (Reduction::Sum, false),
            ReduceKind::Mean => (Reduction::Mean, false),
            ReduceKind::Max => (Reduction::Max, false),
            ReduceKind::Min => (Reduction::Max, true),
            ReduceKind::Prod => return Err("a product along an axis is not supported".to_owned()),
        };
        let mut x = self.at(x)?;
        if negated {
            x = self.unary(Op::Function { function: Function::Affine, a: -1.0, b: 0.0 }, x)?;
        }
        // From the last axes on, so that those before keep their places.
        while groups.iter().any(|(_, reduced)| *reduced) {
            if groups.len() <= 3 {
                groups.resize(3, (1, false));
                let [a, b, c] = [groups[0], groups[1], groups[2]];
                x = self.view(x, of(a.0, b.0, c.0)?)?;
                let all = [(a.1, Axis::Channels), (b.1, Axis::Rows), (c.1, Axis::Columns)];
                let axes: Vec<Axis> = all.iter().filter(|(reduced, _)| *reduced).map(|(_, axis)| *axis).collect();
                x = self.reduce_axes(x, reduction, &axes)?;
                break;
            }
            let Some(last) = groups.iter().rposition(|(_, reduced)| *reduced) else { break };
            let sizes: Vec<usize> = groups.iter().map(|(n, _)| *n).collect();
            let (before, n, after) = around(&sizes, last);
            x = self.view(x, of(before, n, after)?)?;
            x = self.reduce_axes(x, reduction, &[Axis::Rows])?;
            groups.remove(last);
            let (sizes, marks): (Vec<usize>, Vec<bool>) = groups.iter().copied().unzip();
            groups = merged(&sizes, &marks);
        }
        if negated {
            x = self.unary(Op::Function { function: Function::Affine, a: -1.0, b: 0.0 }, x)?;
        }
        Ok(x)
    }

    pub(super) fn reduce_axes(&mut self, x: u32, reduction: Reduction, axes: &[Axis]) -> Lowered<u32> {
        let has = |axis: Axis| axes.contains(&axis);
        let axes = u32::from(has(Axis::Channels)) + 2 * u32::from(has(Axis::Rows)) + 4 * u32::from(has(Axis::Columns));
        self.unary(Op::Reduce { reduction, axes }, x)
    }

    /// The axis without the batch; None for the batch.
    fn axis_or(&self, axis: usize) -> Option<usize> {
        axis.checked_sub(usize::from(self.batched))
    }

    pub(super) fn softmax(&mut self, x: ValueId, axis: usize, log: bool) -> Lowered<u32> {
        let dims = self.dims(x);
        let (shape, of_axis) = with_axis(dims, axis)?;
        let x = self.at(x)?;
        let x = self.view(x, shape)?;
        let op = |axis: Axis| Op::Softmax { axis, log };
        match of_axis {
            Of::Channels => self.unary(op(Axis::Channels), x),
            Of::Columns => self.unary(op(Axis::Columns), x),
            Of::Rows => {
                let turn = [Axis::Channels, Axis::Columns, Axis::Rows];
                let x = self.turn(x, turn)?;
                let y = self.unary(op(Axis::Columns), x)?;
                self.turn(y, turn)
            }
        }
    }
}
