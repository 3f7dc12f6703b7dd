use super::{FigureContext, non_finite};
use crate::Result;
use crate::engine::Engine;
use crate::progress::Progress;
use crate::spec::{Family, Norm, Overrides, Spec};
use crate::usage::{Raster, rasters};
use rayon::prelude::*;

pub(super) const DEPTH: u32 = 50;
pub(super) const WIDTH: u32 = 100;
pub(super) const NETWORKS: u32 = 100;

/// The networks whose neurons Figures 3 and 4 look at.
pub(super) fn three(context: &FigureContext) -> Result<[(&'static str, Spec); 3]> {
    let plain = Overrides {
        depth: Some(DEPTH),
        width: Some(WIDTH),
        seed: Some(context.seed),
        runs: Some(NETWORKS),
        ..Overrides::default()
    };
    let normed = Overrides { norm: Some(Norm::Batch), ..plain.clone() };
    let resnet = Overrides { family: Some(Family::Resnet), beta: Some(1.0), ..normed.clone() };
    Ok([
        ("(a) Feedforward, no norm", plain.resolve()?),
        ("(b) Feedforward, batch norm", normed.resolve()?),
        ("(c) Resnet, batch norm", resnet.resolve()?),
    ])
}

/// What `measure` sees in the rasters, one a ReLU, of each run of a spec.
pub(super) fn over_networks<T: Send>(
    context: &FigureContext,
    what: &str,
    spec: &Spec,
    measure: impl Fn(&[Raster]) -> T + Sync,
) -> Result<Vec<T>> {
    // Networks beside each other, so that each needs one thread.
    let engine = Engine { threads: 1, quiet: true, ..context.engine.clone() };
    let progress = Progress::new(what, u64::from(spec.runs), context.engine.quiet);
    let one = |run: u32| -> Result<_> {
        let (result, rasters) = rasters(&engine, spec, run)?.map_err(|fault| non_finite(what, run, fault))?;
        progress.add(1);
        Ok((result, measure(&rasters)))
    };
    let all = context.engine.install(|| (0..spec.runs).into_par_iter().map(one).collect::<Result<Vec<_>>>())?;
    let (runs, measured): (Vec<_>, _) = all?.into_iter().unzip();
    context.note(what, spec, &runs);
    Ok(measured)
}
