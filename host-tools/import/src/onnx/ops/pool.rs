//! Windows over images, and pools.
use crate::{
    error::Result,
    onnx_format::scope::{Results, Scope, one},
    operation::{Operation, PadMode},
};

/// A window, its automatic padding resolved.
pub struct Window {
    pub strides: Vec<usize>,
    pub pads: Vec<usize>,
    pub dilations: Vec<usize>,
    /// How much longer the padding at the ends is than the file says, so that the number of places is rounded up.
    pub excess: Vec<usize>,
}

impl Window {
    /// Reads `strides`, `pads`, `dilations`, `auto_pad` and `ceil_mode` of a window over spatial axes.
    pub fn read(s: &Scope<'_, '_>, spatial: &[usize], kernel: &[usize]) -> Result<Self> {
        let n = spatial.len();
        let list = |name: &str, default: usize, count: usize| match s.sizes(name)? {
            Some(list) if list.len() == count => Ok(list),
            Some(list) if list.is_empty() => Ok(vec![default; count]),
            Some(list) => Err(s.error(format!("attribute `{name}` is {list:?}, expected {count} numbers"))),
            None => Ok(vec![default; count]),
        };
        let (strides, dilations) = (list("strides", 1, n)?, list("dilations", 1, n)?);
        if kernel.len() != n || kernel.contains(&0) || strides.contains(&0) || dilations.contains(&0) {
            return Err(s.error(format!(
                "kernel {kernel:?}, strides {strides:?} and dilations {dilations:?} for {n} spatial axes: none may be 0"
            )));
        }
        let auto = s.text("auto_pad", "NOTSET")?;
        let mut pads = match auto {
            "NOTSET" | "" => list("pads", 0, 2 * n)?,
            "VALID" | "SAME_UPPER" | "SAME_LOWER" => vec![0; 2 * n],
            other => {
                return Err(s.error(format!("auto_pad is {other:?}, expected NOTSET, VALID, SAME_UPPER or SAME_LOWER")));
            }
        };
        let extents =
            kernel.iter().zip(&dilations).map(|(&k, &d)| (k - 1).checked_mul(d).and_then(|e| e.checked_add(1)));
        let Some(extents) = extents.collect::<Option<Vec<usize>>>() else {
            return Err(s.error("the window is too large"));
        };
        if auto.starts_with("SAME") {
            for i in 0..n {
                let places = spatial[i].div_ceil(strides[i]);
                let needed = (places - 1).saturating_mul(strides[i]).saturating_add(extents[i]);
                let total = needed.saturating_sub(spatial[i]);
                let (less, more) = (total / 2, total - total / 2);
                (pads[i], pads[n + i]) = if auto == "SAME_UPPER" { (less, more) } else { (more, less) };
            }
        }
        let mut excess = vec![0; n];
        if s.flag("ceil_mode")? {
            for i in 0..n {
                let padded = spatial[i].saturating_add(pads[i]).saturating_add(pads[n + i]);
                let Some(room) = padded.checked_sub(extents[i]) else { continue };
                let mut places = room.div_ceil(strides[i]) + 1;
                // A window that begins behind the image and its padding at the beginning is left out.
                if (places - 1).saturating_mul(strides[i]) >= spatial[i].saturating_add(pads[i]) {
                    places -= 1;
                }
                excess[i] = (places.saturating_sub(1) * strides[i]).saturating_add(extents[i]).saturating_sub(padded);
            }
        }
        Ok(Self { strides, pads, dilations, excess })
    }

    /// The padding that has as many places as the file wants.
    fn resolved(&self) -> Vec<usize> {
        let mut pads = self.pads.clone();
        let n = self.excess.len();
        for (pad, extra) in pads[n..].iter_mut().zip(&self.excess) {
            *pad = pad.saturating_add(*extra);
        }
        pads
    }
}

pub fn pool(mut s: Scope<'_, '_>) -> Results {
    let mut x = s.operand(0)?;
    let shape = s.shape(x);
    if shape.len() > 4 {
        return s.unsupported(format!("with {} spatial axes", shape.len() - 2));
    }
    let Some(spatial) = shape.get(2..).filter(|n| !n.is_empty()) else {
        return Err(s.error(format!("an input of shape {shape:?}, expected 3 axes or more")));
    };
    let kernel = s.sizes("kernel_shape")?.ok_or_else(|| s.error("attribute `kernel_shape` is missing"))?;
    let window = Window::read(&s, spatial, &kernel)?;
    let (strides, mut pads) = (window.strides.clone(), window.resolved());
    if s.site.kind == "MaxPool" {
        return one(s.emit(Operation::MaxPool { kernel, strides, pads, dilations: window.dilations }, &[x])?);
    }
    if window.dilations.iter().any(|&d| d != 1) {
        return s.unsupported("with dilations");
    }
    let mut count_include_pad = s.flag("count_include_pad")? && pads.iter().any(|&p| p > 0);
    if count_include_pad && window.excess.iter().any(|&e| e > 0) {
        // What ceil_mode adds does not count, and the file's own padding does: that becomes part of the image.
        let n = spatial.len();
        let begins = [vec![0; 2], window.pads[..n].to_vec()].concat();
        let ends = [vec![0; 2], window.pads[n..].to_vec()].concat();
        let op = Operation::Pad { mode: PadMode::Constant, pads: [begins, ends].concat(), value: 0.0 };
        x = s.emit(op, &[x])?;
        pads = [vec![0; n], window.excess.clone()].concat();
        count_include_pad = false;
    }
    one(s.emit(Operation::AveragePool { kernel, strides, pads, count_include_pad }, &[x])?)
}

pub fn global(mut s: Scope<'_, '_>) -> Results {
    let x = s.operand(0)?;
    if s.shape(x).len() > 4 {
        return s.unsupported(format!("with {} spatial axes", s.shape(x).len() - 2));
    }
    let max = s.site.kind == "GlobalMaxPool";
    one(s.emit(if max { Operation::GlobalMaxPool } else { Operation::GlobalAveragePool }, &[x])?)
}
