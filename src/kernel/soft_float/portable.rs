//! The reference in safe Rust, for any target.
use super::{Range, Sum, Terms};

/// See [`super::advance`].
#[inline(never)]
pub(super) fn advance<const T: usize>(sum: &mut Sum, terms: &mut Terms<T>, range: Range) {
    let (weights, inputs, len) = (terms.weights.iter(), terms.inputs.iter(), terms.at_once());
    let done = match (terms.step, T) {
        (1, 1) => add(sum, weights.zip(inputs).take(len), range),
        (step, 1) => add(sum, weights.step_by(step.max(1)).zip(inputs).take(len), range),
        (step, _) => add(sum, weights.step_by(step.max(1)).zip(inputs.step_by(T.max(1))).take(len), range),
    };
    terms.skip(done);
}

/// How many were added.
#[inline(always)]
fn add<'a>(sum: &mut Sum, terms: impl Iterator<Item = (&'a f32, &'a f32)>, range: Range) -> usize {
    let mut local = *sum;
    let mut done = 0;
    for (w, x) in terms {
        let (w, x) = (w.to_bits(), x.to_bits());
        let Some(above) = range.exponent(w) else { break };
        if x << 1 != 0 {
            local.add(w, above, x);
        }
        done += 1;
    }
    *sum = local;
    done
}
