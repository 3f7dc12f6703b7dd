//! Networks that PyTorch exported, against its own results in binary64. `torch/make.py` makes the files.
use crate::npz::{doubles, floats};
use crate::passes::{Passes, derivative, passes};
use crate::run;
use shatterscope::contract::Digest;
use shatterscope::exec::{Model, Options as RunOf, Session, Targets};
use shatterscope::plan::{Derivative, Want};
use shatterscope::workers::Serial;
use shatterscope_engine::inspect::inspect;
use shatterscope_model::{Network, Options, read};
use std::collections::HashMap;
use std::path::PathBuf;

const NAMES: [&str; 9] =
    ["resnet", "unet", "transposed", "mobilenet", "ring", "mlp", "causal", "transformer", "encoder"];
const EXAMPLES: usize = 4;
/// The bound is `FACTOR * 2^-24 * sqrt(longest chain) * max|reference|`, for outputs, gradients of inputs and gradients of parameters each.
pub const FACTOR: f64 = 2.0;
/// Of `2^-24 * sqrt(longest chain) * (|c| |J t| + |J^T c| |t|)`, between `<c, J t>` and `<J^T c, t>`.
const ADJOINT_FACTOR: f64 = 0.125;

/// A file of a network, and how it is read.
#[derive(Clone, Copy, Debug)]
pub enum Variant {
    /// By the exporter that traces TorchScript; batch norms are operations of their own.
    Traced,
    /// The same with batch norms folded when the file is read.
    Folded,
    /// The same without recognised functions.
    WrittenOut,
    /// By the exporter that uses TorchDynamo, which folds batch norms.
    Dynamo,
    /// The same without recognised functions.
    DynamoWrittenOut,
}

const VARIANTS: [Variant; 5] =
    [Variant::Traced, Variant::Folded, Variant::WrittenOut, Variant::Dynamo, Variant::DynamoWrittenOut];

fn path(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/torch").join(file)
}

pub fn network(name: &str, variant: Variant, want: Want) -> Network {
    let (file, options) = match variant {
        Variant::Traced => (format!("{name}.onnx"), Options::default()),
        Variant::Folded => (format!("{name}.onnx"), Options { fold: true, ..Options::default() }),
        Variant::WrittenOut => (format!("{name}.onnx"), Options { recognise: false, ..Options::default() }),
        Variant::Dynamo => (format!("{name}-dynamo.onnx"), Options::default()),
        Variant::DynamoWrittenOut => {
            (format!("{name}-dynamo.onnx"), Options { recognise: false, ..Options::default() })
        }
    };
    read(&path(&file), &options, want).unwrap_or_else(|error| panic!("{error}"))
}

/// What PyTorch computed.
pub struct Expected {
    /// `[example][input]`
    pub inputs: Vec<f32>,
    /// `[example][output]`
    pub cotangent: Vec<f32>,
    outputs: Vec<f64>,
    input_gradient: Vec<f64>,
    /// The gradient of each parameter by the parameter's bits.
    gradients: HashMap<u32, f64>,
    /// Values and gradients of each convolution that a batch norm was folded into.
    folded: Vec<Vec<(f64, f64)>>,
    /// So many parameters were there before.
    replaced: usize,
}

impl Expected {
    pub fn of(name: &str) -> Self {
        let file = path(&format!("{name}.npz"));
        let gradient = doubles(&file, "gradient");
        let values = parameters(&doubles(&file, "tensors"));
        assert_eq!(values.len(), gradient.len());
        let gradients: HashMap<u32, f64> = values.iter().map(|x| x.to_bits()).zip(gradient).collect();
        assert_eq!(values.len(), gradients.len(), "every parameter has a value of its own");
        let rows = doubles(&file, "folded").as_chunks::<2>().0.to_vec();
        let mut folded = doubles(&file, "folded_value").into_iter().zip(doubles(&file, "folded_gradient"));
        Self {
            inputs: floats(&file, "input"),
            cotangent: floats(&file, "cotangent"),
            outputs: doubles(&file, "output"),
            input_gradient: doubles(&file, "input_gradient"),
            gradients,
            folded: rows.iter().map(|[len, _]| folded.by_ref().take(*len as usize).collect()).collect(),
            replaced: rows.iter().map(|[_, before]| *before as usize).sum(),
        }
    }

    /// The parameters of a network that PyTorch has a gradient of: their indices and gradients. All of PyTorch's are among them.
    fn of_parameters(&self, network: &Network) -> Vec<(usize, f64)> {
        let of = &network.parameters;
        let mut found: HashMap<usize, f64> = HashMap::new();
        for folded in &self.folded {
            let close = |at: usize| of[at..].iter().zip(folded).all(|(x, (y, _))| (f64::from(*x) - y).abs() < 1e-6);
            let at: Vec<usize> = (0..(of.len() + 1).saturating_sub(folded.len())).filter(|&at| close(at)).collect();
            assert!(at.len() <= 1);
            found.extend(at.iter().flat_map(|at| (*at..).zip(folded.iter().map(|(_, gradient)| *gradient))));
        }
        let (folded, all) = (self.folded.iter().map(Vec::len).sum::<usize>(), self.gradients.len());
        let all = match found.len() {
            0 => all,
            found => {
                assert_eq!(found, folded, "all norms are folded or none");
                all - self.replaced + folded
            }
        };
        let own = of.iter().enumerate().filter(|(at, _)| !found.contains_key(at));
        let own: Vec<(usize, f64)> = own.filter_map(|(at, x)| Some((at, *self.gradients.get(&x.to_bits())?))).collect();
        found.extend(own);
        assert_eq!(found.len(), all, "of {}", of.len());
        found.into_iter().collect()
    }
}

/// The parameters of `make.py`, which are functions of their numbers.
fn parameters(tensors: &[f64]) -> Vec<f32> {
    let rows = tensors.as_chunks::<3>().0;
    let each =
        rows.iter().flat_map(|&[len, scale, shift]| std::iter::repeat_n((scale as f32, shift as f32), len as usize));
    (0u64..).zip(each).map(|(k, (scale, shift))| shift + scale * uniform(k)).collect()
}

fn uniform(k: u64) -> f32 {
    let m = [(0x9e37_79b1, 12), (0x85eb_ca6b, 11), (0xc2b2_ae35, 12)].into_iter().fold(k, |m, (factor, shift)| {
        let m: u64 = (m * factor) & 0xff_ffff;
        m ^ m >> shift
    });
    (2 * m as i64 + 1 - (1 << 24)) as f32 / (1 << 25) as f32
}

/// The most terms of a sum, forward or backward.
fn chain(network: &Network) -> f64 {
    let graph = network.placed.graph().unwrap();
    let units = |i: u32| u64::from(network.placed.nodes[i as usize].shape.units().unwrap());
    let terms = (0..).zip(&network.placed.nodes).flat_map(|(i, node)| {
        let facts = graph.facts(i).unwrap();
        let weights = facts.parameters[0];
        let of = |results: u64, times: u64| times * facts.multiply_adds / results.max(1);
        [of(units(i), 1), of(units(node.x), 1), if weights > 0 { of(weights, EXAMPLES as u64) } else { 0 }]
    });
    terms.max().unwrap() as f64
}

/// The largest difference as a multiple of `2^-24 * sqrt(longest chain) * max|reference|`.
fn ratio(chain: f64, pairs: impl Iterator<Item = (f32, f64)> + Clone) -> f64 {
    let most = |of: fn((f32, f64)) -> f64| pairs.clone().map(of).fold(0.0, f64::max);
    most(|(a, b)| (f64::from(a) - b).abs()) / (2f64.powi(-24) * chain.sqrt() * most(|(_, b)| b.abs()))
}

/// The ratios of outputs, gradients of inputs and gradients of parameters.
pub fn ratios(network: &Network, found: &Passes, expected: &Expected) -> [f64; 3] {
    let (chain, parameters) = (chain(network), expected.of_parameters(network));
    let pair = |(a, b): (&f32, &f64)| (*a, *b);
    assert_eq!(
        (found.outputs.len(), found.input_gradient.len()),
        (expected.outputs.len(), expected.input_gradient.len())
    );
    [
        ratio(chain, found.outputs.iter().zip(&expected.outputs).map(pair)),
        ratio(chain, found.input_gradient.iter().zip(&expected.input_gradient).map(pair)),
        ratio(chain, parameters.iter().map(|&(at, gradient)| (found.gradient[at], gradient))),
    ]
}

/// `exec::Session` on a network with batch norms: with the running statistics the gradients are those of PyTorch's `eval()`, without them others.
#[test]
fn parameter_gradients_use_the_running_statistics_that_a_model_has() {
    let expected = Expected::of("resnet");
    let network = network("resnet", Variant::Traced, Want::ParameterGradient);
    assert!(!network.running.is_empty());
    let plan = network.placed.plan().unwrap();
    let mut arena = vec![0.0; plan.arena_len(EXAMPLES as u32, 4)];
    let mut session = Session::<_, 4, 4>::with_tile(&plan, &Serial, RunOf::new(EXAMPLES as u32), &mut arena).unwrap();
    let model = Model::new(&network.parameters).with_running(&network.running);
    let mut outputs = vec![0.0; expected.cotangent.len()];
    session.predict(model, &expected.inputs, &mut outputs).unwrap();
    // The gradient of half the mean squared error is (output - target) / EXAMPLES.
    let target = |(y, c): (&f32, &f32)| y - EXAMPLES as f32 * c;
    let targets: Vec<f32> = outputs.iter().zip(&expected.cotangent).map(target).collect();
    let mut of = |model: Model<'_>| {
        let mut gradient = vec![0.0; network.parameters.len()];
        session.parameter_gradient(model, &expected.inputs, Targets::Values(&targets), &mut gradient).unwrap();
        let pairs = expected.of_parameters(&network);
        ratio(chain(&network), pairs.iter().map(|&(at, reference)| (gradient[at], reference)))
    };
    let (evaluated, batch) = (of(model), of(Model::new(&network.parameters)));
    println!("resnet: {evaluated:.2} with the running statistics, {batch:.0} with those of the batch");
    assert!(evaluated < FACTOR && batch > 100.0 * FACTOR, "{evaluated} {batch}");
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn outputs_and_gradients_are_those_of_pytorch() {
    println!(
        "bound: {FACTOR} * 2^-24 * sqrt(longest chain) * max|reference|; ratio: the largest difference without the factor"
    );
    for name in NAMES {
        let expected = Expected::of(name);
        let mut first: Option<Vec<f32>> = None;
        for variant in VARIANTS {
            let network = network(name, variant, Want::Gradients);
            let found = passes(&network, &expected.inputs, &expected.cotangent);
            // As the tool runs it, whatever it is planned for.
            for planned in [&network, &self::network(name, variant, Want::Output)] {
                let of_tool = run::outputs(planned, &[&expected.inputs], EXAMPLES).unwrap();
                assert_eq!(bits(&of_tool.concat()), bits(&found.outputs), "{name}, {variant:?}");
            }
            let ratios = ratios(&network, &found, &expected);
            let (chain, of_parameters) = (chain(&network), Digest::of(&found.gradient));
            let first = first.get_or_insert_with(|| found.outputs.clone());
            let apart = ratio(chain, found.outputs.iter().zip(&*first).map(|(a, b)| (*a, f64::from(*b))));
            println!(
                "{name}, {variant:?}: chain {chain}; output {:.2}, input gradient {:.2}, gradient {:.2}; from the first {apart:.2}; {of_parameters}",
                ratios[0], ratios[1], ratios[2],
            );
            assert!(ratios.iter().all(|ratio| *ratio < FACTOR), "{name}, {variant:?}: {ratios:?}");
            assert!(apart < FACTOR, "{name}, {variant:?}: {apart} from the first");
        }
    }
}

#[test]
fn input_gradients_alone_have_the_same_bits() {
    for name in NAMES {
        let expected = Expected::of(name);
        let all = passes(&network(name, Variant::Traced, Want::Gradients), &expected.inputs, &expected.cotangent);
        let network = network(name, Variant::Traced, Want::InputGradient);
        let of = (&network.parameters[..], &network.running[..]);
        let isa = shatterscope::exec::Isa::detect();
        let cotangent = |_: &[f32]| expected.cotangent.clone();
        let (outputs, gradient) =
            inspect(&network.placed, of, &expected.inputs, &cotangent, isa, &mut |_, _, _| ()).unwrap();
        assert_eq!((bits(&outputs), bits(&gradient)), (bits(&all.outputs), bits(&all.input_gradient)), "{name}");
    }
}

/// `<c, J t> = <J^T c, t>`, relative to the norms of what is multiplied.
#[test]
fn forward_mode_is_the_adjoint_of_reverse_mode() {
    println!("bound: {ADJOINT_FACTOR} * 2^-24 * sqrt(longest chain) * (|c| |J t| + |J^T c| |t|)");
    for name in NAMES {
        let expected = Expected::of(name);
        for variant in [Variant::Traced, Variant::Dynamo] {
            let network = network(name, variant, Want::Output);
            let tangent: Vec<f32> = (1 << 20..).take(expected.inputs.len()).map(uniform).collect();
            let forward = derivative(&network, Derivative::Forward, &expected.inputs, &tangent);
            let reverse = derivative(&network, Derivative::Reverse, &expected.inputs, &expected.cotangent);
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
            let norm = |a: &[f32]| dot(a, a).sqrt();
            let apart = (dot(&expected.cotangent, &forward) - dot(&reverse, &tangent)).abs();
            let scale = norm(&expected.cotangent) * norm(&forward) + norm(&reverse) * norm(&tangent);
            let ratio = apart / (2f64.powi(-24) * chain(&network).sqrt() * scale);
            println!("{name}, {variant:?}: {ratio:.3}; both are {:.4}", dot(&reverse, &tangent));
            assert!(ratio < ADJOINT_FACTOR, "{name}, {variant:?}: {ratio}");
            if network.running.is_empty() {
                let both = passes_of(name, variant, &expected);
                assert_eq!(bits(&both.input_gradient), bits(&reverse), "{name}, {variant:?}");
            }
        }
    }
}

fn passes_of(name: &str, variant: Variant, expected: &Expected) -> Passes {
    passes(&network(name, variant, Want::Gradients), &expected.inputs, &expected.cotangent)
}

/// Read with a batch of its own, a network gives each example the same bits, whether or not its operations keep examples apart.
#[test]
fn the_batch_of_a_file_changes_no_bit() {
    for name in NAMES {
        let expected = Expected::of(name);
        for file in [format!("{name}.onnx"), format!("{name}-dynamo.onnx")] {
            let [one, two] = [1, 2].map(|batch| {
                let options = Options { batch: Some(batch), ..Options::default() };
                let network = read(&path(&file), &options, Want::Gradients).unwrap();
                passes(&network, &expected.inputs, &expected.cotangent)
            });
            assert_eq!(bits(&one.outputs), bits(&two.outputs), "{file}");
            assert_eq!(bits(&one.input_gradient), bits(&two.input_gradient), "{file}");
        }
    }
}
