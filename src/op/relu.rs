/// `if x > 0 { x } else { +0 }`: NaN and -0 become +0.
#[inline(always)]
pub fn relu(x: f32) -> f32 {
    if x > 0.0 { x } else { 0.0 }
}

/// Rectifies in place and keeps one bit an element: `x > 0`.
///
/// # Shapes
/// `x` is any number of elements, `tape` one bit for each, element e in bit e mod 8 of byte e / 8.
#[inline(always)]
pub fn relu_forward(x: &mut [f32], tape: &mut [u8]) {
    // No panic: a chunk has eight elements, of which a zip that is not inlined knows nothing.
    for (at, x) in x.chunks_mut(8).enumerate() {
        let Some(byte) = tape.get_mut(at) else { break };
        let mut bits = 0;
        for (i, x) in x.iter_mut().enumerate() {
            bits |= u8::from(*x > 0.0).wrapping_shl(i as u32);
            *x = relu(*x);
        }
        *byte = bits;
    }
}

/// `grad_input = bit ? grad_output : +0`, in place.
#[inline(always)]
pub fn relu_backward(g: &mut [f32], tape: &[u8]) {
    for (at, g) in g.chunks_mut(8).enumerate() {
        let Some(byte) = tape.get(at) else { break };
        for (i, g) in g.iter_mut().enumerate() {
            *g = if byte >> i & 1 == 1 { *g } else { 0.0 };
        }
    }
}

/// Value and tangent in place: `t = x > 0 ? t : +0`.
#[inline(always)]
pub fn relu_tangent(x: &mut [f32], t: &mut [f32]) {
    for (x, t) in x.iter_mut().zip(t) {
        *t = if *x > 0.0 { *t } else { 0.0 };
        *x = relu(*x);
    }
}

/// The values of [`relu_forward`] alone.
///
/// # Numerics
/// The bits of numbers above 0, infinity included, are 1 to 0x7f80_0000: a comparison of integers, which costs a core without an FPU a tenth
/// of one of floats.
#[inline(always)]
pub(crate) fn relu_values(x: &mut [f32]) {
    for x in x {
        *x = if x.to_bits().wrapping_sub(1) < 0x7f80_0000 { *x } else { 0.0 };
    }
}
