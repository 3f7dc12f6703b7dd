use crate::{buffer, slice};
use core::hint::black_box;
use shatterscope::Error;
use shatterscope::exec::{Buffers, Executor, Options};
use shatterscope::graph::{Builder, Facts, Graph, Node, NodeWords, Op, Shape};
use shatterscope::kernel::Isa;
use shatterscope::layer::Window;
use shatterscope::network::Serial;
use shatterscope::plan::{Plan, place};
use shatterscope::train::{Layer, to_graph};

pub fn everything() {
    black_box(built().is_ok());
    // The tile that the core runs with: each takes as long to compile as all else here.
    #[cfg(not(target_abi = "eabihf"))]
    let _ = black_box(planned::<1, 1>());
    #[cfg(target_abi = "eabihf")]
    let _ = black_box(planned::<4, 4>());
    let facts: Result<Facts, Error> =
        black_box(Op::Crelu).facts(black_box(Shape::vector(3)), black_box(Shape::vector(3)));
    black_box(facts.is_ok_and(|facts| facts.parameters_len() > 0));
}

fn built() -> Result<(), Error> {
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
    black_box(g.finish(slice(&[x])).is_ok());
    let mut nodes = [Node::EMPTY; 20];
    let layers = [Layer::Relu { units: 3 }];
    black_box(to_graph(slice(&layers), buffer(&mut nodes)).is_ok());
    black_box(Graph::new(slice(&nodes)).is_ok());
    Ok(())
}

fn planned<const R: usize, const T: usize>() -> Result<(), Error> {
    let words: [NodeWords; 3] = black_box([[0; 12]; 3]);
    let graph = Graph::from_words(slice(&words))?;
    black_box(graph.facts(black_box(1)));
    let mut slots = [0; 3];
    black_box(place(&graph, buffer(&mut slots))?);
    let plan = Plan::new(&graph, slice(&slots))?;
    let (mut values, mut scratch) = ([0.0; 20], [0.0; 20]);
    let buffers = Buffers { values: buffer(&mut values), scratch: buffer(&mut scratch) };
    let options = Options { batch: black_box(3), isa: black_box(Isa::Portable) };
    let mut executor = Executor::<_, R, T>::new(&plan, &Serial, options, buffers)?;
    let mut batch = executor.begin(black_box(2))?;
    for input in graph.inputs() {
        if let Some((input, _)) = batch.input(input) {
            input.fill(1.0);
        }
    }
    let mut forward = batch.forward(slice(&[0.0; 3]), slice(&[0.0; 3]))?;
    while forward.step()? {
        black_box((forward.value(), forward.node()));
    }
    let outputs = forward.run()?;
    for output in graph.outputs() {
        black_box(outputs.output(output));
    }
    Ok(())
}
