//! Operations that move elements.
use super::extents::{Axis as Of, around, of, shape_of, with_axis};
use super::{Lower, Lowered};
use shatterscope::graph::{Axis, Op, PadMode as Mode, Shape};
use shatterscope_import::{PadMode, ValueId};

/// The most parts that the indices of a gather are divided into.
const PARTS: usize = 256;

fn core_axis(axis: Of) -> Axis {
    match axis {
        Of::Channels => Axis::Channels,
        Of::Rows => Axis::Rows,
        Of::Columns => Axis::Columns,
    }
}

impl Lower<'_> {
    /// The axes of the operand in another order.
    pub(super) fn turn(&mut self, x: u32, axes: [Axis; 3]) -> Lowered<u32> {
        let Shape { channels, height, width } = self.shape(x);
        let extent = |axis: Axis| match axis {
            Axis::Channels => channels as usize,
            Axis::Rows => height.into(),
            Axis::Columns => width.into(),
        };
        let longer: Vec<Axis> = axes.into_iter().filter(|&axis| extent(axis) > 1).collect();
        if longer.is_sorted_by_key(|axis| *axis as u8) {
            // Axes of one entry alone change places.
            return self.view(x, of(extent(axes[0]), extent(axes[1]), extent(axes[2]))?);
        }
        self.unary(Op::Transpose { channels: axes[0], rows: axes[1], columns: axes[2] }, x)
    }

    pub(super) fn transpose(&mut self, x: ValueId, perm: &[usize]) -> Lowered<u32> {
        let dims = self.dims(x);
        let skip = usize::from(self.batched);
        let order: Vec<usize> = perm[skip..].iter().map(|axis| axis - skip).filter(|&axis| dims[axis] != 1).collect();
        // Axes that stay neighbours are one.
        let mut blocks: Vec<(usize, usize)> = Vec::new();
        let mut last = None;
        for &axis in &order {
            let next = (0..axis).rev().find(|&i| dims[i] != 1);
            match blocks.last_mut() {
                Some((_, size)) if last.is_some() && next == last => *size *= dims[axis],
                _ => blocks.push((axis, dims[axis])),
            }
            last = Some(axis);
        }
        // The blocks where they are now, as places of the result.
        let mut now: Vec<usize> = (0..blocks.len()).collect();
        now.sort_by_key(|&i| blocks[i].0);
        let size = |i: usize| blocks[i].1;
        let mut x = self.at(x)?;
        for at in 0..blocks.len() {
            let Some(from) = now.iter().position(|&block| block == at) else { continue };
            if from == at {
                continue;
            }
            let sizes = |range: &[usize]| range.iter().map(|&i| size(i)).product::<usize>();
            let (before, moved) = (sizes(&now[..at]), size(at));
            let (passed, after) = (sizes(&now[at..from]), sizes(&now[from + 1..]));
            x = self.swap(x, [before, passed, moved, after])?;
            let block = now.remove(from);
            now.insert(at, block);
        }
        Ok(x)
    }

    /// Swaps the second and the third of four axes.
    fn swap(&mut self, x: u32, [a, b, c, d]: [usize; 4]) -> Lowered<u32> {
        if d == 1 {
            let x = self.view(x, of(a, b, c)?)?;
            return self.turn(x, [Axis::Channels, Axis::Columns, Axis::Rows]);
        }
        if a == 1 {
            let x = self.view(x, of(b, c, d)?)?;
            return self.turn(x, [Axis::Rows, Axis::Channels, Axis::Columns]);
        }
        // The last axis goes to the front and back.
        let x = self.view(x, of(a * b * c, 1, d)?)?;
        let x = self.turn(x, [Axis::Columns, Axis::Rows, Axis::Channels])?;
        let x = self.view(x, of(d * a, b, c)?)?;
        let x = self.turn(x, [Axis::Channels, Axis::Columns, Axis::Rows])?;
        let x = self.view(x, of(d, 1, a * b * c)?)?;
        self.turn(x, [Axis::Columns, Axis::Rows, Axis::Channels])
    }

    /// `count` entries of an axis, from `start` on.
    fn slice_axis(
        &mut self,
        x: u32,
        dims: &[usize],
        axis: usize,
        (start, step, count): (usize, isize, usize),
    ) -> Lowered<u32> {
        if start == 0 && step == 1 && count == dims[axis] {
            return Ok(x);
        }
        let (shape, of_axis) = with_axis(dims, axis)?;
        let x = self.view(x, shape)?;
        let step = i32::try_from(step).map_err(|_| format!("its step of {step} is too large"))?;
        let (start, count) = (start as u32, count as u32);
        self.unary(Op::Slice { axis: core_axis(of_axis), start, step, count }, x)
    }

    pub(super) fn slice(&mut self, x: ValueId, starts: &[usize], steps: &[isize], out: ValueId) -> Lowered<u32> {
        let (mut dims, counts) = (self.dims(x).to_vec(), self.dims(out));
        let skip = usize::from(self.batched);
        let mut value = self.at(x)?;
        for axis in 0..dims.len() {
            let part = (starts[axis + skip], steps[axis + skip], counts[axis]);
            value = self.slice_axis(value, &dims, axis, part)?;
            dims[axis] = counts[axis];
        }
        Ok(value)
    }

    pub(super) fn concat(&mut self, inputs: &[ValueId], axis: usize) -> Lowered<u32> {
        let mut joined: Option<(u32, Vec<usize>)> = None;
        for &input in inputs {
            let dims = self.dims(input).to_vec();
            let x = self.operand(input, shape_of(&dims)?)?;
            joined = Some(match joined {
                None => (x, dims),
                Some((before, of_before)) => self.join((before, &of_before), (x, &dims), axis)?,
            });
        }
        joined.map(|(x, _)| x).ok_or_else(|| "it has no operands".to_owned())
    }

    /// Two values behind each other, and the dimensions of the result.
    fn join(
        &mut self,
        (x, of_x): (u32, &[usize]),
        (y, of_y): (u32, &[usize]),
        axis: usize,
    ) -> Lowered<(u32, Vec<usize>)> {
        let mut dims = of_x.to_vec();
        dims[axis] += of_y[axis];
        let (shape, of_axis) = with_axis(&dims, axis)?;
        // Both operands in the axes of the result.
        let of = |n: usize| match of_axis {
            Of::Channels => of(n, shape.height.into(), shape.width.into()),
            Of::Rows => of(shape.channels as usize, n, shape.width.into()),
            Of::Columns => of(shape.channels as usize, shape.height.into(), n),
        };
        let (x, y) = (self.view(x, of(of_x[axis])?)?, self.view(y, of(of_y[axis])?)?);
        let value = self.push(Op::Concat { axis: core_axis(of_axis) }, x, y, &[])?;
        Ok((value, dims))
    }

    pub(super) fn pad(&mut self, x: ValueId, mode: PadMode, pads: &[usize], value: f32) -> Lowered<u32> {
        let mut dims = self.dims(x).to_vec();
        let (skip, rank) = (usize::from(self.batched), pads.len() / 2);
        let mode = match mode {
            PadMode::Constant => Mode::Constant,
            PadMode::Reflect => Mode::Reflect,
            PadMode::Edge => Mode::Edge,
        };
        let mut node = self.at(x)?;
        for axis in 0..dims.len() {
            let (before, after) = (pads[axis + skip], pads[rank + axis + skip]);
            if before == 0 && after == 0 {
                continue;
            }
            let (shape, of_axis) = with_axis(&dims, axis)?;
            node = self.view(node, shape)?;
            node = self.pad_axis(node, core_axis(of_axis), mode, (before, after), value)?;
            dims[axis] += before + after;
        }
        Ok(node)
    }

    /// An axis with entries before and behind it.
    fn pad_axis(
        &mut self,
        x: u32,
        axis: Axis,
        mode: Mode,
        (before, after): (usize, usize),
        value: f32,
    ) -> Lowered<u32> {
        let (Ok(before), Ok(after)) = (u16::try_from(before), u16::try_from(after)) else {
            return Err(format!(
                "its padding of {before} and {after} is too large: at most {} are supported",
                u16::MAX
            ));
        };
        let packed = u32::from(after) << 16 | u32::from(before);
        let of = |this: Axis| if this == axis { packed } else { 0 };
        let constant = if mode == Mode::Constant { value } else { 0.0 };
        let (channels, rows, columns) = (of(Axis::Channels), of(Axis::Rows), of(Axis::Columns));
        self.unary(Op::Pad { mode, constant, channels, rows, columns }, x)
    }

    /// Elements of an axis by constant indices: slices and repetitions, one after the other.
    pub(super) fn gather(&mut self, x: ValueId, axis: usize, indices: &[usize]) -> Lowered<u32> {
        let dims = self.dims(x).to_vec();
        let x = self.at(x)?;
        // Each index repeated equally often.
        let repeats = indices.iter().take_while(|&&i| i == indices[0]).count();
        let blocks = indices.chunks(repeats);
        if repeats > 1 && blocks.clone().all(|block| block.len() == repeats && block.iter().all(|&i| i == block[0])) {
            let single: Vec<usize> = blocks.map(|block| block[0]).collect();
            let (x, mut dims) = self.parts(x, &dims, axis, &single)?;
            let (before, n, after) = around(&dims, axis);
            let x = self.view(x, of(before * n, 1, after)?)?;
            dims[axis] = n * repeats;
            return self.unary(Op::Expand { shape: of(before * n, repeats, after)? }, x);
        }
        self.parts(x, &dims, axis, indices).map(|(x, _)| x)
    }

    fn parts(&mut self, x: u32, dims: &[usize], axis: usize, indices: &[usize]) -> Lowered<(u32, Vec<usize>)> {
        let mut rest = indices;
        let mut joined: Option<(u32, Vec<usize>)> = None;
        let mut parts = 0;
        while let [first, ..] = *rest {
            let step = rest.get(1).map_or(1, |second| *second as isize - first as isize);
            let step = if step == 0 { 1 } else { step };
            let along = |i: usize| first as isize + step * i as isize;
            let count = (0..rest.len()).take_while(|&i| rest[i] as isize == along(i)).count();
            let part = self.slice_axis(x, dims, axis, (first, step, count))?;
            let mut of_part = dims.to_vec();
            of_part[axis] = count;
            joined = Some(match joined {
                None => (part, of_part),
                Some((before, of_before)) => self.join((before, &of_before), (part, &of_part), axis)?,
            });
            rest = &rest[count..];
            parts += 1;
            if parts > PARTS {
                return Err(format!("its indices have more than {PARTS} parts that ascend evenly"));
            }
        }
        joined.ok_or_else(|| "it has no indices".to_owned())
    }
}
