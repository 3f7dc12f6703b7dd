use crate::{buffer, slice};
use core::hint::black_box;
use shatterscope::Error;
use shatterscope::graph::Window;
use shatterscope::graph::{Builder, Facts, Graph, Node, Op, Shape};

pub fn everything() {
    built();
    for entry in black_box(Op::LIST) {
        let (op, x) = black_box((entry.op, entry.operand));
        let facts: Result<Facts, Error> = op.facts(x, x);
        black_box(facts.is_ok_and(|facts| facts.parameters_len() > 0));
        black_box((entry.tag, entry.about, entry.numbers));
        if let Some(elements) = black_box(op.elements()) {
            elements.value(buffer(&mut [1.0; 4]));
            elements.slope(slice(&[1.0; 4]), buffer(&mut [1.0; 4]));
        }
        black_box((op.backward(x, black_box(4), black_box(true)), op.name(), op.norm(), op.is_input(), op.is_binary()));
    }
}

fn built() {
    let mut nodes = [Node::EMPTY; 20];
    let mut g = Builder::new(buffer(&mut nodes));
    g.layer(black_box(1));
    let x = g.input(black_box(Shape { channels: 2, height: 8, width: 8 }));
    let x = g.reshape(x, black_box(Shape::vector(128)));
    let window = black_box(Window::half_padded(3, 1));
    let kept = g.conv(x, black_box(4), window, true);
    let x = g.relu(kept);
    let x = g.prelu(x, black_box(0.5));
    let x = g.batch_norm(x, black_box(0.5), black_box(0.5));
    let x = g.dropout(x, black_box(0.5));
    let x = g.add((kept, black_box(1.0)), (x, black_box(1.0)));
    let x = g.shortcut(x, black_box(8), black_box(2));
    let x = g.max_pool(x, window);
    let x = g.average_pool(x, window);
    let x = g.crelu(x);
    let x = g.dense(x, black_box(10), true);
    black_box((g.error(), g.shape(x)));
    black_box(g.finish(slice(&[x])).is_ok());
    if let Ok(graph) = Graph::new(slice(&nodes)) {
        black_box((graph.len(), graph.is_empty(), graph.node(black_box(1)), graph.facts(black_box(1))));
        graph.outputs().for_each(|output| {
            black_box(output);
        });
    }
    if let Some(node) = black_box(Node::from_words(&black_box([0; 12]))) {
        black_box((node.to_words(), node.is_input(), node.op.is_binary()));
        black_box(node.op.backward(black_box(node.shape), black_box(4), black_box(false)));
    }
}
