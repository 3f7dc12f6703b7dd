//! One run: the register tile, the buffers, and the steps of the run.
use crate::Result;
use crate::limits::zeros;
use crate::progress::Progress;
use crate::slices::sliced;
use crate::{Aligned, Run, Share, Threads, float_mode};
use shatterscope::NonFinite;
use shatterscope::contract::Digest;
use shatterscope::exec::{self, Buffers, Input, Observer, Source};
use shatterscope::internals::kernel::Tiled;
use shatterscope::plan::{Plan, RunOptions};
use shatterscope::spec::Spec;

/// Runs with the register tile that suits the kernel and the number of points: R rows of weights by T points.
pub fn execute(
    options: RunOptions,
    network: (&Spec, Input),
    weights: Source,
    share: Share,
    progress: &Progress,
    observer: &mut dyn Observer,
) -> Result<std::result::Result<Run, NonFinite>> {
    options.isa.tiled(options.points, Job { options, network, weights, share, progress, observer })
}

struct Job<'a> {
    options: RunOptions,
    network: (&'a Spec, Input<'a>),
    weights: Source<'a>,
    share: Share,
    progress: &'a Progress,
    observer: &'a mut dyn Observer,
}

impl Tiled for Job<'_> {
    type Output = Result<std::result::Result<Run, NonFinite>>;

    fn with<const R: usize, const T: usize>(self) -> Self::Output {
        let Self { options, network, weights, share, progress, observer } = self;
        match share {
            Share::Nothing => run::<R, T>(network, weights, &Threads::alone(), options, progress, observer),
            Share::Operations => {
                let threads = Threads::new();
                let outcome = run::<R, T>(network, weights, &threads, options, progress, observer)?;
                threads.check()?;
                Ok(outcome)
            }
            Share::Points => sliced::<R, T>(network, weights, options, progress),
        }
    }
}

/// All of a run at once.
pub(crate) fn run<const R: usize, const T: usize>(
    (spec, input): (&Spec, Input),
    weights: Source,
    workers: &Threads,
    options: RunOptions,
    progress: &Progress,
    mut observer: &mut dyn Observer,
) -> Result<std::result::Result<Run, NonFinite>> {
    float_mode::check()?;
    let plan = Plan::family(spec, options.want())?;
    let lengths = plan.run(&options, T as u32)?;
    let mut values = Aligned::zeros(lengths.values_len)?;
    let mut tape = zeros(lengths.tape_len)?;
    let mut statistics = zeros(lengths.statistics_len)?;
    let mut panel = zeros(panel_len(&plan, weights)?)?;
    let mut outputs = zeros(lengths.outputs_len)?;
    let mut gradient = zeros(lengths.gradient_len)?;
    let buffers = Buffers {
        values: &mut values,
        tape: &mut tape,
        statistics: &mut statistics,
        scratch: &mut panel,
        gathered: &mut [],
    };
    let mut run =
        exec::Run::<_, R, T>::new(&plan, weights, workers, input, options, buffers, &mut outputs, &mut gradient)?;
    let mut before = 0;
    loop {
        let step = run.step_observed(1 << 26, &mut observer);
        progress.add(run.multiply_adds() - before);
        before = run.multiply_adds();
        match step {
            Ok(step) if step.is_done() => break,
            Ok(_) => {}
            Err(shatterscope::Error::NonFinite(fault)) => return Ok(Err(fault)),
            Err(error) => return Err(error.into()),
        }
    }
    let digest = Digest::of(&gradient);
    Ok(Ok(Run { outputs, gradient, digest }))
}

/// f32 elements of a panel of weights: a whole matrix, up to 4 MB. Matrices in memory are used from there.
fn panel_len(plan: &Plan, weights: Source) -> Result<u64> {
    const PANEL: u64 = 1 << 20;
    let least = weights.panel_len(plan)?;
    let Source::Seeded(_) = weights else { return Ok(least) };
    let graph = plan.graph();
    // A dense layer has as many multiply-adds as weights.
    let matrices = graph.distinct().filter_map(|i| graph.facts(i)).map(|facts| facts.multiply_adds);
    Ok(matrices.max().unwrap_or(1).min(PANEL) + least)
}
