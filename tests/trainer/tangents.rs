//! The definition of forward mode.
use super::walk::{Case, Walk, as_units, finite, grouped_conv, turned};
use shatterscope::graph::{Op, Saved};
use shatterscope::internals::op::{self, Conv, DilatedPool, GroupNorm, Pool, Shortcut};
use shatterscope::math::Math;

/// The tangents of all nodes, `[unit][point]` of all points at once, and the lowest layer with one that is not finite.
pub fn tangents(
    case: &Case,
    walk: &Walk,
    spans: &[(usize, usize, usize)],
    of_inputs: &[Vec<f32>],
    full: bool,
) -> (Vec<Vec<f32>>, Option<u32>) {
    let points = case.points;
    let mut all: Vec<Vec<f32>> = Vec::new();
    let mut fault: Option<u32> = None;
    for (i, node) in case.nodes.iter().enumerate() {
        if node.is_input() {
            all.push(turned(&of_inputs[i], points));
            continue;
        }
        let (x, t) = (&walk.values[node.x as usize], all[node.x as usize].clone());
        let image = case.nodes[node.x as usize].shape.image();
        let w = &case.parameters[spans[i].0..spans[i].1];
        let (units, plane) = (node.shape.units().unwrap() as usize, image.plane() as usize * points);
        let mut y = vec![f32::NAN; units * points];
        match node.op {
            Op::Input { .. } => {}
            Op::Reshape { .. } | Op::Dropout { .. } => y = t,
            Op::Dense { .. } => op::dense_forward(w, &[], (units, t.len() / points, points), &t, &mut y).unwrap(),
            Op::Conv { channels, window, .. } => {
                op::conv_forward(&Conv { input: image, channels, window }, w, &[], points, &t, &mut y).unwrap();
            }
            Op::Relu => {
                y = t;
                op::relu_tangent(&mut x.clone(), &mut y);
            }
            Op::Prelu { .. } => op::prelu_backward_input(w, x, &t, &mut y),
            Op::Crelu => {
                let mut values = y.clone();
                values[..x.len()].copy_from_slice(x);
                y[..x.len()].copy_from_slice(&t);
                op::crelu_tangent::<1>(plane, as_units(&mut values), as_units(&mut y));
            }
            Op::BatchNorm { .. } | Op::Normalise { .. } | Op::Centre => {
                y = t;
                let xhat = if let Op::BatchNorm { .. } = node.op { &walk.normalised[i] } else { &walk.values[i] };
                for (c, (t, xhat)) in y.chunks_mut(plane).zip(xhat.chunks(plane)).enumerate() {
                    let inverse = walk.inverse[i].get(c).copied().unwrap_or(1.0);
                    match (node.op, full) {
                        (Op::Centre, true) => {
                            let mean = op::channel_norm_moments(t, points, 1.0, Math::Libm).mean;
                            t.iter_mut().for_each(|t| *t -= mean);
                        }
                        (Op::Centre, false) => {}
                        (_, true) => op::channel_norm_backward_full(t, xhat, points, inverse, None),
                        (_, false) => op::batch_norm_backward_detached(t, inverse, None),
                    }
                    if let Op::BatchNorm { .. } = node.op {
                        t.iter_mut().for_each(|t| *t *= w[c]);
                    }
                }
            }
            Op::AveragePool { window } => {
                op::average_pool_forward(&Pool { input: image, window }, points, &t, &mut y).unwrap();
            }
            Op::MaxPool { window } => {
                let pool = Pool { input: image, window };
                op::max_pool_tangent(&pool, points, &walk.tapes[i], &t, &mut y).unwrap();
            }
            Op::Shortcut { channels, stride } => {
                op::shortcut_forward(&Shortcut { input: image, channels, stride }, points, &t, &mut y).unwrap();
            }
            Op::Add { a, b } => {
                y.copy_from_slice(&all[node.y as usize]);
                op::join_forward(a, &t, b, &mut y);
            }
            Op::GroupNorm { groups, eps } => {
                let norm = GroupNorm { input: image, groups, eps };
                op::group_norm_backward_input(&norm, w, points, (x, &t), true, &mut y);
            }
            Op::GroupedConv { .. } | Op::TapsFirstConv { .. } => {
                let conv = grouped_conv(node.op, image).unwrap();
                op::grouped_conv_forward(&conv, w, &[], points, &t, &mut y).unwrap();
            }
            Op::DilatedAveragePool { window, whole } => {
                let pool = DilatedPool { input: image, window };
                op::dilated_average_pool_forward(&pool, whole, points, &t, &mut y).unwrap();
            }
            Op::DilatedMaxPool { window } => {
                let pool = DilatedPool { input: image, window };
                op::dilated_max_pool_tangent(&pool, points, (x, &t), &mut y).unwrap();
            }
            Op::Constant { .. } => y.fill(0.0),
            op if op.is_binary() => {
                let operands = [node.x, node.y].map(|x| case.nodes[x as usize].shape);
                let binary = op::binary_of(&op, operands, node.shape).unwrap();
                let of = (&x[..], &walk.values[node.y as usize][..]);
                binary.tangent(points, of, (&t, &all[node.y as usize]), &mut y);
            }
            op if op.elements().is_none() => {
                let operand = case.nodes[node.x as usize].shape;
                let unary = op::unary_of(&op, operand, node.shape).unwrap();
                let of_value = op.backward(operand, 1, false).saved == Saved::Value;
                unary.tangent(points, if of_value { &walk.values[i] } else { x }, &t, &mut y);
            }
            op => {
                y = t;
                let elements = op.elements().expect("an operation that is defined here");
                elements.slope(if elements.of() == Saved::Value { &walk.values[i] } else { x }, &mut y);
            }
        }
        if !finite(&y) {
            fault = Some(fault.map_or(node.address, |at| at.min(node.address)));
        }
        all.push(y);
    }
    (all, fault)
}
