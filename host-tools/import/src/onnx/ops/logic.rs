//! What is computed of constants only: truth values, remainders, roundings; and comparisons.
use super::{arithmetic::operands, condition};
use crate::{
    builder::Condition,
    error::Result,
    evaluate::{self, Comparison},
    model::ValueId,
    onnx_format::scope::{Results, Scope, one},
    shape,
    tensor::Tensor,
};

/// Both operands, which have to be constant; the elements of the result are counted.
fn constants(s: &mut Scope<'_, '_>) -> Result<(ValueId, ValueId)> {
    let (a, b) = operands(s)?;
    count(s, a, b)?;
    Ok((a, b))
}

fn count(s: &mut Scope<'_, '_>, a: ValueId, b: ValueId) -> Result<()> {
    s.constant(a, "first operand")?;
    s.constant(b, "second operand")?;
    let shape = s.at(shape::broadcast(&s.shape(a), &s.shape(b)))?;
    let n = s.at(shape::elements(&shape))?;
    s.spend(n)
}

pub fn modulo(mut s: Scope<'_, '_>) -> Results {
    let (a, b) = constants(&mut s)?;
    let fmod = s.flag("fmod")?;
    let y = evaluate::modulo(s.constant(a, "first operand")?, s.constant(b, "second operand")?, fmod);
    let y = s.at(y)?;
    one(s.fresh(y))
}

pub fn compare(mut s: Scope<'_, '_>) -> Results {
    let how = match s.site.kind.as_str() {
        "Equal" => Comparison::Equal,
        "Less" => Comparison::Less,
        "LessOrEqual" => Comparison::LessOrEqual,
        "Greater" => Comparison::Greater,
        _ => Comparison::GreaterOrEqual,
    };
    let (a, b) = operands(&mut s)?;
    if let Some(condition) = condition::compared(&mut s, how, a, b)? {
        return one(condition);
    }
    count(&mut s, a, b)?;
    let y = evaluate::compare(how, s.constant(a, "first operand")?, s.constant(b, "second operand")?);
    let y = s.at(y)?;
    one(s.fresh(y))
}

pub fn logical(mut s: Scope<'_, '_>) -> Results {
    let f: fn(bool, bool) -> bool = match s.site.kind.as_str() {
        "And" => |a, b| a && b,
        "Or" => |a, b| a || b,
        _ => |a, b| a != b,
    };
    let (a, b) = constants(&mut s)?;
    let y = evaluate::logical(s.constant(a, "first operand")?, s.constant(b, "second operand")?, f);
    let y = s.at(y)?;
    one(s.fresh(y))
}

pub fn not(mut s: Scope<'_, '_>) -> Results {
    let x = s.operand(0)?;
    if let Some(&condition) = s.builder.conditions.get(&x) {
        return one(s.builder.condition(Condition { negated: !condition.negated, ..condition }));
    }
    let y = match s.constant(x, "operand")? {
        Tensor::Bool { shape, data } => Tensor::Bool { shape: shape.clone(), data: data.iter().map(|&v| !v).collect() },
        other => return Err(s.error(format!("an operand of {}, expected truth values", other.element()))),
    };
    s.spend(y.len())?;
    one(s.fresh(y))
}

pub fn rounded(mut s: Scope<'_, '_>) -> Results {
    let f: fn(f32) -> f32 = match s.site.kind.as_str() {
        "Floor" => f32::floor,
        "Ceil" => f32::ceil,
        "Round" => f32::round_ties_even,
        _ => |v| {
            if v > 0.0 {
                1.0
            } else if v < 0.0 {
                -1.0
            } else {
                v
            }
        },
    };
    let x = s.operand(0)?;
    if s.site.kind == "Sign" && s.is_float(x) && s.builder.tensor(x).is_none() {
        return condition::sign(s, x);
    }
    s.spend(s.shape(x).iter().product())?;
    let y = match s.constant(x, "operand")? {
        Tensor::I64 { shape, data } if s.site.kind == "Sign" => {
            Ok(Tensor::I64 { shape: shape.clone(), data: data.iter().map(|v| v.signum()).collect() })
        }
        tensor => evaluate::floats(tensor, f),
    };
    let y = s.at(y)?;
    one(s.fresh(y))
}
