use super::axes::{Axis, Line};
use super::facts::compiled;
use super::{BackwardFacts, Facts};
use crate::error::Error;
use crate::math::wide;
use crate::shape::Shape;

/// A softmax over the units along an axis, at each other place, or its logarithm.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Softmax {
    /// The shape of operand and value.
    pub shape: Shape,
    /// The axis.
    pub axis: Axis,
    /// Whether the value is the logarithm.
    pub log: bool,
}

fn exp(x: f32) -> f32 {
    wide::exp(f64::from(x)) as f32
}

/// Element `i`; slices have all elements of the shape.
fn at(x: &[f32], i: usize) -> f32 {
    invariant!(x.get(i).copied())
}

fn set(y: &mut [f32], i: usize, value: f32) {
    if let Some(y) = y.get_mut(i) {
        *y = value;
    }
}

/// `m = max x; e = exp(x - m); s = chain(+0.0; e ascending); y = e / s`, or `y = (x - m) - ln(s)`.
///
/// # Shapes
/// `x` and `y` `[unit][points]`.
///
/// # Numerics
/// The order of TFLite's reference kernel. The maximum is the first of equals.
pub fn softmax_forward(softmax: &Softmax, points: usize, x: &[f32], y: &mut [f32]) {
    for line in Line::all(softmax.shape, softmax.axis) {
        for p in 0..points {
            let own = line.elements(p, points);
            let mut all = own.clone().map(|i| at(x, i));
            let first = invariant!(all.next());
            let m = all.fold(first, |m, x| if x > m { x } else { m });
            let mut s = 0.0;
            for i in own.clone() {
                let e = exp(at(x, i) - m);
                set(y, i, e);
                s += e;
            }
            let log = if softmax.log { wide::ln(s) as f32 } else { 0.0 };
            for i in own {
                let value = if softmax.log { (at(x, i) - m) - log } else { at(y, i) / s };
                set(y, i, value);
            }
        }
    }
}

/// The gradient of the operand from the value: `s = chain(+0.0; g y ascending); grad_input = y (g - s)`; of the logarithm `s = chain(+0.0; g
/// ascending); grad_input = g - (exp(y) s)`.
///
/// # Shapes
/// `y`, `g` and `to` `[unit][points]`.
pub fn softmax_backward(softmax: &Softmax, points: usize, y: &[f32], g: &[f32], to: &mut [f32]) {
    let log = softmax.log;
    let term = |y: f32, i| if log { at(g, i) } else { at(g, i) * y };
    each(softmax, points, y, term, |y, i, s| {
        let value = if log { at(g, i) - (exp(y) * s) } else { y * (at(g, i) - s) };
        set(to, i, value);
    });
}

/// The tangent from the value: `s = chain(+0.0; t y ascending); y (t - s)`; of the logarithm `s = chain(+0.0; t exp(y) ascending); t - s`.
///
/// # Shapes
/// `y`, `t` and `to` `[unit][points]`.
pub fn softmax_tangent(softmax: &Softmax, points: usize, y: &[f32], t: &[f32], to: &mut [f32]) {
    let log = softmax.log;
    let term = |y: f32, i| at(t, i) * if log { exp(y) } else { y };
    each(softmax, points, y, term, |y, i, s| {
        let value = if log { at(t, i) - s } else { y * (at(t, i) - s) };
        set(to, i, value);
    });
}

/// `s = chain(+0.0; term(y, index))` of each line and point, then `write(y, index, s)` for each of its elements.
fn each(
    softmax: &Softmax,
    points: usize,
    y: &[f32],
    term: impl Fn(f32, usize) -> f32,
    mut write: impl FnMut(f32, usize, f32),
) {
    for line in Line::all(softmax.shape, softmax.axis) {
        for p in 0..points {
            let own = line.elements(p, points);
            let s = own.clone().fold(0.0, |s, i| s + term(at(y, i), i));
            own.for_each(|i| write(at(y, i), i, s));
        }
    }
}

/// A softmax in a graph.
pub(super) const fn facts(x: Shape) -> Result<Facts, Error> {
    match compiled(cfg!(feature = "models")) {
        Ok(()) => Facts::of(x),
        Err(error) => Err(error),
    }
}

/// Its backward pass.
pub(super) const BACKWARD: BackwardFacts = BackwardFacts { in_place: false, ..BackwardFacts::OF_VALUE };
