//! One run, its points in slices beside each other: without a norm no point knows another, and threads meet only at the end.
use crate::Result;
use crate::execute::run;
use crate::progress::Progress;
use crate::{Run, Threads};
use rayon::prelude::*;
use shatterscope::contract::Digest;
use shatterscope::exec::{Input, Source};
use shatterscope::plan::RunOptions;
use shatterscope::spec::Spec;
use shatterscope::{NonFinite, Pass};

/// A slice for each thread of the current pool, in whole tiles.
pub(crate) fn sliced<const R: usize, const T: usize>(
    network: (&Spec, Input),
    weights: Source,
    options: RunOptions,
    progress: &Progress,
) -> Result<std::result::Result<Run, NonFinite>> {
    let each = options.count.div_ceil(rayon::current_num_threads() as u32).next_multiple_of(T as u32).max(T as u32);
    let slices: Vec<u32> = (0..options.count).step_by(each as usize).collect();
    let one = |&first: &u32| {
        let slice = options.with_slice(options.first + first, each.min(options.count - first));
        run::<R, T>(network, weights, &Threads::alone(), slice, progress, &mut ())
    };
    let results = slices.par_iter().map(one).collect::<Result<Vec<_>>>()?;
    if let Some(fault) = results.iter().filter_map(|result| result.as_ref().err()).copied().reduce(worse) {
        return Ok(Err(fault));
    }
    let (mut outputs, mut gradient) = (Vec::new(), Vec::new());
    for run in results.into_iter().flatten() {
        outputs.extend(run.outputs);
        gradient.extend(run.gradient);
    }
    let digest = Digest::of(&gradient);
    Ok(Ok(Run { outputs, gradient, digest }))
}

/// The fault that all points together end with: the lowest layer forward, otherwise the highest backward.
fn worse(a: NonFinite, b: NonFinite) -> NonFinite {
    match (a.pass, b.pass) {
        (Pass::Forward, Pass::Backward) => a,
        (Pass::Backward, Pass::Forward) => b,
        (Pass::Forward, Pass::Forward) => {
            if b.layer < a.layer {
                b
            } else {
                a
            }
        }
        (Pass::Backward, Pass::Backward) => {
            if b.layer > a.layer {
                b
            } else {
                a
            }
        }
    }
}
