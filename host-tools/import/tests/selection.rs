//! Elements that constant indices or a constant condition select.
use crate::{
    interpret::{Array, run},
    write::{A, File, floats, integers},
};
use shatterscope_import::{Error, Model, Tensor, messages::TensorProto};

/// The outputs for the inputs 0, 1, 2, ...
pub fn compute(model: &Model) -> Vec<Array> {
    let inputs = model.inputs.iter().map(|&id| {
        let shape = model.values[id].shape.clone();
        let n: usize = shape.iter().product();
        Array { shape, data: (0..n).map(|i| i as f64).collect() }
    });
    run(model, &inputs.collect::<Vec<_>>())
}

/// What a file is refused with.
pub fn error(file: &File) -> String {
    file.read().unwrap_err().to_string()
}

#[test]
fn elements_along_an_axis() {
    let indices = || integers("i", &[2, 3], &[1, -1, 0, 2, 2, -3]);
    let data: Vec<f32> = (0..12).map(|i| i as f32).collect();
    for axis in [1, -1] {
        let attributes = || [("axis", A::I(axis))];
        let free = File::new(13, &[3, 4]).tensor(indices());
        let computed = compute(&free.node("GatherElements", &["x", "i"], &["y"], &attributes()).read().unwrap());
        assert_eq!((&computed[0].shape[..], &computed[0].data[..]), (&[2, 3][..], &[1.0, 3.0, 0.0, 6.0, 6.0, 5.0][..]));
        let fixed = File::new(13, &[1]).tensor(indices()).floats("c", &[3, 4], &data);
        let folded = fixed.node("GatherElements", &["c", "i"], &["y"], &attributes()).folded();
        assert_eq!(folded, Tensor::F32 { shape: vec![2, 3], data: vec![1.0, 3.0, 0.0, 6.0, 6.0, 5.0] });
    }
    let rows = File::new(13, &[3, 4]).tensor(integers("i", &[4, 2], &[2, 0, 0, 1, 1, -1, -3, 2]));
    let rows = compute(&rows.node("GatherElements", &["x", "i"], &["y"], &[]).read().unwrap());
    assert_eq!(rows[0].data, [8.0, 1.0, 0.0, 5.0, 4.0, 9.0, 0.0, 9.0]);
    for (dims, bad) in [(&[1, 1][..], 4), (&[1, 1], -5), (&[1, 1], i64::MIN), (&[1], 0)] {
        let file = File::new(13, &[3, 4]).tensor(integers("i", dims, &[bad]));
        let file = file.node("GatherElements", &["x", "i"], &["y"], &[("axis", A::I(1))]);
        assert!(matches!(file.read(), Err(Error::Node { .. })), "{dims:?} {bad}");
    }
}

fn condition(dims: &[i64], holds: &[bool]) -> TensorProto {
    let mut tensor = integers("m", dims, &[]);
    tensor.data_type = Some(9);
    tensor.int32_data = holds.iter().map(|&v| i32::from(v)).collect();
    tensor
}

#[test]
fn selection_by_a_constant_condition() {
    let file = |holds: &[bool], c: f32| {
        let file = File::new(16, &[2, 1]).tensor(condition(&[2], holds)).tensor(floats("c", &[1], &[c]));
        file.node("Where", &["m", "x", "c"], &["y"], &[]).read().unwrap()
    };
    let infinity = f64::INFINITY;
    assert_eq!(compute(&file(&[true, false], 9.0))[0].data, [0.0, 9.0, 1.0, 9.0]);
    assert_eq!(compute(&file(&[true, false], f32::INFINITY))[0].data, [0.0, infinity, 1.0, infinity]);
    let zero = file(&[true, false], 0.0);
    assert_eq!((zero.nodes.len(), compute(&zero).remove(0).data), (1, vec![0.0, 0.0, 1.0, 0.0]));
    let all = file(&[true, true], f32::NAN);
    assert_eq!((all.nodes.len(), compute(&all).remove(0).data), (1, vec![0.0, 0.0, 1.0, 1.0]));
    let both = File::new(16, &[2]).input("z", 1, &[2, 1]).tensor(condition(&[2, 1], &[true, false]));
    let both = both.node("Where", &["m", "z", "x"], &["y"], &[]).read().unwrap();
    assert_eq!(compute(&both)[0].data, [0.0, 0.0, 0.0, 1.0]);
    let mixed = File::new(16, &[2]).tensor(condition(&[2], &[true, false])).ints("c", &[1, 2]);
    assert!(error(&mixed.node("Where", &["m", "x", "c"], &["y"], &[])).contains("third operand"));
    let free = File::new(16, &[2]).input("m", 9, &[2]).node("Where", &["m", "x", "x"], &["y"], &[]);
    assert!(error(&free).contains("bind"));
}
