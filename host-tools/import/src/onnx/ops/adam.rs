//! `Adam`, of the operators of training.
use super::optimiser::{Step, coefficient, deviation, regularised, times};
use crate::{
    onnx_format::scope::{Results, Scope},
    operation::Operation,
};

/// `g' = norm x + g; v' = alpha v + (1 - alpha) g'; h' = beta h + (1 - beta) (g' g'); x' = (1 - post) (x - (r v') / (sqrt(h') + epsilon))` with
/// `r = R (sqrt(1 - beta^T) / (1 - alpha^T))`, or `R` where `T` is 0; that factor and the differences from 1 are computed in f64 and rounded
/// once.
pub fn adam(mut s: Scope<'_, '_>) -> Results {
    let step = Step::new(&mut s, 4)?;
    let norm = coefficient(&s, "norm_coefficient", Some(0.0))?;
    let post = coefficient(&s, "norm_coefficient_post", Some(0.0))?;
    let epsilon = coefficient(&s, "epsilon", Some(1e-6))?;
    let alpha = coefficient(&s, "alpha", Some(0.9))?;
    let beta = coefficient(&s, "beta", Some(0.999))?;
    let rest = |of: f32| (1.0 - f64::from(of)) as f32;
    let factor = if step.count > 0 {
        let power = |of: f32| libm::pow(f64::from(of), step.count as f64);
        (libm::sqrt(1.0 - power(beta)) / (1.0 - power(alpha))) as f32
    } else {
        1.0
    };
    if !factor.is_finite() {
        return Err(
            s.error(format!("alpha {alpha} and beta {beta} at step {} correct the rate by {factor}", step.count))
        );
    }
    let rate = times(&mut s, factor, step.rate)?;
    step.each(&mut s, |s, own| {
        let (x, g, v, h) = (own[0], own[1], own[2], own[3]);
        let g = regularised(s, norm, x, g)?;
        let (kept, new) = (times(s, alpha, v)?, times(s, rest(alpha), g)?);
        let v = s.emit(Operation::Add, &[kept, new])?;
        let square = s.emit(Operation::Mul, &[g, g])?;
        let (kept, new) = (times(s, beta, h)?, times(s, rest(beta), square)?);
        let h = s.emit(Operation::Add, &[kept, new])?;
        let root = deviation(s, h, epsilon)?;
        let scaled = s.emit(Operation::Mul, &[rate, v])?;
        let change = s.emit(Operation::Div, &[scaled, root])?;
        let x = s.emit(Operation::Sub, &[x, change])?;
        Ok(vec![times(s, rest(post), x)?, v, h])
    })
}
