use super::{Facts, finite};
use crate::error::{Error, InvalidSpec};
use crate::shape::Shape;
/// `branch[e] = (a * x[e]) + (b * branch[e])`, three roundings: the residual join.
///
/// A resnet has a = alpha and b = alpha * beta, a highway a = carry and b = transform.
#[inline(always)]
pub fn join_forward(a: f32, x: &[f32], b: f32, branch: &mut [f32]) {
    for (f, x) in branch.iter_mut().zip(x) {
        *f = (a * x) + (b * *f);
    }
}

/// `grad_branch = b * g`, in place.
#[inline(always)]
pub fn join_backward_branch(b: f32, g: &mut [f32]) {
    for g in g {
        *g *= b;
    }
}

/// `through_branch[e] = (a * g[e]) + through_branch[e]`: what came through the branch joins what skipped it.
#[inline(always)]
pub fn join_backward_input(a: f32, g: &[f32], through_branch: &mut [f32]) {
    for (f, g) in through_branch.iter_mut().zip(g) {
        *f += a * g;
    }
}

/// A residual join of a graph.
pub(crate) const fn facts(x: Shape, y: Shape, a: f32, b: f32) -> Result<Facts, Error> {
    match (finite(a), finite(b)) {
        (Ok(()), Ok(())) if x.same(y) => Facts::in_place(x),
        (Ok(()), Ok(())) => Err(Error::InvalidSpec(InvalidSpec::Shape)),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}
