//! Graphs with values of bytes: words, plans, what is refused, and the order of bytes in memory.
use shatterscope::exec::{Buffers, Executor, Mode, Options};
use shatterscope::graph::{Axis, Builder, DilatedWindow, Graph, Int8Range, Node, Op, Shape, Window};
use shatterscope::plan::{Plan, Storage, Want};
use shatterscope::workers::Serial;
use shatterscope::{Error, InvalidSpec};

const RANGE: Int8Range = Int8Range { operand_zero: 0, zero: 0, least: -128, most: 127 };

/// Entries of the list that have operands or values of bytes.
fn entries() -> impl Iterator<Item = &'static shatterscope::graph::Entry> {
    Op::LIST.iter().filter(|entry| entry.op.is_int8() != [false; 2] && !entry.op.is_input())
}

/// The operation behind an input for each operand.
fn nodes_of(op: Op, operand: Shape) -> Vec<Node> {
    let mut nodes = vec![Node::EMPTY; 4];
    let mut g = Builder::new(&mut nodes);
    let mut input = || if op.is_int8()[0] { g.int8_input(operand) } else { g.input(operand) };
    let x = input();
    let y = if op.is_binary() { input() } else { x };
    let value = g.push(op, x, y);
    let len = g.finish(&[value]).unwrap().len();
    nodes.truncate(len);
    nodes
}

fn word(bytes: [i8; 4]) -> f32 {
    f32::from_bits(u32::from_le_bytes(bytes.map(i8::cast_unsigned)))
}

fn bytes(words: &[f32]) -> Vec<i8> {
    words.iter().flat_map(|word| word.to_bits().to_le_bytes()).map(u8::cast_signed).collect()
}

/// The bytes of the output of a graph with one input.
fn run(nodes: &[Node], parameters: &[f32], input: &[f32]) -> Result<Vec<f32>, Error> {
    let graph = Graph::new(nodes)?;
    let (mut storages, mut slots) = (vec![Storage::EMPTY; nodes.len()], vec![0; nodes.len()]);
    let (plan, _) = Plan::with_placed_slots(&graph, Want::Output, &mut storages, &mut slots)?;
    let mut values = vec![0.0; plan.values_len(1, 1).unwrap() as usize];
    let mut scratch = vec![0.0; plan.scratch_best as usize];
    let buffers = Buffers::of_outputs(&mut values, &mut scratch);
    let mut executor = Executor::<_, 4, 1>::new(&plan, &Serial, Options::new(1), buffers)?;
    let mut batch = executor.begin(1)?;
    let mut from = 0;
    for node in graph.inputs() {
        let (x, len) = batch.input(node).unwrap();
        x.copy_from_slice(&input[from..from + len]);
        from += len;
    }
    let outputs = batch.forward(parameters, Mode::Inference { running: &[] })?.run()?;
    Ok(outputs.output(nodes.len() as u32 - 1).unwrap().0.to_vec())
}

#[test]
fn operations_on_bytes_have_words_of_their_own() {
    for entry in entries() {
        for node in nodes_of(entry.op, entry.operand) {
            let words = node.to_words();
            assert_eq!(Node::from_words(&words), Some(node), "{}", entry.op.name());
            for i in 0..words.len() {
                let mut other = words;
                other[i] ^= 1;
                assert_ne!(Node::from_words(&other), Some(node), "word {i} of {node:?}");
            }
        }
    }
}

#[test]
fn values_of_bytes_take_a_quarter_of_the_memory() {
    let shape = Shape { channels: 3, height: 5, width: 5 };
    let nodes = nodes_of(Op::Int8Table, shape);
    let graph = Graph::new(&nodes).unwrap();
    assert_eq!((graph.words(0), graph.words(1), graph.words(2)), (19, 19, 0));
    let (mut storages, mut slots) = ([Storage::EMPTY; 2], [0; 2]);
    let (plan, memory) = Plan::with_placed_slots(&graph, Want::Output, &mut storages, &mut slots).unwrap();
    // The table is read in place.
    assert_eq!((memory.units, plan.parameters_len), (19, 64));
}

#[test]
fn what_bytes_have_not_is_refused_by_name() {
    let shape = Shape { channels: 2, height: 3, width: 3 };
    let nodes = nodes_of(Op::Int8Table, shape);
    let graph = Graph::new(&nodes).unwrap();
    let refused = |reason| Error::InvalidSpec(reason);
    for want in [Want::InputGradient, Want::Gradients, Want::ParameterGradient] {
        let (mut storages, mut slots) = ([Storage::EMPTY; 6], [0; 6]);
        let plan = Plan::with_placed_slots(&graph, want, &mut storages, &mut slots);
        assert_eq!(plan.map(|_| ()), Err(refused(InvalidSpec::Int8)), "{want:?}");
    }
    let (mut storages, mut slots) = ([Storage::EMPTY; 2], [0; 2]);
    let (plan, _) = Plan::with_placed_slots(&graph, Want::Output, &mut storages, &mut slots).unwrap();
    let (mut values, mut scratch) = ([0.0; 64], [0.0; 64]);
    let buffers = Buffers::of_outputs(&mut values, &mut scratch);
    let wide = Executor::<_, 4, 4>::new(&plan, &Serial, Options::new(4), buffers);
    assert_eq!(wide.map(|_| ()).unwrap_err(), refused(InvalidSpec::Int8));

    // Bytes where numbers are expected, and the other way round.
    let node = |op, x, shape, last_use| Node { op, x, y: x, shape, last_use, ..Node::EMPTY };
    let inputs = [Op::Int8Input { shape }, Op::Input { shape }];
    for (input, op) in inputs.into_iter().zip([Op::Relu, Op::Int8Table]) {
        let nodes = [node(input, 0, shape, 1), node(op, 0, shape, 2)];
        let error = Error::InvalidNode { node: 1, reason: InvalidSpec::Type };
        assert_eq!(Graph::new(&nodes).map(|_| ()).unwrap_err(), error);
        let words = nodes.map(|node| node.to_words());
        assert_eq!(Graph::from_words(&words).map(|_| ()).unwrap_err(), error);
    }
}

#[test]
fn numbers_of_bytes_out_of_range_are_refused() {
    let x = Shape { channels: 2, height: 3, width: 4 };
    let window = DilatedWindow { height: 2, width: 2, strides: [1; 2], dilations: [1; 2], padding: [0; 4] };
    let empty = Int8Range { least: 5, most: 4, ..RANGE };
    let [operation, shapes] = [InvalidSpec::Operation, InvalidSpec::Shape];
    for (op, refusal) in [
        (Op::Int8Conv { channels: 3, window, range: empty }, operation),
        (
            Op::Int8Conv { channels: 3, window: DilatedWindow { height: 4, ..window }, range: RANGE },
            InvalidSpec::Window,
        ),
        (Op::Int8DepthwiseConv { channels: 3, window, range: RANGE }, shapes),
        (
            Op::Int8AveragePool { window: DilatedWindow { padding: [2, 0, 0, 0], ..window }, range: RANGE },
            InvalidSpec::Window,
        ),
        (Op::Int8Softmax { multiplier: -1, shift: 3, least: -5 }, operation),
        (Op::Int8Softmax { multiplier: 1, shift: 32, least: -5 }, operation),
        (Op::Int8Softmax { multiplier: 1, shift: 3, least: 1 }, operation),
        (Op::Int8Mean { axes: 6, range: RANGE, multiplier: 1, shift: 31 }, operation),
        (Op::Int8Pad { value: 128, channels: 0, rows: 0, columns: 0 }, operation),
        (Op::Int8Reshape { shape: Shape::vector(23) }, shapes),
        (Op::Quantise { shape: x, scale: 0.0, zero: 0 }, operation),
        (Op::Quantise { shape: x, scale: f32::NAN, zero: 0 }, InvalidSpec::Scale),
        (Op::Dequantise { shape: x, scale: 1.0, zero: -129 }, operation),
    ] {
        assert_eq!(op.facts(x, x).map(|_| ()), Err(Error::InvalidSpec(refusal)), "{op:?}");
    }
    let other = Shape { channels: 3, height: 3, width: 4 };
    assert_eq!(Op::Int8Add { range: RANGE }.facts(x, other).map(|_| ()), Err(Error::InvalidSpec(shapes)));
    assert!(Op::Int8Concat { axis: Axis::Channels }.facts(x, other).is_ok());
    assert!(Op::Int8Concat { axis: Axis::Rows }.facts(x, other).is_err());
    assert!(DilatedWindow::of(&Window { height: 2, width: 2, stride: 1, padding: 0 }).is_some());
}

/// Byte i is byte `i % 4` of word `i / 4`; what fills up the last word does not count.
#[test]
fn bytes_are_in_order() {
    let shape = Shape { channels: 3, height: 1, width: 2 };
    let table: Vec<f32> = (0..64).map(|i| word([0, 1, 2, 3].map(|k: i32| (127 - (4 * i + k)) as i8))).collect();
    // -x - 1
    let input = [word([0, 1, -128, 127]), word([5, -6, 99, 99])];
    let found = bytes(&run(&nodes_of(Op::Int8Table, shape), &table, &input).unwrap());
    assert_eq!(found[..6], [-1, -2, 127, -128, -6, 5]);
    let found = bytes(&run(&nodes_of(Op::Int8Reshape { shape: Shape::vector(6) }, shape), &[], &input).unwrap());
    assert_eq!(found[..6], [0, 1, -128, 127, 5, -6]);
    let concat = nodes_of(Op::Int8Concat { axis: Axis::Channels }, shape);
    let found = bytes(&run(&concat, &[], &[input, input].concat()).unwrap());
    assert_eq!(found[..12], [0, 1, -128, 0, 1, -128, 127, 5, -6, 127, 5, -6]);
}

/// Bytes whose words are NaN pass through, and numbers become bytes and numbers again.
#[test]
fn words_of_bytes_are_no_numbers() {
    let shape = Shape::vector(4);
    let mut nodes = vec![Node::EMPTY; 4];
    let mut g = Builder::new(&mut nodes);
    let x = g.input(shape);
    let x = g.push(Op::Quantise { shape, scale: 0.5, zero: -1 }, x, x);
    let x = g.push(Op::Dequantise { shape, scale: 0.5, zero: -1 }, x, x);
    let len = g.finish(&[x]).unwrap().len();
    nodes.truncate(len);
    // Ties away from zero, and both ends.
    let found = run(&nodes, &[], &[0.25, -0.25, 1e9, -1e9]).unwrap();
    assert_eq!(found, [0.5, -0.5, 64.0, -63.5]);
    let nodes = nodes_of(Op::Int8Reshape { shape: Shape::vector(4) }, shape);
    for bits in [0x7fa0_0001u32, 0xffff_ffff, 0x8000_0000, 0x7f80_0000] {
        let found = run(&nodes, &[], &[f32::from_bits(bits)]).unwrap();
        assert_eq!(found[0].to_bits(), bits);
    }
}
