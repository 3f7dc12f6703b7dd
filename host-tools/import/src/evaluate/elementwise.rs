//! Element by element.
use super::movement::{broadcast_strides, strided};
use crate::{
    operation::Operation,
    shape::{self, Outcome},
    tensor::Tensor,
};

/// Both operands in their common shape.
fn pairs<A: Copy, B: Copy>(
    (a, from_a): (&[A], &[usize]),
    (b, from_b): (&[B], &[usize]),
    shape: &[usize],
) -> Outcome<Vec<(A, B)>> {
    let a = strided(a, shape, &broadcast_strides(from_a, shape), 0)?;
    let b = strided(b, shape, &broadcast_strides(from_b, shape), 0)?;
    Ok(a.into_iter().zip(b).collect())
}

pub fn binary(op: &Operation, a: &Tensor, b: &Tensor, shape: &[usize]) -> Outcome<Tensor> {
    use Operation as O;
    let to = shape.to_vec();
    match (a, b) {
        (Tensor::F32 { data: x, .. }, Tensor::F32 { data: y, .. }) => {
            let pairs = pairs((x.as_slice(), a.shape()), (y.as_slice(), b.shape()), shape)?;
            let compute = |(x, y): (f32, f32)| match op {
                O::Add => x + y,
                O::Sub => x - y,
                O::Mul => x * y,
                O::Div => x / y,
                O::Min if x.is_nan() || x < y => x,
                O::Max if x.is_nan() || x > y => x,
                O::Min | O::Max => y,
                _ => libm::pow(f64::from(x), f64::from(y)) as f32,
            };
            Ok(Tensor::F32 { shape: to, data: pairs.into_iter().map(compute).collect() })
        }
        (Tensor::I64 { data: x, .. }, Tensor::I64 { data: y, .. }) => {
            let pairs = pairs((x.as_slice(), a.shape()), (y.as_slice(), b.shape()), shape)?;
            let compute = |(x, y): (i64, i64)| {
                match op {
                    O::Add => x.checked_add(y),
                    O::Sub => x.checked_sub(y),
                    O::Mul => x.checked_mul(y),
                    O::Div => x.checked_div(y),
                    O::Min => Some(x.min(y)),
                    O::Max => Some(x.max(y)),
                    _ => u32::try_from(y).ok().and_then(|y| x.checked_pow(y)),
                }
                .ok_or_else(|| format!("{x} and {y} have no result of 64 bits"))
            };
            Ok(Tensor::I64 { shape: to, data: pairs.into_iter().map(compute).collect::<Outcome<_>>()? })
        }
        (Tensor::F32 { data: x, .. }, Tensor::I64 { data: y, .. }) if *op == O::Pow => {
            let pairs = pairs((x.as_slice(), a.shape()), (y.as_slice(), b.shape()), shape)?;
            let data = pairs.into_iter().map(|(x, y)| libm::pow(f64::from(x), y as f64) as f32).collect();
            Ok(Tensor::F32 { shape: to, data })
        }
        _ => Err(format!("operands of {} and {}", a.element(), b.element())),
    }
}

pub fn unary(op: &Operation, x: &Tensor) -> Outcome<Tensor> {
    use Operation as O;
    let shape = x.shape().to_vec();
    match x {
        Tensor::F32 { data, .. } => {
            let wide = |f: fn(f64) -> f64, v: f32| f(f64::from(v)) as f32;
            let compute = |&v: &f32| {
                Ok(match op {
                    O::Relu if v > 0.0 => v,
                    O::Relu => 0.0,
                    O::Clip { min, max } => {
                        let low = if v < *min { *min } else { v };
                        if low > *max { *max } else { low }
                    }
                    O::Abs => v.abs(),
                    O::Neg => -v,
                    O::Sqrt => v.sqrt(),
                    O::Reciprocal => 1.0 / v,
                    O::Exp => wide(libm::exp, v),
                    O::Log => wide(libm::log, v),
                    O::Erf => wide(libm::erf, v),
                    O::Tanh => wide(libm::tanh, v),
                    O::Sigmoid => wide(|v| 1.0 / (1.0 + libm::exp(-v)), v),
                    _ => return Err("no operation on constants".to_owned()),
                })
            };
            Ok(Tensor::F32 { shape, data: data.iter().map(compute).collect::<Outcome<_>>()? })
        }
        Tensor::I64 { data, .. } => {
            let compute = |&v: &i64| {
                match op {
                    O::Abs => v.checked_abs(),
                    O::Neg => v.checked_neg(),
                    O::Relu => Some(v.max(0)),
                    O::Clip { min, max } => Some((v as f32).max(*min).min(*max) as i64),
                    _ => None,
                }
                .ok_or_else(|| format!("{v} has no result of 64 bits"))
            };
            Ok(Tensor::I64 { shape, data: data.iter().map(compute).collect::<Outcome<_>>()? })
        }
        Tensor::Bool { .. } => Err("arithmetic with truth values".to_owned()),
    }
}

/// A function of single f32.
pub fn floats(x: &Tensor, f: impl Fn(f32) -> f32) -> Outcome<Tensor> {
    match x {
        Tensor::F32 { shape, data } => {
            Ok(Tensor::F32 { shape: shape.clone(), data: data.iter().map(|&v| f(v)).collect() })
        }
        _ => Err(format!("an operand of {}, expected f32", x.element())),
    }
}

/// A comparison.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `a == b`
    Equal,
    /// `a < b`
    Less,
    /// `a <= b`
    LessOrEqual,
    /// `a > b`
    Greater,
    /// `a >= b`
    GreaterOrEqual,
}

impl Comparison {
    fn holds<T: PartialOrd>(self, a: &T, b: &T) -> bool {
        match self {
            Self::Equal => a == b,
            Self::Less => a < b,
            Self::LessOrEqual => a <= b,
            Self::Greater => a > b,
            Self::GreaterOrEqual => a >= b,
        }
    }
}

/// Truth values of a comparison.
pub fn compare(how: Comparison, a: &Tensor, b: &Tensor) -> Outcome<Tensor> {
    let shape = shape::broadcast(a.shape(), b.shape())?;
    let data = match (a, b) {
        (Tensor::F32 { data: x, .. }, Tensor::F32 { data: y, .. }) => {
            pairs((x.as_slice(), a.shape()), (y.as_slice(), b.shape()), &shape)?
                .iter()
                .map(|(x, y)| how.holds(x, y))
                .collect()
        }
        (Tensor::I64 { data: x, .. }, Tensor::I64 { data: y, .. }) => {
            pairs((x.as_slice(), a.shape()), (y.as_slice(), b.shape()), &shape)?
                .iter()
                .map(|(x, y)| how.holds(x, y))
                .collect()
        }
        (Tensor::Bool { data: x, .. }, Tensor::Bool { data: y, .. }) => {
            pairs((x.as_slice(), a.shape()), (y.as_slice(), b.shape()), &shape)?
                .iter()
                .map(|(x, y)| how.holds(x, y))
                .collect()
        }
        _ => return Err(format!("operands of {} and {}", a.element(), b.element())),
    };
    Ok(Tensor::Bool { shape, data })
}

/// A function of two truth values.
pub fn logical(a: &Tensor, b: &Tensor, f: fn(bool, bool) -> bool) -> Outcome<Tensor> {
    let shape = shape::broadcast(a.shape(), b.shape())?;
    match (a, b) {
        (Tensor::Bool { data: x, .. }, Tensor::Bool { data: y, .. }) => {
            let pairs = pairs((x.as_slice(), a.shape()), (y.as_slice(), b.shape()), &shape)?;
            Ok(Tensor::Bool { data: pairs.into_iter().map(|(x, y)| f(x, y)).collect(), shape })
        }
        _ => Err(format!("operands of {} and {}, expected truth values", a.element(), b.element())),
    }
}

/// The remainder: with the sign of the divisor, or of the dividend where `fmod` is set.
pub fn modulo(a: &Tensor, b: &Tensor, fmod: bool) -> Outcome<Tensor> {
    let shape = shape::broadcast(a.shape(), b.shape())?;
    match (a, b) {
        (Tensor::I64 { data: x, .. }, Tensor::I64 { data: y, .. }) => {
            let compute = |(x, y): (i64, i64)| {
                let rest = x.checked_rem(y).ok_or_else(|| format!("the remainder of {x} by {y} does not exist"))?;
                Ok(if !fmod && rest != 0 && (rest < 0) != (y < 0) { rest + y } else { rest })
            };
            let pairs = pairs((x.as_slice(), a.shape()), (y.as_slice(), b.shape()), &shape)?;
            Ok(Tensor::I64 { data: pairs.into_iter().map(compute).collect::<Outcome<_>>()?, shape })
        }
        (Tensor::F32 { data: x, .. }, Tensor::F32 { data: y, .. }) if fmod => {
            let pairs = pairs((x.as_slice(), a.shape()), (y.as_slice(), b.shape()), &shape)?;
            Ok(Tensor::F32 { data: pairs.into_iter().map(|(x, y)| x % y).collect(), shape })
        }
        _ => Err(format!("operands of {} and {}, fmod {fmod}", a.element(), b.element())),
    }
}

/// `a` where the condition holds, `b` elsewhere.
pub fn select(condition: &Tensor, a: &Tensor, b: &Tensor) -> Outcome<Tensor> {
    let shape = shape::broadcast(&shape::broadcast(condition.shape(), a.shape())?, b.shape())?;
    let Tensor::Bool { data: which, .. } = condition else {
        return Err(format!("a condition of {}, expected truth values", condition.element()));
    };
    let which = strided(which, &shape, &broadcast_strides(condition.shape(), &shape), 0)?;
    macro_rules! of {
        ($kind:ident, $x:expr, $y:expr) => {{
            let pairs = pairs(($x.as_slice(), a.shape()), ($y.as_slice(), b.shape()), &shape)?;
            let data = which.into_iter().zip(pairs).map(|(first, (x, y))| if first { x } else { y }).collect();
            Ok(Tensor::$kind { shape, data })
        }};
    }
    match (a, b) {
        (Tensor::F32 { data: x, .. }, Tensor::F32 { data: y, .. }) => of!(F32, x, y),
        (Tensor::I64 { data: x, .. }, Tensor::I64 { data: y, .. }) => of!(I64, x, y),
        (Tensor::Bool { data: x, .. }, Tensor::Bool { data: y, .. }) => of!(Bool, x, y),
        _ => Err(format!("operands of {} and {}", a.element(), b.element())),
    }
}
