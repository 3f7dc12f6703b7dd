//! What a model means, computed naively in f64.
use shatterscope_import::{Model, Node, Operation as O, PadMode, ReduceKind};

/// Elements with their shape.
#[derive(Clone, Debug)]
pub struct Array {
    pub shape: Vec<usize>,
    pub data: Vec<f64>,
}

/// The outputs for the inputs in the order of the model's.
pub fn run(model: &Model, inputs: &[Array]) -> Vec<Array> {
    model.check().unwrap();
    let mut values: Vec<Option<Array>> = vec![None; model.values.len()];
    for (id, value) in model.values.iter().enumerate() {
        if let Some(data) = value.constant.as_ref().and_then(|t| t.floats()) {
            let data = data.iter().map(|&v| f64::from(v)).collect();
            values[id] = Some(Array { shape: value.shape.clone(), data });
        }
    }
    assert_eq!(model.inputs.len(), inputs.len());
    for (&id, input) in model.inputs.iter().zip(inputs) {
        assert_eq!(model.values[id].shape, input.shape, "input {}", model.values[id].name);
        values[id] = Some(input.clone());
    }
    for node in &model.nodes {
        let operands: Vec<&Array> = node.inputs.iter().map(|&i| values[i].as_ref().expect("an operand")).collect();
        let shape = &model.values[node.outputs[0]].shape;
        let data = compute(node, &operands, shape);
        assert_eq!(data.len(), shape.iter().product::<usize>(), "{node:?}");
        values[node.outputs[0]] = Some(Array { shape: shape.clone(), data });
    }
    model.outputs.iter().map(|&id| values[id].clone().unwrap()).collect()
}

fn index(mut flat: usize, shape: &[usize]) -> Vec<usize> {
    let mut at = vec![0; shape.len()];
    for axis in (0..shape.len()).rev() {
        at[axis] = flat % shape[axis];
        flat /= shape[axis];
    }
    at
}

fn flat(at: &[usize], shape: &[usize]) -> usize {
    at.iter().zip(shape).fold(0, |i, (&a, &n)| i * n + a)
}

/// The element of an operand that broadcasts, for an index of the result.
fn broadcast(x: &Array, at: &[usize]) -> f64 {
    let offset = at.len() - x.shape.len();
    let own: Vec<usize> = x.shape.iter().enumerate().map(|(i, &n)| if n == 1 { 0 } else { at[i + offset] }).collect();
    x.data[flat(&own, &x.shape)]
}

fn each(shape: &[usize], f: impl Fn(&[usize]) -> f64) -> Vec<f64> {
    (0..shape.iter().product()).map(|i| f(&index(i, shape))).collect()
}

fn erf(x: f64) -> f64 {
    // Series and continued fraction of Abramowitz and Stegun, 7.1.6 and 7.1.14.
    if x.abs() < 3.0 {
        let (mut term, mut sum) = (x, x);
        for n in 1..100 {
            term *= 2.0 * x * x / f64::from(2 * n + 1);
            sum += term;
        }
        2.0 / std::f64::consts::PI.sqrt() * (-x * x).exp() * sum
    } else {
        let a = x.abs();
        let fraction = (1..60).rev().fold(a, |f, n| a + f64::from(n) / 2.0 / f);
        x.signum() * (1.0 - (-a * a).exp() / fraction / std::f64::consts::PI.sqrt())
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn compute(node: &Node, inputs: &[&Array], shape: &[usize]) -> Vec<f64> {
    let x = inputs[0];
    let map = |f: &dyn Fn(f64) -> f64| x.data.iter().map(|&v| f(v)).collect::<Vec<_>>();
    let two = |f: &dyn Fn(f64, f64) -> f64| each(shape, |at| f(broadcast(x, at), broadcast(inputs[1], at)));
    match &node.op {
        O::Int8 { .. } => panic!("{} is of int8, and not computed in f64", node.name),
        O::Relu => map(&|v| v.max(0.0)),
        O::LeakyRelu { alpha } => map(&|v| if v > 0.0 { v } else { v * f64::from(*alpha) }),
        O::Elu { alpha } => map(&|v| if v > 0.0 { v } else { f64::from(*alpha) * v.exp_m1() }),
        O::Selu { alpha, gamma } => {
            map(&|v| f64::from(*gamma) * if v > 0.0 { v } else { f64::from(*alpha) * v.exp_m1() })
        }
        O::Sigmoid => map(&sigmoid),
        O::HardSigmoid { alpha, beta } => map(&|v| (f64::from(*alpha) * v + f64::from(*beta)).clamp(0.0, 1.0)),
        O::Tanh => map(&f64::tanh),
        O::Silu => map(&|v| v * sigmoid(v)),
        O::HardSwish => map(&|v| v * (v / 6.0 + 0.5).clamp(0.0, 1.0)),
        O::Gelu { tanh: false } => map(&|v| 0.5 * v * (1.0 + erf(v / 2f64.sqrt()))),
        O::Gelu { tanh: true } => {
            map(&|v| 0.5 * v * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (v + 0.044715 * v * v * v)).tanh()))
        }
        O::Softplus => map(&|v| v.exp().ln_1p()),
        O::Softsign => map(&|v| v / (1.0 + v.abs())),
        O::Clip { min, max } => map(&|v| v.max(f64::from(*min)).min(f64::from(*max))),
        O::Abs => map(&f64::abs),
        O::Neg => map(&|v| -v),
        O::Exp => map(&f64::exp),
        O::Log => map(&f64::ln),
        O::Erf => map(&erf),
        O::Sqrt => map(&f64::sqrt),
        O::Reciprocal => map(&|v| 1.0 / v),
        O::PRelu => two(&|v, slope| if v > 0.0 { v } else { slope * v }),
        O::Pow => two(&f64::powf),
        O::Add => two(&|a, b| a + b),
        O::Sub => two(&|a, b| a - b),
        O::Mul => two(&|a, b| a * b),
        O::Div => two(&|a, b| a / b),
        O::Min => two(&f64::min),
        O::Max => two(&f64::max),
        O::Reshape => x.data.clone(),
        O::Expand => each(shape, |at| broadcast(x, at)),
        O::Transpose { perm } => each(shape, |at| {
            let mut from = vec![0; at.len()];
            perm.iter().zip(at).for_each(|(&a, &i)| from[a] = i);
            x.data[flat(&from, &x.shape)]
        }),
        O::Gather { axis, indices } => each(shape, |at| {
            let mut from = at.to_vec();
            from[*axis] = indices[at[*axis]];
            x.data[flat(&from, &x.shape)]
        }),
        O::Slice { starts, steps } => each(shape, |at| {
            let from: Vec<usize> =
                (0..at.len()).map(|i| (starts[i] as isize + at[i] as isize * steps[i]) as usize).collect();
            x.data[flat(&from, &x.shape)]
        }),
        O::Concat { axis } => each(shape, |at| {
            let mut from = at.to_vec();
            for part in inputs {
                if from[*axis] < part.shape[*axis] {
                    return part.data[flat(&from, &part.shape)];
                }
                from[*axis] -= part.shape[*axis];
            }
            unreachable!()
        }),
        O::Pad { mode, pads, value } => each(shape, |at| {
            let mut from = Vec::new();
            for (axis, &i) in at.iter().enumerate() {
                let (i, n) = (i as isize - pads[axis] as isize, x.shape[axis] as isize);
                let inside = match mode {
                    PadMode::Constant if i < 0 || i >= n => return f64::from(*value),
                    PadMode::Constant => i,
                    PadMode::Edge => i.clamp(0, n - 1),
                    PadMode::Reflect if i < 0 => -i,
                    PadMode::Reflect if i >= n => 2 * (n - 1) - i,
                    PadMode::Reflect => i,
                };
                from.push(inside as usize);
            }
            x.data[flat(&from, &x.shape)]
        }),
        O::Reduce { kind, axes, .. } => {
            let mut groups = vec![Vec::new(); shape.iter().product()];
            for (i, &v) in x.data.iter().enumerate() {
                let at = index(i, &x.shape);
                let kept = (0..at.len()).filter(|a| !axes.contains(a));
                let (to, sizes): (Vec<usize>, Vec<usize>) = kept.map(|a| (at[a], x.shape[a])).unzip();
                groups[flat(&to, &sizes)].push(v);
            }
            let reduce = |g: Vec<f64>| match kind {
                ReduceKind::Sum => g.iter().sum(),
                ReduceKind::Mean => g.iter().sum::<f64>() / g.len() as f64,
                ReduceKind::Max => g.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                ReduceKind::Min => g.iter().copied().fold(f64::INFINITY, f64::min),
                ReduceKind::Prod => g.iter().product(),
            };
            groups.into_iter().map(reduce).collect()
        }
        O::Softmax { axis } => softmax(x, *axis, false),
        O::LogSoftmax { axis } => softmax(x, *axis, true),
        O::Gemm { alpha, beta, trans_a, trans_b, .. } => {
            let (a, b) = (x, inputs[1]);
            let k = if *trans_a { a.shape[0] } else { a.shape[1] };
            each(shape, |at| {
                let left = |i: usize| a.data[if *trans_a { i * a.shape[1] + at[0] } else { at[0] * a.shape[1] + i }];
                let right = |i: usize| b.data[if *trans_b { at[1] * b.shape[1] + i } else { i * b.shape[1] + at[1] }];
                let product: f64 = (0..k).map(|i| left(i) * right(i)).sum();
                f64::from(*alpha) * product + inputs.get(2).map_or(0.0, |c| f64::from(*beta) * broadcast(c, at))
            })
        }
        O::MatMul => {
            let (a, b) = (x, inputs[1]);
            let (ra, rb, r) = (a.shape.len(), b.shape.len(), shape.len());
            let k = a.shape[ra - 1];
            each(shape, |at| {
                let entry = |m: &Array, rank: usize, row: usize, column: usize| {
                    let mut own: Vec<usize> =
                        (0..rank - 2).map(|i| if m.shape[i] == 1 { 0 } else { at[i + r - rank] }).collect();
                    own.extend([row, column]);
                    m.data[flat(&own, &m.shape)]
                };
                (0..k).map(|i| entry(a, ra, at[r - 2], i) * entry(b, rb, i, at[r - 1])).sum()
            })
        }
        O::BatchNormalization { eps } => each(shape, |at| {
            let [scale, bias, mean, variance] = [1, 2, 3, 4].map(|i| inputs[i].data[at[1]]);
            (x.data[flat(at, shape)] - mean) / (variance + f64::from(*eps)).sqrt() * scale + bias
        }),
        O::InstanceNormalization { eps } => groups(x, inputs, shape[1], *eps),
        O::GroupNormalization { groups: n, eps } => groups(x, inputs, *n, *eps),
        O::LayerNormalization { axis, eps } => {
            let n: usize = shape[*axis..].iter().product();
            let normal = normalised(&x.data, n, *eps);
            each(shape, |at| {
                let own = &at[*axis..];
                let bias = inputs.get(2).map_or(0.0, |b| broadcast(b, own));
                normal[flat(at, shape)] * broadcast(inputs[1], own) + bias
            })
        }
        O::Conv { strides, pads, dilations, groups, .. } => {
            let w = inputs[1];
            // One spatial axis is an image of one row.
            let wide = |list: &[usize], fill: usize| match *list {
                [column] => [fill, column],
                [row, column] => [row, column],
                _ => unreachable!(),
            };
            let ([height, width], [kh, kw]) = (wide(&x.shape[2..], 1), wide(&w.shape[2..], 1));
            let (stride, dilation, pad) = (wide(strides, 1), wide(dilations, 1), wide(&pads[..pads.len() / 2], 0));
            let (each_in, per_group) = (w.shape[1], shape[1] / groups);
            each(shape, |at| {
                let [row, column] = wide(&at[2..], 0);
                let mut sum = inputs.get(2).map_or(0.0, |b| b.data[at[1]]);
                for c in 0..each_in {
                    let channel = at[0] * x.shape[1] + at[1] / per_group * each_in + c;
                    for ky in 0..kh {
                        let y = (row * stride[0] + ky * dilation[0]).wrapping_sub(pad[0]);
                        for kx in 0..kw {
                            let xx = (column * stride[1] + kx * dilation[1]).wrapping_sub(pad[1]);
                            if y < height && xx < width {
                                let weight = w.data[((at[1] * each_in + c) * kh + ky) * kw + kx];
                                sum += x.data[(channel * height + y) * width + xx] * weight;
                            }
                        }
                    }
                }
                sum
            })
        }
        O::MaxPool { kernel, strides, pads, dilations } => each(shape, |at| {
            let taps = taps(x, at, kernel, strides, pads, dilations);
            taps.into_iter().fold(f64::NEG_INFINITY, f64::max)
        }),
        O::AveragePool { kernel, strides, pads, count_include_pad } => each(shape, |at| {
            let taps = taps(x, at, kernel, strides, pads, &vec![1; kernel.len()]);
            let n = if *count_include_pad { kernel.iter().product() } else { taps.len() };
            taps.iter().sum::<f64>() / n as f64
        }),
        O::GlobalAveragePool | O::GlobalMaxPool => {
            let n: usize = x.shape[2..].iter().product();
            let max = node.op == O::GlobalMaxPool;
            let of = |c: &[f64]| {
                if max { c.iter().copied().fold(f64::MIN, f64::max) } else { c.iter().sum::<f64>() / n as f64 }
            };
            x.data.chunks(n).map(of).collect()
        }
    }
}

fn taps(x: &Array, at: &[usize], kernel: &[usize], strides: &[usize], pads: &[usize], dilations: &[usize]) -> Vec<f64> {
    let mut found = Vec::new();
    for tap in 0..kernel.iter().product() {
        let tap = index(tap, kernel);
        let mut from = at[..2].to_vec();
        for i in 0..kernel.len() {
            from.push((at[2 + i] * strides[i] + tap[i] * dilations[i]).wrapping_sub(pads[i]));
        }
        if from.iter().zip(&x.shape).all(|(a, n)| a < n) {
            found.push(x.data[flat(&from, &x.shape)]);
        }
    }
    found
}

fn softmax(x: &Array, axis: usize, log: bool) -> Vec<f64> {
    each(&x.shape, |at| {
        let along = (0..x.shape[axis]).map(|i| {
            let mut from = at.to_vec();
            from[axis] = i;
            x.data[flat(&from, &x.shape)]
        });
        let along: Vec<f64> = along.collect();
        let top = along.iter().copied().fold(f64::MIN, f64::max);
        let sum: f64 = along.iter().map(|v| (v - top).exp()).sum();
        let v = x.data[flat(at, &x.shape)] - top;
        if log { v - sum.ln() } else { v.exp() / sum }
    })
}

fn normalised(data: &[f64], n: usize, eps: f32) -> Vec<f64> {
    let one = |row: &[f64]| {
        let mean = row.iter().sum::<f64>() / n as f64;
        let variance = row.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64;
        row.iter().map(|v| (v - mean) / (variance + f64::from(eps)).sqrt()).collect::<Vec<_>>()
    };
    data.chunks(n).flat_map(one).collect()
}

fn groups(x: &Array, inputs: &[&Array], groups: usize, eps: f32) -> Vec<f64> {
    let n = x.shape[1..].iter().product::<usize>() / groups;
    let normal = normalised(&x.data, n, eps);
    each(&x.shape, |at| normal[flat(at, &x.shape)] * inputs[1].data[at[1]] + inputs[2].data[at[1]])
}
