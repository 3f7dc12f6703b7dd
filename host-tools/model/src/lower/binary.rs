//! Operations on two values that broadcast.
use super::elements::aligned;
use super::extents::{merged, of, product, shape_of};
use super::{Lower, Lowered};
use shatterscope::graph::{Function, Op, Pair, Shape};
use shatterscope_import::{Operation as O, ValueId};

impl Lower<'_> {
    pub(super) fn binary(&mut self, op: &O, inputs: &[ValueId], out: ValueId) -> Lowered<u32> {
        let pair = match op {
            O::Add => Pair::Add,
            O::Sub => Pair::Subtract,
            O::Mul => Pair::Multiply,
            O::Div => Pair::Divide,
            O::Min => Pair::Minimum,
            _ => Pair::Maximum,
        };
        let dims = self.dims(out);
        let [a, b] = [inputs[0], inputs[1]];
        if let Some(value) = self.by_number(pair, a, b, dims)? {
            return Ok(value);
        }
        let whole = |own: &[usize]| own == dims;
        let own = [self.own(a, dims)?, self.own(b, dims)?];
        // The first operand has the shape of the value; the second may be broadcast.
        let (first, second) = match (whole(&own[0]), whole(&own[1])) {
            (true, _) => (a, b),
            (false, true) if !matches!(pair, Pair::Subtract | Pair::Divide) => (b, a),
            _ => {
                let x = self.expanded(a, &own[0], dims)?;
                return self.pair_with(pair, x, b, &own[1], dims);
            }
        };
        let x = match self.nodes_of[first] {
            Some(x) => x,
            None => self.operand(first, shape_of(dims)?)?,
        };
        let own = if second == b { &own[1] } else { &own[0] };
        self.pair_with(pair, x, second, own, dims)
    }

    /// The dimensions of an operand with as many axes as the value.
    fn own(&self, value: ValueId, dims: &[usize]) -> Lowered<Vec<usize>> {
        aligned(self.dims(value), dims)
    }

    /// `a x + b` where an operand is one number.
    fn by_number(&mut self, pair: Pair, a: ValueId, b: ValueId, dims: &[usize]) -> Lowered<Option<u32>> {
        let number = |value: ValueId| match self.model.values[value].constant {
            Some(_) => self.constant(value, "the elements of an operand").map(|(_, data)| match data {
                [x] => Some(*x),
                _ => None,
            }),
            None => Ok(None),
        };
        let (x, scale, shift) = match (number(a)?, number(b)?, pair) {
            (None, Some(c), Pair::Add) => (a, 1.0, c),
            (None, Some(c), Pair::Subtract) => (a, 1.0, -c),
            (None, Some(c), Pair::Multiply) => (a, c, 0.0),
            (Some(c), None, Pair::Add) => (b, 1.0, c),
            (Some(c), None, Pair::Subtract) => (b, -1.0, c),
            (Some(c), None, Pair::Multiply) => (b, c, 0.0),
            _ => return Ok(None),
        };
        if self.dims(x) != dims || self.model.values[x].constant.is_some() {
            return Ok(None);
        }
        let x = self.at(x)?;
        self.unary(Op::Function { function: Function::Affine, a: scale, b: shift }, x).map(Some)
    }

    /// An operand of its own dimensions, broadcast along all axes.
    fn expanded(&mut self, value: ValueId, own: &[usize], dims: &[usize]) -> Lowered<u32> {
        let mut x = match self.nodes_of[value] {
            Some(x) => x,
            None => self.operand(value, shape_of(own)?)?,
        };
        let mut now = own.to_vec();
        for axis in (0..dims.len()).rev().filter(|&axis| own[axis] != dims[axis]) {
            let (before, after) = (product(&now[..axis]), product(&now[axis + 1..]));
            x = self.view(x, of(before, 1, after)?)?;
            x = self.unary(Op::Expand { shape: of(before, dims[axis], after)? }, x)?;
            now[axis] = dims[axis];
        }
        Ok(x)
    }

    pub(super) fn expand(&mut self, x: ValueId, out: ValueId) -> Lowered<u32> {
        let dims = self.dims(out);
        let own = self.own(x, dims)?;
        self.expanded(x, &own, dims)
    }

    /// A pair whose second operand is broadcast in the axes that it lacks.
    fn pair_with(&mut self, pair: Pair, x: u32, second: ValueId, own: &[usize], dims: &[usize]) -> Lowered<u32> {
        let marks: Vec<bool> = own.iter().zip(dims).map(|(own, n)| own == n).collect();
        let mut groups = merged(dims, &marks);
        if groups.len() > 3 {
            let y = self.expanded(second, own, dims)?;
            let x = self.view(x, shape_of(dims)?)?;
            let y = self.view(y, shape_of(dims)?)?;
            return self.pair(pair, x, y);
        }
        let (shape, of_second) = match groups[..] {
            // The same dimensions: in the shape that x has.
            [] | [(_, true)] => (self.shape(x), self.shape(x)),
            _ => {
                groups.resize(3, (1, true));
                let [a, b, c] = [groups[0], groups[1], groups[2]];
                let one = |(n, there): (usize, bool)| if there { n } else { 1 };
                (of(a.0, b.0, c.0)?, of(one(a), one(b), one(c))?)
            }
        };
        let x = self.view(x, shape)?;
        let y = self.operand(second, of_second)?;
        self.pair(pair, x, y)
    }

    pub(super) fn pair(&mut self, pair: Pair, x: u32, y: u32) -> Lowered<u32> {
        let (of_x, of_y) = (self.shape(x), self.shape(y));
        let op = match pair {
            // The residual join, whose kernels are fast: `(1 x) + (b y)` is x + b y.
            Pair::Add if of_x == of_y => Op::Add { a: 1.0, b: 1.0 },
            Pair::Subtract if of_x == of_y => Op::Add { a: 1.0, b: -1.0 },
            pair => Op::Pairwise { pair },
        };
        self.push(op, x, y, &[])
    }

    /// A node whose value is constant.
    pub(super) fn constant_node(&mut self, shape: Shape, data: &[f32]) -> Lowered<u32> {
        // Neither 0 nor 1, which drawn biases and scales start from.
        let start = data.first().copied().filter(|start| start.is_finite() && *start != 0.0 && *start != 1.0);
        self.constant_from(shape, start.unwrap_or(0.5), data)
    }

    /// The same with the value that a training starts from.
    pub(super) fn constant_from(&mut self, shape: Shape, start: f32, data: &[f32]) -> Lowered<u32> {
        // Its operand is not used: the last node keeps no value alive for it.
        let x = self.built.nodes.len() as u32 - 1;
        self.push(Op::Constant { shape, start }, x, x, data)
    }
}
