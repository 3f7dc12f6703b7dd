use shatterscope::exec::Isa;
use shatterscope::exec::{Buffers, Executor, Mode, Options, Outputs};
use shatterscope::graph::Window;
use shatterscope::graph::{Builder, Graph, NODE_WORDS, Node, NodeWords, Shape};
use shatterscope::plan::{Plan, Storage, Want, place};
use shatterscope::workers::Serial;
use shatterscope::{Error, InvalidSpec};

/// Nodes that are looked at, and elements and multiply-adds of what is run.
const NODES: usize = 64;
const MOST: u64 = 1 << 14;
const WANTS: [Want; 4] = [Want::Output, Want::InputGradient, Want::Gradients, Want::ParameterGradient];

/// As the words of nodes: refused in one line, or a graph with slots that a plan accepts, whatever is wanted, and the same outputs and gradients for
/// every tile.
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
    for want in WANTS {
        planned(&graph, want);
    }
}

/// Slots for what is wanted, and small plans run with two tiles.
fn planned(graph: &Graph, want: Want) {
    let len = graph.len() * want.slots();
    let (mut slots, mut storages) = (vec![0; len], vec![Storage::EMPTY; len]);
    // More units or parameters than can be counted are refused; slots that overlap never come from the planner.
    let memory = match place(graph, want, &mut storages, &mut slots) {
        Err(error) => return assert_eq!(error, Error::InvalidSpec(InvalidSpec::TooLarge)),
        Ok(memory) => memory,
    };
    assert!(memory.units >= memory.bound && memory.bound > 0 && memory.units <= u32::MAX.into());
    let Ok(plan) = Plan::new(graph, want, &slots) else { return assert!(weights(graph)) };
    assert_eq!(plan.units, memory.units);
    let lengths = [plan.tape_tile_len(4), plan.gathered_len(4), plan.statistics_len()];
    let small = [plan.units, plan.parameters_len, plan.running_len, plan.scratch_best, plan.multiply_adds];
    if small.iter().chain(&lengths).all(|len| *len <= MOST) {
        let one = run::<1>(&plan);
        assert!(one == run::<4>(&plan), "{want:?}: the tile changes a result");
    }
}

/// Whether there are more parameters than can be counted.
fn weights(graph: &Graph) -> bool {
    (0..graph.len() as u32).filter_map(|i| graph.facts(i)).map(|facts| facts.parameters_len() as u128).sum::<u128>()
        > u32::MAX.into()
}

/// The bits of all outputs of three points and of the gradients that are wanted, or the fault.
fn run<const T: usize>(plan: &Plan) -> Result<Vec<u32>, Error> {
    let parameters: Vec<f32> = (0..plan.parameters_len as usize).map(value).collect();
    let running: Vec<f32> = (0..plan.running_len as usize).map(|i| 1.0 + value(i)).collect();
    let floats = |len: u64| vec![f32::NAN; len as usize];
    let mut values = floats(plan.values_len(3, T as u32).expect("few units"));
    let mut tape = vec![0; plan.tape_len(3, T as u32).expect("few units") as usize];
    let [mut statistics, mut scratch, mut gathered] =
        [plan.statistics_len(), plan.scratch_len, plan.gathered_len(T as u32)].map(floats);
    let buffers = Buffers {
        values: &mut values,
        tape: &mut tape,
        statistics: &mut statistics,
        scratch: &mut scratch,
        gathered: &mut gathered,
    };
    let options = Options::new(3).with_isa(Isa::Portable);
    let mut executor = Executor::<_, 2, T>::new(plan, &Serial, options, buffers)?;
    let mut batch = executor.begin(3)?;
    for input in plan.graph().inputs() {
        let (x, tile_len) = batch.input(input).expect("an input");
        fill::<T>(x, tile_len);
    }
    let mode = if plan.want().backward() { Mode::Probing } else { Mode::Inference { running: &running } };
    let mut outputs = batch.forward(&parameters, mode)?.run()?;
    let mut bits = Vec::new();
    for output in plan.graph().outputs() {
        bits.extend(by_point::<T>(outputs.output(output).expect("an output")));
    }
    if plan.want().backward() {
        seed(plan, &mut outputs);
        let mut gradient = vec![0.0; if plan.want().parameters() { parameters.len() } else { 0 }];
        let gradients = outputs.backward(&parameters, &mut gradient)?.run()?;
        for input in plan.graph().inputs() {
            let of_input = gradients.input(input);
            assert_eq!(of_input.is_some(), plan.want().inputs());
            bits.extend(of_input.map(by_point::<T>).unwrap_or_default());
        }
        bits.extend(gradient.iter().map(|g| g.to_bits()));
    }
    Ok(bits)
}

fn value(i: usize) -> f32 {
    ((i * 37 + 11) % 64) as f32 / 32.0 - 0.75
}

/// Three points, the last one again in lanes that are none.
fn fill<const T: usize>(x: &mut [f32], tile_len: usize) {
    for (at, x) in x.iter_mut().enumerate() {
        let (point, unit) = ((at / tile_len * T + at % T).min(2), at % tile_len / T);
        *x = value(unit * 3 + point);
    }
}

fn by_point<const T: usize>((y, tile_len): (&[f32], usize)) -> Vec<u32> {
    let of = |point: usize| (0..tile_len / T).map(move |unit| y[point / T * tile_len + unit * T + point % T].to_bits());
    (0..3).flat_map(of).collect()
}

/// Writes the gradients of the outputs.
fn seed<const T: usize>(plan: &Plan, outputs: &mut Outputs<'_, '_, Serial, 2, T>) {
    for output in plan.graph().outputs() {
        // None where the plan's backward pass ends before it.
        let Some((_, gradient, tile_len)) = outputs.output_and_gradient(output) else { continue };
        fill::<T>(gradient, tile_len);
    }
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
