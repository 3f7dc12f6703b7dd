//! Operations on two values.
use super::super::assemble::Assembler;
use super::super::parse::Layer;
use super::{AXES, Made};
use shatterscope::graph::{Axis, Op, Pair, Shape};

impl Assembler<'_> {
    /// Keeps the value before it for the next join.
    pub fn fork(&mut self, layer: &Layer) -> Made<u32> {
        let x = self.operand(layer)?;
        match self.kept.replace(x) {
            None => Ok(x),
            Some(_) => Err("the fork before it has no join yet: forks do not nest".to_owned()),
        }
    }

    /// `a * kept + b * branch`.
    pub fn join(&mut self, layer: &Layer) -> Made<u32> {
        let (a, b) = (layer.needed_number("a")?, layer.needed_number("b")?);
        let kept = self.kept.take().ok_or("no fork stands before it")?;
        let branch = self.operand(layer)?;
        let [of_kept, of_branch] = [kept, branch].map(|value| self.shape(value));
        if of_kept != of_branch {
            return Err(format!("the fork kept {}, and the branch has {}", units(of_kept), units(of_branch)));
        }
        self.push(Op::Add { a, b }, kept, branch)
    }

    /// `a * first + b * second`.
    pub fn add(&mut self, layer: &Layer) -> Made<u32> {
        let scale = |key: &str| layer.number(key).map(|scale| scale.unwrap_or(1.0));
        let (a, b) = (scale("a")?, scale("b")?);
        match self.operands(layer)?[..] {
            [x, y] if self.shape(x) == self.shape(y) => self.push(Op::Add { a, b }, x, y),
            [_, _] if a == 1.0 && b == 1.0 => self.pairwise(layer),
            [x, y] => {
                let (x, y) = (units(self.shape(x)), units(self.shape(y)));
                Err(format!("its inputs have {x} and {y}: with a or b both need the same shape"))
            }
            _ => self.pairwise(layer),
        }
    }

    /// A function of two values, of which the second is repeated along each axis where it has one entry.
    pub fn pairwise(&mut self, layer: &Layer) -> Made<u32> {
        let pair = match layer.operation {
            "add" => Pair::Add,
            "subtract" => Pair::Subtract,
            "multiply" => Pair::Multiply,
            "divide" => Pair::Divide,
            "maximum" => Pair::Maximum,
            _ => Pair::Minimum,
        };
        let [x, y] = self.two(layer)?;
        let (of_x, of_y) = (self.shape(x), self.shape(y));
        self.push(Op::Pairwise { pair }, x, y)
            .map_err(|why| format!("its inputs have {} and {}: {why}", units(of_x), units(of_y)))
    }

    fn two(&self, layer: &Layer) -> Made<[u32; 2]> {
        match self.operands(layer)?[..] {
            [x, y] => Ok([x, y]),
            ref more => Err(format!("it has two inputs, and {} are given", more.len())),
        }
    }

    /// Values behind each other along an axis.
    pub fn concat(&mut self, layer: &Layer) -> Made<u32> {
        let axis = layer.word("axis", &AXES, Some(Axis::Channels))?;
        let all = self.operands(layer)?;
        let mut value = all[0];
        for &next in &all[1..] {
            let (of_x, of_y) = (self.shape(value), self.shape(next));
            value = self
                .push(Op::Concat { axis }, value, next)
                .map_err(|why| format!("its inputs have {} and {}: {why}", units(of_x), units(of_y)))?;
        }
        Ok(value)
    }

    /// Products of matrices of rows and columns, one a channel.
    pub fn matmul(&mut self, layer: &Layer) -> Made<u32> {
        let transposed = layer.flag("transposed", false)?;
        let [x, y] = self.two(layer)?;
        let (of_x, of_y) = (self.shape(x), self.shape(y));
        self.push(Op::Matmul { transposed }, x, y)
            .map_err(|why| format!("its inputs have {} and {}: {why}", units(of_x), units(of_y)))
    }
}

/// A shape in words.
fn units(shape: Shape) -> String {
    match (shape.height, shape.width) {
        (1, 1) => format!("{} units", shape.channels),
        (height, width) => format!("{} channels of {height} x {width}", shape.channels),
    }
}
