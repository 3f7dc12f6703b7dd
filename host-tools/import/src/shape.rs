//! Shapes: of operations' results, from those of their operands.
use crate::model::Operation;

/// What does not fit, as the end of an error.
pub type Outcome<T> = Result<T, String>;

/// Axes of a shape, at most: more than any operation knows, and few enough to copy.
pub const MAX_RANK: usize = 16;

/// The number of elements, if a value may have as many.
pub fn elements(shape: &[usize]) -> Outcome<usize> {
    if shape.len() > MAX_RANK {
        return Err(format!("a shape has {} axes, and at most {MAX_RANK} are supported", shape.len()));
    }
    // Zeros count as ones: strides of a shape without elements have to fit, too.
    let product = shape.iter().try_fold(1usize, |product, &n| product.checked_mul(n.max(1)));
    match product.filter(|&n| u32::try_from(n).is_ok()) {
        Some(n) => Ok(if shape.contains(&0) { 0 } else { n }),
        None => Err(format!("a shape of {shape:?} has more than 2^32 - 1 elements")),
    }
}

/// The shape that both broadcast to.
pub fn broadcast(a: &[usize], b: &[usize]) -> Outcome<Vec<usize>> {
    let rank = a.len().max(b.len());
    let at = |shape: &[usize], axis: usize| {
        (axis + shape.len()).checked_sub(rank).and_then(|i| shape.get(i)).copied().unwrap_or(1)
    };
    (0..rank)
        .map(|axis| match (at(a, axis), at(b, axis)) {
            (x, y) if x == y => Ok(x),
            (1, y) => Ok(y),
            (x, 1) => Ok(x),
            _ => Err(format!("shapes {a:?} and {b:?} do not broadcast")),
        })
        .collect()
}

/// An axis that may count from the end.
pub fn axis(given: i64, rank: usize) -> Outcome<usize> {
    let signed = i64::try_from(rank).map_err(|e| e.to_string())?;
    let from_start = if given < 0 { given.checked_add(signed) } else { Some(given) };
    match from_start {
        Some(axis) if (0..signed).contains(&axis) => Ok(axis as usize),
        _ => Err(format!("axis {given} does not exist in a shape with {rank} axes")),
    }
}

/// Axes that may count from the end, ascending; a repetition is an error.
pub fn axes(given: &[i64], rank: usize) -> Outcome<Vec<usize>> {
    let mut found = given.iter().take(MAX_RANK + 1).map(|&a| axis(a, rank)).collect::<Outcome<Vec<_>>>()?;
    found.sort_unstable();
    if found.windows(2).any(|w| w[0] == w[1]) || given.len() > MAX_RANK {
        return Err(format!("axes {:?} repeat an axis", &given[..given.len().min(MAX_RANK)]));
    }
    Ok(found)
}

/// Places of a window along one axis.
pub fn places(size: usize, kernel: usize, stride: usize, dilation: usize, pads: [usize; 2]) -> Outcome<usize> {
    if kernel == 0 || stride == 0 || dilation == 0 {
        return Err(format!("kernel {kernel}, stride {stride}, dilation {dilation}: none may be 0"));
    }
    let extent = (kernel - 1).checked_mul(dilation).and_then(|n| n.checked_add(1));
    let padded = size.checked_add(pads[0]).and_then(|n| n.checked_add(pads[1]));
    match (extent, padded) {
        (Some(extent), Some(padded)) if extent <= padded => Ok((padded - extent) / stride + 1),
        _ => Err(format!(
            "a window of {kernel} (dilation {dilation}) is larger than {size} elements with padding {} and {}",
            pads[0], pads[1]
        )),
    }
}

/// A window for each spatial axis.
struct Windows<'a> {
    kernel: &'a [usize],
    strides: &'a [usize],
    pads: &'a [usize],
    dilations: &'a [usize],
}

impl Windows<'_> {
    fn places(&self, spatial: &[usize]) -> Outcome<Vec<usize>> {
        let n = spatial.len();
        if n == 0 || n > 2 {
            return Err(format!("{n} spatial axes, and 1 or 2 are supported"));
        }
        if self.kernel.len() != n || self.strides.len() != n || self.dilations.len() != n || self.pads.len() != 2 * n {
            return Err(format!(
                "{n} spatial axes need as many of kernel {:?}, strides {:?} and dilations {:?}, and twice as many pads {:?}",
                self.kernel, self.strides, self.dilations, self.pads
            ));
        }
        (0..n)
            .map(|i| {
                let pads = [self.pads[i], self.pads[n + i]];
                places(spatial[i], self.kernel[i], self.strides[i], self.dilations[i], pads)
            })
            .collect()
    }
}

/// Batch, channels and spatial axes.
fn image(x: &[usize]) -> Outcome<(usize, usize, &[usize])> {
    match x {
        [n, c, spatial @ ..] if !spatial.is_empty() => Ok((*n, *c, spatial)),
        _ => Err(format!("the input has shape {x:?}, expected [batch, channels, ...] with a spatial axis")),
    }
}

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
        O::Conv { strides, pads, dilations, groups, .. } => {
            let (n, c, spatial) = image(x)?;
            let (&w, bias) = rest.split_first().ok_or("the filter is missing")?;
            let [out, each, kernel @ ..] = w else { return Err(format!("the filter has shape {w:?}")) };
            if *groups == 0 || c % groups != 0 || out % groups != 0 || *each != c / groups {
                return Err(format!("{groups} groups, {c} input channels and a filter of shape {w:?} do not fit"));
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
                    if *mode == crate::model::PadMode::Reflect
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
