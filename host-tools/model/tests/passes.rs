//! How the derivatives of a network are computed.
use shatterscope::exec::{Buffers, Executor, Input, Isa, Mode, Options, Run, Source};
use shatterscope::internals::kernel::Tiled;
use shatterscope::plan::{Derivative, RunOptions, Statistics, Want};
use shatterscope::workers::Serial;
use shatterscope_engine::{Failure, Placed, Result};
use shatterscope_model::Network;

/// What a forward and a backward pass give.
#[derive(Clone, Debug, PartialEq)]
pub struct Passes {
    /// `[example][output]`
    pub outputs: Vec<f32>,
    /// `[example][input]`
    pub input_gradient: Vec<f32>,
    /// In the order of the network's parameters, summed over the examples.
    pub gradient: Vec<f32>,
}

/// The elements of one example of all inputs.
pub fn input_units(placed: &Placed) -> usize {
    let graph = placed.graph().unwrap();
    graph.inputs().map(|node| placed.nodes[node as usize].shape.units().unwrap() as usize).sum()
}

/// The gradients of `sum(cotangent * output)` with the running statistics; the plan is made for [`Want::Gradients`]. Every instruction set of this
/// machine gives the same bits.
pub fn passes(network: &Network, inputs: &[f32], cotangent: &[f32]) -> Passes {
    let mut first: Option<Passes> = None;
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        let count = inputs.len() / input_units(&network.placed);
        let found = isa.tiled(count as u32, Both { network, inputs, cotangent, count, isa }).unwrap();
        if let Some(first) = &first {
            let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&first.outputs), bits(&found.outputs), "outputs, {}", isa.name());
            assert_eq!(bits(&first.input_gradient), bits(&found.input_gradient), "gradients of inputs, {}", isa.name());
            assert_eq!(bits(&first.gradient), bits(&found.gradient), "gradients of parameters, {}", isa.name());
        }
        first = Some(found);
    }
    first.unwrap()
}

struct Both<'a> {
    network: &'a Network,
    inputs: &'a [f32],
    cotangent: &'a [f32],
    count: usize,
    isa: Isa,
}

impl Tiled for Both<'_> {
    type Output = Result<Passes>;

    fn with<const R: usize, const T: usize>(self) -> Result<Passes> {
        let Self { network: Network { placed, parameters, running, .. }, inputs, cotangent, count, isa } = self;
        let (graph, plan) = (placed.graph()?, placed.plan()?);
        let options = Options::new(count as u32).with_isa(isa);
        let mut arena = vec![0.0; plan.arena_len(count as u32, T as u32)];
        let buffers = Buffers::of_batches(&plan, &options, T as u32, &mut arena)?;
        let mut executor = Executor::<_, R, T>::new(&plan, &Serial, options, buffers)?;
        let mut batch = executor.begin(count as u32)?;
        let (all, mut before) = (inputs.len() / count, 0);
        for node in graph.inputs() {
            let (x, tile_len) = batch.input(node).unwrap();
            for (at, x) in x.iter_mut().enumerate() {
                let point = (at / tile_len * T + at % T).min(count - 1);
                *x = inputs[point * all + before + at % tile_len / T];
            }
            before += tile_len / T;
        }
        let failed = |error| placed.failure(error, "none is expected");
        let mut done = batch.forward(parameters, Mode::Inference { running }).map_err(failed)?.run().map_err(failed)?;
        let (all, mut before) = (cotangent.len() / count, 0);
        let mut outputs = vec![0.0; cotangent.len()];
        for node in graph.outputs() {
            let (value, gradient, tile_len) = done.output_and_gradient(node).ok_or_else(none)?;
            for (at, (value, gradient)) in value.iter().zip(gradient).enumerate() {
                let (point, unit) = (at / tile_len * T + at % T, before + at % tile_len / T);
                *gradient = 0.0;
                if point < count {
                    *gradient = cotangent[point * all + unit];
                    outputs[point * all + unit] = *value;
                }
            }
            before += tile_len / T;
        }
        let mut gradient = vec![0.0; parameters.len()];
        let gradients = done.backward(parameters, &mut gradient).map_err(failed)?.run().map_err(failed)?;
        let (all, mut before) = (inputs.len() / count, 0);
        let mut input_gradient = vec![0.0; inputs.len()];
        for node in graph.inputs() {
            let (g, tile_len) = gradients.input(node).ok_or_else(none)?;
            for (at, g) in g.iter().enumerate() {
                let point = at / tile_len * T + at % T;
                if point < count {
                    input_gradient[point * all + before + at % tile_len / T] = *g;
                }
            }
            before += tile_len / T;
        }
        Ok(Passes { outputs, input_gradient, gradient })
    }
}

fn none() -> Failure {
    Failure::failed("the plan has no gradients")
}

/// The gradient of the inputs for a cotangent or, in forward mode, the tangents of the outputs for a tangent of the inputs. Batch norms have the
/// statistics of the examples, through which it is differentiated.
pub fn derivative(network: &Network, derivative: Derivative, inputs: &[f32], along: &[f32]) -> Vec<f32> {
    let Network { placed, parameters, .. } = network;
    let count = (inputs.len() / input_units(placed)) as u32;
    let options =
        RunOptions::new(count).with_derivative(derivative).with_statistics(Statistics::Full).with_isa(Isa::detect());
    let want = options.want();
    assert!(matches!(want, Want::Tangent | Want::InputGradient));
    let placed = Placed::of_nodes(placed.nodes.clone(), want).unwrap();
    let plan = placed.plan().unwrap();
    let source = Source::Stored(parameters);
    let lengths = plan.run(&options, 4).unwrap();
    let floats = |len: u64| vec![0.0; len as usize];
    let (mut values, mut statistics) = (floats(lengths.values_len), floats(lengths.statistics_len));
    let (mut outputs, mut gradient) = (floats(lengths.outputs_len), floats(lengths.gradient_len));
    let (mut scratch, mut tape) = (floats(source.panel_len(&plan).unwrap()), vec![0; lengths.tape_len as usize]);
    let buffers = Buffers {
        values: &mut values,
        tape: &mut tape,
        statistics: &mut statistics,
        scratch: &mut scratch,
        gathered: &mut [],
    };
    let input = Input::Points(inputs);
    let run =
        Run::<_, 2, 4>::new(&plan, source, &Serial, input, options, buffers, &mut outputs, &mut gradient).unwrap();
    run.with_cotangent(along).unwrap().run().map_err(|error| placed.failure(error, "none is expected")).unwrap();
    gradient
}
