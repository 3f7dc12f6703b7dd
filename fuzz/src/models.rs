use shatterscope_import::{
    Options,
    messages::{AttributeProto, GraphProto, Message, ModelProto, NodeProto, OperatorSetIdProto, TensorProto},
    messages::{Dimension, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto},
    onnx, tflite,
};

/// As a model, ONNX or TensorFlow Lite: refused in one line, or a graph in order whose shapes are those of its operations.
pub fn models(data: &[u8]) {
    let Some((&kind, file)) = data.split_first() else { return };
    let options = Options { fold: kind & 2 != 0, ..Options::default() };
    let read = if kind % 2 == 0 { onnx(file, None, &options) } else { tflite(file, &options) };
    match read {
        Ok(model) => assert_eq!(model.check(), Ok(())),
        Err(error) => {
            let line = error.to_string();
            assert!(!line.is_empty() && !line.contains(char::is_control), "{line:?}");
        }
    }
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
    files.iter().flat_map(|f| [[&[0], &f[..]].concat(), [&[2], &f[..]].concat()]).collect()
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
