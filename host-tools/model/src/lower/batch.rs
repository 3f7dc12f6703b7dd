//! Whether axis 0 of a model is a batch: every example is then a point of its own, and there can be any number of them.
use shatterscope_import::{Int8, Model, Node, Operation as O, ValueId};

/// The size of the batch that the file has; None if its values do not all have one, or an operation mixes the examples.
pub(super) fn of(model: &Model) -> Option<usize> {
    let first = *model.inputs.first()?;
    let batch = *model.values[first].shape.first()?;
    let computed = |value: ValueId| model.values[value].constant.is_none();
    let has = |value: ValueId| model.values[value].shape.first() == Some(&batch);
    let all = model.values.iter().enumerate().all(|(i, _)| !computed(i) || has(i));
    let outputs = model.outputs.iter().all(|&output| computed(output));
    (all && outputs && model.nodes.iter().all(|node| apart(model, node))).then_some(batch)
}

/// Whether a node computes each example from that example alone.
fn apart(model: &Model, node: &Node) -> bool {
    let shape = |value: ValueId| &model.values[value].shape[..];
    let constant = |value: ValueId| model.values[value].constant.is_some();
    let (x, out) = (node.inputs[0], node.outputs[0]);
    let rank = shape(out).len();
    // A constant that is the same for all examples.
    let shared = |value: ValueId| constant(value) && (shape(value).len() < rank || shape(value).first() == Some(&1));
    match &node.op {
        O::Conv { .. } | O::MaxPool { .. } | O::AveragePool { .. } | O::GlobalAveragePool | O::GlobalMaxPool => {
            !constant(x)
        }
        O::BatchNormalization { .. } | O::InstanceNormalization { .. } | O::GroupNormalization { .. } => !constant(x),
        O::Gemm { trans_a, .. } => {
            !constant(x) && !trans_a && constant(node.inputs[1]) && node.inputs.get(2).is_none_or(|&c| shared(c))
        }
        O::MatMul => {
            let (a, b) = (x, node.inputs[1]);
            if constant(a) {
                return false;
            }
            let matrix = constant(b) && shape(b).iter().rev().skip(2).all(|&n| n == 1);
            (matrix && shape(a).len() >= 2 && shape(b).len() <= rank)
                || (!constant(b) && shape(a).len() >= 3 && shape(a).len() == shape(b).len())
        }
        O::LayerNormalization { axis, .. } | O::Softmax { axis } | O::LogSoftmax { axis } | O::Gather { axis, .. } => {
            *axis >= 1
        }
        O::Reduce { axes, .. } => !axes.contains(&0),
        O::Concat { axis } => *axis >= 1 && node.inputs.iter().all(|&i| !constant(i)),
        O::Slice { starts, steps } => starts[0] == 0 && steps[0] == 1 && shape(x)[0] == shape(out)[0],
        O::Pad { pads, .. } => pads[0] == 0 && pads[pads.len() / 2] == 0,
        O::Reshape => true,
        O::Int8 { op, .. } => match op {
            Int8::Mean { axes, .. } => !axes.contains(&0),
            Int8::Concat { axis } => *axis >= 1,
            Int8::Pad { pads } => pads[0] == 0 && pads[pads.len() / 2] == 0,
            Int8::Softmax { .. } => rank >= 2,
            _ => true,
        },
        O::Transpose { perm } => perm[0] == 0,
        O::Expand => !constant(x) && shape(x).len() == rank,
        O::PRelu | O::Pow => node.inputs.iter().skip(1).all(|&i| shared(i)),
        O::Add | O::Sub | O::Mul | O::Div | O::Min | O::Max => {
            node.inputs.iter().all(|&i| shared(i) || (!constant(i) && shape(i).len() == rank))
        }
        _ => true,
    }
}
