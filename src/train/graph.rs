use super::Layer;
use crate::error::{Error, Refusal};
use crate::graph::{Builder, Facts, Graph, Node, Shape, Value};
use crate::layer::{Conv, Image, Pool};

/// Writes layers as the nodes of a graph, one input and one output. Forks are no nodes: a value may have several uses. A node's address is
/// the number of its layer, from 1 on.
///
/// There are at most two nodes for each layer and one more; three for a join whose branch has other channels.
///
/// # Errors
/// [`Error::TooShort`] where the nodes do not fit; [`Error::Refused`] with [`Refusal::Layers`] for layers that do not follow each other, and
/// forks that nest or stay open; [`Error::Node`] with the node that is refused.
pub const fn to_graph<'a>(layers: &[Layer], nodes: &'a mut [Node]) -> Result<Graph<'a>, Error> {
    const BROKEN: Error = Error::Refused(Refusal::Layers);
    let mut builder = Builder::new(nodes);
    let Some(first) = layers.first() else { return Err(BROKEN) };
    let shape = match shape_of(first) {
        Ok(shape) => shape,
        Err(error) => return Err(error),
    };
    let mut x = builder.input(shape);
    let mut kept: Option<Value> = None;
    let mut i = 0;
    // No panic: i is below the length.
    while i < layers.len() {
        let layer = &layers[i];
        builder.layer(i as u32 + 1);
        // The layer's view of its input: flattening is no layer.
        let shape = match shape_of(layer) {
            Ok(shape) => shape,
            Err(error) => return Err(error),
        };
        let same = match (shape.units(), builder.shape(x).units()) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => false,
        };
        if !same {
            return Err(BROKEN);
        }
        if !matches!(layer, Layer::Dense { .. } | Layer::Relu { .. } | Layer::Dropout { .. }) {
            x = builder.reshape(x, shape);
        }
        x = match *layer {
            Layer::Dense { outputs, bias, .. } => builder.dense(x, outputs, bias),
            Layer::Conv { conv, bias } => builder.conv(x, conv.channels, conv.window, bias),
            Layer::Relu { .. } => builder.relu(x),
            Layer::Prelu { slope, .. } => builder.prelu(x, slope),
            Layer::Crelu { .. } => builder.crelu(x),
            Layer::BatchNorm { eps, momentum, .. } => builder.batch_norm(x, eps, momentum),
            Layer::AveragePool { pool } => builder.average_pool(x, pool.window),
            Layer::MaxPool { pool } => builder.max_pool(x, pool.window),
            Layer::Dropout { rate, .. } => builder.dropout(x, rate),
            Layer::Fork { .. } => {
                if kept.is_some() {
                    return Err(BROKEN);
                }
                kept = Some(x);
                x
            }
            Layer::Join { shortcut, a, b } => {
                let Some(skip) = kept else { return Err(BROKEN) };
                kept = None;
                if !is(builder.shape(skip), shortcut.input) {
                    return Err(BROKEN);
                }
                let straight = shortcut.channels == shortcut.input.channels && shortcut.stride == 1;
                let skip = if straight { skip } else { builder.shortcut(skip, shortcut.channels, shortcut.stride) };
                builder.add((skip, a), (x, b))
            }
        };
        // What follows a refused node would not fit its value.
        if let Some(error) = builder.error() {
            return Err(error);
        }
        i += 1;
    }
    if kept.is_some() {
        return Err(BROKEN);
    }
    builder.finish(&[x])
}

const fn is(shape: Shape, image: Image) -> bool {
    match Shape::of(image) {
        Some(other) => shape.same(other),
        None => false,
    }
}

/// The shape that a layer has its input in.
const fn shape_of(layer: &Layer) -> Result<Shape, Error> {
    let image = match *layer {
        Layer::Dense { inputs: units, .. } | Layer::Relu { units } | Layer::Dropout { units, .. } => {
            Image::vector(units)
        }
        Layer::Conv { conv: Conv { input: image, .. }, .. }
        | Layer::Prelu { image, .. }
        | Layer::Crelu { image }
        | Layer::BatchNorm { image, .. }
        | Layer::AveragePool { pool: Pool { input: image, .. } }
        | Layer::MaxPool { pool: Pool { input: image, .. } }
        | Layer::Fork { image } => image,
        Layer::Join { shortcut, .. } => match shortcut.output() {
            Some(image) => image,
            None => return Err(Error::Refused(Refusal::Window)),
        },
    };
    let Some(shape) = Shape::of(image) else { return Err(Error::Refused(Refusal::TooLarge)) };
    match Facts::of(shape) {
        Ok(_) => Ok(shape),
        Err(error) => Err(error),
    }
}
