//! Operators of one operand and single elements, as tables of all bytes.
use crate::softmax::radius;
use crate::sums::scale_of;
use crate::{Activation, Error, Profile, Quantisation};
use shatterscope::graph::Op;
use shatterscope::internals::op::Function;
use shatterscope::internals::op::int8::{self, rounded_shift};

/// The value of each byte x at index x + 128.
pub type Table = [i8; 256];

/// The table of a function of bytes; values past int8 are the nearest.
fn table(of: impl Fn(i32) -> i32) -> Table {
    std::array::from_fn(|i| of(i as i32 - 128).clamp(i8::MIN.into(), i8::MAX.into()) as i8)
}

/// LOGISTIC.
///
/// # Errors
/// [`Error::Fixed`] for an output of another scale than 1/256 or another zero point than -128.
pub fn logistic(profile: Profile, input: Quantisation, output: Quantisation) -> Result<Table, Error> {
    output.fixed("LOGISTIC", 1.0 / 256.0, -128)?;
    Ok(match profile {
        Profile::Tflm => fixed_point(input, |a| rounded_shift(int8::logistic(a), 23) - 128),
        Profile::LitertRef => floats(input, output, |x| 1.0 / (1.0 + function(Function::Exp, -x))),
    })
}

/// TANH.
///
/// # Errors
/// [`Error::Fixed`] for an output of another scale than 1/128 or another zero point than 0.
pub fn tanh(profile: Profile, input: Quantisation, output: Quantisation) -> Result<Table, Error> {
    output.fixed("TANH", 1.0 / 128.0, 0)?;
    Ok(match profile {
        Profile::Tflm => fixed_point(input, |a| rounded_shift(int8::tanh(a), 24)),
        Profile::LitertRef => floats(input, output, |x| function(Function::Tanh, x)),
    })
}

/// A function of numbers with 4 integer bits; beyond their radius the ends of int8.
fn fixed_point(input: Quantisation, of: impl Fn(i32) -> i32) -> Table {
    let scale = scale_of(f64::from(input.scale()) * f64::from(1 << 27));
    let radius = radius(4, scale.shift);
    table(|x| match x - input.zero() {
        d if d <= -radius => i8::MIN.into(),
        d if d >= radius => i8::MAX.into(),
        d => of(scale.apply(d)),
    })
}

/// A function of f32 between steps of f32: `round(f(s_in (x - zero_in)) (1 / s_out)) + zero_out`.
fn floats(input: Quantisation, output: Quantisation, of: impl Fn(f32) -> f32) -> Table {
    let inverse = 1.0 / output.scale();
    table(|x| ((of(input.scale() * (x - input.zero()) as f32) * inverse).round() + output.zero() as f32) as i32)
}

/// The contract's function of a single element, rounded once.
fn function(function: Function, x: f32) -> f32 {
    let mut x = [x];
    if let Some(elements) = (Op::Function { function, a: 0.0, b: 0.0 }).elements() {
        elements.value(&mut x);
    }
    x[0]
}

/// The factor `s_in / s_out`, or `(s_in alpha) / s_out`: in binary64 (tflm), or in binary32 (litert-ref).
fn factor(profile: Profile, input: Quantisation, alpha: f32, output: Quantisation) -> f64 {
    match profile {
        Profile::Tflm => f64::from(input.scale()) * f64::from(alpha) / f64::from(output.scale()),
        Profile::LitertRef => f64::from(input.scale() * alpha / output.scale()),
    }
}

/// QUANTIZE from int8 to int8: `zero_out + D(x - zero_in)` of `s_in / s_out`, in binary64 under both profiles.
pub fn requantise(input: Quantisation, output: Quantisation) -> Table {
    let scale = scale_of(f64::from(input.scale()) / f64::from(output.scale()));
    table(|x| output.zero().wrapping_add(scale.apply(x - input.zero())))
}

/// RELU: `zero_out + D(x - zero_in)` of `s_in / s_out`, no less than zero_out; the quotient is one of binary64 (tflm) or of binary32 (litert-ref).
pub fn relu(profile: Profile, input: Quantisation, output: Quantisation) -> Table {
    bounded(profile, input, output, Activation::Relu)
}

/// RELU6. Under tflm the byte of the input, between those of 0 and 6 in the steps of the input: the output's scale and zero point play no part. Under
/// litert-ref as [`relu`], between the bytes of 0 and 6 in the steps of the output.
pub fn relu6(profile: Profile, input: Quantisation, output: Quantisation) -> Table {
    match profile {
        Profile::Tflm => {
            let bounds = input.bounds(Activation::Relu6);
            table(|x| x.clamp(bounds.low.into(), bounds.high.into()))
        }
        Profile::LitertRef => bounded(profile, input, output, Activation::Relu6),
    }
}

fn bounded(profile: Profile, input: Quantisation, output: Quantisation, activation: Activation) -> Table {
    let (scale, bounds) = (scale_of(factor(profile, input, 1.0, output)), output.bounds(activation));
    table(|x| bounds.of(scale.apply(x - input.zero())).into())
}

/// LEAKY_RELU: `zero_out + D(x - zero_in)` of `s_in / s_out` or, below zero_in, of `(s_in alpha) / s_out`, in binary64 (tflm) or in binary32
/// (litert-ref). The sign of alpha goes to the result.
///
/// # Errors
/// [`Error::Factor`] where the second factor is not finite.
pub fn leaky_relu(profile: Profile, input: Quantisation, alpha: f32, output: Quantisation) -> Result<Table, Error> {
    let slope = factor(profile, input, alpha, output);
    if !slope.is_finite() {
        return Err(Error::Factor { operator: "LEAKY_RELU", found: slope, expected: "a finite number" });
    }
    let (above, below) = (scale_of(factor(profile, input, 1.0, output)), scale_of(slope.abs()));
    Ok(table(|x| {
        let d = x - input.zero();
        let value = match d {
            d if d >= 0 => above.apply(d),
            d if slope < 0.0 => below.apply(d).wrapping_neg(),
            d => below.apply(d),
        };
        output.zero().wrapping_add(value)
    }))
}

/// HARD_SWISH, in 16 bits; quotients of scales in binary64 (tflm) or in binary32 (litert-ref).
///
/// # Errors
/// [`Error::Factor`] where `(s_in / 128) / s_out` or `(s_in / 128) / (3 / 32768)` is below 2^-16, or the first one 1 or more: the interpreters refuse it,
/// or shift numbers of 16 bits by more.
pub fn hard_swish(profile: Profile, input: Quantisation, output: Quantisation) -> Result<Table, Error> {
    let fine = input.scale() / 128.0;
    let in_range = |by: f32, most: i32, expected| {
        let found = match profile {
            Profile::Tflm => f64::from(fine) / f64::from(by),
            Profile::LitertRef => f64::from(fine / by),
        };
        match scale_of(found) {
            scale if scale.multiplier > 0 && scale.shift >= -15 && scale.shift <= most => Ok(scale),
            _ => Err(Error::Factor { operator: "HARD_SWISH", found, expected }),
        }
    };
    let of_output = in_range(output.scale(), 0, "a number from 2^-16 to below 1")?;
    let of_relu = in_range(3.0 / 32768.0, 30, "a number from 2^-16 to below 2^30")?;
    Ok(table(|x| {
        let wide = ((x - input.zero()) * 128).clamp(i16::MIN.into(), i16::MAX.into());
        let value = product(wide, halved(of_output.multiplier));
        let mut gate = wide;
        if of_relu.shift > 0 {
            gate = left(gate, of_relu.shift - 1);
        }
        gate = product(gate, halved(of_relu.multiplier));
        if of_relu.shift > 0 {
            gate = left(gate, 1);
        } else {
            gate = rounded_shift(gate, of_relu.shift.unsigned_abs());
        }
        let gate = (gate + (1 << 15)) >> 1;
        // Cut towards zero; nothing saturates, for a gate is not negative.
        let both = gate * value / (1 << 15);
        output.zero() + rounded_shift(both, of_output.shift.unsigned_abs())
    }))
}

/// A multiplier of 31 fractional bits with 15.
fn halved(multiplier: i32) -> i32 {
    (multiplier.saturating_add(1 << 15) >> 16).min(i16::MAX.into())
}

/// `(2 a b + 2^15) / 2^16` of 16 bits, rounded down.
fn product(a: i32, b: i32) -> i32 {
    (a * b + (1 << 14)) >> 15
}

/// `x 2^by` in 16 bits, saturated; by is at most 29.
fn left(x: i32, by: i32) -> i32 {
    (i64::from(x) << by).clamp(i16::MIN.into(), i16::MAX.into()) as i32
}
