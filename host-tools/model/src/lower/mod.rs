//! A model's operations as nodes of the core.
//!
//! A value of the file is row-major with any number of axes; a value of the core has three. Each operation looks at its operands in the three axes
//! that it needs: axes that it treats alike are merged, and a reshape, which moves nothing, stands between.
mod batch;
mod binary;
mod convolution;
mod elements;
mod extents;
mod mask;
mod movement;
mod norm;
mod pool;
mod product;
mod prune;
mod reduce;

use crate::network::{Network, Origin, Port};
use extents::shape_of;
use shatterscope::Error;
use shatterscope::graph::{Node, Op, Shape};
use shatterscope::plan::Want;
use shatterscope_engine::{Failure, Names, Placed, Result, text::visible};
use shatterscope_import::{Format, Model, Operation, Tensor, ValueId};
use std::collections::{HashMap, HashSet};

/// The reason why an operation cannot be lowered.
type Lowered<T> = std::result::Result<T, String>;

/// The network of a model, planned for what is wanted of it.
///
/// # Errors
/// All operations that the core does not have, with their nodes' names; a network that is too large; no memory.
pub fn lower(model: &Model, want: Want) -> Result<Network> {
    let batch = batch::of(model);
    let mut lower = Lower::new(model, batch.is_some());
    lower.inputs().map_err(Failure::failed)?;
    let mut refused = Vec::new();
    for node in &model.nodes {
        let known = node.inputs.iter().all(|&i| lower.nodes_of[i].is_some() || model.values[i].constant.is_some());
        if !known {
            // An operand was refused: one line for each cause.
            continue;
        }
        // TensorFlow joins the names of all operations that it merged.
        let joined = if model.format == Format::Tflite { node.name.split(';').next() } else { None };
        lower.name = joined.unwrap_or(&node.name).to_owned();
        lower.kind = node.kind.clone();
        match lower.node(node) {
            Ok(value) => lower.nodes_of[node.outputs[0]] = Some(value),
            Err(why) => refused.push(format!("{} ({}): {why}", visible(&node.name), visible(&node.kind))),
        }
    }
    if !refused.is_empty() {
        let count = refused.len();
        let all = refused.join("; ");
        return Err(Failure::failed(format!("{count} nodes cannot be run: {all}")));
    }
    lower.finish(batch, want)
}

/// The graph as far as it is lowered.
struct Lower<'m> {
    model: &'m Model,
    /// Whether axis 0 of every value is the batch, which the core's values do not have.
    batched: bool,
    nodes: Vec<Node>,
    names: Vec<String>,
    kinds: Vec<String>,
    taken: HashSet<String>,
    parameters: Vec<f32>,
    running: Vec<f32>,
    /// How many of both each node has.
    lengths: Vec<[usize; 2]>,
    /// What else changes bits than what the reader changed.
    notes: Vec<String>,
    /// The node that computes each value of the model.
    nodes_of: Vec<Option<u32>>,
    /// Reshapes that exist, by their operand and shape.
    views: HashMap<(u32, Shape3), u32>,
    /// Of the operation that is being lowered.
    name: String,
    kind: String,
}

type Shape3 = (u32, u16, u16);

impl<'m> Lower<'m> {
    fn new(model: &'m Model, batched: bool) -> Self {
        Self {
            model,
            batched,
            nodes: Vec::new(),
            names: Vec::new(),
            kinds: Vec::new(),
            taken: HashSet::new(),
            parameters: Vec::new(),
            running: Vec::new(),
            lengths: Vec::new(),
            notes: Vec::new(),
            nodes_of: vec![None; model.values.len()],
            views: HashMap::new(),
            name: String::new(),
            kind: String::new(),
        }
    }

    /// The inputs, which come before all other nodes.
    fn inputs(&mut self) -> Lowered<()> {
        for &input in &self.model.inputs {
            self.name = self.model.values[input].name.clone();
            self.kind = "input".to_owned();
            let shape = shape_of(self.dims(input))?;
            self.nodes_of[input] = Some(self.push(Op::Input { shape }, 0, 0, &[])?);
        }
        Ok(())
    }

    /// The dimensions of a value, without the batch.
    fn dims(&self, value: ValueId) -> &'m [usize] {
        let shape = &self.model.values[value].shape;
        if self.batched && self.model.values[value].constant.is_none() { &shape[1..] } else { shape }
    }

    /// The node of a value that is not constant.
    fn at(&self, value: ValueId) -> Lowered<u32> {
        self.nodes_of[value].ok_or_else(|| "an operand is constant where a computed value is needed".to_owned())
    }

    /// A constant operand.
    fn constant(&self, value: ValueId, what: &str) -> Lowered<(&'m [usize], &'m [f32])> {
        match &self.model.values[value].constant {
            Some(Tensor::F32 { shape, data }) => Ok((shape, data)),
            Some(_) => Err(format!("{what} are not of f32")),
            None => {
                Err(format!("{what} are computed; only constants are supported: bind the input that they come from"))
            }
        }
    }

    fn shape(&self, node: u32) -> Shape {
        self.nodes[node as usize].shape
    }

    /// The same units under another shape.
    fn view(&mut self, node: u32, shape: Shape) -> Lowered<u32> {
        if self.shape(node) == shape {
            return Ok(node);
        }
        // What a reshape reshapes has the shape, or is reshaped itself.
        if let Op::Reshape { .. } = self.nodes[node as usize].op {
            let x = self.nodes[node as usize].x;
            return self.view(x, shape);
        }
        let key = (node, (shape.channels, shape.height, shape.width));
        if let Some(&view) = self.views.get(&key) {
            return Ok(view);
        }
        let view = self.unary(Op::Reshape { shape }, node)?;
        self.views.insert(key, view);
        Ok(view)
    }

    fn unary(&mut self, op: Op, x: u32) -> Lowered<u32> {
        self.push(op, x, x, &[])
    }

    /// Appends a node with its parameters.
    fn push(&mut self, op: Op, x: u32, y: u32, parameters: &[f32]) -> Lowered<u32> {
        self.push_with(op, (x, y), parameters, &[])
    }

    fn push_with(&mut self, op: Op, (x, y): (u32, u32), parameters: &[f32], running: &[f32]) -> Lowered<u32> {
        let shape = |i: u32| self.nodes.get(i as usize).map_or(Shape::vector(1), |node| node.shape);
        let facts = op.facts(shape(x), shape(y)).map_err(|error| match error {
            Error::InvalidSpec(reason) => reason.reason().to_owned(),
            error => error.to_string(),
        })?;
        let (need, have) = (facts.parameters_len(), parameters.len() as u64);
        if need != have || 2 * u64::from(facts.running) != running.len() as u64 {
            return Err(format!("{have} parameters were found, and the operation has {need}"));
        }
        if let Some(at) = parameters.iter().chain(running).position(|x| !x.is_finite()) {
            return Err(format!("its parameters hold NaN or infinity, first at element {at}"));
        }
        let i = self.nodes.len() as u32;
        self.nodes.push(Node { op, x, y, shape: facts.shape, address: i, last_use: u32::MAX, frozen: [false; 2] });
        self.parameters.extend_from_slice(parameters);
        self.running.extend_from_slice(running);
        self.lengths.push([parameters.len(), running.len()]);
        self.kinds.push(self.kind.clone());
        let name = self.unique(op);
        self.names.push(name);
        Ok(i)
    }

    /// The name of the file's node; of the second node that it becomes, with the name of the operation behind it.
    fn unique(&mut self, op: Op) -> String {
        let base = if self.name.is_empty() { op.name() } else { &self.name };
        let mut name = base.to_owned();
        let mut number = 1;
        while !self.taken.insert(name.clone()) {
            name = if number == 1 { format!("{base}.{}", op.name()) } else { format!("{base}.{}.{number}", op.name()) };
            number += 1;
        }
        name
    }

    fn node(&mut self, node: &shatterscope_import::Node) -> Lowered<u32> {
        use Operation as O;
        let (inputs, out) = (&node.inputs[..], node.outputs[0]);
        match &node.op {
            O::Conv { strides, pads, dilations, groups, order } => {
                self.conv(inputs, convolution::Window { strides, pads, dilations }, *groups, *order)
            }
            O::Gemm { alpha, beta, trans_a, trans_b, order } => self
                .gemm(inputs, product::Gemm { factors: [*alpha, *beta], turned: [*trans_a, *trans_b], order: *order }),
            O::MatMul => self.matmul(inputs, out),
            O::BatchNormalization { eps } => self.batch_norm(inputs, *eps),
            O::InstanceNormalization { eps } => self.group_norm(inputs, None, *eps),
            O::GroupNormalization { groups, eps } => self.group_norm(inputs, Some(*groups), *eps),
            O::LayerNormalization { axis, eps } => self.layer_norm(inputs, *axis, *eps),
            O::MaxPool { kernel, strides, pads, dilations } => {
                self.max_pool(inputs[0], kernel, convolution::Window { strides, pads, dilations })
            }
            O::AveragePool { kernel, strides, pads, count_include_pad } => {
                let dilations = &vec![1; strides.len()];
                let window = convolution::Window { strides, pads, dilations };
                self.average_pool(inputs[0], kernel, window, *count_include_pad)
            }
            O::GlobalAveragePool => self.global_pool(inputs[0], false),
            O::GlobalMaxPool => self.global_pool(inputs[0], true),
            O::Softmax { axis } => self.softmax(inputs[0], self.axis(*axis), false),
            O::LogSoftmax { axis } => self.softmax(inputs[0], self.axis(*axis), true),
            O::Reduce { kind, axes, .. } => self.reduce(inputs[0], *kind, axes),
            O::Add | O::Sub | O::Mul | O::Div | O::Min | O::Max => self.binary(&node.op, inputs, out),
            O::PRelu => self.prelu(inputs),
            O::Pow => self.pow(inputs),
            O::Concat { axis } => self.concat(inputs, self.axis(*axis)),
            O::Slice { starts, steps } => self.slice(inputs[0], starts, steps, out),
            O::Pad { mode, pads, value } => self.pad(inputs[0], *mode, pads, *value),
            O::Reshape => self.at(inputs[0]),
            O::Transpose { perm } => self.transpose(inputs[0], perm),
            O::Gather { axis, indices } => self.gather(inputs[0], self.axis(*axis), indices),
            O::Expand => self.expand(inputs[0], out),
            other => self.element(other, inputs[0]),
        }
    }

    /// An axis of the file's value as one of [`Lower::dims`].
    fn axis(&self, axis: usize) -> usize {
        // Axis 0 of a batched model is never operated on.
        axis - usize::from(self.batched)
    }

    fn finish(mut self, batch: Option<usize>, want: Want) -> Result<Network> {
        let failed = |why: String| Failure::failed(why);
        self.prune(&self.model.outputs);
        for i in 0..self.nodes.len() {
            let Node { op, x, y, .. } = self.nodes[i];
            if !op.is_input() {
                (self.nodes[x as usize].last_use, self.nodes[y as usize].last_use) = (i as u32, i as u32);
            }
        }
        let port = |value: ValueId, node: u32| Port {
            name: self.model.values[value].name.clone(),
            shape: self.dims(value).to_vec(),
            node,
        };
        let mut inputs = Vec::new();
        for &input in &self.model.inputs {
            inputs.push(port(input, self.at(input).map_err(failed)?));
        }
        let mut outputs = Vec::new();
        for &output in &self.model.outputs {
            let Some(node) = self.nodes_of[output] else {
                let name = visible(&self.model.values[output].name);
                return Err(failed(format!("output {name} is a constant: the network does not compute it")));
            };
            outputs.push(port(output, node));
        }
        let len = self.nodes.len() as u32;
        for output in &outputs {
            self.nodes[output.node as usize].last_use = len;
        }
        let format = match self.model.format {
            Format::Onnx { opset } => format!("ONNX, opset {opset}"),
            Format::Tflite => "TensorFlow Lite".to_owned(),
        };
        let origin = Origin {
            format,
            batch,
            kinds: self.kinds,
            unused: self.model.unused.clone(),
            notes: [&self.model.notes[..], &self.notes].concat(),
        };
        let placed = Placed::of_nodes(self.nodes, want)?.with_names(Names::given(self.names)?)?;
        Ok(Network { placed, parameters: self.parameters, running: self.running, inputs, outputs, origin })
    }
}
