//! Roundings against wider arithmetic: i128, and binary64 in hardware.
use shatterscope::graph::{DilatedWindow, Image};
use shatterscope::internals::op::int8::{
    Bounds, QuantisedPad, Scale, dequantise, doubled_high_product, multiplier, quantise, quantised_average_pool,
    quantised_pad, rounded_product, rounded_shift,
};

/// Numbers that look random: SplitMix64.
fn words(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (state ^ state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }
}

/// A number of a random size, often at the ends of the range.
fn number(word: u64) -> i32 {
    match word & 15 {
        0 => i32::MIN,
        1 => i32::MAX,
        2 => 0,
        3 => (word >> 32) as i32 & !0xFFFF,
        n => (word >> 32) as i32 >> (2 * (n - 4)),
    }
}

#[test]
fn products_with_binary64_are_those_of_the_hardware() {
    let mut next = words(1);
    for _ in 0..2_000_000 {
        let (acc, word) = (number(next()), next());
        // All bits, or those of factors that are near a tie: few digits.
        let bits = match word & 3 {
            0 => next(),
            1 => (990 + (word >> 8) % 60) << 52 | (next() & 0xF) << 48,
            _ => (970 + (word >> 8) % 80) << 52 | next() >> 12,
        };
        let expected = (f64::from(acc) * f64::from_bits(bits)).round() as i32;
        assert_eq!(rounded_product(acc, bits), expected, "{acc} {bits:016x}");
    }
}

#[test]
fn a_product_is_rounded_to_binary64_first() {
    let mut found = 0;
    for acc in 3..100 {
        // Exactly below the half, as the product of fused multiply-add says; the product of binary64 is the half.
        let m = 1000.5 / f64::from(acc);
        if m.mul_add(acc.into(), -1000.5) < 0.0 && m * f64::from(acc) == 1000.5 {
            assert_eq!(rounded_product(acc, m.to_bits()), 1001, "{acc}");
            assert_eq!(rounded_product(-acc, m.to_bits()), -1001, "{acc}");
            found += 1;
        }
    }
    assert!(found > 10, "{found}");
}

#[test]
fn fixed_point_factors_are_those_of_wide_integers() {
    let mut next = words(2);
    for _ in 0..500_000 {
        let (a, b, by) = (number(next()), number(next()), (next() % 40) as u32);
        let half_away = |x: i128, by: u32| {
            let size = (x.unsigned_abs() + if by > 0 { 1 << (by - 1) } else { 0 }) >> by;
            if x < 0 { -(size as i128) } else { size as i128 }
        };
        assert_eq!(i128::from(rounded_shift(a, by)), half_away(a.into(), by), "{a} {by}");
        // The nearest of a b / 2^31, ties upwards.
        let product = (i128::from(a) * i128::from(b) + (1 << 30)).div_euclid(1 << 31);
        assert_eq!(i128::from(doubled_high_product(a, b)), product.min(i32::MAX.into()), "{a} {b}");
        let shift = by as i32 - 35;
        let (multiplier, small) = (b & i32::MAX, a >> 12);
        let scaled = if shift > 0 { small } else { a };
        let high = (i128::from(scaled.wrapping_shl(shift.max(0) as u32)) * i128::from(multiplier) + (1 << 30)) >> 31;
        let expected = half_away(high, (-shift).max(0) as u32);
        assert_eq!(i128::from(Scale { multiplier, shift }.apply(scaled)), expected, "{scaled} {multiplier} {shift}");
    }
}

#[test]
fn multipliers_have_31_bits_half_away_from_zero() {
    let mut next = words(3);
    for _ in 0..200_000 {
        let exponent = 1023 - 40 + next() % 75;
        let m = f64::from_bits(exponent << 52 | next() >> 12);
        let (q, shift) = multiplier(m);
        if m < 2f64.powi(-32) {
            assert_eq!((q, shift), (0, 0), "{m:e}");
            continue;
        }
        if m >= 2f64.powi(31) {
            assert_eq!((q, shift), (i32::MAX, 31), "{m:e}");
            continue;
        }
        assert!((1 << 30..=i32::MAX).contains(&q) && (-31..=32).contains(&shift), "{m:e}: {q} {shift}");
        assert_eq!((m / 2f64.powi(shift) * 2f64.powi(31)).round(), f64::from(q), "{m:e}");
    }
    // A half of a step goes up; what rounds to 1 is halved.
    assert_eq!(multiplier(0.5 + 2f64.powi(-32)), ((1 << 30) + 1, 0));
    assert_eq!(multiplier(1.0 - 2f64.powi(-33)), (1 << 30, 1));
    assert_eq!(multiplier(2f64.powi(-32)), (1 << 30, -31));
    assert_eq!(multiplier(2f64.powi(-32) * (1.0 - 2f64.powi(-33))), (1 << 30, -31));
    for m in [0.0, -0.0, -1.0, f64::NAN, f64::from_bits(1)] {
        assert_eq!(multiplier(m), (0, 0), "{m:e}");
    }
    assert_eq!(multiplier(f64::INFINITY), (i32::MAX, 31));
}

#[test]
fn floats_become_bytes_and_back() {
    let values = [0.5, -0.5, 0.499_999_97, -0.499_999_97, 1.5, 2.5, 8_388_607.5, -3e9, f32::INFINITY, f32::NAN, -0.0];
    let mut y = [0; 11];
    quantise(1.0, 3, &values, &mut y).unwrap();
    assert_eq!(y, [4, 2, 3, 3, 5, 6, 127, -128, 127, 3, 3]);
    let mut back = [0.0; 11];
    dequantise(0.25, 3, &y, &mut back).unwrap();
    assert_eq!(back[..3], [0.25, -0.25, 0.0]);
}

#[test]
fn mistakes_are_errors_and_nothing_is_written_past_a_shape() {
    let image = Image { channels: 1, height: 2, width: 2 };
    let window = DilatedWindow { height: 2, width: 2, strides: [1; 2], dilations: [1; 2], padding: [0; 4] };
    let bounds = Bounds { zero: 0, low: -128, high: 127 };
    let mut y = [7; 3];
    quantised_average_pool(&image, &window, bounds, &[1, 2, 3, 5, 99], &mut y).unwrap();
    assert_eq!(y, [3, 7, 7]);
    let short = quantised_average_pool(&image, &window, bounds, &[1, 2, 3], &mut y).unwrap_err();
    assert_eq!(short.to_string(), "the buffer Inputs is too short: 4 elements needed, 3 given");
    let empty = DilatedWindow { padding: [9; 4], ..window };
    assert!(quantised_average_pool(&image, &empty, bounds, &[1; 4], &mut y).is_err());
    let pad = QuantisedPad { input: image, rows: [u32::MAX, 1], columns: [0; 2], channels: [0; 2], value: 0 };
    assert!(quantised_pad(&pad, &[1; 4], &mut y).is_err());
}
