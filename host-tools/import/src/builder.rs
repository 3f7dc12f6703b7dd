//! The graph while it is made: a node whose operands are constants becomes a constant.
use crate::{
    error::{Error, Result, Unsupported, cut, shown},
    evaluate,
    model::{Node, Value, ValueId},
    operation::Operation,
    shape,
    tensor::Tensor,
};
use std::collections::HashMap;

/// The element type of a value that is not constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// Computed as f32.
    Float,
    /// Computed as int8.
    Int8,
    /// Integers, truth values: they must become constants.
    Other(&'static str),
}

/// Which node of the file is converted.
#[derive(Clone, Debug)]
pub struct Site {
    /// The name in the file, or one made from the position.
    pub name: String,
    /// The operator.
    pub kind: String,
}

impl Site {
    /// An error at this node.
    pub fn error(&self, what: impl Into<String>) -> Error {
        Error::Node { node: format!("{} {}", shown(&self.kind), crate::error::quoted(&self.name)), what: cut(what) }
    }

    /// An operation that is not supported.
    pub fn unsupported(&self, why: impl Into<String>) -> Error {
        Error::Unsupported(vec![Unsupported { node: self.name.clone(), kind: self.kind.clone(), why: cut(why) }])
    }
}

/// `x >= at_least`, or its negation: what is known of a truth value that depends on an input.
#[derive(Clone, Copy, Debug)]
pub struct Condition {
    /// The value that is compared.
    pub x: ValueId,
    /// The least number for which it holds.
    pub at_least: f32,
    /// Whether it holds for the numbers below that instead.
    pub negated: bool,
}

/// Values and nodes so far.
pub struct Builder {
    /// The values.
    pub values: Vec<Value>,
    /// The element type of each.
    pub kinds: Vec<Element>,
    /// The nodes, in topological order.
    pub nodes: Vec<Node>,
    /// What the caller should know of the conversion.
    pub notes: Vec<String>,
    /// Whether functions are recognised that are written out as several operations.
    pub recognise: bool,
    /// The values that are conditions.
    pub conditions: HashMap<ValueId, Condition>,
    /// Elements that may still be made from constants.
    budget: usize,
}

impl Builder {
    /// `bytes` is the length of the file: what is made from its constants is at most a multiple of that.
    pub fn new(bytes: usize, recognise: bool) -> Self {
        Self {
            values: Vec::new(),
            kinds: Vec::new(),
            nodes: Vec::new(),
            notes: Vec::new(),
            recognise,
            conditions: HashMap::new(),
            budget: bytes.saturating_mul(16).saturating_add(1 << 24),
        }
    }

    /// Tensors came from other files, whose bytes count, too.
    pub fn grant(&mut self, bytes: u64) {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        self.budget = self.budget.saturating_add(bytes.saturating_mul(16));
    }

    fn push(&mut self, value: Value, kind: Element) -> ValueId {
        self.values.push(value);
        self.kinds.push(kind);
        self.values.len() - 1
    }

    /// An input of the graph.
    pub fn input(&mut self, name: &str, shape: Vec<usize>, kind: Element) -> ValueId {
        self.push(Value::new(name.to_owned(), shape, None), kind)
    }

    /// A constant.
    pub fn constant(&mut self, name: &str, tensor: Tensor) -> ValueId {
        let kind = match &tensor {
            Tensor::F32 { .. } => Element::Float,
            Tensor::I64 { .. } => Element::Other("int64"),
            Tensor::Bool { .. } => Element::Other("bool"),
        };
        let shape = tensor.shape().to_vec();
        self.push(Value::new(name.to_owned(), shape, Some(tensor)), kind)
    }

    /// A truth value that depends on an input.
    pub fn condition(&mut self, condition: Condition) -> ValueId {
        let shape = self.shape(condition.x).to_vec();
        let id = self.push(Value::new(String::new(), shape, None), Element::Other("bool"));
        self.conditions.insert(id, condition);
        id
    }

    /// The operation and the operands of a value that one of the latest nodes computes.
    pub fn made(&self, id: ValueId) -> Option<(&Operation, &[ValueId])> {
        // A bound: a file decides how many nodes there are.
        let node = self.nodes.iter().rev().take(64).find(|node| node.outputs[0] == id)?;
        Some((&node.op, &node.inputs))
    }

    /// The shape of a value.
    pub fn shape(&self, id: ValueId) -> &[usize] {
        &self.values[id].shape
    }

    /// The elements of a value, if it is constant.
    pub fn tensor(&self, id: ValueId) -> Option<&Tensor> {
        self.values[id].constant.as_ref()
    }

    /// Counts elements that are about to be made from constants.
    pub fn spend(&mut self, site: &Site, elements: usize) -> Result<()> {
        self.budget = self.budget.checked_sub(elements).ok_or_else(|| {
            site.error(format!("constants of {elements} more elements: too many for a file of this size"))
        })?;
        Ok(())
    }

    /// Adds a node, or its result where that is constant. `wanted` is the shape of the result where the operation does not tell it.
    pub fn emit(
        &mut self,
        site: &Site,
        op: Operation,
        inputs: &[ValueId],
        wanted: Option<&[usize]>,
    ) -> Result<ValueId> {
        let shapes: Vec<&[usize]> = inputs.iter().map(|&i| self.shape(i)).collect();
        let shape = shape::infer(&op, &shapes, wanted).map_err(|e| {
            let operands = inputs.iter().take(6).map(|&i| match self.values[i].name.as_str() {
                "" => format!("{:?}", self.shape(i)),
                name => format!("{} {:?}", crate::error::quoted(name), self.shape(i)),
            });
            site.error(format!("{e}; operands: {}", operands.collect::<Vec<_>>().join(", ")))
        })?;
        let n = shape::elements(&shape).map_err(|e| site.error(e))?;
        if inputs.iter().all(|&i| self.tensor(i).is_some()) && evaluate::can(&op) {
            let work: usize = inputs.iter().map(|&i| self.values[i].constant.as_ref().map_or(0, Tensor::len)).sum();
            self.spend(site, n.saturating_add(work / 16))?;
            let tensors: Vec<&Tensor> = inputs.iter().filter_map(|&i| self.tensor(i)).collect();
            let tensor = evaluate::evaluate(&op, &tensors, &shape).map_err(|e| site.error(e))?;
            return Ok(self.constant("", tensor));
        }
        for &input in inputs {
            let value = &self.values[input];
            match (self.kinds[input], &value.constant) {
                (Element::Float, _) => {}
                (Element::Int8, _) => return Err(site.unsupported("on int8")),
                (Element::Other(kind), None) => return Err(site.unsupported(must_be_constant(&value.name, kind))),
                (Element::Other(kind), Some(_)) => {
                    return Err(site.error(format!(
                        "operand {} is of {kind}, expected floating-point numbers",
                        crate::error::quoted(&value.name)
                    )));
                }
            }
        }
        self.append(site, op, inputs, shape)
    }

    /// Adds an operation whose operands or result are of int8; its result is of f32 as long as the caller does not say otherwise.
    pub fn emit_int8(
        &mut self,
        site: &Site,
        op: Operation,
        inputs: &[ValueId],
        wanted: Option<&[usize]>,
    ) -> Result<ValueId> {
        let shapes: Vec<&[usize]> = inputs.iter().map(|&i| self.shape(i)).collect();
        let shape = shape::infer(&op, &shapes, wanted).map_err(|e| site.error(e))?;
        shape::elements(&shape).map_err(|e| site.error(e))?;
        self.append(site, op, inputs, shape)
    }

    fn append(&mut self, site: &Site, op: Operation, inputs: &[ValueId], shape: Vec<usize>) -> Result<ValueId> {
        if shape.contains(&0) {
            return Err(site.error(format!("the result has shape {shape:?}, and no elements")));
        }
        let output = self.push(Value::new(String::new(), shape, None), Element::Float);
        let node = Node {
            name: site.name.clone(),
            kind: site.kind.clone(),
            op,
            inputs: inputs.to_vec(),
            outputs: vec![output],
        };
        self.nodes.push(node);
        Ok(output)
    }

    /// The value in another shape; itself where it has that.
    pub fn reshape(&mut self, site: &Site, x: ValueId, to: &[usize]) -> Result<ValueId> {
        if self.shape(x) == to { Ok(x) } else { self.emit(site, Operation::Reshape, &[x], Some(to)) }
    }

    /// The value with its axes in another order; itself where that is the same.
    pub fn transpose(&mut self, site: &Site, x: ValueId, perm: &[usize]) -> Result<ValueId> {
        if perm.iter().enumerate().all(|(i, &a)| i == a) && perm.len() == self.shape(x).len() {
            return Ok(x);
        }
        self.emit(site, Operation::Transpose { perm: perm.to_vec() }, &[x], None)
    }
}

/// Why a value of integers that is not constant cannot be computed with.
pub fn must_be_constant(name: &str, kind: &str) -> String {
    format!(
        "it computes with {} of {kind}, which depends on an input: bind that input to a constant",
        if name.is_empty() { "a value".to_owned() } else { crate::error::quoted(name) }
    )
}
