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
    /// Reads `strides`, `dilations` and, without `auto_pad`, `pads` of a window over `n` spatial axes; its extent can be computed.
    fn lists(s: &Scope<'_, '_>, n: usize, kernel: &[usize]) -> Result<Self> {
        let (strides, dilations) = (list(s, "strides", 1, n)?, list(s, "dilations", 1, n)?);
        if kernel.len() != n || kernel.contains(&0) || strides.contains(&0) || dilations.contains(&0) {
            return Err(s.error(format!(
                "kernel {kernel:?}, strides {strides:?} and dilations {dilations:?} for {n} spatial axes: none may be 0"
            )));
        }
        let auto = s.text("auto_pad", "NOTSET")?;
        let pads = match auto {
            "NOTSET" | "" => list(s, "pads", 0, 2 * n)?,
            "VALID" | "SAME_UPPER" | "SAME_LOWER" => vec![0; 2 * n],
            other => {
                return Err(s.error(format!("auto_pad is {other:?}, expected NOTSET, VALID, SAME_UPPER or SAME_LOWER")));
            }
        };
        if kernel.iter().zip(&dilations).any(|(&k, &d)| (k - 1).checked_mul(d).is_none_or(|e| e == usize::MAX)) {
            return Err(s.error("the window is too large"));
        }
        Ok(Self { strides, pads, dilations, excess: vec![0; n] })
    }

    /// Reads `strides`, `pads`, `dilations`, `auto_pad` and `ceil_mode` of a window over spatial axes.
    pub fn read(s: &Scope<'_, '_>, spatial: &[usize], kernel: &[usize]) -> Result<Self> {
        let n = spatial.len();
        let auto = s.text("auto_pad", "NOTSET")?;
        let Self { strides, mut pads, dilations, mut excess } = Self::lists(s, n, kernel)?;
        let extents: Vec<usize> = kernel.iter().zip(&dilations).map(|(&k, &d)| (k - 1) * d + 1).collect();
        if auto.starts_with("SAME") {
            for i in 0..n {
                let places = spatial[i].div_ceil(strides[i]);
                let needed = places.saturating_sub(1).saturating_mul(strides[i]).saturating_add(extents[i]);
                let total = needed.saturating_sub(spatial[i]);
                let (less, more) = (total / 2, total - total / 2);
                (pads[i], pads[n + i]) = if auto == "SAME_UPPER" { (less, more) } else { (more, less) };
            }
        }
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

    /// Reads the window of a transposed convolution. The pads are what its result loses at both ends, and `excess` is the output padding.
    pub fn read_transposed(s: &Scope<'_, '_>, spatial: &[usize], kernel: &[usize]) -> Result<Self> {
        let n = spatial.len();
        // Neither `auto_pad` nor an output shape is that of a convolution.
        let auto = s.text("auto_pad", "NOTSET")?;
        let window = Self::lists(s, n, kernel)?;
        let Self { strides, mut pads, dilations, .. } = window;
        let mut excess = list(s, "output_padding", 0, n)?;
        let shape = list(s, "output_shape", 0, n)?;
        if !auto.starts_with("SAME") && shape.iter().all(|&size| size == 0) {
            return Ok(Self { strides, pads, dilations, excess });
        }
        for i in 0..n {
            let wanted = match shape[i] {
                0 => spatial[i].saturating_mul(strides[i]),
                size => size,
            };
            // The extent does not overflow: it was computed before.
            let whole = (spatial[i].saturating_sub(1).saturating_mul(strides[i]))
                .saturating_add((kernel[i] - 1) * dilations[i] + 1)
                .saturating_add(excess[i]);
            if wanted == whole.saturating_add(1) && auto != "SAME_UPPER" {
                // An odd element is at the end.
                (pads[i], pads[n + i], excess[i]) = (0, 0, excess[i].saturating_add(1));
                continue;
            }
            let Some(total) = whole.checked_sub(wanted) else {
                return s.unsupported(format!("with an output of {wanted} elements, of which {whole} are computed"));
            };
            let (less, more) = (total / 2, total - total / 2);
            (pads[i], pads[n + i]) = if auto == "SAME_UPPER" { (less, more) } else { (more, less) };
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

/// An attribute of so many numbers, each of which has the default where it is not given.
fn list(s: &Scope<'_, '_>, name: &str, default: usize, count: usize) -> Result<Vec<usize>> {
    match s.sizes(name)? {
        Some(list) if list.len() == count => Ok(list),
        Some(list) if list.is_empty() => Ok(vec![default; count]),
        Some(list) => Err(s.error(format!("attribute `{name}` is {list:?}, expected {count} numbers"))),
        None => Ok(vec![default; count]),
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
