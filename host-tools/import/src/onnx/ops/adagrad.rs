//! `Adagrad`, of the operators of training.
use super::optimiser::{Step, coefficient, deviation, regularised};
use crate::{
    onnx_format::scope::{Results, Scope},
    operation::Operation,
};

/// `g' = norm x + g; h' = h + g' g'; x' = x - (r g') / (sqrt(h') + epsilon)` with `r = R / (1 + T decay)`; the divisor is computed in f64 and
/// rounded once.
pub fn adagrad(mut s: Scope<'_, '_>) -> Results {
    let step = Step::new(&mut s, 3)?;
    let norm = coefficient(&s, "norm_coefficient", Some(0.0))?;
    let epsilon = coefficient(&s, "epsilon", Some(1e-6))?;
    let decay = coefficient(&s, "decay_factor", Some(0.0))?;
    let divisor = (1.0 + step.count as f64 * f64::from(decay)) as f32;
    if divisor == 0.0 || !divisor.is_finite() {
        return Err(s.error(format!("the learning rate is divided by 1 + T decay_factor, which is {divisor}")));
    }
    let divisor = s.number(divisor);
    let rate = s.emit(Operation::Div, &[step.rate, divisor])?;
    step.each(&mut s, |s, own| {
        let (x, g, h) = (own[0], own[1], own[2]);
        let g = regularised(s, norm, x, g)?;
        let square = s.emit(Operation::Mul, &[g, g])?;
        let h = s.emit(Operation::Add, &[h, square])?;
        let root = deviation(s, h, epsilon)?;
        let scaled = s.emit(Operation::Mul, &[rate, g])?;
        let change = s.emit(Operation::Div, &[scaled, root])?;
        Ok(vec![s.emit(Operation::Sub, &[x, change])?, h])
    })
}
