use shatterscope::Error;
use shatterscope::exec::{Buffers, Executor, Options};
use shatterscope::graph::{Builder, Graph, NODE_WORDS, Node, NodeWords, Shape};
use shatterscope::kernel::Isa;
use shatterscope::layer::Window;
use shatterscope::network::Serial;
use shatterscope::plan::{Plan, place};

/// Nodes that are looked at, and elements and multiply-adds of what is run.
const NODES: usize = 64;
const MOST: u64 = 1 << 14;

/// As the words of nodes: refused in one line, or a graph with slots that a plan accepts, and the same outputs for every tile.
pub fn graph(data: &[u8]) {
    let words: Vec<u32> = data.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
    let nodes: &[NodeWords] = words.as_chunks::<NODE_WORDS>().0;
    let nodes = &nodes[..nodes.len().min(NODES)];
    let graph = match Graph::from_words(nodes) {
        Err(error) => return assert!(!error.to_string().contains('\n')),
        Ok(graph) => graph,
    };
    for (i, words) in (0..).zip(nodes) {
        assert_eq!(graph.node(i).map(|node| node.to_words()), Some(*words));
        assert!(graph.facts(i).is_some());
    }
    let mut slots = vec![0; nodes.len()];
    let memory = place(&graph, &mut slots).expect("there is a slot for each node");
    assert!(memory.units >= memory.bound && memory.bound > 0);
    // More units than can be counted are refused; slots that overlap never come from the planner.
    let Ok(plan) = Plan::new(&graph, &slots) else { return assert!(memory.units > u32::MAX.into() || weights(&graph)) };
    assert_eq!(plan.units, memory.units);
    let small = [plan.units, plan.parameters_len, plan.running_len, plan.scratch_best, plan.multiply_adds];
    if small.iter().all(|len| *len <= MOST) {
        let one = run::<1>(&plan);
        assert!(one == run::<4>(&plan), "the tile changes an output");
    }
}

/// Whether there are more parameters than can be counted.
fn weights(graph: &Graph) -> bool {
    (0..graph.len() as u32).filter_map(|i| graph.facts(i)).map(|facts| facts.parameters_len() as u128).sum::<u128>()
        > u32::MAX.into()
}

/// The bits of all outputs of three points, or the fault.
fn run<const T: usize>(plan: &Plan) -> Result<Vec<u32>, Error> {
    let value = |i: usize| ((i * 37 + 11) % 64) as f32 / 32.0 - 0.75;
    let parameters: Vec<f32> = (0..plan.parameters_len as usize).map(value).collect();
    let running: Vec<f32> = (0..plan.running_len as usize).map(|i| 1.0 + value(i)).collect();
    let mut values = vec![f32::NAN; plan.values_len(3, T as u32).expect("few units") as usize];
    let mut scratch = vec![f32::NAN; plan.scratch_len as usize];
    let buffers = Buffers { values: &mut values, scratch: &mut scratch };
    let options = Options { batch: 3, isa: Isa::Portable };
    let mut executor = Executor::<_, 2, T>::new(plan, &Serial, options, buffers)?;
    let mut batch = executor.begin(3)?;
    for input in plan.graph().inputs() {
        let (x, tile_len) = batch.input(input).expect("an input");
        for (at, x) in x.iter_mut().enumerate() {
            let (point, unit) = ((at / tile_len * T + at % T).min(2), at % tile_len / T);
            *x = value(unit * 3 + point);
        }
    }
    let outputs = batch.forward(&parameters, &running)?.run()?;
    let mut bits = Vec::new();
    for output in plan.graph().outputs() {
        let (y, tile_len) = outputs.output(output).expect("an output");
        for point in 0..3 {
            let of = |unit: usize| y[point / T * tile_len + unit * T + point % T].to_bits();
            bits.extend((0..tile_len / T).map(of));
        }
    }
    Ok(bits)
}

/// Encoded graphs: every operation, two inputs and two outputs, and a value with three uses.
pub fn seeds() -> Vec<Vec<u8>> {
    let encoded = |nodes: &[Node]| nodes.iter().flat_map(Node::to_words).flat_map(u32::to_le_bytes).collect();
    vec![encoded(&every_operation()), encoded(&branches())]
}

fn every_operation() -> Vec<Node> {
    let mut nodes = vec![Node::EMPTY; 16];
    let mut g = Builder::new(&mut nodes);
    let x = g.input(Shape::vector(64));
    let x = g.reshape(x, Shape { channels: 1, height: 8, width: 8 });
    let kept = g.conv(x, 2, Window::half_padded(3, 1), true);
    let x = g.relu(kept);
    let x = g.batch_norm(x, 1e-5, 0.1);
    let x = g.prelu(x, 0.25);
    let x = g.dropout(x, 0.5);
    let x = g.add((kept, 1.0), (x, 0.5));
    let x = g.shortcut(x, 3, 2);
    let pool = Window { height: 2, width: 2, stride: 2, padding: 0 };
    let x = g.max_pool(x, pool);
    let x = g.average_pool(x, pool);
    let x = g.crelu(x);
    let x = g.dense(x, 3, true);
    let len = g.finish(&[x]).map_or(0, |graph| graph.len());
    nodes.truncate(len);
    nodes
}

fn branches() -> Vec<Node> {
    let mut nodes = vec![Node::EMPTY; 9];
    let mut g = Builder::new(&mut nodes);
    let (x, y) = (g.input(Shape::vector(3)), g.input(Shape::vector(5)));
    let a = g.dense(x, 5, false);
    let b = g.relu(a);
    let c = g.add((a, 0.5), (b, -1.0));
    let d = g.add((a, 2.0), (y, 1.0));
    let e = g.add((c, 1.0), (c, 1.0));
    let len = g.finish(&[d, e, y]).map_or(0, |graph| graph.len());
    nodes.truncate(len);
    nodes
}
