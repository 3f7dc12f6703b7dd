//! Functions in fixed point, step by step as gemmlowp has them. A number with k integer bits is `raw 2^(k - 31)`.
use super::{doubled_high_product as product, rounded_shift};

/// 1 with no integer bit: the nearest that there is.
const ONE: i32 = i32::MAX;
/// (the bit of a power of two with no integer bit is 31 less this; `exp(-2^power)` with no integer bit).
const FACTORS: [(i32, i32); 7] = [
    (-2, 1_672_461_947),
    (-1, 1_302_514_674),
    (0, 790_015_084),
    (1, 290_630_308),
    (2, 39_332_535),
    (3, 720_401),
    (4, 242),
];

/// `x 2^by`, saturated.
pub(super) const fn saturating_left(x: i32, by: u32) -> i32 {
    let most = i32::MAX >> by;
    if x > most {
        i32::MAX
    } else if x < -most {
        i32::MIN
    } else {
        x << by
    }
}

/// `exp(a)` of a number that is not positive, with 5 integer bits; no integer bit in the value.
pub fn exp_negative(a: i32) -> i32 {
    exp_of::<5>(a)
}

/// The same with K integer bits, 1 to 5.
fn exp_of<const K: u32>(a: i32) -> i32 {
    if a == 0 {
        return ONE;
    }
    let fraction = 31 - K;
    let quarter = 1i32 << (fraction - 2);
    // In [-1/4, 0); the multiple of a quarter that is left is not negative.
    let within = (a & (quarter - 1)).wrapping_sub(quarter);
    let rest = within.wrapping_sub(a);
    let mut value = exp_of_quarter(saturating_left(within, K));
    for (power, factor) in FACTORS {
        // Nothing wraps: 24 to 30 bits.
        let bit = (fraction as i32).wrapping_add(power) as u32;
        if power < K as i32 && rest.wrapping_shr(bit) & 1 != 0 {
            value = product(value, factor);
        }
    }
    value
}

/// `exp(a)` in [-1/4, 0), no integer bit: a polynomial about -1/8.
fn exp_of_quarter(a: i32) -> i32 {
    const EXP_OF_EIGHTH: i32 = 1_895_147_668;
    const THIRD: i32 = 715_827_883;
    let x = a.wrapping_add(1 << 28);
    let x2 = product(x, x);
    let x3 = product(x2, x);
    let x4 = product(x2, x2);
    let cubic = product(rounded_shift(x4, 2).wrapping_add(x3), THIRD);
    let series = rounded_shift(cubic.wrapping_add(x2), 1);
    EXP_OF_EIGHTH.wrapping_add(product(EXP_OF_EIGHTH, x.wrapping_add(series)))
}

/// `2 / (1 + a)` for a in [0, 1), no integer bit; two integer bits in the value. Three Newton steps.
fn two_over_one_plus(a: i32) -> i32 {
    const C48_17: i32 = 1_515_870_810;
    const C32_17: i32 = -1_010_580_540;
    // (a + 1) / 2, half up; the sum is positive.
    let half = (i64::from(a).wrapping_add(i64::from(ONE)).wrapping_add(1) / 2) as i32;
    let mut x = C48_17.wrapping_add(product(half, C32_17));
    for _ in 0..3 {
        let rest = (1i32 << 29).wrapping_sub(product(half, x));
        x = x.wrapping_add(saturating_left(product(x, rest), 2));
    }
    x
}

/// `1 / (1 + a)` for a in [0, 1), no integer bit in either.
pub fn one_over_one_plus(a: i32) -> i32 {
    saturating_left(two_over_one_plus(a), 1)
}

/// `1 / (1 + exp(-a))`, 4 integer bits in a, none in the value.
pub fn logistic(a: i32) -> i32 {
    let of_positive = |a: i32| one_over_one_plus(exp_of::<4>(a.wrapping_neg()));
    match a {
        0 => 1 << 30,
        a if a > 0 => of_positive(a),
        a => ONE.wrapping_sub(of_positive(a.wrapping_neg())),
    }
}

/// `tanh(a)`, 4 integer bits in a, none in the value.
pub fn tanh(a: i32) -> i32 {
    // (1 - e) / (1 + e) of e = exp(-2|a|): the same word has twice the value with an integer bit more.
    let of_negative = |a: i32| {
        let two = two_over_one_plus(exp_of::<5>(a));
        saturating_left(two.wrapping_sub(1 << 29), 2)
    };
    match a {
        0 => 0,
        a if a > 0 => of_negative(a.wrapping_neg()),
        a => of_negative(a).wrapping_neg(),
    }
}
