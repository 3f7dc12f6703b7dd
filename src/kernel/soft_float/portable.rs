//! The reference in safe Rust, for any target.
use super::{Range, Sum, Terms};

/// See [`super::advance`].
#[inline(never)]
pub(super) fn advance<const T: usize>(sum: &mut Sum, terms: &mut Terms<T>, range: Range) {
    let (step, len) = (terms.step, terms.at_once());
    let done = if step == 1 && T == 1 {
        add(sum, terms.weights.iter().zip(terms.inputs).take(len), range)
    } else {
        // A loop of its own: with `step_by` the compiler keeps a division and its panic.
        let (mut weight, mut input) = (0, 0);
        let next = |_| {
            let term = terms.weights.get(weight).zip(terms.inputs.get(input));
            (weight, input) = (weight + step, input + T);
            term
        };
        add(sum, (0..len).map_while(next), range)
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
