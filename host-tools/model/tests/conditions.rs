//! `Where` with computed conditions on the core, at the numbers around each threshold.
use crate::run::outputs;
use shatterscope::plan::Want;
use shatterscope_import::messages::{
    Dimension, GraphProto, Message, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto,
    TensorTypeProto, TypeProto, ValueInfoProto,
};
use shatterscope_import::{Options, onnx};
use shatterscope_model::lower;

/// `compare(x, threshold) ? x : -x`, or the comparison with its operands exchanged.
fn file(compare: &str, threshold: f32, exchanged: bool, len: usize) -> Vec<u8> {
    let node = |kind: &str, input: &[&str], output: &str| NodeProto {
        input: input.iter().map(|&name| name.to_owned()).collect(),
        output: vec![output.to_owned()],
        op_type: Some(kind.to_owned()),
        ..NodeProto::default()
    };
    let operands = if exchanged { ["c", "x"] } else { ["x", "c"] };
    let info = |name: &str, dims: &[i64]| {
        let dim = dims.iter().map(|&n| Dimension { dim_value: Some(n), dim_param: None }).collect();
        let tensor_type = Some(TensorTypeProto { elem_type: Some(1), shape: Some(TensorShapeProto { dim }) });
        ValueInfoProto { name: Some(name.to_owned()), r#type: Some(TypeProto { tensor_type }) }
    };
    let graph = GraphProto {
        node: vec![
            node(compare, &operands, "holds"),
            node("Neg", &["x"], "minus"),
            node("Where", &["holds", "x", "minus"], "y"),
        ],
        initializer: vec![TensorProto {
            name: Some("c".to_owned()),
            data_type: Some(1),
            float_data: vec![threshold],
            ..TensorProto::default()
        }],
        input: vec![info("x", &[len as i64])],
        output: vec![info("y", &[len as i64])],
        ..GraphProto::default()
    };
    let opset_import = vec![OperatorSetIdProto { domain: None, version: Some(17) }];
    ModelProto { ir_version: Some(8), graph: Some(graph), opset_import }.encode_to_vec()
}

#[test]
fn conditions_hold_exactly_where_they_should() {
    let thresholds = [0.0, -0.0, 1e-45, -1e-45, 1e-38, -3e-20, 1e-18, -0.5, 1.0, 10.0, 20.0, -1e6, 3e29, -1e30];
    for threshold in thresholds {
        let (mut below, mut above) = (threshold, threshold);
        let mut x = vec![threshold, -threshold, 0.0, -0.0, 1e-45, -1e-45, 1e30, -1e30, f32::MAX, f32::MIN, 1.0, -1.0];
        for _ in 0..3 {
            (below, above) = (below.next_down(), above.next_up());
            x.extend([below, above]);
        }
        type Holds = fn(&f32, &f32) -> bool;
        let comparisons: [(&str, Holds); 4] =
            [("Greater", f32::gt), ("GreaterOrEqual", f32::ge), ("Less", f32::lt), ("LessOrEqual", f32::le)];
        for ((kind, holds), exchanged) in comparisons.into_iter().flat_map(|c| [(c, false), (c, true)]) {
            let model = onnx(&file(kind, threshold, exchanged, x.len()), None, &Options::default()).unwrap();
            let network = lower(&model, Want::Output).unwrap();
            let found = outputs(&network, &[&x], x.len()).unwrap().concat();
            for (x, y) in x.iter().zip(&found) {
                let holds = if exchanged { holds(&threshold, x) } else { holds(x, &threshold) };
                assert_eq!(*y, if holds { *x } else { -x }, "{kind} {threshold:e} {exchanged}: {x:e}");
            }
        }
    }
}

#[test]
fn thresholds_without_an_exact_condition_are_refused() {
    for threshold in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1.1e30, -1.1e30] {
        let error = onnx(&file("Less", threshold, false, 3), None, &Options::default()).unwrap_err().to_string();
        assert!(error.contains("numbers up to 1e30"), "{error}");
    }
}
