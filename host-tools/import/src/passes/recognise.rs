//! Operations that an exporter wrote out as several: GELU, SiLU, HardSwish, layer norm.
use super::Uses;
use crate::{
    model::{Model, Value, ValueId},
    operation::{Operation, ReduceKind},
    tensor::Tensor,
};

/// Replaces the last node of each pattern; the others are left to whoever removes dead nodes.
pub fn recognise(model: &mut Model) {
    let mut uses = Uses::new(model);
    for index in 0..model.nodes.len() {
        let graph = Graph { model, uses: &uses };
        let found = match model.nodes[index].op {
            Operation::Mul | Operation::Div => graph.activation(index).or_else(|| graph.layer_norm(index)),
            _ => None,
        };
        let Some((last, op, mut inputs, scale)) = found else { continue };
        if let Some(tensor) = scale {
            let shape = tensor.shape().to_vec();
            model.values.push(Value::new(String::new(), shape, Some(tensor)));
            uses.grow(model.values.len());
            inputs.insert(1, model.values.len() - 1);
        }
        let node = &mut model.nodes[last];
        let what = match op {
            Operation::Gelu { tanh: false } => "GELU",
            Operation::Gelu { tanh: true } => "GELU (tanh)",
            Operation::Silu => "SiLU",
            Operation::HardSwish => "HardSwish",
            _ => "layer norm",
        };
        model.notes.push(format!("recognised {what} at {}", crate::error::quoted(&node.name)));
        uses.replaced(&node.inputs, &inputs);
        node.op = op;
        node.inputs = inputs;
    }
}

/// The last node, its new operation, its operands, and a scale that is to be put after the first of them.
type Found = (usize, Operation, Vec<ValueId>, Option<Tensor>);

struct Graph<'m> {
    model: &'m Model,
    uses: &'m Uses,
}

/// A product: a number and other factors.
struct Product {
    number: f64,
    factors: Vec<ValueId>,
    /// Nodes that may still be looked at: a file decides how long its products are.
    steps: usize,
}

impl Product {
    const fn new() -> Self {
        Self { number: 1.0, factors: Vec::new(), steps: 16 }
    }
}

fn near(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-5 * expected.abs()
}

impl Graph<'_> {
    fn scalar(&self, id: ValueId) -> Option<f64> {
        self.model.values[id].constant.as_ref()?.as_scalar().map(f64::from)
    }

    /// The operation and the operands of a value that has no use but one.
    fn inner(&self, id: ValueId) -> Option<(&Operation, &[ValueId])> {
        let node = &self.model.nodes[self.uses.producer[id].filter(|_| self.uses.count[id] == 1)?];
        Some((&node.op, &node.inputs))
    }

    /// The same of a value that may have others.
    fn made(&self, id: ValueId) -> Option<(&Operation, &[ValueId])> {
        let node = &self.model.nodes[self.uses.producer[id]?];
        Some((&node.op, &node.inputs))
    }

    /// The factors of a value.
    fn product(&self, id: ValueId) -> Product {
        let mut product = Product::new();
        self.multiply(id, self.inner(id), &mut product);
        product
    }

    fn multiply(&self, id: ValueId, made: Option<(&Operation, &[ValueId])>, product: &mut Product) {
        if let Some(number) = self.scalar(id) {
            product.number *= number;
            return;
        }
        let room = product.steps > 0;
        product.steps = product.steps.saturating_sub(1);
        match made {
            Some((Operation::Mul, &[a, b])) if room => {
                self.multiply(a, self.inner(a), product);
                self.multiply(b, self.inner(b), product);
            }
            Some((Operation::Div, &[a, b])) if room && self.scalar(b).is_some() => {
                product.number /= self.scalar(b).unwrap_or(1.0);
                self.multiply(a, self.inner(a), product);
            }
            Some((Operation::Pow, &[x, n])) if room && self.scalar(n) == Some(3.0) => product.factors.extend([x; 3]),
            _ => product.factors.push(id),
        }
    }

    /// `a + number`, in either order.
    fn plus(&self, id: ValueId) -> Option<(ValueId, f64)> {
        match self.inner(id)? {
            (Operation::Add, &[a, b]) => match (self.scalar(a), self.scalar(b)) {
                (None, Some(n)) => Some((a, n)),
                (Some(n), None) => Some((b, n)),
                _ => None,
            },
            _ => None,
        }
    }

    fn activation(&self, index: usize) -> Option<Found> {
        let node = &self.model.nodes[index];
        let mut product = Product::new();
        self.multiply(node.outputs[0], Some((&node.op, &node.inputs)), &mut product);
        let &[a, b] = product.factors.as_slice() else { return None };
        let shape = &self.model.values[node.outputs[0]].shape;
        [(a, b), (b, a)].into_iter().find_map(|(x, gate)| {
            let op = self.gate(x, gate, product.number)?;
            (self.model.values[x].shape == *shape).then(|| (index, op, vec![x], None))
        })
    }

    /// The activation that is `number x gate`.
    fn gate(&self, x: ValueId, gate: ValueId, number: f64) -> Option<Operation> {
        match self.inner(gate)? {
            (Operation::Sigmoid, &[of]) if of == x && near(number, 1.0) => return Some(Operation::Silu),
            (Operation::HardSigmoid { alpha, beta }, &[of])
                if of == x
                    && near(number, 1.0)
                    && near(f64::from(*alpha), 1.0 / 6.0)
                    && near(f64::from(*beta), 0.5) =>
            {
                return Some(Operation::HardSwish);
            }
            (Operation::Clip { min, max }, &[of])
                if near(number, 1.0 / 6.0) && *min == 0.0 && *max == 6.0 && self.plus(of) == Some((x, 3.0)) =>
            {
                return Some(Operation::HardSwish);
            }
            _ => {}
        }
        let (function, one) = self.plus(gate)?;
        if !near(one, 1.0) || !near(number, 0.5) {
            return None;
        }
        match self.inner(function)? {
            (Operation::Erf, &[of]) => {
                let inside = self.product(of);
                let fits = inside.factors == [x] && near(inside.number, std::f64::consts::FRAC_1_SQRT_2);
                fits.then_some(Operation::Gelu { tanh: false })
            }
            (Operation::Tanh, &[of]) => self.is_cubic(x, of).then_some(Operation::Gelu { tanh: true }),
            _ => None,
        }
    }

    /// Whether the value is `sqrt(2 / pi) (x + 0.044715 x^3)`, or the same with one `x` taken out.
    fn is_cubic(&self, x: ValueId, of: ValueId) -> bool {
        let outer = self.product(of);
        if !near(outer.number, (2.0 / std::f64::consts::PI).sqrt()) {
            return false;
        }
        let sum = match *outer.factors.as_slice() {
            [sum] => match self.inner(sum) {
                Some((Operation::Add, &[a, b])) if a == x => Some((b, 3)),
                Some((Operation::Add, &[a, b])) if b == x => Some((a, 3)),
                _ => None,
            },
            [a, b] if a == x || b == x => {
                let other = if a == x { b } else { a };
                self.plus(other).filter(|(_, one)| near(*one, 1.0)).map(|(square, _)| (square, 2))
            }
            _ => None,
        };
        sum.is_some_and(|(term, power)| {
            let product = self.product(term);
            near(product.number, 0.044_715) && product.factors.len() == power && product.factors.iter().all(|&f| f == x)
        })
    }

    /// The mean over the last axes: its operand and the first of these axes.
    fn mean(&self, id: ValueId) -> Option<(ValueId, usize)> {
        match self.made(id)? {
            (Operation::Reduce { kind: ReduceKind::Mean, axes, keepdims: true }, &[x]) => {
                let (first, rank) = (*axes.first()?, self.model.values[x].shape.len());
                axes.iter().copied().eq(first..rank).then_some((x, first))
            }
            _ => None,
        }
    }

    /// A value minus its mean.
    fn centred(&self, id: ValueId) -> Option<(ValueId, usize)> {
        match self.made(id)? {
            (Operation::Sub, &[x, mean]) => self.mean(mean).filter(|(of, _)| *of == x),
            _ => None,
        }
    }

    /// A division of centred values by their deviation, with a scale and a bias if they follow.
    fn layer_norm(&self, index: usize) -> Option<Found> {
        let node = &self.model.nodes[index];
        let &[centred, deviation] = node.inputs.as_slice() else { return None };
        let root = match (&node.op, self.made(deviation)?) {
            (Operation::Div, (Operation::Sqrt, &[sum])) => sum,
            (Operation::Mul, (Operation::Reciprocal, &[root])) => match self.made(root)? {
                (Operation::Sqrt, &[sum]) => sum,
                _ => return None,
            },
            _ => return None,
        };
        let (x, axis) = self.centred(centred)?;
        let (Operation::Add, &[a, b]) = self.made(root)? else { return None };
        let (variance, eps) = match (self.scalar(a), self.scalar(b)) {
            (None, Some(eps)) => (a, eps),
            (Some(eps), None) => (b, eps),
            _ => return None,
        };
        let (square, first) = self.mean(variance)?;
        let (Operation::Mul, &[p, q]) = self.made(square)? else { return None };
        if p != q || first != axis || self.centred(p)? != (x, axis) {
            return None;
        }
        let normalised = &self.model.values[x].shape[axis..];
        let mut last = index;
        let mut inputs = vec![x];
        if let Some((next, scale)) = self.follows(last, &Operation::Mul, normalised) {
            (last, inputs) = (next, vec![x, scale]);
            if let Some((next, bias)) = self.follows(last, &Operation::Add, normalised) {
                last = next;
                inputs.push(bias);
            }
        }
        let ones = (inputs.len() == 1).then(|| Tensor::F32 { shape: vec![1], data: vec![1.0] });
        Some((last, Operation::LayerNormalization { axis, eps: eps as f32 }, inputs, ones))
    }

    /// The only use of a node's value, if it is that operation with a constant that broadcasts to the normalised axes.
    fn follows(&self, index: usize, op: &Operation, normalised: &[usize]) -> Option<(usize, ValueId)> {
        let value = self.model.nodes[index].outputs[0];
        if self.uses.count[value] != 1 {
            return None;
        }
        let next = self.uses.consumer[value]?;
        let node = &self.model.nodes[next];
        let &[a, b] = node.inputs.as_slice() else { return None };
        let other = if a == value { b } else { a };
        let constant = self.model.values[other].constant.as_ref()?;
        let fits = crate::shape::broadcast(constant.shape(), normalised).is_ok_and(|s| s == normalised);
        (node.op == *op && fits).then_some((next, other))
    }
}
