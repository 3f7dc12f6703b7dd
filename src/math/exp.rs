use super::scale;

/// The range is reduced by `k ln 2`, `exp(r)` is a rational function, and `2^k` is multiplied in with one rounding.
///
/// # Numerics
/// Contract, section 1. The bits are those of libm 0.2.16 for every argument.
#[allow(clippy::approx_constant, reason = "the contract's constants are those of its text")]
#[inline(never)]
pub fn exp(x: f32) -> f32 {
    const K: f32 = 1.442_695;
    const H: f32 = 0.693_145_75;
    const L: f32 = 1.428_606_8e-6;
    const P: f32 = 0.166_666_25;
    const Q: f32 = -2.766_733_2e-3;
    let (bits, negative) = (x.to_bits() & 0x7fff_ffff, x.to_bits() >> 31 != 0);
    if bits > 0x7f80_0000 {
        return x;
    }
    if bits >= 0x42b1_7218 && !negative {
        return f32::INFINITY;
    }
    if bits >= 0x42cf_f1b5 && negative {
        return 0.0;
    }
    if bits <= 0x3900_0000 {
        return 1.0 + x;
    }
    let sign = if negative { -1 } else { 1 };
    let k = match bits {
        ..=0x3eb1_7218 => 0,
        0x3eb1_7219..=0x3f85_1592 => sign,
        // Not saturated: |x| is below 104.
        _ => ((K * x) + 0.5 * sign as f32) as i32,
    };
    let (high, low) = if k == 0 { (x, 0.0) } else { (x - (k as f32 * H), k as f32 * L) };
    let r = high - low;
    let q = r * r;
    let c = r - (q * (P + (q * Q)));
    let y = 1.0 + ((((r * c) / (2.0 - c)) - low) + high);
    if k == 0 { y } else { scale(y, k) }
}
