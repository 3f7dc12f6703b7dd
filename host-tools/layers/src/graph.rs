use super::Layer;
use shatterscope::graph::Image;
use shatterscope::graph::{Builder, Graph, Node, Shape, Value};
use shatterscope::{Error, InvalidSpec};

/// Converts layers to the nodes of a graph with one input and one output. A fork has no node, because a value may have several uses. A node's
/// address is the number of its layer, from 1 on.
///
/// The graph has one node for the input, and at most two per layer; three for a join whose branch has other channels.
///
/// # Errors
/// [`Error::TooShort`] if `nodes` is too short; [`Error::InvalidSpec`] with [`InvalidSpec::Layers`] for layers that do not fit the layer before, and for
/// forks that nest or stay open, and with the errors of [`Layer::input`]; [`Error::InvalidNode`] with the first node that is refused.
pub const fn to_graph<'a>(layers: &[Layer], nodes: &'a mut [Node]) -> Result<Graph<'a>, Error> {
    const BROKEN: Error = Error::InvalidSpec(InvalidSpec::Layers);
    let mut builder = Builder::new(nodes);
    let Some(first) = layers.first() else { return Err(BROKEN) };
    let shape = match first.input() {
        Ok(shape) => shape,
        Err(error) => return Err(error),
    };
    let mut x = builder.input(shape);
    let mut kept: Option<Value> = None;
    let mut i = 0;
    while i < layers.len() {
        let layer = &layers[i];
        builder.layer(i as u32 + 1);
        // The layer's view of its input: flattening is no layer.
        let shape = match layer.input() {
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
        x = match (layer, layer.op()) {
            (Layer::Join { shortcut, .. }, Some(add)) => {
                let Some(skip) = kept else { return Err(BROKEN) };
                kept = None;
                if !is(builder.shape(skip), shortcut.input) {
                    return Err(BROKEN);
                }
                let straight = shortcut.channels == shortcut.input.channels && shortcut.stride == 1;
                let skip = if straight { skip } else { builder.shortcut(skip, shortcut.channels, shortcut.stride) };
                builder.push(add, skip, x)
            }
            (_, Some(op)) => builder.push(op, x, x),
            (_, None) => {
                if kept.is_some() {
                    return Err(BROKEN);
                }
                kept = Some(x);
                x
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

/// Whether a value has the shape of an image.
const fn is(shape: Shape, image: Image) -> bool {
    let own = shape.image();
    own.channels == image.channels && own.height == image.height && own.width == image.width
}
