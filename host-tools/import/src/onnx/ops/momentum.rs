//! `Momentum`, of the operators of training.
use super::optimiser::{Step, coefficient, regularised, times};
use crate::{
    onnx_format::scope::{Results, Scope},
    operation::Operation,
};

/// `g' = norm x + g; v' = alpha v + b g'`, with `b` 1 where `T` is 0 and `beta` otherwise; `x' = x - R v'`, or `x - R (g' + alpha v')` in mode
/// `nesterov`.
pub fn momentum(mut s: Scope<'_, '_>) -> Results {
    let step = Step::new(&mut s, 3)?;
    let norm = coefficient(&s, "norm_coefficient", None)?;
    let alpha = coefficient(&s, "alpha", None)?;
    let beta = coefficient(&s, "beta", None)?;
    let ahead = match s.text("mode", "")? {
        "standard" => false,
        "nesterov" => true,
        other => return Err(s.error(format!("mode {other:?}, expected \"standard\" or \"nesterov\""))),
    };
    let beta = if step.count > 0 { beta } else { 1.0 };
    step.each(&mut s, |s, own| {
        let (x, g, v) = (own[0], own[1], own[2]);
        let g = regularised(s, norm, x, g)?;
        let (kept, new) = (times(s, alpha, v)?, times(s, beta, g)?);
        let v = s.emit(Operation::Add, &[kept, new])?;
        let direction = if ahead {
            let next = times(s, alpha, v)?;
            s.emit(Operation::Add, &[g, next])?
        } else {
            v
        };
        let change = s.emit(Operation::Mul, &[step.rate, direction])?;
        Ok(vec![s.emit(Operation::Sub, &[x, change])?, v])
    })
}
