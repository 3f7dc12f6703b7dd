//! One run: the register tile, the buffers, and the steps of the executor.
use crate::Result;
use crate::limits::zeros;
use crate::progress::Progress;
use crate::slices::sliced;
use crate::weights::{Source, dense_layers};
use crate::{Aligned, Run, Share, Threads, float_mode};
use shatterscope::Fault;
use shatterscope::contract::Digest;
use shatterscope::kernel::Tiled;
use shatterscope::network::{Buffers, Executor, Input, Network, Observer, Options, Weights};

/// Runs with the register tile that suits the kernel and the number of points: R rows of weights by T points.
pub fn execute(
    options: Options,
    network: (Network, Input),
    weights: &Source,
    share: Share,
    progress: &Progress,
    observer: &mut dyn Observer,
) -> Result<std::result::Result<Run, Fault>> {
    options.isa.tiled(options.points, Job { options, network, weights, share, progress, observer })
}

struct Job<'a> {
    options: Options,
    network: (Network<'a>, Input<'a>),
    weights: &'a Source<'a>,
    share: Share,
    progress: &'a Progress,
    observer: &'a mut dyn Observer,
}

impl Tiled for Job<'_> {
    type Output = Result<std::result::Result<Run, Fault>>;

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

/// All of a run by one executor.
pub(crate) fn run<const R: usize, const T: usize>(
    (network, input): (Network, Input),
    weights: &Source,
    workers: &Threads,
    options: Options,
    progress: &Progress,
    mut observer: &mut dyn Observer,
) -> Result<std::result::Result<Run, Fault>> {
    /// A whole matrix is one panel up to this many elements (4 MB).
    const PANEL: u64 = 1 << 20;
    float_mode::check()?;
    let plan = network.plan(&options, T as u32)?;
    let dense = dense_layers(&network);
    // Matrices that stand in memory are used from there.
    let drawn = dense.iter().filter(|dense| weights.matrix(dense).is_none());
    let matrix = drawn.map(|dense| dense.fan_in as u64 * dense.fan_out as u64).max().unwrap_or(1);
    let least = dense.iter().map(|dense| weights.panel_len(dense)).max().unwrap_or(1);
    let mut activations = Aligned::zeros(plan.activations_len)?;
    let mut tape = zeros(plan.tape_len)?;
    let mut statistics = zeros(plan.statistics_len)?;
    let mut normalised = Aligned::zeros(plan.normalised_len)?;
    let mut panel = zeros(matrix.min(PANEL) + least)?;
    let mut outputs = zeros(plan.outputs_len)?;
    let mut gradient = zeros(plan.gradient_len)?;
    let buffers = Buffers {
        activations: &mut activations,
        tape: &mut tape,
        statistics: &mut statistics,
        normalised: &mut normalised,
        panel: &mut panel,
    };
    let mut executor =
        Executor::<_, _, R, T>::new(network, weights, workers, input, options, buffers, &mut outputs, &mut gradient)?;
    let mut before = 0;
    loop {
        let step = executor.step_observed(1 << 26, &mut observer);
        progress.add(executor.multiply_adds() - before);
        before = executor.multiply_adds();
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
