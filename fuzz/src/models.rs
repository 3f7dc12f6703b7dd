use crate::refused::refused;
use shatterscope::exec::Isa;
use shatterscope::plan::Want;
use shatterscope_engine::predict::predict;
use shatterscope_import::{
    Model, Options, Result,
    messages::{AttributeProto, GraphProto, Message, ModelProto, NodeProto, OperatorSetIdProto, TensorProto},
    messages::{Dimension, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto},
};
use shatterscope_model::{Network, from_safetensors, lower, to_safetensors};

/// Bytes of memory that a file may take, for each of its bytes and for any file: constants of 2^24 elements that it computes.
const PER_BYTE: u64 = 2048;
const FLOOR: u64 = 1 << 29;

/// Units and multiply-adds of what is run.
const UNITS: u64 = 1 << 14;
const WORK: u64 = 1 << 20;

/// As an ONNX file: see `keeps_its_promises`.
pub fn onnx(data: &[u8]) {
    keeps_its_promises(data, |file, options| shatterscope_import::onnx(file, None, options));
}

/// As a TensorFlow Lite file: see `keeps_its_promises`.
pub fn tflite(data: &[u8]) {
    keeps_its_promises(data, shatterscope_import::tflite);
}

/// Refused in one line, or a graph in order whose shapes are those of its operations; then refused in one line, or a network that has a plan, runs if
/// it is small, and is the same after it was written in the native form. Memory is bounded by the length of the file. The first byte says how it is
/// read, and what it is planned for.
fn keeps_its_promises(data: &[u8], read: impl Fn(&[u8], &Options) -> Result<Model>) {
    let Some((&how, file)) = data.split_first() else { return };
    let options = Options { recognise: how & 1 == 0, fold: how & 2 != 0, ..Options::default() };
    let model = match bounded(file.len(), || read(file, &options)) {
        Ok(model) => model,
        Err(error) => return one_line(&error.to_string()),
    };
    assert_eq!(model.check(), Ok(()));
    match bounded(file.len(), || lower(&model, wanted(how))) {
        Ok(network) => is_a_network(&network, wanted(how)),
        Err(error) => refused(&error),
    }
}

/// What a network is planned for.
pub(crate) fn wanted(how: u8) -> Want {
    if how & 4 == 0 { Want::Output } else { Want::Gradients }
}

fn one_line(message: &str) {
    assert!(!message.trim().is_empty() && !message.contains(char::is_control), "{message:?}");
}

/// What a step gives, its memory at its peak bounded by a file of so many bytes.
pub(crate) fn bounded<T>(bytes: usize, step: impl FnOnce() -> T) -> T {
    let mut result = None;
    let memory = allocation_counter::measure(|| result = Some(step()));
    let most = FLOOR + PER_BYTE * bytes as u64;
    assert!(memory.bytes_max <= most, "{} bytes of memory for a file of {bytes} bytes", memory.bytes_max);
    result.expect("it was measured")
}

/// A network that has a plan is the same after it was written and read.
pub(crate) fn is_a_network(network: &Network, want: Want) {
    let plan = network.placed.plan().expect("what was lowered has a plan");
    assert_eq!(
        (plan.parameters_len, plan.running_len),
        (network.parameters.len() as u64, network.running.len() as u64)
    );
    let file = to_safetensors(network).expect("a network has a native form");
    let again = from_safetensors(&file, want).unwrap_or_else(|error| panic!("the native form is refused: {error}"));
    let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(network.placed.words(), again.placed.words());
    assert_eq!(network.placed.names(), again.placed.names());
    assert_eq!(bits(&network.parameters), bits(&again.parameters));
    assert_eq!(bits(&network.running), bits(&again.running));
    assert_eq!((&network.inputs, &network.outputs), (&again.inputs, &again.outputs));
    let of = |network: &Network| (network.origin.format.clone(), network.origin.batch, network.origin.kinds.clone());
    assert_eq!(of(network), of(&again));
    if plan.units > UNITS || plan.multiply_adds > WORK || plan.scratch_best > 4 * UNITS {
        return;
    }
    match (outputs(network), outputs(&again)) {
        (Ok(first), Ok(second)) => {
            assert_eq!(bits(&first), bits(&second), "the native form has other outputs");
            assert!(first.iter().all(|x| x.is_finite()), "a run stores NaN or infinity");
        }
        (Err(first), Err(second)) => {
            assert_eq!(first.message, second.message);
            refused(&first);
        }
        (first, second) => panic!("{first:?} first, {second:?} from the native form"),
    }
}

/// The outputs of two points.
fn outputs(network: &Network) -> std::result::Result<Vec<f32>, shatterscope_host::Failure> {
    let units: usize = network.placed.graph()?.inputs().map(|i| units(network, i)).sum();
    let inputs: Vec<f32> = (0..2 * units).map(|i| ((i * 37 + 11) % 64) as f32 / 16.0 - 2.0).collect();
    predict(&network.placed, (&network.parameters, &network.running), &inputs, 2, Isa::detect())
}

fn units(network: &Network, node: u32) -> usize {
    network.placed.nodes[node as usize].shape.units().expect("values have units that can be counted") as usize
}

/// A convolution with batch norm, and the arithmetic of shapes.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let tensor = |name: &str, dims: &[i64], data: &[f32]| TensorProto {
        name: Some(name.to_owned()),
        dims: dims.to_vec(),
        data_type: Some(1),
        float_data: data.to_vec(),
        ..TensorProto::default()
    };
    let list = |name: &str, data: &[i64]| TensorProto {
        data_type: Some(7),
        int64_data: data.to_vec(),
        ..tensor(name, &[data.len() as i64], &[])
    };
    let ints = |name: &str, ints: &[i64]| AttributeProto {
        name: Some(name.to_owned()),
        ints: ints.to_vec(),
        r#type: Some(7),
        ..AttributeProto::default()
    };
    let conv = [
        node("Conv", &["x", "w"], "a", vec![ints("pads", &[1, 0, 0, 1])]),
        node("BatchNormalization", &["a", "s", "s", "s", "s"], "b", vec![]),
        node("MaxPool", &["b"], "c", vec![ints("kernel_shape", &[1, 2])]),
        node("Sigmoid", &["c"], "d", vec![]),
        node("Mul", &["c", "d"], "y", vec![]),
    ];
    let weights = vec![tensor("w", &[2, 1, 1, 2], &[1.0, 2.0, 3.0, 4.0]), tensor("s", &[2], &[0.5, 2.0])];
    let shapes = [
        node("Shape", &["x"], "a", vec![]),
        node("Slice", &["a", "zero", "two"], "b", vec![]),
        node("Concat", &["b", "rest"], "c", vec![AttributeProto { name: Some("axis".into()), ..Default::default() }]),
        node("Reshape", &["x", "c"], "d", vec![]),
        node("Expand", &["d", "wide"], "e", vec![]),
        node("Transpose", &["e"], "f", vec![ints("perm", &[2, 0, 1])]),
        node("Tile", &["f", "wide"], "y", vec![]),
    ];
    let lists = vec![list("zero", &[0]), list("two", &[2]), list("rest", &[-1]), list("wide", &[1, 1, 2])];
    let files = [file(&conv, weights, &[1, 1, 2, 3]), file(&shapes, lists, &[-1, 1, 2, 1])];
    files.iter().flat_map(|f| [[&[0], &f[..]].concat(), [&[7], &f[..]].concat()]).collect()
}

fn node(kind: &str, inputs: &[&str], output: &str, attribute: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        input: inputs.iter().map(|&name| name.to_owned()).collect(),
        output: vec![output.to_owned()],
        op_type: Some(kind.to_owned()),
        attribute,
        ..NodeProto::default()
    }
}

/// A graph from `x` to `y`.
fn file(nodes: &[NodeProto], initializer: Vec<TensorProto>, dims: &[i64]) -> Vec<u8> {
    let dim = dims.iter().map(|&n| Dimension { dim_value: Some(n).filter(|&n| n > 0), dim_param: None }).collect();
    let tensor_type = Some(TensorTypeProto { elem_type: Some(1), shape: Some(TensorShapeProto { dim }) });
    let info = |name: &str| ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto { tensor_type: tensor_type.clone() }),
    };
    let graph = GraphProto {
        node: nodes.to_vec(),
        initializer,
        input: vec![info("x")],
        output: vec![info("y")],
        ..GraphProto::default()
    };
    let opset_import = vec![OperatorSetIdProto { domain: None, version: Some(13) }];
    ModelProto { ir_version: Some(8), graph: Some(graph), opset_import }.encode_to_vec()
}
