//! Graphs and their memory: slots of values never overlap and take hardly more than the bound; what is no graph is refused by name.
use shatterscope::Error;
use shatterscope::InvalidSpec;
use shatterscope::exec::Isa;
use shatterscope::exec::{Buffers, Executor, Mode, Options};
use shatterscope::graph::Window;
use shatterscope::graph::{Builder, Graph, Node, Op, Shape, Value};
use shatterscope::plan::{Memory, Plan, Storage, Want, place};
use shatterscope::random::philox4x32_10;
use shatterscope::workers::Serial;

/// Numbers that follow each other.
struct Draw(u32, u32);

impl Draw {
    fn below(&mut self, n: u32) -> u32 {
        self.0 += 1;
        ((u64::from(philox4x32_10([self.0, self.1, 0, 0], [16, 7])[0]) * u64::from(n)) >> 32) as u32
    }
}

/// The nodes that a function writes.
fn built(write: impl FnOnce(&mut Builder) -> Vec<Value>) -> Vec<Node> {
    let mut nodes = vec![Node::EMPTY; 400];
    let mut builder = Builder::new(&mut nodes);
    let outputs = write(&mut builder);
    let len = builder.finish(&outputs).unwrap().len();
    nodes.truncate(len);
    nodes
}

/// The memory of a graph, its slots verified here as well as by the plan.
fn memory(nodes: &[Node]) -> Memory {
    let graph = Graph::new(nodes).unwrap();
    let (mut slots, mut storages) = (vec![0; nodes.len()], vec![Storage::EMPTY; nodes.len()]);
    let memory = place(&graph, Want::Output, &mut storages, &mut slots).unwrap();
    let plan = Plan::new(&graph, Want::Output, &slots).unwrap();
    assert_eq!(plan.units, memory.units);
    // Unit by unit and node by node: who owns it, until when.
    let mut owner = vec![(usize::MAX, 0); memory.units as usize];
    for (i, node) in nodes.iter().enumerate() {
        let slot = slots[i] as usize;
        for unit in &mut owner[slot..slot + node.shape.units().unwrap() as usize] {
            let (other, until) = *unit;
            let operand = other == node.x as usize || other == node.y as usize;
            let in_place = operand && until == i && slots[other] == slots[i];
            assert!(other == usize::MAX || until < i || in_place, "node {i} overwrites value {other}");
            *unit = (i, node.last_use as usize);
        }
    }
    memory
}

fn window(size: u32, stride: u32) -> Window {
    Window { height: size, width: size, stride, padding: 0 }
}

#[test]
fn chains_take_the_bound_exactly() {
    let mut draw = Draw(0, 1);
    for _ in 0..3000 {
        let nodes = built(|g| {
            let mut x = g.input(Shape::vector(1 + draw.below(40)));
            for _ in 0..draw.below(30) {
                x = match draw.below(5) {
                    0 => g.relu(x),
                    1 => g.prelu(x, 0.5),
                    2 if g.shape(x).channels < 1000 => g.crelu(x),
                    3 => g.batch_norm(x, 1e-5, 0.1),
                    _ => g.dense(x, 1 + draw.below(60), true),
                };
            }
            vec![x]
        });
        let Memory { units, bound } = memory(&nodes);
        assert_eq!(units, bound, "{nodes:?}");
    }
}

/// Networks that people know by name, with the memory of each.
fn named() -> Vec<(&'static str, Vec<Node>)> {
    let half = Window::half_padded;
    // A residual block, its branch before or behind the shortcut.
    let residual = |g: &mut Builder, x: Value, channels: u32, stride: u32| {
        let branch = g.conv(x, channels, half(3, stride), false);
        let branch = g.batch_norm(branch, 1e-5, 0.1);
        let branch = g.relu(branch);
        let branch = g.conv(branch, channels, half(3, 1), false);
        let branch = g.batch_norm(branch, 1e-5, 0.1);
        let skip = if stride > 1 { g.conv(x, channels, window(1, stride), false) } else { x };
        let x = g.add((skip, 1.0), (branch, 1.0));
        g.relu(x)
    };
    vec![
        (
            "LeNet",
            built(|g| {
                let x = g.input(Shape { channels: 1, height: 28, width: 28 });
                let x = g.conv(x, 6, half(5, 1), true);
                let x = g.relu(x);
                let x = g.max_pool(x, window(2, 2));
                let x = g.conv(x, 16, window(5, 1), true);
                let x = g.relu(x);
                let x = g.max_pool(x, window(2, 2));
                let x = g.dense(x, 120, true);
                let x = g.relu(x);
                let x = g.dense(x, 84, true);
                let x = g.relu(x);
                vec![g.dense(x, 10, true)]
            }),
        ),
        (
            "ResNet-8 of MLPerf Tiny",
            built(|g| {
                let x = g.input(Shape { channels: 3, height: 32, width: 32 });
                let x = g.conv(x, 16, half(3, 1), false);
                let x = g.relu(x);
                let x = residual(g, x, 16, 1);
                let x = residual(g, x, 32, 2);
                let x = residual(g, x, 64, 2);
                let x = g.average_pool(x, window(8, 8));
                vec![g.dense(x, 10, true)]
            }),
        ),
        (
            "ResNet-18",
            built(|g| {
                let x = g.input(Shape { channels: 3, height: 224, width: 224 });
                let x = g.conv(x, 64, half(7, 2), false);
                let x = g.batch_norm(x, 1e-5, 0.1);
                let x = g.relu(x);
                let mut x = g.max_pool(x, half(3, 2));
                for (channels, stride) in [(64, 1), (128, 2), (256, 2), (512, 2)] {
                    x = residual(g, x, channels, stride);
                    x = residual(g, x, channels, 1);
                }
                let x = g.average_pool(x, window(7, 7));
                vec![g.dense(x, 1000, true)]
            }),
        ),
        (
            "skips of several lengths",
            built(|g| {
                let x = g.input(Shape::vector(64));
                let mut all = vec![g.dense(x, 64, true)];
                for i in 0..12 {
                    let y = g.dense(all[all.len() - 1], 64, true);
                    let y = g.relu(y);
                    all.push(g.add((all[i * 2 / 3], 0.5), (y, 0.5)));
                }
                vec![all[all.len() - 1]]
            }),
        ),
        (
            "U-Net without its upsampling",
            built(|g| {
                let x = g.input(Shape::vector(512));
                let a = g.dense(x, 512, true);
                let b = g.dense(a, 256, true);
                let c = g.dense(b, 128, true);
                let d = g.dense(c, 64, true);
                let up = g.dense(d, 128, true);
                let up = g.add((c, 1.0), (up, 1.0));
                let up = g.dense(up, 256, true);
                let up = g.add((b, 1.0), (up, 1.0));
                let up = g.dense(up, 512, true);
                let up = g.add((a, 1.0), (up, 1.0));
                vec![g.dense(up, 10, true), d]
            }),
        ),
    ]
}

#[test]
fn named_graphs_take_a_tenth_more_at_most() {
    for (name, nodes) in named() {
        let Memory { units, bound } = memory(&nodes);
        println!("{name}: {units} units of {bound}");
        assert!(units * 10 <= bound * 11, "{name}: {units} of {bound}");
    }
}

#[test]
fn ten_thousand_graphs_at_random() {
    let mut ratios = Vec::new();
    for graph in 0..10_000 {
        let mut draw = Draw(0, 2 + graph);
        let nodes = built(|g| {
            let widths: Vec<_> = (0..1 + draw.below(4)).map(|_| 1 + draw.below(100)).collect();
            let mut values: Vec<_> = (0..1 + draw.below(2)).map(|_| g.input(Shape::vector(widths[0]))).collect();
            let reach = 2 + draw.below(9);
            let mut unused = values.clone();
            for _ in 0..4 + draw.below(36) {
                let recent = |draw: &mut Draw, values: &[Value]| {
                    values[values.len() - 1 - draw.below(reach.min(values.len() as u32)) as usize]
                };
                let x = recent(&mut draw, &values);
                let others: Vec<_> = values.iter().copied().filter(|y| g.shape(*y) == g.shape(x)).collect();
                let (value, used) = match draw.below(6) {
                    0 => (g.relu(x), vec![x]),
                    1 | 2 => {
                        let y = recent(&mut draw, &others);
                        (g.add((x, 1.0), (y, -0.5)), vec![x, y])
                    }
                    _ => (g.dense(x, widths[draw.below(widths.len() as u32) as usize], false), vec![x]),
                };
                unused.retain(|value| !used.contains(value));
                unused.push(value);
                values.push(value);
            }
            unused
        });
        let Memory { units, bound } = memory(&nodes);
        assert!(units >= bound);
        ratios.push(units as f64 / bound as f64);
    }
    ratios.sort_by(f64::total_cmp);
    let (median, most) = (ratios[ratios.len() / 2], ratios[ratios.len() - 1]);
    let exact = ratios.iter().filter(|ratio| **ratio == 1.0).count();
    println!(
        "{exact} of {} at the bound, median {median}, 99% {}, worst {most}",
        ratios.len(),
        ratios[ratios.len() * 99 / 100]
    );
    assert!(median <= 1.05);
}

const NET: [Node; 6] = {
    let mut nodes = [Node::EMPTY; 6];
    let mut g = Builder::new(&mut nodes);
    let x = g.input(Shape::vector(2));
    let y = g.input(Shape::vector(3));
    let h = g.dense(x, 3, false);
    let sum = g.add((h, 2.0), (y, 1.0));
    let r = g.relu(sum);
    let out = g.dense(r, 1, true);
    match g.finish(&[sum, out]) {
        Ok(_) => nodes,
        Err(_) => panic!("no graph"),
    }
};
const SLOTS: [u32; 6] = {
    let mut slots = [0; 6];
    match Graph::new(&NET) {
        Ok(graph) => match place(&graph, Want::Output, &mut [Storage::EMPTY; 6], &mut slots) {
            Ok(_) => slots,
            Err(_) => panic!("no slots"),
        },
        Err(_) => panic!("no graph"),
    }
};

#[test]
fn two_inputs_and_two_outputs_from_constants() {
    let graph = Graph::new(&NET).unwrap();
    let plan = Plan::new(&graph, Want::Output, &SLOTS).unwrap();
    assert_eq!((graph.inputs().collect::<Vec<_>>(), graph.outputs().collect::<Vec<_>>()), (vec![0, 1], vec![3, 5]));
    assert_eq!((plan.parameters_len, plan.multiply_adds, plan.scratch_len), (6 + 4, 9, 0));
    let mut values = vec![f32::NAN; plan.values_len(3, 2).unwrap() as usize];
    let buffers = Buffers::of_outputs(&mut values, &mut []);
    let mut executor =
        Executor::<_, 1, 2>::new(&plan, &Serial, Options::new(3).with_isa(Isa::Portable), buffers).unwrap();
    let mut batch = executor.begin(3).unwrap();
    batch.input(0).unwrap().0.copy_from_slice(&[1.0, 2.0, 10.0, 20.0, 3.0, 3.0, 30.0, 30.0]);
    batch.input(1).unwrap().0.fill(0.25);
    let weights = [1.0, 0.0, 0.0, 1.0, -1.0, 0.0, 1.0, 1.0, 1.0, 0.5];
    let outputs = batch.forward(&weights, Mode::Inference { running: &[] }).unwrap().run().unwrap();
    let (sum, tile_len) = outputs.output(3).unwrap();
    assert_eq!(tile_len, 6);
    assert_eq!(sum[..6], [2.25, 4.25, 20.25, 40.25, -1.75, -3.75]);
    let (out, _) = outputs.output(5).unwrap();
    assert_eq!(out[..3], [2.25 + 20.25 + 0.5, 4.25 + 40.25 + 0.5, 6.25 + 60.25 + 0.5]);
    assert_eq!(outputs.output(4), None);
}

#[test]
fn what_is_no_graph_is_refused_by_its_node() {
    let good = NET;
    let refused = |change: &dyn Fn(&mut [Node; 6])| {
        let mut nodes = good;
        change(&mut nodes);
        match Graph::new(&nodes).err() {
            Some(Error::InvalidNode { node, reason }) => (node, reason),
            other => panic!("{other:?}"),
        }
    };
    assert!(Graph::new(&good).is_ok());
    assert_eq!(Graph::new(&[]).err(), Some(Error::InvalidSpec(InvalidSpec::Layers)));
    assert_eq!(refused(&|n| n[2].x = 2), (2, InvalidSpec::Operand));
    assert_eq!(refused(&|n| n[2].x = u32::MAX), (2, InvalidSpec::Operand));
    assert_eq!(refused(&|n| n[2].y = 1), (2, InvalidSpec::Operand));
    assert_eq!(refused(&|n| n[3].op = Op::Input { shape: Shape::vector(3) }), (1, InvalidSpec::LastUse));
    assert_eq!(refused(&|n| n[2].shape = Shape::vector(4)), (2, InvalidSpec::Shape));
    assert_eq!(refused(&|n| n[2].op = Op::Dense { outputs: 0, bias: false }), (2, InvalidSpec::Layers));
    for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert_eq!(refused(&|n| n[3].op = Op::Add { a: wrong, b: 0.0 }), (3, InvalidSpec::Scale));
        assert_eq!(refused(&|n| n[3].op = Op::Add { a: 0.0, b: wrong }), (3, InvalidSpec::Scale));
        assert_eq!(refused(&|n| n[2].op = Op::Normalise { eps: wrong }), (2, InvalidSpec::Eps));
    }
    for wrong in [-1.0, -f32::from_bits(1), f32::MIN] {
        assert_eq!(refused(&|n| n[2].op = Op::Normalise { eps: wrong }), (2, InvalidSpec::Eps));
    }
    assert_eq!(refused(&|n| n[0].last_use = 3), (0, InvalidSpec::LastUse));
    assert_eq!(refused(&|n| n[0].last_use = 0), (0, InvalidSpec::LastUse));
    assert_eq!(refused(&|n| n[2].last_use = 7), (2, InvalidSpec::LastUse));
}

#[test]
fn slots_that_overlap_are_refused() {
    let graph = Graph::new(&NET).unwrap();
    let mut refused = 0;
    for i in 0..SLOTS.len() {
        for slot in 0..12 {
            let mut slots = SLOTS;
            slots[i] = slot;
            match Plan::new(&graph, Want::Output, &slots) {
                Ok(plan) => assert!(plan.units >= 6),
                Err(Error::InvalidNode { reason: InvalidSpec::Slot, .. }) => refused += 1,
                Err(error) => panic!("{error}"),
            }
        }
    }
    assert!(refused > 20, "{refused}");
    assert!(matches!(Plan::new(&graph, Want::Output, &SLOTS[1..]).err(), Some(Error::TooShort { .. })));
}

/// A residual network of 256 nodes as a constant, planned while it is compiled.
const LONG: [Node; 256] = {
    let mut nodes = [Node::EMPTY; 256];
    let mut g = Builder::new(&mut nodes);
    let mut x = g.input(Shape::vector(4));
    let mut block = 0;
    while block < 85 {
        let branch = g.relu(x);
        let branch = g.dense(branch, 4, true);
        x = g.add((x, 1.0), (branch, 0.5));
        block += 1;
    }
    match g.finish(&[x]) {
        Ok(_) => nodes,
        Err(_) => panic!("no graph"),
    }
};

const LONG_MEMORY: Memory = match Graph::new(&LONG) {
    Ok(graph) => match place(&graph, Want::Output, &mut [Storage::EMPTY; 256], &mut [0; 256]) {
        Ok(memory) => memory,
        Err(_) => panic!("no slots"),
    },
    Err(_) => panic!("no graph"),
};

#[test]
fn graphs_of_256_nodes_are_planned_by_the_compiler() {
    // The value that is kept, the branch, and what the dense layer makes of it.
    assert_eq!(LONG_MEMORY, Memory { units: 12, bound: 12 });
}

#[test]
fn encoded_nodes_are_the_same_graph() {
    for (name, nodes) in named() {
        let words: Vec<_> = nodes.iter().map(Node::to_words).collect();
        let graph = Graph::from_words(&words).unwrap();
        let decoded: Vec<_> = (0..nodes.len() as u32).filter_map(|i| graph.node(i)).collect();
        assert_eq!(decoded, nodes, "{name}");
        let (mut slots, mut storages) = (vec![0; nodes.len()], vec![Storage::EMPTY; nodes.len()]);
        assert_eq!(place(&graph, Want::Output, &mut storages, &mut slots).unwrap(), memory(&nodes));
    }
}

#[test]
fn damaged_words_are_refused_or_another_graph() {
    // The tags are the format's, whatever order the operations have in the source.
    assert_eq!(NET.map(|node| node.to_words()[0]), [1, 1, 3, 13, 5, 3 | 1 << 8]);
    for i in 0..NET.len() {
        for word in 0..12 {
            for bit in 0..32 {
                let mut words = NET.map(|node| node.to_words());
                words[i][word] ^= 1 << bit;
                if let Ok(graph) = Graph::from_words(&words) {
                    // What is no graph was refused; what is one can be planned.
                    let mut slots = [0; 6];
                    place(&graph, Want::Output, &mut [Storage::EMPTY; 6], &mut slots).unwrap();
                    let plan = Plan::new(&graph, Want::Output, &slots);
                    assert!(
                        plan.is_ok() || plan.err() == Some(Error::InvalidSpec(InvalidSpec::TooLarge)),
                        "{i} {word} {bit}"
                    );
                }
            }
        }
    }
}
