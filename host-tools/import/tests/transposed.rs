//! Transposed convolutions against the sum that defines them.
use crate::{
    interpret::{Array, run},
    write::{A, File},
};
use shatterscope_import::{Error, Operation};

const SIZE: [usize; 2] = [3, 4];
const KERNEL: [usize; 2] = [2, 3];

/// A window, and the attributes that it is written as.
struct Case<'a> {
    strides: [usize; 2],
    dilations: [usize; 2],
    /// What the result loses at the beginnings and ends.
    pads: [usize; 4],
    /// What it gains at the ends.
    excess: [usize; 2],
    groups: usize,
    attributes: &'a [(&'a str, A<'a>)],
}

fn element(i: usize) -> f32 {
    ((i * 37 + 11) % 29) as f32 - 14.0
}

/// `y[g, o, p] = sum x[g, c, i] w[g, c, o, k]` over all `stride i + dilation k = p + pad`: term by term, each added where it belongs.
fn expected(case: &Case<'_>) -> Vec<f64> {
    let Case { strides, dilations, pads, excess, groups, .. } = case;
    let (inputs, outputs) = (4 / groups, 2);
    let size: Vec<usize> = (0..2)
        .map(|a| (SIZE[a] - 1) * strides[a] + (KERNEL[a] - 1) * dilations[a] + 1 + excess[a] - pads[a] - pads[2 + a])
        .collect();
    let mut y = vec![0.0; groups * outputs * size[0] * size[1]];
    for (i, k) in (0..SIZE[0] * SIZE[1]).flat_map(|i| (0..KERNEL[0] * KERNEL[1]).map(move |k| (i, k))) {
        let (i, k) = ([i / SIZE[1], i % SIZE[1]], [k / KERNEL[1], k % KERNEL[1]]);
        let at = |a: usize| (i[a] * strides[a] + k[a] * dilations[a]).checked_sub(pads[a]).filter(|&at| at < size[a]);
        let (Some(row), Some(column)) = (at(0), at(1)) else { continue };
        for (channel, output) in (0..4).flat_map(|channel| (0..outputs).map(move |output| (channel, output))) {
            let x = ((channel * SIZE[0] + i[0]) * SIZE[1] + i[1]) as f64;
            let w = element(((channel * outputs + output) * KERNEL[0] + k[0]) * KERNEL[1] + k[1]);
            let group = channel / inputs;
            y[((group * outputs + output) * size[0] + row) * size[1] + column] += x * f64::from(w);
        }
    }
    y
}

fn file(attributes: &[(&str, A<'_>)]) -> File {
    let weights: Vec<f32> = (0..4 * 2 * KERNEL[0] * KERNEL[1]).map(element).collect();
    let file = File::new(11, &[1, 4, SIZE[0] as i64, SIZE[1] as i64]).floats("w", &[4, 2, 2, 3], &weights);
    file.node("ConvTranspose", &["x", "w"], &["y"], attributes)
}

#[test]
fn every_attribute_moves_the_terms() {
    let plain = Case { strides: [1; 2], dilations: [1; 2], pads: [0; 4], excess: [0; 2], groups: 1, attributes: &[] };
    let strides = || ("strides", A::Is(&[2, 3]));
    let cases = [
        Case { ..plain },
        Case { strides: [2, 3], attributes: &[strides()], ..plain },
        Case { dilations: [2, 3], attributes: &[("dilations", A::Is(&[2, 3]))], ..plain },
        Case { pads: [1, 0, 0, 2], attributes: &[("pads", A::Is(&[1, 0, 0, 2]))], ..plain },
        Case { groups: 2, attributes: &[("group", A::I(2))], ..plain },
        Case { groups: 4, strides: [2, 3], attributes: &[("group", A::I(4)), strides()], ..plain },
        Case { strides: [2, 3], excess: [1, 2], attributes: &[strides(), ("output_padding", A::Is(&[1, 2]))], ..plain },
        // More than the window reaches: the image itself is cut.
        Case { strides: [2, 3], pads: [2, 3, 3, 4], attributes: &[strides(), ("pads", A::Is(&[2, 3, 3, 4]))], ..plain },
        // The padding follows from the size of the result, the odd element at the end or at the beginning.
        Case {
            strides: [2, 3],
            pads: [0, 0, 0, 0],
            attributes: &[strides(), ("auto_pad", A::S("SAME_UPPER"))],
            ..plain
        },
        Case {
            strides: [2, 3],
            pads: [1, 1, 0, 1],
            attributes: &[strides(), ("output_shape", A::Is(&[5, 10]))],
            ..plain
        },
        Case {
            strides: [2, 3],
            pads: [0, 1, 1, 1],
            attributes: &[strides(), ("auto_pad", A::S("SAME_UPPER")), ("output_shape", A::Is(&[5, 10]))],
            ..plain
        },
        Case { excess: [1, 0], attributes: &[("output_shape", A::Is(&[5, 6]))], ..plain },
    ];
    let x = Array { shape: vec![1, 4, SIZE[0], SIZE[1]], data: (0..4 * SIZE[0] * SIZE[1]).map(|i| i as f64).collect() };
    for (i, case) in cases.iter().enumerate() {
        let model = file(case.attributes).read().unwrap_or_else(|error| panic!("case {i}: {error}"));
        let convolutions = model.nodes.iter().filter(|node| matches!(node.op, Operation::Conv { .. })).count();
        assert_eq!(convolutions, 1, "case {i}");
        assert_eq!(run(&model, std::slice::from_ref(&x))[0].data, expected(case), "case {i}");
    }
}

#[test]
fn what_cannot_be_is_refused_in_one_line() {
    let pads = |n: i64| [("pads", vec![n; 4])];
    let refused = |attributes: &[(&str, A<'_>)], what: &str| {
        let error = file(attributes).read().unwrap_err();
        assert!(matches!(error, Error::Node { .. } | Error::Unsupported(_)), "{error}");
        assert!(error.to_string().contains(what), "{error}");
    };
    refused(&[("group", A::I(3))], "groups that divide 4");
    refused(&[("group", A::I(0))], "groups that divide 4");
    refused(&[("group", A::I(-1))], "a negative number of groups");
    refused(&[("strides", A::Is(&[0, 1]))], "none may be 0");
    refused(&[("kernel_shape", A::Is(&[3, 3]))], "kernel_shape is [3, 3]");
    refused(&[("output_padding", A::Is(&[1]))], "expected 2 numbers");
    refused(&[("output_shape", A::Is(&[9, 9]))], "with an output of 9 elements, of which 4 are computed");
    refused(&[("pads", A::Is(&pads(4)[0].1))], "leave nothing of the image");
    refused(&[("pads", A::Is(&pads(2)[0].1))], "is larger than");
    refused(&[("strides", A::Is(&[1 << 31, 1 << 31]))], "");
    refused(&[("strides", A::Is(&[4_000_000_000, 4_000_000_000]))], "");
}
