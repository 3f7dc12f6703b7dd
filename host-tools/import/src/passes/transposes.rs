//! Transposes move towards the outputs, through operations that do not mind, until they meet their inverse. No bit changes.
//!
//! One pass in the order of the nodes: a transposed value is not computed but remembered as its source and a permutation, until a node needs
//! it as it is.
use crate::{
    error::{Error, Result},
    evaluate,
    model::{Model, Node, Value, ValueId},
    operation::Operation,
    shape,
    tensor::Tensor,
};
use std::collections::{HashMap, HashSet};

/// Axis `i` of the value is axis `perm[i]` of the source.
#[derive(Clone, PartialEq)]
struct View {
    source: ValueId,
    perm: Vec<usize>,
}

struct Pass<'m> {
    model: &'m mut Model,
    nodes: Vec<Node>,
    /// What a value was found to be the same as.
    same: HashMap<ValueId, ValueId>,
    views: HashMap<ValueId, View>,
    /// Values that have a view and were needed as they are.
    computed: HashSet<ValueId>,
    /// Elements of constants that may still be copied.
    budget: usize,
    /// The operand of a reshape, by its result.
    reshaped: HashMap<ValueId, ValueId>,
}

/// Rewrites the nodes of a model.
pub fn sink(model: &mut Model) -> Result<()> {
    let nodes = std::mem::take(&mut model.nodes);
    let constants: usize = model.values.iter().filter_map(|v| v.constant.as_ref()).map(Tensor::len).sum();
    let mut pass = Pass {
        budget: constants.saturating_mul(4),
        model,
        nodes: Vec::with_capacity(nodes.len()),
        same: HashMap::new(),
        views: HashMap::new(),
        computed: HashSet::new(),
        reshaped: HashMap::new(),
    };
    for node in nodes {
        pass.node(node)?;
    }
    let outputs = pass.model.outputs.clone();
    let outputs = outputs.into_iter().map(|id| {
        let id = pass.resolve(id);
        pass.value(id)
    });
    let outputs = outputs.collect();
    let nodes = pass.nodes;
    model.outputs = outputs;
    model.nodes = nodes;
    Ok(())
}

/// The permutation that undoes another.
fn inverse(perm: &[usize]) -> Vec<usize> {
    let mut back = vec![0; perm.len()];
    for (i, &a) in perm.iter().enumerate() {
        back[a] = i;
    }
    back
}

fn is_identity(perm: &[usize]) -> bool {
    perm.iter().enumerate().all(|(i, &a)| i == a)
}

impl Pass<'_> {
    fn resolve(&self, id: ValueId) -> ValueId {
        self.same.get(&id).copied().unwrap_or(id)
    }

    fn shape(&self, id: ValueId) -> &[usize] {
        &self.model.values[id].shape
    }

    /// Whether the permutation leaves the order of the elements as it is: only axes of length 1 move.
    fn is_reshape(&self, view: &View) -> bool {
        let shape = self.shape(view.source);
        view.perm.iter().filter(|&&a| shape[a] != 1).is_sorted()
    }

    /// The value as it is: a transposed one is computed now.
    fn value(&mut self, id: ValueId) -> ValueId {
        let Some(view) = self.views.get(&id).cloned() else { return id };
        // Its view stays, for transposes that come later.
        if !self.computed.insert(id) {
            return id;
        }
        let op =
            if self.is_reshape(&view) { Operation::Reshape } else { Operation::Transpose { perm: view.perm.clone() } };
        if op == Operation::Reshape {
            self.reshaped.insert(id, view.source);
        }
        let name = self.model.values[id].name.clone();
        let kind = "Transpose".to_owned();
        self.nodes.push(Node { name, kind, op, inputs: vec![view.source], outputs: vec![id] });
        id
    }

    fn node(&mut self, mut node: Node) -> Result<()> {
        for input in &mut node.inputs {
            *input = self.same.get(input).copied().unwrap_or(*input);
        }
        let output = node.outputs[0];
        if let Operation::Transpose { perm } = &node.op {
            let view = match self.views.get(&node.inputs[0]) {
                Some(view) => View { source: view.source, perm: perm.iter().map(|&a| view.perm[a]).collect() },
                None => View { source: node.inputs[0], perm: perm.clone() },
            };
            if is_identity(&view.perm) {
                self.same.insert(output, view.source);
            } else {
                self.views.insert(output, view);
            }
            return Ok(());
        }
        if let Some((moved, perm)) = self.moved(&node)? {
            let source = moved.outputs[0];
            self.nodes.push(moved);
            if is_identity(&perm) {
                self.same.insert(output, source);
            } else {
                self.views.insert(output, View { source, perm });
            }
            return Ok(());
        }
        if node.op == Operation::Reshape {
            return self.reshape(node);
        }
        node.inputs = node.inputs.iter().map(|&id| self.value(id)).collect();
        self.nodes.push(node);
        Ok(())
    }

    /// A reshape of a reshape is one.
    fn reshape(&mut self, mut node: Node) -> Result<()> {
        let input = node.inputs[0];
        let source = match self.views.get(&input) {
            Some(view) if self.is_reshape(view) => view.source,
            _ => self.value(input),
        };
        let source = self.reshaped.get(&source).copied().unwrap_or(source);
        let output = node.outputs[0];
        if self.shape(source) == self.shape(output) {
            self.same.insert(output, source);
            return Ok(());
        }
        self.reshaped.insert(output, source);
        node.inputs = vec![source];
        self.nodes.push(node);
        Ok(())
    }

    /// The node on the sources of its operands, and the permutation that is left, if they have the same one.
    fn moved(&mut self, node: &Node) -> Result<Option<(Node, Vec<usize>)>> {
        let computed = |id: &&ValueId| self.model.values[**id].constant.is_none();
        let Some(view) = node.inputs.iter().find(computed).and_then(|id| self.views.get(id)).cloned() else {
            return Ok(None);
        };
        let perm = view.perm;
        let alike = node.inputs.iter().filter(computed).all(|id| self.views.get(id).is_some_and(|v| v.perm == perm));
        let output = node.outputs[0];
        let rank = perm.len();
        if !alike {
            return Ok(None);
        }
        // Axis i is axis perm[i] of the source.
        let spread = |list: &[usize]| {
            let mut to = list.to_vec();
            perm.iter().zip(list).for_each(|(&a, &n)| to[a] = n);
            to
        };
        let (mut left, mut wanted) = (perm.clone(), None);
        let op = match &node.op {
            op if op.is_elementwise() && self.shape(output).len() == rank => op.clone(),
            Operation::Concat { axis } if node.inputs.iter().all(|id| computed(&id)) => {
                Operation::Concat { axis: perm[*axis] }
            }
            Operation::Softmax { axis } => Operation::Softmax { axis: perm[*axis] },
            Operation::LogSoftmax { axis } => Operation::LogSoftmax { axis: perm[*axis] },
            Operation::Gather { axis, indices } => Operation::Gather { axis: perm[*axis], indices: indices.clone() },
            Operation::Pad { mode, pads, value } => {
                let pads = [spread(&pads[..rank]), spread(&pads[rank..])].concat();
                Operation::Pad { mode: *mode, pads, value: *value }
            }
            Operation::Slice { starts, steps } => {
                let mut by = steps.clone();
                perm.iter().zip(steps).for_each(|(&a, &n)| by[a] = n);
                wanted = Some(spread(self.shape(output)));
                Operation::Slice { starts: spread(starts), steps: by }
            }
            Operation::Reduce { kind, axes, keepdims } => {
                let reduced: Vec<usize> = axes.iter().map(|&a| perm[a]).collect();
                // The terms of a sum keep their order where the axes do.
                if !reduced.is_sorted() {
                    return Ok(None);
                }
                if !keepdims {
                    let kept: Vec<usize> = (0..rank).filter(|a| !reduced.contains(a)).collect();
                    let rest = perm.iter().filter(|a| !reduced.contains(a));
                    left = rest.filter_map(|a| kept.iter().position(|k| k == a)).collect();
                }
                Operation::Reduce { kind: *kind, axes: reduced, keepdims: *keepdims }
            }
            _ => return Ok(None),
        };
        // A constant in another order is a copy: a file may have many operations share one.
        let constants = node.inputs.iter().filter(|id| !computed(id));
        let copied: usize = constants.map(|&id| self.shape(id).iter().product::<usize>()).filter(|&n| n > 1).sum();
        let Some(left_over) = self.budget.checked_sub(copied) else { return Ok(None) };
        let error = |what: String| Error::Node { node: crate::error::shown(&node.name), what };
        self.budget = left_over;
        let mut inputs = Vec::with_capacity(node.inputs.len());
        for &id in &node.inputs {
            inputs.push(match self.views.get(&id) {
                Some(view) => view.source,
                None => self.constant(id, &perm).map_err(error)?,
            });
        }
        let shapes: Vec<&[usize]> = inputs.iter().map(|&id| self.shape(id)).collect();
        let shape = shape::infer(&op, &shapes, wanted.as_deref()).map_err(error)?;
        let name = self.model.values[output].name.clone();
        self.model.values.push(Value::new(name, shape, None));
        let outputs = vec![self.model.values.len() - 1];
        let moved = Node { name: node.name.clone(), kind: node.kind.clone(), op, inputs, outputs };
        Ok(Some((moved, left)))
    }

    /// A constant operand in the order of the sources.
    fn constant(&mut self, id: ValueId, perm: &[usize]) -> shape::Outcome<ValueId> {
        let value = &self.model.values[id];
        let tensor = value.constant.as_ref().ok_or("an operand is not constant")?;
        if tensor.len() == 1 {
            return Ok(id);
        }
        let ones = perm.len().checked_sub(value.shape.len()).ok_or("an operand has too many axes")?;
        let full = tensor.reshaped([vec![1; ones], value.shape.clone()].concat());
        let op = Operation::Transpose { perm: inverse(perm) };
        let shape = shape::infer(&op, &[full.shape()], None)?;
        let constant = Some(evaluate::evaluate(&op, &[&full], &shape)?);
        let name = value.name.clone();
        self.model.values.push(Value::new(name, shape, constant));
        Ok(self.model.values.len() - 1)
    }
}
