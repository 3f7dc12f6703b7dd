/// `if x > 0 { x } else { slope * x }` in place, keeping one bit an element: `x > 0`. The slope is fixed.
///
/// NaN stays NaN.
///
/// # Shapes
/// `x` is any number of elements, `tape` one bit for each, as for [`relu_forward`](super::relu_forward).
///
/// # References
/// He et al., "Delving deep into rectifiers", ICCV 2015, equation 1; with a fixed slope it is the leaky rectifier of Maas et al.,
/// 2013.
#[inline(always)]
pub fn prelu_forward(slope: f32, x: &mut [f32], tape: &mut [u8]) {
    // No panic: a chunk has eight elements, of which a zip that is not inlined knows nothing.
    for (at, x) in x.chunks_mut(8).enumerate() {
        let Some(byte) = tape.get_mut(at) else { break };
        let mut bits = 0;
        for (i, x) in x.iter_mut().enumerate() {
            bits |= u8::from(*x > 0.0) << i;
            *x = if *x > 0.0 { *x } else { slope * *x };
        }
        *byte = bits;
    }
}

/// `grad_input = bit ? grad_output : slope * grad_output`, in place.
#[inline(always)]
pub fn prelu_backward(slope: f32, g: &mut [f32], tape: &[u8]) {
    for (at, g) in g.chunks_mut(8).enumerate() {
        let Some(byte) = tape.get(at) else { break };
        for (i, g) in g.iter_mut().enumerate() {
            *g = if byte >> i & 1 == 1 { *g } else { slope * *g };
        }
    }
}

/// Value and tangent in place: `t = x > 0 ? t : slope * t`.
#[inline(always)]
pub fn prelu_tangent(slope: f32, x: &mut [f32], t: &mut [f32]) {
    for (x, t) in x.iter_mut().zip(t) {
        *t = if *x > 0.0 { *t } else { slope * *t };
        *x = if *x > 0.0 { *x } else { slope * *x };
    }
}
