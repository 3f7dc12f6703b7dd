//! Windows over images.
use super::Outcome;

/// Places of a window along one axis.
fn places(size: usize, kernel: usize, stride: usize, dilation: usize, pads: [usize; 2]) -> Outcome<usize> {
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
pub struct Windows<'a> {
    pub kernel: &'a [usize],
    pub strides: &'a [usize],
    pub pads: &'a [usize],
    pub dilations: &'a [usize],
}

impl Windows<'_> {
    pub fn places(&self, spatial: &[usize]) -> Outcome<Vec<usize>> {
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
pub fn image(x: &[usize]) -> Outcome<(usize, usize, &[usize])> {
    match x {
        [n, c, spatial @ ..] if !spatial.is_empty() => Ok((*n, *c, spatial)),
        _ => Err(format!("the input has shape {x:?}, expected [batch, channels, ...] with a spatial axis")),
    }
}
