//! Sessions and layers: rows of points, one arena, shapes that are inferred.
use crate::common::bits;
use shatterscope::exec::{Buffers, Executor, Input, Mode, Model, Options, Run, Session, Source, Targets, TrainState};
use shatterscope::graph::Window;
use shatterscope::graph::{Builder, Graph, Layers, Message, Op, Shape};
use shatterscope::math::Math;
use shatterscope::plan::{Plan, RunOptions, Statistics};
use shatterscope::train::{
    Decay, InitialWeights, Initializer, Optimiser, Powers, Settings, cross_entropy, squared_error,
};
use shatterscope::workers::Serial;
use shatterscope::{Buffer, Error, InvalidSpec};

shatterscope::network! {
    /// With norms, a skip connection that changes the image, and dropout.
    static TRAINED: Gradients = input(2, 6, 6).conv(4, 3).batch_norm().relu()
        .fork().then(Op::Conv { channels: 6, window: Window { height: 3, width: 3, stride: 2, padding: 1 }, bias: false })
        .batch_norm().relu().join().dropout(0.25).dense(3);
}

shatterscope::network! {
    static PROBED: InputGradient = input(3).dense(8).normalise(1e-5).relu().fork().dense(8).relu().join_scaled(0.6, 0.8).dense(2);
}

const POINTS: usize = 7;

fn inputs(len: usize) -> Vec<f32> {
    (0..len).map(|i| ((i * 29 + 7) % 31) as f32 / 16.0 - 1.0).collect()
}

fn parameters(plan: &Plan) -> Vec<f32> {
    let mut parameters = vec![0.0; plan.parameters_len as usize];
    InitialWeights::new(Initializer::He, 5).fill(plan.graph(), &mut parameters, &mut []).unwrap();
    parameters
}

fn session<'a, const R: usize, const T: usize>(
    plan: &'a Plan<'a>,
    batch: u32,
    arena: &'a mut Vec<f32>,
) -> Session<'a, Serial, R, T> {
    arena.resize(plan.arena_len(batch, T as u32), f32::NAN);
    Session::with_tile(plan, &Serial, Options::new(batch), arena).unwrap()
}

#[test]
fn layers_have_the_nodes_of_a_builder() {
    let mut nodes = [shatterscope::graph::Node::EMPTY; 11];
    let mut builder = Builder::new(&mut nodes);
    let window = Window { height: 3, width: 3, stride: 2, padding: 1 };
    let input = builder.input(Shape { channels: 2, height: 6, width: 6 });
    builder.layer(1);
    let x = builder.conv(input, 4, Window::half_padded(3, 1), true);
    builder.layer(2);
    let x = builder.batch_norm(x, 1e-5, 0.1);
    builder.layer(3);
    let fork = builder.relu(x);
    builder.layer(4);
    let x = builder.conv(fork, 6, window, false);
    builder.layer(5);
    let x = builder.batch_norm(x, 1e-5, 0.1);
    builder.layer(6);
    let x = builder.relu(x);
    builder.layer(7);
    let shortcut = builder.shortcut(fork, 6, 2);
    builder.layer(8);
    let x = builder.add((shortcut, 1.0), (x, 1.0));
    builder.layer(9);
    let x = builder.dropout(x, 0.25);
    builder.layer(10);
    let x = builder.dense(x, 3, true);
    builder.finish(&[x]).unwrap();
    let graph = TRAINED.graph();
    assert_eq!(graph.len(), nodes.len());
    (0..).zip(&nodes).for_each(|(i, node)| assert_eq!(graph.node(i).as_ref(), Some(node)));
}

#[test]
fn the_macro_names_the_node_and_the_shape_of_an_error() {
    const WRONG: Layers<8> = Layers::input_image(1, 12, 2).relu().max_pool(9).dense(10);
    const MESSAGE: Message = Message::new(
        match WRONG.graph() {
            Err(error) => error,
            Ok(_) => panic!("the window fits"),
        },
        WRONG.shape(),
    );
    let expected = "node 2, on a value of shape 1 x 12 x 2: the window does not fit the image";
    assert!(MESSAGE.as_str().starts_with(expected), "{}", MESSAGE.as_str());
    let other = Error::InvalidSpec(InvalidSpec::Want);
    assert_eq!(Message::new(other, WRONG.shape()).as_str(), InvalidSpec::Want.reason());
}

#[test]
fn layers_refuse_what_does_not_fit_and_keep_the_first_error() {
    let node = |node, reason| Err(Error::InvalidNode { node, reason });
    let graph = |layers: Layers<8>| layers.graph().map(|graph| graph.len());
    assert_eq!(graph(Layers::input(3).relu().join().dense(2)), node(2, InvalidSpec::Layers), "no fork");
    assert_eq!(graph(Layers::input(3).relu().fork().dense(3)), node(1, InvalidSpec::Layers), "no join");
    assert_eq!(graph(Layers::input(3).fork().dense(2).join()), node(2, InvalidSpec::Shape), "fewer units");
    assert_eq!(
        graph(Layers::input(3).max_pool(2).dense(0)),
        node(1, InvalidSpec::Window),
        "a window larger than the image"
    );
    assert_eq!(graph(Layers::input(0)), node(0, InvalidSpec::Layers));
    assert_eq!(graph(Layers::input(3).fork()), node(0, InvalidSpec::Layers));
    let forks = (0..9).fold(Layers::<8>::input(3), |layers, _| layers.fork());
    assert_eq!(forks.graph().map(|graph| graph.len()), node(1, InvalidSpec::Layers), "nine forks");
    let long = Layers::<2>::input(3).relu().relu().relu();
    assert_eq!(long.graph().map(|graph| graph.len()), Err(Error::TooShort { buffer: Buffer::Nodes, need: 3, have: 2 }));
    // Without joins that are open, the end of the chain is the output.
    let frozen = Layers::<4>::input(3).freeze([true, false]).dense(3).freeze([false; 2]).dense(1);
    let learning: Vec<_> = frozen.graph().unwrap().learning().collect();
    assert_eq!(learning, [9..12, 12..15, 15..16]);
    assert_eq!(Layers::<4>::input(3).relu().len(), 2);
    assert!(!Layers::<4>::input(3).is_empty());
}

#[test]
fn inference_of_any_number_of_points_equals_single_points() {
    let parameters = parameters(&TRAINED);
    let mut running = vec![0.0; TRAINED.running_len as usize];
    running.iter_mut().enumerate().for_each(|(i, x)| *x = 0.5 + i as f32 / 64.0);
    let model = Model::new(&parameters).with_running(&running);
    let x = inputs(72 * POINTS);
    let mut arena = Vec::new();
    let mut single = vec![0.0; 3 * POINTS];
    let mut one = session::<1, 1>(&TRAINED, 1, &mut arena);
    for (x, y) in x.chunks(72).zip(single.chunks_mut(3)) {
        one.predict(model, x, y).unwrap();
    }
    let mut classes = [0; POINTS];
    one.classify(model, &x, &mut [0.0; 3], &mut classes).unwrap();
    for (class, y) in classes.iter().zip(single.chunks(3)) {
        assert!(y.iter().all(|other| *other <= y[*class as usize]), "{class} of {y:?}");
    }
    for scratch in [4, 8, 6 * POINTS] {
        let mut again = [9; POINTS];
        one.classify(model, &x, &mut vec![0.0; scratch], &mut again).unwrap();
        assert_eq!(again, classes, "scratch of {scratch}");
    }
    assert_eq!(
        one.classify(model, &x, &mut [0.0; 2], &mut classes.clone()),
        Err(Error::TooShort { buffer: Buffer::Outputs, need: 3, have: 2 })
    );
    assert_eq!(
        one.classify(model, &x, &mut [0.0; 3], &mut classes[1..]),
        Err(Error::TooShort { buffer: Buffer::Labels, need: POINTS as u64, have: POINTS as u64 - 1 })
    );
    let targets = Targets::Labels(&classes);
    let whole = one.loss(model, &x, targets).unwrap();
    assert_eq!(whole.correct as usize, POINTS);
    let mut all = vec![0.0; 3 * POINTS];
    for batch in [1, 2, 3, POINTS as u32, 20] {
        let mut arena = Vec::new();
        session::<4, 4>(&TRAINED, batch, &mut arena).predict(model, &x, &mut all).unwrap();
        assert_eq!(bits(&all), bits(&single), "batches of {batch}");
        let mut arena = Vec::new();
        assert_eq!(session::<4, 4>(&TRAINED, batch, &mut arena).loss(model, &x, targets).unwrap(), whole);
        all.fill(f32::NAN);
    }
    let mut arena = Vec::new();
    session::<2, 16>(&TRAINED, 3, &mut arena).predict(model, &x, &mut all).unwrap();
    assert_eq!(bits(&all), bits(&single));
}

#[test]
fn input_gradients_equal_those_of_a_run() {
    let parameters = parameters(&PROBED);
    let (x, cotangent) = (inputs(3 * POINTS), inputs(2 * POINTS));
    for cotangent in [None, Some(&cotangent[..])] {
        let options = RunOptions::new(POINTS as u32).with_statistics(Statistics::Full);
        let lengths = PROBED.run(&options, 1).unwrap();
        let mut arena = vec![0.0; lengths.arena_len(PROBED.scratch_len)];
        let (mut outputs, mut gradient) = (vec![0.0; 2 * POINTS], vec![0.0; 3 * POINTS]);
        let buffers = Buffers::of_run(&lengths, &mut arena).unwrap();
        let (source, input) = (Source::Stored(&parameters), Input::Points(&x));
        let run = Run::<_, 1, 1>::new(&PROBED, source, &Serial, input, options, buffers, &mut outputs, &mut gradient);
        let run = run.unwrap();
        match cotangent {
            Some(cotangent) => run.with_cotangent(cotangent).unwrap().run().unwrap(),
            None => { run }.run().unwrap(),
        }
        let (mut y, mut g) = (vec![0.0; 2 * POINTS], vec![0.0; 3 * POINTS]);
        let model = Model::new(&parameters);
        let mut arena = Vec::new();
        let mut tiled = session::<4, 4>(&PROBED, POINTS as u32, &mut arena);
        tiled.input_gradient(model, &x, cotangent, &mut y, &mut g).unwrap();
        assert_eq!((bits(&y), bits(&g)), (bits(&outputs), bits(&gradient)));
    }
}

/// Steps of an executor on tiles, as a program without a session writes them.
fn steps(settings: Settings, values: bool, count: u32) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let (mut parameters, x, targets) = (parameters(&TRAINED), inputs(72 * POINTS), inputs(3 * POINTS));
    let mut running = vec![0.0; TRAINED.running_len as usize];
    // Means, then variances, of norms of 4 and of 6 channels.
    running[4..8].fill(1.0);
    running[14..].fill(1.0);
    let mut state = vec![0.0; settings.optimiser.state_len(TRAINED.parameters_len) as usize];
    let mut arena = vec![0.0; TRAINED.arena_len(POINTS as u32, 1)];
    let options = Options::new(POINTS as u32);
    let (mut powers, mut losses) = (Powers::new(), Vec::new());
    for step in 0..count {
        let buffers = Buffers::of_batches(&TRAINED, &options, 1, &mut arena).unwrap();
        let mut executor = Executor::<_, 1, 1>::new(&TRAINED, &Serial, options, buffers).unwrap();
        let mut batch = executor.begin(POINTS as u32).unwrap();
        batch.input(0).unwrap().0.copy_from_slice(&x);
        let mode = Mode::Training { seed: 5, step, running: &mut running };
        let mut done = batch.forward(&parameters, mode).unwrap().run().unwrap();
        let (z, gradient, _) = done.output_and_gradient(10).unwrap();
        gradient.copy_from_slice(z);
        for (p, gradient) in gradient.chunks_mut(3).enumerate() {
            let mut loss = [0.0];
            let (n, shape) = (POINTS as u32, (3, 1));
            if values {
                squared_error(gradient, shape, &targets[3 * p..3 * p + 3], n, &mut loss).unwrap();
            } else {
                cross_entropy(gradient, shape, &[p as u32 % 3], n, &mut loss, Math::Libm).unwrap();
            }
            losses.extend(loss);
        }
        let step = settings.step(0.05, &mut powers).unwrap();
        done.descend(&mut parameters, &mut state, &step).unwrap().run().unwrap();
    }
    (parameters, running, losses)
}

#[test]
fn steps_of_training_equal_those_of_an_executor() {
    let (x, values) = (inputs(72 * POINTS), inputs(3 * POINTS));
    let labels: Vec<u32> = (0..POINTS as u32).map(|p| p % 3).collect();
    for (optimiser, decay) in [
        (Optimiser::Sgd, Decay::None),
        (Optimiser::ADAM, Decay::L2(0.01)),
        (Optimiser::Momentum { mu: 0.5 }, Decay::None),
    ] {
        for targets in [Targets::Labels(&labels), Targets::Values(&values)] {
            let settings = Settings::new(optimiser).with_decay(decay);
            let (parameters, running, losses) = steps(settings, matches!(targets, Targets::Values(_)), 3);
            let mut arena = Vec::new();
            let mut session = session::<4, 4>(&TRAINED, POINTS as u32, &mut arena);
            let mut memory = vec![f32::NAN; TrainState::len(&TRAINED, &settings)];
            let mut state =
                TrainState::new(&TRAINED, settings, InitialWeights::new(Initializer::He, 5), &mut memory, &mut [])
                    .unwrap();
            let mut means = Vec::new();
            for _ in 0..3 {
                means.push(session.train_step(&mut state, 0.05, &x, targets).unwrap().mean);
            }
            assert_eq!(state.steps(), 3);
            assert_eq!(bits(state.model().parameters), bits(&parameters));
            assert_eq!(bits(state.model().running), bits(&running));
            for (mean, losses) in means.iter().zip(losses.chunks(POINTS)) {
                let expected = losses.iter().sum::<f32>() / POINTS as f32;
                assert!((mean - expected).abs() < 1e-5 * expected, "{mean} {expected}");
            }
        }
    }
}

#[test]
fn parameter_gradients_are_those_that_a_step_uses() {
    let x = inputs(3 * POINTS);
    shatterscope::network! {
        static NET: Gradients = input(3).dense(5).relu().dense(2);
    }
    let settings = Settings::new(Optimiser::Sgd);
    let mut memory = vec![0.0; TrainState::len(&NET, &settings)];
    let mut state =
        TrainState::new(&NET, settings, InitialWeights::new(Initializer::He, 2), &mut memory, &mut []).unwrap();
    let before = state.model().parameters.to_vec();
    let mut gradient = vec![0.0; before.len()];
    let mut arena = Vec::new();
    let mut session = session::<4, 1>(&NET, POINTS as u32, &mut arena);
    let targets = Targets::Values(&x[..2 * POINTS]);
    let loss = session.parameter_gradient(Model::new(&before), &x, targets, &mut gradient).unwrap();
    assert_eq!(loss, session.loss(Model::new(&before), &x, targets).unwrap());
    assert_eq!(loss, session.train_step(&mut state, 0.25, &x, targets).unwrap());
    let expected: Vec<f32> = before.iter().zip(&gradient).map(|(w, g)| w - 0.25 * g).collect();
    assert_eq!(bits(state.model().parameters), bits(&expected));
    assert!(session.loss(state.model(), &x, targets).unwrap().mean < loss.mean);
}

#[test]
fn what_a_session_cannot_do_is_named_and_changes_nothing() {
    let len = TRAINED.arena_len(4, 1);
    let mut arena = vec![0.0; len];
    let short = Session::new(&TRAINED, Options::new(4), &mut arena[..len - 1]).map(|_| ());
    assert_eq!(short, Err(Error::TooShort { buffer: Buffer::Arena, need: len as u64, have: len as u64 - 1 }));
    let settings = Settings::default();
    let mut memory = vec![0.0; TrainState::len(&TRAINED, &settings)];
    let need = memory.len() as u64;
    let init = InitialWeights::new(Initializer::He, 1);
    let state = TrainState::new(&TRAINED, settings, init, &mut memory[1..], &mut []).map(|_| ());
    assert_eq!(state, Err(Error::TooShort { buffer: Buffer::State, need, have: need - 1 }));
    let mut state = TrainState::new(&TRAINED, settings, init, &mut memory, &mut []).unwrap();
    let before = state.model().parameters.to_vec();
    let mut session = Session::new(&TRAINED, Options::new(4), &mut arena).unwrap();
    let x = inputs(72 * 4);
    let labels = Targets::Labels(&[0, 1, 2, 0]);

    let part = session.train_step(&mut state, 0.1, &x[..100], labels);
    assert_eq!(part, Err(Error::PartialPoint { inputs: 100, each: 72 }));
    let none = session.train_step(&mut state, 0.1, &[], labels);
    assert_eq!(none, Err(Error::PartialPoint { inputs: 0, each: 72 }));
    let more = session.train_step(&mut state, 0.1, &inputs(72 * 5), labels);
    assert_eq!(more, Err(Error::Batch { points: 5, most: 4 }));
    let few = session.train_step(&mut state, 0.1, &x, Targets::Labels(&[0, 1]));
    assert_eq!(few, Err(Error::TooShort { buffer: Buffer::Labels, need: 4, have: 2 }));
    let few = session.train_step(&mut state, 0.1, &x, Targets::Values(&[0.0; 11]));
    assert_eq!(few, Err(Error::TooShort { buffer: Buffer::Targets, need: 12, have: 11 }));
    let many = session.train_step(&mut state, 0.1, &x, Targets::Labels(&[0, 1, 2, 0, 1]));
    assert_eq!(many, Err(Error::TooLong { buffer: Buffer::Labels, need: 4, have: 5 }));
    let many = session.train_step(&mut state, 0.1, &x[72..], Targets::Values(&[0.0; 12]));
    assert_eq!(many, Err(Error::TooLong { buffer: Buffer::Targets, need: 9, have: 12 }));
    let many = session.loss(state.model(), &inputs(72 * 9), Targets::Labels(&[0; 10]));
    assert_eq!(many, Err(Error::TooLong { buffer: Buffer::Labels, need: 9, have: 10 }));
    let wrong = session.train_step(&mut state, 0.1, &x, Targets::Labels(&[0, 1, 2, 3]));
    assert_eq!(wrong, Err(Error::Label { point: 3, label: 3, classes: 3 }));
    let rate = session.train_step(&mut state, f32::NAN, &x, labels);
    assert_eq!(rate, Err(Error::InvalidConfig(shatterscope::InvalidConfig::Rate)));
    let values = [0.0, 0.0, 0.0, f32::INFINITY, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    let infinite = session.train_step(&mut state, 0.1, &x, Targets::Values(&values));
    assert_eq!(infinite, Err(Error::Loss { point: 1 }));
    let mut bad = x.clone();
    bad[80] = f32::NAN;
    let nan = session.train_step(&mut state, 0.1, &bad, labels);
    assert!(matches!(nan, Err(Error::InvalidValue { buffer: Buffer::Inputs, .. })), "{nan:?}");
    assert_eq!(bits(state.model().parameters), bits(&before));
    assert_eq!(state.steps(), 0);

    let (mut outputs, mut gradient) = ([0.0; 12], [0.0; 288]);
    let model = Model::new(&before);
    let none = session.predict(model, &x, &mut outputs);
    assert_eq!(none, Err(Error::TooShort { buffer: Buffer::Running, need: 20, have: 0 }));
    let short = session.predict(model, &x, &mut outputs[1..]);
    assert_eq!(short, Err(Error::TooShort { buffer: Buffer::Outputs, need: 12, have: 11 }));
    let short = session.input_gradient(model, &x, Some(&[1.0]), &mut outputs, &mut gradient);
    assert_eq!(short, Err(Error::TooShort { buffer: Buffer::Cotangent, need: 12, have: 1 }));
    let short = session.input_gradient(model, &x, None, &mut outputs, &mut gradient[1..]);
    assert_eq!(short, Err(Error::TooShort { buffer: Buffer::Gradient, need: 288, have: 287 }));

    shatterscope::network! {
        static OUTPUTS: Output = input(3).dense(2);
    }
    let mut arena = [0.0; OUTPUTS.arena_len(1, 1)];
    let mut session = Session::new(&OUTPUTS, Options::new(1), &mut arena).unwrap();
    let refused = session.input_gradient(Model::new(&[0.0; 8]), &[0.0; 3], None, &mut outputs, &mut gradient);
    assert_eq!(refused, Err(Error::InvalidSpec(InvalidSpec::Want)));
    let refused = session.parameter_gradient(Model::new(&[0.0; 8]), &[0.0; 3], Targets::Labels(&[0]), &mut gradient);
    assert_eq!(refused, Err(Error::InvalidSpec(InvalidSpec::Want)));
}

#[test]
fn graphs_with_several_inputs_and_outputs_have_their_units_side_by_side() {
    let mut nodes = [shatterscope::graph::Node::EMPTY; 8];
    let mut builder = Builder::new(&mut nodes);
    let (a, b) = (builder.input(Shape::vector(2)), builder.input(Shape::vector(3)));
    builder.layer(1);
    let (x, y) = (builder.dense(a, 2, false), builder.relu(b));
    let len = builder.finish(&[x, y]).unwrap().len();
    let graph = Graph::new(&nodes[..len]).unwrap();
    let want = shatterscope::plan::Want::InputGradient;
    let mut slots = vec![0; len * want.slots()];
    let mut storages = vec![shatterscope::plan::Storage::EMPTY; slots.len()];
    let (plan, _) = Plan::with_placed_slots(&graph, want, &mut storages, &mut slots).unwrap();
    let mut arena = Vec::new();
    let mut session = session::<4, 4>(&plan, 2, &mut arena);
    let x = [1.0, 2.0, 3.0, -4.0, 5.0, -1.0, -2.0, -3.0, 4.0, -5.0];
    let (mut outputs, mut gradient) = ([0.0; 10], [0.0; 10]);
    let cotangent = [1.0, 10.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
    let model = Model::new(&[1.0, 0.0, 1.0, -1.0]);
    session.input_gradient(model, &x, Some(&cotangent), &mut outputs, &mut gradient).unwrap();
    assert_eq!(outputs, [1.0, -1.0, 3.0, 0.0, 5.0, -1.0, 1.0, 0.0, 4.0, 0.0]);
    assert_eq!(gradient, [11.0, -10.0, 2.0, 0.0, 4.0, 11.0, -6.0, 0.0, 8.0, 0.0]);

    // A loss of one output would leave the gradient of the other to chance.
    let want = shatterscope::plan::Want::Gradients;
    let (plan, _) = Plan::with_placed_slots(&graph, want, &mut storages, &mut slots).unwrap();
    let mut arena = Vec::new();
    let mut session = self::session::<4, 4>(&plan, 2, &mut arena);
    let refused = session.loss(model, &x, Targets::Labels(&[0, 1]));
    assert_eq!(refused, Err(Error::InvalidSpec(InvalidSpec::Ends)));
}
