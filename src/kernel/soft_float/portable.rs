use super::{Range, Sum, Terms};

/// Adds terms to a sum until one has its weight outside of the range, or so many are done that the sum needs a look.
#[inline(never)]
pub(super) fn advance(sum: &mut Sum, terms: &mut Terms, range: Range) {
    let len = if terms.len < Terms::LONGEST { terms.len } else { Terms::LONGEST };
    let done = if terms.weight_step == 1 && terms.input_step == 1 {
        add(sum, terms.weights.iter().zip(terms.inputs).take(len), range)
    } else {
        let inputs = terms.inputs.iter().step_by(terms.input_step.max(1));
        add(sum, terms.weights.iter().step_by(terms.weight_step.max(1)).zip(inputs).take(len), range)
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
