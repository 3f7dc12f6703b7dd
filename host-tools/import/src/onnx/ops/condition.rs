//! Comparisons of computed values with a number, and `Where` with such a condition: products with 1 and 0, which are computed exactly.
use crate::{
    builder::Condition,
    error::Result,
    evaluate::Comparison,
    model::ValueId,
    onnx_format::scope::{Results, Scope, one},
    operation::Operation,
};

/// Thresholds above which a condition cannot be computed exactly.
const MOST: f32 = 1.0e30;
/// Thresholds below this one, and what they are compared with, are multiplied by [`SCALE`]: differences between them are subnormal.
const SMALL: f32 = 1.0e-18;
/// 2^100.
const SCALE: f32 = 1_267_650_600_228_229_401_496_703_205_376.0;
/// The least threshold at which `ln(1 + exp(x))` is `x` in f32: `exp(-17)` is less than a tenth of the distance between numbers there.
const LINEAR: f32 = 17.0;

/// The condition of a comparison of a computed value with a number; `None` for other operands.
pub fn compared(s: &mut Scope<'_, '_>, how: Comparison, a: ValueId, b: ValueId) -> Result<Option<ValueId>> {
    let (x, number, turned) = match (s.builder.tensor(a), s.builder.tensor(b)) {
        (None, Some(number)) => (a, number, false),
        (Some(number), None) => (b, number, true),
        _ => return Ok(None),
    };
    let Some(number) = number.as_scalar().filter(|_| s.is_float(x) && number.shape().len() <= s.shape(x).len()) else {
        return Ok(None);
    };
    // `x > b` is `x >= the next number after b`.
    let (next, negated) = match (how, turned) {
        (Comparison::Equal, _) => return s.unsupported("of a computed value"),
        (Comparison::Greater, false) | (Comparison::Less, true) => (true, false),
        (Comparison::GreaterOrEqual, false) | (Comparison::LessOrEqual, true) => (false, false),
        (Comparison::Less, false) | (Comparison::Greater, true) => (false, true),
        (Comparison::LessOrEqual, false) | (Comparison::GreaterOrEqual, true) => (true, true),
    };
    let at_least = if next { number.next_up() } else { number };
    threshold(s, number)?;
    Ok(Some(s.builder.condition(Condition { x, at_least, negated })))
}

/// `Where` with a condition that is computed: `a m + b n`, one of `m` and `n` being 1 and the other one 0.
pub fn select(mut s: Scope<'_, '_>, condition: &Condition, a: ValueId, b: ValueId) -> Results {
    if let Some((id, what)) = [(a, "second operand"), (b, "third operand")].into_iter().find(|(id, _)| !s.is_float(*id))
    {
        s.constant(id, what)?;
        return Err(s.error(format!("its {what} is not of floating-point numbers, and its condition is computed")));
    }
    if s.builder.recognise && is_softplus(&s, condition, a, b) {
        let note = format!("recognised softplus at {}", crate::error::quoted(&s.site.name));
        s.builder.notes.push(note);
        return one(b);
    }
    for id in [a, b] {
        if s.builder.tensor(id).and_then(|t| t.floats()).is_some_and(|data| data.iter().any(|v| !v.is_finite())) {
            return s.unsupported("with an operand that is not finite, and a condition that is computed");
        }
    }
    let [holds, fails] = masks(&mut s, condition)?;
    let x = s.emit(Operation::Mul, &[a, holds])?;
    let y = s.emit(Operation::Mul, &[b, fails])?;
    one(s.emit(Operation::Add, &[x, y])?)
}

/// `x` where it is greater than `alpha`, else 0.
pub fn thresholded_relu(mut s: Scope<'_, '_>) -> Results {
    let (x, alpha) = (s.operand(0)?, s.float("alpha", 1.0)?);
    let above = mask_above(&mut s, x, alpha)?;
    one(s.emit(Operation::Mul, &[x, above])?)
}

/// `x + bias` below `-lambd`, `x - bias` above `lambd`, else 0.
pub fn shrink(mut s: Scope<'_, '_>) -> Results {
    let (x, lambd, bias) = (s.operand(0)?, s.float("lambd", 0.5)?, s.float("bias", 0.0)?);
    let above = mask_above(&mut s, x, lambd)?;
    let minus = s.emit(Operation::Neg, &[x])?;
    let below = mask_above(&mut s, minus, lambd)?;
    let bias = s.number(bias);
    let (less, more) = (s.emit(Operation::Sub, &[x, bias])?, s.emit(Operation::Add, &[x, bias])?);
    let (upper, lower) = (s.emit(Operation::Mul, &[less, above])?, s.emit(Operation::Mul, &[more, below])?);
    one(s.emit(Operation::Add, &[upper, lower])?)
}

/// 1 above 0, -1 below, else 0.
pub fn sign(mut s: Scope<'_, '_>, x: ValueId) -> Results {
    let above = mask_above(&mut s, x, 0.0)?;
    let minus = s.emit(Operation::Neg, &[x])?;
    let below = mask_above(&mut s, minus, 0.0)?;
    one(s.emit(Operation::Sub, &[above, below])?)
}

/// 1 where `x` is greater than a number, else 0.
fn mask_above(s: &mut Scope<'_, '_>, x: ValueId, number: f32) -> Result<ValueId> {
    threshold(s, number)?;
    let [above, _] = masks(s, &Condition { x, at_least: number.next_up(), negated: false })?;
    Ok(above)
}

/// Whether values can be compared with a number.
fn threshold(s: &Scope<'_, '_>, number: f32) -> Result<()> {
    if number.abs() <= MOST {
        return Ok(());
    }
    s.unsupported(format!("with a threshold of {number:e}: numbers up to {MOST:e} are supported"))
}

/// 1 where the condition holds and 0 elsewhere, and the other way round. Every step is exact, and no gradient passes.
fn masks(s: &mut Scope<'_, '_>, condition: &Condition) -> Result<[ValueId; 2]> {
    let Condition { mut x, mut at_least, negated } = *condition;
    // The distance to the number before, a power of two; all numbers that are less are at least as far away.
    let mut step = f64::from(at_least) - f64::from(at_least.next_down());
    if at_least.abs() < SMALL {
        let scale = s.number(SCALE);
        x = s.emit(Operation::Clip { min: -1.0, max: 1.0 }, &[x])?;
        x = s.emit(Operation::Mul, &[x, scale])?;
        (at_least, step) = (at_least * SCALE, step * f64::from(SCALE));
    }
    let (bound, step) = (s.number(at_least), step as f32);
    x = s.emit(Operation::Sub, &[x, bound])?;
    // -step / 4 where the condition holds, -3 step / 4 elsewhere, and never a number between.
    x = s.emit(Operation::Clip { min: -0.75 * step, max: -0.25 * step }, &[x])?;
    let mut affine = |scale: f32, shift: f32| {
        let (scale, shift) = (s.number(scale), s.number(shift));
        let scaled = s.emit(Operation::Mul, &[x, scale])?;
        s.emit(Operation::Add, &[scaled, shift])
    };
    let (above, below) = (affine(2.0 / step, 1.5)?, affine(-2.0 / step, -0.5)?);
    Ok(if negated { [below, above] } else { [above, below] })
}

/// Whether `a` is chosen only where `b`, which is `softplus(beta a) / beta`, is `a`: so PyTorch's exporter writes softplus.
fn is_softplus(s: &Scope<'_, '_>, condition: &Condition, a: ValueId, b: ValueId) -> bool {
    let number = |id: ValueId| s.builder.tensor(id).and_then(|tensor| tensor.as_scalar());
    let scaled = condition.x;
    let softplus = |id: ValueId| matches!(s.builder.made(id), Some((Operation::Softplus, &[x])) if x == scaled);
    let same = if a == scaled {
        softplus(b)
    } else {
        match (s.builder.made(scaled), s.builder.made(b)) {
            (Some((Operation::Mul, &[x, beta])), Some((Operation::Div, &[y, divisor]))) => {
                let beta = number(beta).filter(|beta| *beta > 0.0);
                x == a && softplus(y) && beta.is_some() && beta == number(divisor)
            }
            _ => false,
        }
    };
    same && !condition.negated && condition.at_least >= LINEAR
}
