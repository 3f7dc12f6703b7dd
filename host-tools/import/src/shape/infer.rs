//! Shapes of operations' results, from those of their operands.
use super::{
    Outcome, broadcast, elements,
    windows::{Windows, image},
};
use crate::operation::Operation;

fn expect(what: &str, found: &[usize], expected: &[usize]) -> Outcome<()> {
    if found == expected { Ok(()) } else { Err(format!("{what} has shape {found:?}, expected {expected:?}")) }
}

/// The operands of a norm after the first.
fn channels(rest: &[&[usize]], names: &[&str], n: usize) -> Outcome<()> {
    if rest.len() != names.len() {
        return Err(format!("{} operands, expected {}", rest.len() + 1, names.len() + 1));
    }
    names.iter().zip(rest).try_for_each(|(name, shape)| expect(name, shape, &[n]))
}

/// The shape of an operation's result. Of [`Operation::Reshape`], [`Operation::Expand`] and [`Operation::Slice`] it is `wanted`, which is checked.
pub fn infer(op: &Operation, inputs: &[&[usize]], wanted: Option<&[usize]>) -> Outcome<Vec<usize>> {
    use Operation as O;
    let (&x, rest) = inputs.split_first().ok_or("no operands")?;
    let count = |n: usize| {
        if inputs.len() == n { Ok(()) } else { Err(format!("{} operands, expected {n}", inputs.len())) }
    };
    match op {
        O::Int8 { op, .. } => crate::int8::infer(op, inputs, wanted),
        O::Conv { strides, pads, dilations, groups, .. } => {
            let (n, c, spatial) = image(x)?;
            let (&w, bias) = rest.split_first().ok_or("the filter is missing")?;
            let [out, each, kernel @ ..] = w else { return Err(format!("the filter has shape {w:?}")) };
            if *groups == 0 || c % groups != 0 || out % groups != 0 || *each != c / groups {
                let expected = c.checked_div(*groups).filter(|n| n * groups == c);
                return Err(match expected {
                    Some(n) if *each != n => {
                        format!(
                            "the filter has shape {w:?}, expected [out, {n}, ..] for {c} channels in {groups} groups"
                        )
                    }
                    _ => format!("{groups} groups do not divide {c} input and {out} output channels"),
                });
            }
            match bias {
                [] => {}
                [bias] => expect("the bias", bias, &[*out])?,
                _ => return Err(format!("{} operands, expected 2 or 3", inputs.len())),
            }
            let places = Windows { kernel, strides, pads, dilations }.places(spatial)?;
            Ok([vec![n, *out], places].concat())
        }
        O::Gemm { trans_a, trans_b, .. } => {
            let (&b, c) = rest.split_first().ok_or("the second operand is missing")?;
            let (&[a0, a1], &[b0, b1]) = (x, b) else {
                return Err(format!("the operands have shapes {x:?} and {b:?}, expected two matrices"));
            };
            let (m, k) = if *trans_a { (a1, a0) } else { (a0, a1) };
            let (l, n) = if *trans_b { (b1, b0) } else { (b0, b1) };
            if k != l {
                return Err(format!("the product of {x:?} and {b:?} (transposed: {trans_a}, {trans_b}) has no shape"));
            }
            match c {
                [] => Ok(vec![m, n]),
                [c] if broadcast(c, &[m, n])? == [m, n] => Ok(vec![m, n]),
                _ => Err(format!("the third operand of {c:?} does not broadcast to {:?}", [m, n])),
            }
        }
        O::MatMul => {
            count(2)?;
            let b = rest[0];
            let (Some((&[m, k], outer_a)), Some((&[l, n], outer_b))) =
                (x.split_last_chunk::<2>().map(|(o, l)| (l, o)), b.split_last_chunk::<2>().map(|(o, l)| (l, o)))
            else {
                return Err(format!("the operands have shapes {x:?} and {b:?}, expected at least two axes"));
            };
            if k != l {
                return Err(format!("the product of shapes {x:?} and {b:?} has no shape"));
            }
            Ok([broadcast(outer_a, outer_b)?, vec![m, n]].concat())
        }
        O::BatchNormalization { .. } => {
            let &c = x.get(1).ok_or_else(|| format!("the input has shape {x:?}, and no channels"))?;
            channels(rest, &["the scale", "the bias", "the mean", "the variance"], c)?;
            Ok(x.to_vec())
        }
        O::InstanceNormalization { .. } => {
            channels(rest, &["the scale", "the bias"], image(x)?.1)?;
            Ok(x.to_vec())
        }
        O::GroupNormalization { groups, .. } => {
            let c = image(x)?.1;
            if *groups == 0 || c % groups != 0 {
                return Err(format!("{groups} groups do not divide {c} channels"));
            }
            channels(rest, &["the scale", "the bias"], c)?;
            Ok(x.to_vec())
        }
        O::LayerNormalization { axis, .. } => {
            let normalised = x.get(*axis..).filter(|n| !n.is_empty()).ok_or("the axis does not exist")?;
            if rest.is_empty() || rest.len() > 2 {
                return Err(format!("{} operands, expected 2 or 3", inputs.len()));
            }
            for shape in rest {
                if broadcast(shape, normalised)? != normalised {
                    return Err(format!("an operand of {shape:?} does not broadcast to {normalised:?}"));
                }
            }
            Ok(x.to_vec())
        }
        O::PRelu => {
            count(2)?;
            if broadcast(x, rest[0])? != x {
                return Err(format!("slopes of {:?} do not broadcast to {x:?}", rest[0]));
            }
            Ok(x.to_vec())
        }
        O::Pow | O::Add | O::Sub | O::Mul | O::Div | O::Min | O::Max => {
            count(2)?;
            broadcast(x, rest[0])
        }
        O::Softmax { axis } | O::LogSoftmax { axis } => {
            count(1)?;
            if *axis < x.len() { Ok(x.to_vec()) } else { Err(format!("axis {axis} does not exist in {x:?}")) }
        }
        O::MaxPool { kernel, strides, pads, dilations } => {
            count(1)?;
            let (n, c, spatial) = image(x)?;
            Ok([vec![n, c], Windows { kernel, strides, pads, dilations }.places(spatial)?].concat())
        }
        O::AveragePool { kernel, strides, pads, .. } => {
            count(1)?;
            let (n, c, spatial) = image(x)?;
            let dilations = &vec![1; kernel.len()];
            Ok([vec![n, c], Windows { kernel, strides, pads, dilations }.places(spatial)?].concat())
        }
        O::GlobalAveragePool | O::GlobalMaxPool => {
            count(1)?;
            let (n, c, spatial) = image(x)?;
            Ok([vec![n, c], vec![1; spatial.len()]].concat())
        }
        O::Reduce { axes, keepdims, .. } => {
            count(1)?;
            if axes.iter().any(|&a| a >= x.len()) {
                return Err(format!("axes {axes:?} do not exist in {x:?}"));
            }
            let kept = x.iter().enumerate().filter_map(|(i, &n)| match (axes.contains(&i), keepdims) {
                (false, _) => Some(n),
                (true, true) => Some(1),
                (true, false) => None,
            });
            Ok(kept.collect())
        }
        O::Concat { axis } => {
            let mut out = x.to_vec();
            for shape in rest {
                let fits =
                    shape.len() == x.len() && shape.iter().zip(x).enumerate().all(|(i, (a, b))| i == *axis || a == b);
                if !fits {
                    return Err(format!("shapes {x:?} and {shape:?} cannot be concatenated along axis {axis}"));
                }
                let n = out.get_mut(*axis).ok_or_else(|| format!("axis {axis} does not exist in {x:?}"))?;
                *n = n.checked_add(shape[*axis]).ok_or("the sum of lengths overflows")?;
            }
            if *axis >= x.len() {
                return Err(format!("axis {axis} does not exist in {x:?}"));
            }
            Ok(out)
        }
        O::Slice { starts, steps } => {
            count(1)?;
            let out = wanted.ok_or("a slice without a shape")?;
            if starts.len() != x.len() || steps.len() != x.len() || out.len() != x.len() {
                return Err(format!("starts {starts:?}, steps {steps:?} and shape {out:?} do not fit {x:?}"));
            }
            for (i, &n) in out.iter().enumerate() {
                let last = isize::try_from(n.saturating_sub(1))
                    .ok()
                    .and_then(|k| k.checked_mul(steps[i]))
                    .and_then(|k| isize::try_from(starts[i]).ok()?.checked_add(k));
                let inside = n == 0 || (starts[i] < x[i] && last.is_some_and(|l| l >= 0 && l.cast_unsigned() < x[i]));
                if !inside || steps[i] == 0 {
                    return Err(format!(
                        "a slice of {n} from {} in steps of {} leaves axis {i} of {x:?}",
                        starts[i], steps[i]
                    ));
                }
            }
            Ok(out.to_vec())
        }
        O::Pad { pads, mode, .. } => {
            count(1)?;
            if pads.len() != 2 * x.len() {
                return Err(format!("{} pads for {} axes, expected twice as many", pads.len(), x.len()));
            }
            (0..x.len())
                .map(|i| {
                    let (begin, end) = (pads[i], pads[x.len() + i]);
                    if *mode == crate::operation::PadMode::Reflect
                        && (begin >= x[i] || end >= x[i])
                        && (begin > 0 || end > 0)
                    {
                        return Err(format!("axis {i} of {x:?} is too short to reflect {begin} and {end} elements"));
                    }
                    x[i].checked_add(begin).and_then(|n| n.checked_add(end)).ok_or_else(|| "pads overflow".to_owned())
                })
                .collect()
        }
        O::Reshape => {
            count(1)?;
            let out = wanted.ok_or("a reshape without a shape")?;
            if elements(x)? != elements(out)? {
                return Err(format!("shape {x:?} cannot become {out:?}: the numbers of elements differ"));
            }
            Ok(out.to_vec())
        }
        O::Expand => {
            count(1)?;
            let out = wanted.ok_or("an expansion without a shape")?;
            if broadcast(x, out)? != out {
                return Err(format!("shape {x:?} does not broadcast to {out:?}"));
            }
            Ok(out.to_vec())
        }
        O::Transpose { perm } => {
            count(1)?;
            let mut seen = perm.clone();
            seen.sort_unstable();
            if seen.iter().enumerate().any(|(i, &a)| i != a) || perm.len() != x.len() {
                return Err(format!("{perm:?} is not a permutation of the axes of {x:?}"));
            }
            Ok(perm.iter().map(|&a| x[a]).collect())
        }
        O::Gather { axis, indices } => {
            count(1)?;
            let mut out = x.to_vec();
            let n = out.get_mut(*axis).ok_or_else(|| format!("axis {axis} does not exist in {x:?}"))?;
            if let Some(index) = indices.iter().find(|&i| i >= n) {
                return Err(format!("index {index} is outside axis {axis} of {x:?}"));
            }
            *n = indices.len();
            Ok(out)
        }
        _ => {
            count(1)?;
            Ok(x.to_vec())
        }
    }
}
