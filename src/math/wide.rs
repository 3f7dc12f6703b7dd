//! Exponentials, logarithms and the error function in binary64, for the functions of imported models.
//!
//! # Numerics
//! Contract, section 4, "Imported models": sums, products and quotients of binary64, each rounded on its own. Rounded once to binary32,
//! exponentials and tanh are the correctly rounded ones of every argument, and all others are within 0.501 ULP.
//! No method of f64 is called: each would be another function in a build with the standard library than in one without.

/// ln 2 with 32 significant bits, so that its products with exponents are exact, and the rest.
const HIGH: f64 = 0.693_147_180_369_123_8;
const LOW: f64 = 1.908_214_929_270_587_7e-10;

/// `e^x = (1 + q) 2^k`
#[inline(never)]
fn exp_parts(x: f64) -> (f64, i32) {
    const LOG2_E: f64 = core::f64::consts::LOG2_E;
    const TERMS: [f64; 6] = [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 1.0 / 2.0, 1.0];
    let x = if x < -700.0 { -700.0 } else { x };
    let x = if x > 700.0 { 700.0 } else { x };
    let v = x * LOG2_E;
    let k = (if v >= 0.0 { v + 0.5 } else { v - 0.5 }) as i32;
    let wide = f64::from(k);
    let s = ((x - (wide * HIGH)) - (wide * LOW)) * 0.125;
    let mut q = s * horner(1.0 / 5040.0, &TERMS, s);
    for _ in 0..3 {
        q *= q + 2.0;
    }
    (q, k)
}

/// The first coefficient, then for each other `p = (p * x) + c`.
#[inline(always)]
fn horner(first: f64, others: &[f64], x: f64) -> f64 {
    others.iter().fold(first, |p, c| (p * x) + c)
}

/// 2^k for k from -1022 to 1023.
fn power_of_two(k: i32) -> f64 {
    f64::from_bits((k.wrapping_add(1023) as u64) << 52)
}

/// `e^x` for x from -700 to 700; what is beyond counts as one of them.
pub fn exp(x: f64) -> f64 {
    let (q, k) = exp_parts(x);
    (1.0 + q) * power_of_two(k)
}

/// `e^x - 1` in the same range.
pub fn exp_m1(x: f64) -> f64 {
    let (q, k) = exp_parts(x);
    let power = power_of_two(k);
    if k == 0 { q } else { (q * power) + (power - 1.0) }
}

/// `1 / (1 + e^-x)`
pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + exp(-x))
}

/// `ln(2^k (1 + f))` for f from -0.3 to 0.42
fn ln_of_parts(k: i32, f: f64) -> f64 {
    const TERMS: [f64; 7] = [1.0 / 13.0, 1.0 / 11.0, 1.0 / 9.0, 1.0 / 7.0, 1.0 / 5.0, 1.0 / 3.0, 1.0];
    let s = f / (2.0 + f);
    let p = horner(1.0 / 15.0, &TERMS, s * s);
    let k = f64::from(k);
    ((k * LOW) + ((2.0 * s) * p)) + (k * HIGH)
}

/// `ln x`
pub fn ln(x: f32) -> f64 {
    if x == 0.0 {
        return f64::NEG_INFINITY;
    }
    if x > f32::MAX {
        return f64::INFINITY;
    }
    if x > 0.0 { ln_of_positive(f64::from(x)) } else { f64::NAN }
}

/// `ln x` of a positive normal number.
pub fn ln_of_positive(x: f64) -> f64 {
    let bits = x.to_bits();
    let k = ((bits >> 52) as i32).wrapping_sub(1023);
    let m = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | 0x3ff0_0000_0000_0000);
    if m > core::f64::consts::SQRT_2 {
        ln_of_parts(k.wrapping_add(1), (m * 0.5) - 1.0)
    } else {
        ln_of_parts(k, m - 1.0)
    }
}

/// `ln(1 + e)` for e from 0 to 1
pub fn ln_1p(e: f64) -> f64 {
    if e > 0.414_213_562_373_095_03 { ln_of_parts(1, (e - 1.0) * 0.5) } else { ln_of_parts(0, e) }
}

/// `1 - erf(z)` for z from 0 on
#[inline(never)]
pub fn erfc(z: f64) -> f64 {
    /// A fit to `ln(erfc(z) / t) + z^2` for z from 0 to 16, with an error of 1.7e-11.
    const TERMS: [f64; 15] = [
        -0.267_490_872_006_194_37,
        0.168_686_638_027_652,
        0.253_413_359_708_648_03,
        -0.333_083_958_023_401_2,
        -0.092_996_049_351_986_63,
        0.341_956_565_930_454_87,
        -0.037_496_779_317_443_52,
        -0.300_069_394_667_311_14,
        0.112_567_131_878_950_72,
        0.282_391_470_696_885_6,
        -0.157_962_789_988_391_08,
        -0.375_164_783_399_978_5,
        0.189_373_224_326_340_63,
        1.345_286_447_522_554_3,
        -0.671_794_084_051_238_2,
    ];
    let z = if z > 16.0 { 16.0 } else { z };
    let t = 2.0 / (2.0 + z);
    t * exp(horner(0.079_723_078_431_198_9, &TERMS, t - 0.5) - (z * z))
}

/// `erf(v)` for v from 0 on
#[inline(never)]
pub fn erf(v: f64) -> f64 {
    /// A fit to `erf(v) / v` in `v^2` up to 1/4, with a relative error of 9.4e-14.
    const TERMS: [f64; 6] = [
        -0.000_850_676_477_854_143_5,
        0.005_223_275_685_975_539,
        -0.026_866_109_537_792_997,
        0.112_837_914_170_772_41,
        -0.376_126_388_992_226_56,
        1.128_379_167_095_411_5,
    ];
    if v <= 0.5 { v * horner(0.000_108_227_750_879_999_57, &TERMS, v * v) } else { 1.0 - erfc(v) }
}

/// The probability of a standard normal number below x.
pub fn normal_below(x: f64) -> f64 {
    let magnitude = f64::from_bits(x.to_bits() & (u64::MAX >> 1));
    let h = 0.5 * erfc(magnitude * core::f64::consts::FRAC_1_SQRT_2);
    if x < 0.0 { h } else { 1.0 - h }
}
