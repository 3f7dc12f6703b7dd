/// The argument is `m 2^k` with m between sqrt(1/2) and sqrt(2), and `ln m` a polynomial in `(m - 1) / (m + 1)`.
///
/// # Numerics
/// Contract, section 1. The bits are those of libm 0.2.16 for every argument.
#[allow(clippy::approx_constant, reason = "the contract's constants are those of its text")]
#[inline(never)]
pub fn ln(x: f32) -> f32 {
    const A: f32 = 0.666_666_6;
    const B: f32 = 0.400_009_72;
    const C: f32 = 0.284_987_87;
    const D: f32 = 0.242_790_79;
    const HIGH: f32 = 0.693_138_1;
    const LOW: f32 = 9.058_001e-6;
    let (mut bits, mut k) = (x.to_bits(), 0);
    if bits << 1 == 0 {
        return f32::NEG_INFINITY;
    }
    match bits {
        // Subnormals become normal.
        ..0x0080_0000 => {
            bits = (x * f32::from_bits(0x4c00_0000)).to_bits();
            k = -25;
        }
        0x3f80_0000 => return 0.0,
        0x7f80_0000..=0x7fff_ffff => return x,
        0x8000_0000.. => return f32::NAN,
        _ => {}
    }
    let reduced = bits.wrapping_add(0x3f80_0000 - 0x3f35_04f3);
    k += (reduced >> 23) as i32 - 127;
    let f = f32::from_bits((reduced & 0x007f_ffff) + 0x3f35_04f3) - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let r = (z * (A + (w * C))) + (w * (B + (w * D)));
    let q = (0.5 * f) * f;
    let k = k as f32;
    (((s * (q + r)) + (k * LOW)) - q + f) + (k * HIGH)
}
