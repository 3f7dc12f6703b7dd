//! What an operator meant in each version.
use crate::{
    interpret::{Array, run},
    write::{A, File, floats},
};
use shatterscope_import::{Error, Operation as O, Tensor};

fn ops(file: &File) -> Vec<O> {
    file.read().unwrap().nodes.into_iter().map(|n| n.op).collect()
}

/// The output for the numbers 0, 1, 2, ...
fn compute(file: &File) -> Array {
    let model = file.read().unwrap();
    let inputs = model.inputs.iter().map(|&id| {
        let shape = model.values[id].shape.clone();
        let n: usize = shape.iter().product();
        Array { shape, data: (0..n).map(|i| i as f64).collect() }
    });
    run(&model, &inputs.collect::<Vec<_>>()).remove(0)
}

fn refused(file: &File) -> String {
    let error = file.read().unwrap_err();
    assert!(matches!(error, Error::Unsupported(_)), "{error}");
    error.to_string()
}

#[test]
fn softmax_before_13_flattens() {
    for kind in ["Softmax", "LogSoftmax"] {
        let old = ops(&File::new(11, &[2, 3, 4]).node(kind, &["x"], &["y"], &[]));
        assert_eq!(old.len(), 3, "{old:?}");
        assert!(matches!(old[1], O::Softmax { axis: 1 } | O::LogSoftmax { axis: 1 }));
        let last = ops(&File::new(11, &[2, 3, 4]).node(kind, &["x"], &["y"], &[("axis", A::I(-1))]));
        assert!(matches!(last[..], [O::Softmax { axis: 2 } | O::LogSoftmax { axis: 2 }]), "{last:?}");
        let new = ops(&File::new(13, &[2, 3, 4]).node(kind, &["x"], &["y"], &[]));
        assert!(matches!(new[..], [O::Softmax { axis: 2 } | O::LogSoftmax { axis: 2 }]), "{new:?}");
    }
    let sum: f64 = compute(&File::new(1, &[2, 3, 4]).node("Softmax", &["x"], &["y"], &[])).data[..12].iter().sum();
    assert!((sum - 1.0).abs() < 1e-12);
}

#[test]
fn broadcast_attributes_before_7() {
    let c = |opset| File::new(opset, &[1, 2, 1, 2]).floats("c", &[2], &[10.0, 20.0]);
    let from_axis = c(6).node("Add", &["x", "c"], &["y"], &[("broadcast", A::I(1)), ("axis", A::I(1))]);
    assert_eq!(compute(&from_axis).data, [10.0, 11.0, 22.0, 23.0]);
    let negative = c(6).node("Mul", &["x", "c"], &["y"], &[("broadcast", A::I(1)), ("axis", A::I(-3))]);
    assert_eq!(compute(&negative).data, [0.0, 10.0, 40.0, 60.0]);
    let last = c(7).node("Add", &["x", "c"], &["y"], &[]);
    assert_eq!(compute(&last).data, [10.0, 21.0, 12.0, 23.0]);
    let bad = c(6).node("Add", &["x", "c"], &["y"], &[("broadcast", A::I(1)), ("axis", A::I(9))]);
    assert!(matches!(bad.read(), Err(Error::Node { .. })));
}

#[test]
fn prelu_before_7_has_a_slope_a_channel() {
    let file =
        |opset| File::new(opset, &[1, 2, 1, 2]).floats("s", &[2], &[1.0, 2.0]).node("PRelu", &["x", "s"], &["y"], &[]);
    let model = file(6).read().unwrap();
    assert_eq!(model.values[model.nodes[0].inputs[1]].shape, [2, 1, 1]);
    let model = file(7).read().unwrap();
    assert_eq!(model.values[model.nodes[0].inputs[1]].shape, [2]);
}

#[test]
fn clip_bounds_are_attributes_or_operands() {
    let old = File::new(6, &[2]).node("Clip", &["x"], &["y"], &[("min", A::F(0.0)), ("max", A::F(6.0))]);
    assert_eq!(ops(&old), [O::Clip { min: 0.0, max: 6.0 }]);
    let new = File::new(11, &[2]).floats("m", &[], &[6.0]).node("Clip", &["x", "", "m"], &["y"], &[]);
    assert_eq!(ops(&new), [O::Clip { min: f32::NEG_INFINITY, max: 6.0 }]);
    let none = File::new(13, &[2]).node("Clip", &["x"], &["c"], &[]).node("Relu", &["c"], &["y"], &[]);
    assert_eq!(ops(&none), [O::Relu]);
}

#[test]
fn dropout_is_left_out() {
    for (opset, inputs) in
        [(1, &["x"][..]), (6, &["x"]), (7, &["x"]), (10, &["x"]), (12, &["x", "r"]), (22, &["x", "r", "t"])]
    {
        let file = File::new(opset, &[2]).floats("r", &[], &[0.5]).tensor(boolean("t", false));
        let file = file.node("Dropout", inputs, &["d", "mask"], &[]).node("Relu", &["d"], &["y"], &[]);
        assert_eq!(ops(&file), [O::Relu], "opset {opset}");
    }
    let training = File::new(13, &[2]).floats("r", &[], &[0.5]).tensor(boolean("t", true));
    assert!(refused(&training.node("Dropout", &["x", "r", "t"], &["y"], &[])).contains("training"));
}

fn boolean(name: &str, value: bool) -> shatterscope_import::messages::TensorProto {
    let mut tensor = floats(name, &[], &[]);
    tensor.data_type = Some(9);
    tensor.int32_data = vec![i32::from(value)];
    tensor
}

#[test]
fn batch_norm_in_training_is_refused() {
    let file = |opset, outputs: &[&str], attributes: &[(&str, A<'_>)]| {
        let mut file = File::new(opset, &[1, 2, 3]);
        for name in ["s", "b", "m", "v"] {
            file = file.floats(name, &[2], &[1.0, 2.0]);
        }
        file.node("BatchNormalization", &["x", "s", "b", "m", "v"], outputs, attributes)
    };
    let eps = O::BatchNormalization { eps: 1e-5 };
    assert_eq!(
        ops(&file(1, &["y"], &[("is_test", A::I(1)), ("consumed_inputs", A::Is(&[0, 0, 0, 1, 1]))])),
        std::slice::from_ref(&eps)
    );
    for opset in [7, 9, 14, 15, 22] {
        assert_eq!(ops(&file(opset, &["y"], &[])), std::slice::from_ref(&eps), "opset {opset}");
    }
    for (opset, outputs, attributes) in [
        (6, &["y"][..], vec![]),
        (7, &["y"], vec![("spatial", A::I(0))]),
        (9, &["y", "m2", "v2"], vec![]),
        (14, &["y"], vec![("training_mode", A::I(1))]),
    ] {
        refused(&file(opset, outputs, &attributes));
    }
}

#[test]
fn lists_are_attributes_or_operands() {
    let squeeze = File::new(11, &[1, 2, 1]).node("Squeeze", &["x"], &["y"], &[("axes", A::Is(&[0]))]);
    assert_eq!(compute(&squeeze).shape, [2, 1]);
    let squeeze = File::new(13, &[1, 2, 1]).ints("a", &[-1]).node("Squeeze", &["x", "a"], &["y"], &[]);
    assert_eq!(compute(&squeeze).shape, [1, 2]);
    let unsqueeze = File::new(11, &[2]).node("Unsqueeze", &["x"], &["y"], &[("axes", A::Is(&[0, 2]))]);
    assert_eq!(compute(&unsqueeze).shape, [1, 2, 1]);
    let unsqueeze = File::new(13, &[2]).ints("a", &[-1]).node("Unsqueeze", &["x", "a"], &["y"], &[]);
    assert_eq!(compute(&unsqueeze).shape, [2, 1]);
    let slice = File::new(9, &[5]).node("Slice", &["x"], &["y"], &[("starts", A::Is(&[1])), ("ends", A::Is(&[-1]))]);
    assert_eq!(compute(&slice).data, [1.0, 2.0, 3.0]);
    let slice = File::new(10, &[5]).ints("s", &[-1]).ints("e", &[i64::MIN]).ints("a", &[0]).ints("t", &[-2]);
    assert_eq!(compute(&slice.node("Slice", &["x", "s", "e", "a", "t"], &["y"], &[])).data, [4.0, 2.0, 0.0]);
    let reshape = File::new(1, &[2, 3]).node("Reshape", &["x"], &["y"], &[("shape", A::Is(&[0, -1, 1]))]);
    assert_eq!(compute(&reshape).shape, [2, 3, 1]);
    let reshape = File::new(14, &[2, 3]).ints("s", &[3, -1]).node("Reshape", &["x", "s"], &["y"], &[]);
    assert_eq!(compute(&reshape).shape, [3, 2]);
    let pads = |opset, name| {
        File::new(opset, &[2]).node("Pad", &["x"], &["y"], &[(name, A::Is(&[1, 2])), ("value", A::F(9.0))])
    };
    for file in [pads(1, "paddings"), pads(2, "pads")] {
        assert_eq!(compute(&file).data, [9.0, 0.0, 1.0, 9.0, 9.0]);
    }
    let pad = File::new(11, &[3]).ints("p", &[-1, 1]).floats("v", &[], &[7.0]);
    assert_eq!(compute(&pad.node("Pad", &["x", "p", "v"], &["y"], &[])).data, [1.0, 2.0, 7.0]);
    let pad = File::new(18, &[1, 2]).ints("p", &[1, 0]).ints("a", &[-1]);
    assert_eq!(compute(&pad.node("Pad", &["x", "p", "", "a"], &["y"], &[])).data, [0.0, 0.0, 1.0]);
    let sum = File::new(11, &[2, 2]).node("ReduceSum", &["x"], &["y"], &[("axes", A::Is(&[1])), ("keepdims", A::I(0))]);
    assert_eq!(compute(&sum).data, [1.0, 5.0]);
    let sum = File::new(13, &[2, 2]).ints("a", &[0]).node("ReduceSum", &["x", "a"], &["y"], &[]);
    assert_eq!(compute(&sum).data, [2.0, 4.0]);
    let none = File::new(13, &[2]).node("ReduceSum", &["x"], &["r"], &[("noop_with_empty_axes", A::I(1))]);
    assert_eq!(ops(&none.node("Relu", &["r"], &["y"], &[])), [O::Relu]);
    let mean = File::new(17, &[2, 2]).node("ReduceMean", &["x"], &["y"], &[("axes", A::Is(&[-1]))]);
    assert_eq!(compute(&mean).data, [0.5, 2.5]);
    let mean = File::new(18, &[2, 2]).ints("a", &[-1]).node("ReduceMean", &["x", "a"], &["y"], &[]);
    assert_eq!(compute(&mean).data, [0.5, 2.5]);
}

#[test]
fn split_versions() {
    let second = |file: File, inputs: &[&str], attributes: &[(&str, A<'_>)]| {
        compute(&file.node("Split", inputs, &["a", "y"], attributes)).data
    };
    assert_eq!(second(File::new(2, &[3]), &["x"], &[("split", A::Is(&[1, 2]))]), [1.0, 2.0]);
    assert_eq!(second(File::new(1, &[3]).ints("s", &[2, 1]), &["x", "s"], &[]), [2.0]);
    assert_eq!(second(File::new(13, &[3]).ints("s", &[2, 1]), &["x", "s"], &[]), [2.0]);
    assert_eq!(second(File::new(13, &[4]), &["x"], &[]), [2.0, 3.0]);
    assert_eq!(second(File::new(18, &[5]), &["x"], &[("num_outputs", A::I(2))]), [3.0, 4.0]);
}

#[test]
fn gemm_and_pow_broadcast() {
    let gemm = |opset, attributes: &[(&str, A<'_>)]| {
        let file = File::new(opset, &[1, 2]).floats("b", &[2, 2], &[1.0, 2.0, 3.0, 4.0]).floats("c", &[2], &[1.0, 1.0]);
        compute(&file.node("Gemm", &["x", "b", "c"], &["y"], attributes)).data
    };
    assert_eq!(gemm(6, &[("broadcast", A::I(1))]), [4.0, 5.0]);
    assert_eq!(gemm(11, &[("transB", A::I(1)), ("beta", A::F(2.0))]), [4.0, 6.0]);
    let square = File::new(7, &[2]).floats("e", &[], &[2.0]).node("Pow", &["x", "e"], &["y"], &[]);
    assert_eq!(ops(&square), [O::Mul]);
    let cube = File::new(12, &[2]).ints("e", &[3]).node("Pow", &["x", "e"], &["y"], &[]);
    assert_eq!(ops(&cube), [O::Pow]);
}

#[test]
fn pools_resolve_padding_and_ceil_mode() {
    let pads = |attributes: &[(&str, A<'_>)]| {
        let file = File::new(11, &[1, 1, 5]).node("MaxPool", &["x"], &["y"], attributes);
        let Some(O::MaxPool { pads, .. }) = ops(&file).pop() else { panic!("no pool") };
        pads
    };
    let kernel = |k: &'static [i64]| ("kernel_shape", A::Is(k));
    assert_eq!(pads(&[kernel(&[2]), ("strides", A::Is(&[2])), ("ceil_mode", A::I(1))]), [0, 1]);
    assert_eq!(pads(&[kernel(&[2]), ("strides", A::Is(&[2])), ("auto_pad", A::S("SAME_UPPER"))]), [0, 1]);
    assert_eq!(pads(&[kernel(&[2]), ("strides", A::Is(&[2])), ("auto_pad", A::S("SAME_LOWER"))]), [1, 0]);
    // The third window would begin in the padding at the end.
    assert_eq!(
        pads(&[kernel(&[1]), ("strides", A::Is(&[4])), ("pads", A::Is(&[0, 2])), ("ceil_mode", A::I(1))]),
        [0, 2]
    );
    let average = File::new(11, &[1, 1, 3]).node(
        "AveragePool",
        &["x"],
        &["y"],
        &[
            kernel(&[2]),
            ("strides", A::Is(&[2])),
            ("pads", A::Is(&[1, 1])),
            ("count_include_pad", A::I(1)),
            ("ceil_mode", A::I(1)),
        ],
    );
    assert_eq!(compute(&average).data, [0.0, 1.5, 0.0][..compute(&average).data.len()]);
}

#[test]
fn nearest_resize_is_gathers() {
    let indices = |file: &File| match &ops(file)[..] {
        [O::Gather { axis: 2, indices }] => indices.clone(),
        other => panic!("{other:?}"),
    };
    let upsample = |opset, attributes: &[(&str, A<'_>)], inputs: &[&str]| {
        let file = File::new(opset, &[1, 1, 1, 2]).floats("s", &[4], &[1.0, 1.0, 1.0, 2.0]);
        compute(&file.node("Upsample", inputs, &["y"], attributes)).data
    };
    assert_eq!(upsample(1, &[("height_scale", A::F(1.0)), ("width_scale", A::F(2.0))], &["x"]), [0.0, 0.0, 1.0, 1.0]);
    assert_eq!(upsample(7, &[("scales", A::Fs(&[1.0, 1.0, 1.0, 2.0]))], &["x"]), [0.0, 0.0, 1.0, 1.0]);
    assert_eq!(upsample(9, &[], &["x", "s"]), [0.0, 0.0, 1.0, 1.0]);
    let resize = |n: i64, to: i64, coordinates: &str, nearest: &str| {
        indices(&File::new(13, &[1, 1, n]).ints("to", &[1, 1, to]).node(
            "Resize",
            &["x", "", "", "to"],
            &["y"],
            &[("coordinate_transformation_mode", A::S(coordinates)), ("nearest_mode", A::S(nearest))],
        ))
    };
    assert_eq!(resize(2, 4, "half_pixel", "round_prefer_floor"), [0, 0, 1, 1]);
    assert_eq!(resize(2, 4, "asymmetric", "floor"), [0, 0, 1, 1]);
    assert_eq!(resize(2, 4, "asymmetric", "ceil"), [0, 1, 1, 1]);
    assert_eq!(resize(3, 5, "align_corners", "round_prefer_floor"), [0, 0, 1, 1, 2]);
    assert_eq!(resize(3, 5, "align_corners", "round_prefer_ceil"), [0, 1, 1, 2, 2]);
    assert_eq!(resize(4, 2, "tf_half_pixel_for_nn", "floor"), [1, 3]);
    let old = File::new(10, &[1, 1, 2]).floats("s", &[3], &[1.0, 1.0, 2.0]).node("Resize", &["x", "s"], &["y"], &[]);
    assert_eq!(indices(&old), [0, 0, 1, 1]);
    let linear = File::new(13, &[1, 1, 2]).ints("to", &[1, 1, 4]);
    assert!(
        refused(&linear.node("Resize", &["x", "", "", "to"], &["y"], &[("mode", A::S("linear"))])).contains("linear")
    );
}

#[test]
fn group_norm_has_a_scale_a_group_or_a_channel() {
    for (opset, n) in [(18, 2), (21, 4)] {
        let values = [1.0, 2.0, 3.0, 4.0];
        let file = File::new(opset, &[1, 4, 1]).floats("s", &[n], &values[..n as usize]).floats(
            "b",
            &[n],
            &values[..n as usize],
        );
        let file = file.node("GroupNormalization", &["x", "s", "b"], &["y"], &[("num_groups", A::I(2))]);
        let model = file.read().unwrap();
        let scale = model.values[model.nodes[0].inputs[1]].constant.as_ref().and_then(Tensor::floats).unwrap();
        assert_eq!(scale, if n == 2 { [1.0, 1.0, 2.0, 2.0] } else { values });
    }
}

#[test]
fn casts_before_6_name_their_type() {
    let old = File::new(5, &[1]).floats("c", &[2], &[1.7, -1.7]).node("Cast", &["c"], &["y"], &[("to", A::S("INT32"))]);
    assert_eq!(old.folded(), Tensor::I64 { shape: vec![2], data: vec![1, -1] });
    let new = File::new(9, &[1]).floats("c", &[2], &[1.7, 300.0]).node("Cast", &["c"], &["y"], &[("to", A::I(2))]);
    assert_eq!(new.folded(), Tensor::I64 { shape: vec![2], data: vec![1, 44] });
}

#[test]
fn opsets_out_of_range() {
    for opset in [0, 23, -1] {
        let error = File::new(opset, &[1]).node("Relu", &["x"], &["y"], &[]).read().unwrap_err();
        assert!(error.to_string().contains("1 to 22"), "{error}");
    }
}

/// What exporters write to compute a shape.
#[test]
fn shape_arithmetic_folds() {
    let file = File::new(15, &[-1, 2, 3])
        .node("Shape", &["x"], &["shape"], &[])
        .ints("zero", &[0])
        .ints("rest", &[-1])
        .node("Gather", &["shape", "zero"], &["batch"], &[])
        .node("Concat", &["batch", "rest"], &["to"], &[("axis", A::I(0))])
        .node("Reshape", &["x", "to"], &["y"], &[]);
    assert_eq!(compute(&file).shape, [1, 6]);
    let constants = File::new(15, &[1])
        .node("Constant", &[], &["n"], &[("value_ints", A::Is(&[2, 3]))])
        .node("ConstantOfShape", &["n"], &["c"], &[("value", A::T(floats("", &[1], &[2.0]).into()))])
        .node("NonZero", &["c"], &["y"], &[]);
    assert_eq!(constants.folded(), Tensor::I64 { shape: vec![2, 6], data: vec![0, 0, 0, 1, 1, 1, 0, 1, 2, 0, 1, 2] });
    let range = |a: &[i64], b: &[i64], d: &[i64]| {
        let file = File::new(15, &[1]).ints("a", a).ints("b", b).ints("d", d);
        file.node("Range", &["a", "b", "d"], &["y"], &[]).folded().integers().unwrap().to_vec()
    };
    assert_eq!(range(&[0], &[5], &[2]), [0, 2, 4]);
    assert_eq!(range(&[5], &[0], &[-2]), [5, 3, 1]);
    assert_eq!(range(&[5], &[0], &[2]), []);
}
