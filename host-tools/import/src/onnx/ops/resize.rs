//! Images of another size, each element from its nearest: the indices are computed here, in f32 as ONNX Runtime does.
use crate::{
    error::Result,
    model::ValueId,
    onnx_format::scope::{Results, Scope, one},
    operation::Operation,
    tensor::Tensor,
};

/// One axis of a resized image.
struct Axis {
    from: usize,
    to: usize,
    scale: f32,
}

/// How an index of the result becomes an index of the operand.
struct Rule<'a> {
    coordinates: &'a str,
    nearest: &'a str,
}

impl Rule<'_> {
    /// The place in the operand, or `None` where the rule is unknown.
    fn place(&self, axis: &Axis, index: usize) -> Option<f32> {
        let (x, from, to) = (index as f32, axis.from as f32, axis.to as f32);
        Some(match self.coordinates {
            "asymmetric" => x / axis.scale,
            "half_pixel" => (x + 0.5) / axis.scale - 0.5,
            "pytorch_half_pixel" if axis.to == 1 => 0.0,
            "pytorch_half_pixel" => (x + 0.5) / axis.scale - 0.5,
            "align_corners" if axis.to == 1 => 0.0,
            "align_corners" => x * (from - 1.0) / (to - 1.0),
            "tf_half_pixel_for_nn" => (x + 0.5) / axis.scale,
            "half_pixel_symmetric" => {
                let adjustment = to / (axis.scale * from);
                from / 2.0 * (1.0 - adjustment) + (x + 0.5) / axis.scale - 0.5
            }
            _ => return None,
        })
    }

    fn index(&self, axis: &Axis, index: usize) -> Option<usize> {
        let place = self.place(axis, index)?;
        let whole = match self.nearest {
            "round_prefer_floor" => (place - 0.5).ceil(),
            "round_prefer_ceil" => (place + 0.5).floor(),
            "floor" => place.floor(),
            "ceil" => place.ceil(),
            _ => return None,
        };
        Some((whole.max(0.0) as usize).min(axis.from.saturating_sub(1)))
    }
}

/// Gathers along each axis that changes.
fn nearest(s: &mut Scope<'_, '_>, mut x: ValueId, axes: &[Axis], rule: &Rule<'_>) -> Result<ValueId> {
    for (i, axis) in axes.iter().enumerate() {
        if axis.from == axis.to && axis.scale == 1.0 {
            continue;
        }
        s.spend(axis.to)?;
        let indices: Option<Vec<usize>> = (0..axis.to).map(|k| rule.index(axis, k)).collect();
        let Some(indices) = indices else {
            return s.unsupported(format!("with coordinates {:?} and rounding {:?}", rule.coordinates, rule.nearest));
        };
        if indices.iter().copied().eq(0..axis.from) {
            continue;
        }
        x = s.emit(Operation::Gather { axis: i, indices }, &[x])?;
    }
    Ok(x)
}

/// Axes that are multiplied, the result rounded down.
fn scaled(s: &Scope<'_, '_>, from: &[usize], scales: &[f32]) -> Result<Vec<Axis>> {
    if scales.len() != from.len() {
        return Err(s.error(format!("{} scales for {} axes", scales.len(), from.len())));
    }
    let axis = |(&from, &scale): (&usize, &f32)| {
        let to = (from as f32 * scale).floor();
        if !(scale > 0.0 && (1.0..4e9).contains(&to)) {
            return Err(s.error(format!("a scale of {scale} for {from} elements")));
        }
        Ok(Axis { from, to: to as usize, scale })
    };
    from.iter().zip(scales).map(axis).collect()
}

/// The list of an operand, if it is there and not empty.
fn list(s: &Scope<'_, '_>, i: usize, what: &str) -> Result<Option<Tensor>> {
    let Some(id) = s.optional(i) else { return Ok(None) };
    let tensor = s.constant(id, what)?;
    Ok(if tensor.len() == 0 { None } else { Some(tensor.clone()) })
}

fn floats(s: &Scope<'_, '_>, i: usize) -> Result<Option<Vec<f32>>> {
    match list(s, i, "scales")? {
        None => Ok(None),
        Some(Tensor::F32 { data, .. }) => Ok(Some(data)),
        Some(other) => Err(s.error(format!("its scales are of {}", other.element()))),
    }
}

pub fn upsample(mut s: Scope<'_, '_>) -> Results {
    let x = s.operand(0)?;
    let from = s.shape(x);
    let scales = if s.version >= 9 {
        floats(&s, 1)?
    } else if s.version >= 7 {
        s.floats("scales")?.map(<[f32]>::to_vec)
    } else {
        Some(vec![1.0, 1.0, s.float("height_scale", 1.0)?, s.float("width_scale", 1.0)?])
    };
    let scales = scales.ok_or_else(|| s.error("its scales are missing"))?;
    let axes = scaled(&s, &from, &scales)?;
    let unchanged = axes.iter().all(|a| a.from == a.to);
    if s.text("mode", "nearest")? != "nearest" && !unchanged {
        return s.unsupported(format!("with mode {:?}", s.text("mode", "nearest")?));
    }
    one(nearest(&mut s, x, &axes, &Rule { coordinates: "asymmetric", nearest: "floor" })?)
}

pub fn resize(mut s: Scope<'_, '_>) -> Results {
    let x = s.operand(0)?;
    let from = s.shape(x);
    let mode = s.text("mode", "nearest")?;
    if s.version < 11 {
        let scales = floats(&s, 1)?.ok_or_else(|| s.error("its scales are missing"))?;
        let axes = scaled(&s, &from, &scales)?;
        if mode != "nearest" && axes.iter().any(|a| a.from != a.to) {
            return s.unsupported(format!("with mode {mode:?}"));
        }
        // Version 10 does not say how a place between two elements is rounded.
        let (down, up) =
            (Rule { coordinates: "asymmetric", nearest: "floor" }, Rule { coordinates: "asymmetric", nearest: "ceil" });
        for axis in axes.iter().filter(|a| a.scale < 1.0) {
            s.spend(axis.to)?;
            if (0..axis.to).any(|k| down.index(axis, k) != up.index(axis, k)) {
                return s
                    .unsupported("of version 10 to a smaller image, by a scale that is not one over a whole number");
            }
        }
        return one(nearest(&mut s, x, &axes, &down)?);
    }
    let axes = sizes(&s, &from)?;
    if axes.iter().all(|a| a.from == a.to) && mode != "nearest" {
        return one(x);
    }
    if mode != "nearest" {
        return s.unsupported(format!("with mode {mode:?}"));
    }
    let rule = Rule {
        coordinates: s.text("coordinate_transformation_mode", "half_pixel")?,
        nearest: s.text("nearest_mode", "round_prefer_floor")?,
    };
    one(nearest(&mut s, x, &axes, &rule)?)
}

/// The axes of a resize since version 11: from scales or from sizes, of all axes or of some.
fn sizes(s: &Scope<'_, '_>, from: &[usize]) -> Result<Vec<Axis>> {
    let which = match s.ints("axes")? {
        Some(axes) => {
            s.at(crate::shape::axes(axes, from.len()))?;
            axes.iter().map(|&a| s.axis(a, from.len())).collect::<Result<Vec<_>>>()?
        }
        None => (0..from.len()).collect(),
    };
    let mut axes: Vec<Axis> = from.iter().map(|&n| Axis { from: n, to: n, scale: 1.0 }).collect();
    if let Some(scales) = floats(s, 2)? {
        let chosen: Vec<usize> = which.iter().map(|&a| from[a]).collect();
        for (axis, new) in which.into_iter().zip(scaled(s, &chosen, &scales)?) {
            axes[axis] = new;
        }
        return Ok(axes);
    }
    let Some(Tensor::I64 { data: sizes, .. }) = list(s, 3, "sizes")? else {
        return Err(s.error("it has neither scales nor sizes"));
    };
    let sizes = s.to_sizes(&sizes)?;
    if sizes.len() != which.len() || sizes.contains(&0) {
        return Err(s.error(format!("sizes {sizes:?} for {} axes", which.len())));
    }
    let scales = which.iter().zip(&sizes).map(|(&a, &n)| n as f32 / from[a] as f32);
    let common = match s.text("keep_aspect_ratio_policy", "stretch")? {
        "stretch" => None,
        "not_larger" => scales.fold(None, |m: Option<f32>, v| Some(m.map_or(v, |m| m.min(v)))),
        "not_smaller" => scales.fold(None, |m: Option<f32>, v| Some(m.map_or(v, |m| m.max(v)))),
        other => return s.unsupported(format!("with keep_aspect_ratio_policy {other:?}")),
    };
    for (&a, &n) in which.iter().zip(&sizes) {
        let (to, scale) = match common {
            None => (n, n as f32 / from[a] as f32),
            Some(scale) => (((from[a] as f32 * scale + 0.5).floor() as usize).max(1), scale),
        };
        axes[a] = Axis { from: from[a], to, scale };
    }
    Ok(axes)
}
