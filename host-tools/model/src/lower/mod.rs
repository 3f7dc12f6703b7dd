//! A model's operations as nodes of the core.
//!
//! A value of the file is row-major with any number of axes; a value of the core has three. Each operation looks at its operands in the three axes
//! that it needs: axes that it treats alike are merged, and a reshape, which moves nothing, stands between.
mod batch;
mod binary;
mod convolution;
mod elements;
mod extents;
mod int8;
mod mask;
mod movement;
mod norm;
mod pool;
mod product;
mod prune;
mod reduce;

use crate::assembly::Assembly;
use crate::network::{Network, Origin, Port, Scale};
use extents::shape_of;
use shatterscope::graph::{Op, Shape};
use shatterscope::plan::Want;
use shatterscope_engine::{Failure, Result, text::visible};
use shatterscope_import::{Format, Model, Operation, Tensor, ValueId};
use std::collections::HashMap;

/// The reason why an operation cannot be lowered.
type Lowered<T> = std::result::Result<T, String>;

/// The network of a model, planned for what is wanted of it.
///
/// # Errors
/// All operations that the core does not have, with their nodes' names; a network that is too large; no memory.
pub fn lower(model: &Model, want: Want) -> Result<Network> {
    if model.inputs.is_empty() {
        return Err(Failure::failed("the model has no inputs: it computes the same for every example"));
    }
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
        lower.built.name = joined.unwrap_or(&node.name).to_owned();
        lower.built.kind = node.kind.clone();
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
    /// The nodes so far, under the name and kind of the operation that is being lowered.
    built: Assembly,
    /// What else changes bits than what the reader changed.
    notes: Vec<String>,
    /// The node that computes each value of the model.
    nodes_of: Vec<Option<u32>>,
    /// Reshapes that exist, by their operand and shape.
    views: HashMap<(u32, Shape3), u32>,
}

type Shape3 = (u32, u16, u16);

impl<'m> Lower<'m> {
    fn new(model: &'m Model, batched: bool) -> Self {
        Self {
            model,
            batched,
            built: Assembly::default(),
            notes: Vec::new(),
            nodes_of: vec![None; model.values.len()],
            views: HashMap::new(),
        }
    }

    /// The inputs, which come before all other nodes.
    fn inputs(&mut self) -> Lowered<()> {
        for &input in &self.model.inputs {
            self.built.name = self.model.values[input].name.clone();
            self.built.kind = "input".to_owned();
            let op = if self.model.values[input].is_int8() {
                Op::Int8Input { shape: int8::shape_of(self.dims(input))? }
            } else {
                Op::Input { shape: shape_of(self.dims(input))? }
            };
            self.nodes_of[input] = Some(self.push(op, 0, 0, &[])?);
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
        self.built.shape(node)
    }

    /// The same units under another shape.
    fn view(&mut self, node: u32, shape: Shape) -> Lowered<u32> {
        if self.shape(node) == shape {
            return Ok(node);
        }
        // What a reshape reshapes has the shape, or is reshaped itself.
        if let Op::Reshape { .. } = self.built.nodes[node as usize].op {
            let x = self.built.nodes[node as usize].x;
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

    fn push_with(&mut self, op: Op, operands: (u32, u32), parameters: &[f32], running: &[f32]) -> Lowered<u32> {
        self.built.push(op, operands, &[parameters], &[running])
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
            O::Int8 { op, clamp } => self.int8(op, *clamp, inputs, out),
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
        let port = |value: ValueId, node: u32| Port {
            name: self.model.values[value].name.clone(),
            shape: self.dims(value).to_vec(),
            node,
            int8: self.model.values[value]
                .quantisation
                .as_ref()
                .filter(|_| self.built.nodes[node as usize].op.is_int8()[1])
                .map(|q| Scale { scale: q.scales[0], zero: q.zeros[0] as i8 }),
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
        let format = match self.model.format {
            Format::Onnx { opset } => format!("ONNX, opset {opset}"),
            Format::Tflite => "TensorFlow Lite".to_owned(),
        };
        let origin = Origin {
            format,
            batch,
            kinds: Vec::new(),
            unused: self.model.unused.clone(),
            notes: [&self.model.notes[..], &self.notes].concat(),
        };
        self.built.finish(inputs, outputs, origin, want)
    }
}
