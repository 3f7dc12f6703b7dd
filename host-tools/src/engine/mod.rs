//! Runs the kernel on the desktop's threads: runs beside each other, or the tiles and units of one run.
mod need;

pub use shatterscope_engine::{Aligned, Isa, Run, Threads, float_mode};

use crate::limits::{MOST_THREADS, at_most};
use crate::progress::Progress;
use crate::spec::Spec;
use crate::weights::{Drawn, weights_len};
use crate::{Failure, Result};
use rayon::prelude::*;
use shatterscope::exec::{Input, Observer, Source};
use shatterscope::internals::kernel;
use shatterscope::plan::{Plan, RunOptions, Schedule};
use shatterscope::spec::Norm;
use shatterscope_engine::{Share, execute, pool};
use std::sync::Arc;

/// How to compute; none of it changes a bit.
#[derive(Clone, Debug)]
pub struct Engine {
    /// Threads, at least 1.
    pub threads: usize,
    /// Kernel.
    pub isa: kernel::Isa,
    /// Whether runs above [`LONG_WORK`](crate::limits::LONG_WORK) are computed; above [`MOST_WORK`](crate::limits::MOST_WORK) none are.
    pub long: bool,
    /// No progress bar.
    pub quiet: bool,
    /// Schedule, instead of the engine's own choice.
    pub schedule: Option<Schedule>,
    /// Largest total of weights, in f32 elements, that is drawn once and kept for the way back.
    pub keep_weights: u64,
}

impl Engine {
    /// All threads but as limited, the best kernel.
    ///
    /// # Errors
    /// Wrong use: no threads, or a kernel that the processor lacks.
    pub fn new(threads: Option<usize>, isa: Isa, quiet: bool) -> Result<Self> {
        let available = std::thread::available_parallelism().map_or(1, |n| n.get());
        let threads = match threads {
            Some(0) => return Err(Failure::usage("--threads must be at least 1")),
            Some(threads) => {
                at_most("--threads", threads, MOST_THREADS, "more than any processor has")?;
                Some(threads)
            }
            None => None,
        }
        .unwrap_or(available.min(MOST_THREADS));
        Ok(Self { threads, isa: isa.kernel()?, long: true, quiet, schedule: None, keep_weights: 64 << 20 })
    }
}

/// Which run ended without a result, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunFault {
    /// Run.
    pub run: u32,
    /// Pass and layer.
    pub fault: shatterscope::NonFinite,
}

/// The runs of a spec, in order, or the first that met NaN or infinity.
pub type Outcome = std::result::Result<Vec<Run>, RunFault>;

impl Engine {
    /// All runs of a spec with seeded weights.
    ///
    /// # Errors
    /// Wrong use as the core refuses it.
    pub fn runs(&self, spec: &Spec, what: &str) -> Result<Outcome> {
        self.check(spec)?;
        let work = multiply_adds(&spec.network(), &self.options(spec))?;
        let progress = Progress::new(what, work.saturating_mul(spec.runs as u64), self.quiet);
        let one = |run: u32, share: Share| self.seeded(spec, run, share, &progress, &mut ());
        let results: Vec<Result<_>> = self.pool()?.install(|| {
            if spec.runs as usize >= self.threads {
                (0..spec.runs).into_par_iter().map(|run| one(run, Share::Nothing)).collect()
            } else {
                (0..spec.runs).map(|run| one(run, self.share(spec))).collect()
            }
        });
        let mut runs = Vec::with_capacity(results.len());
        for (run, result) in (0..).zip(results) {
            match result? {
                Ok(result) => runs.push(result),
                Err(fault) => return Ok(Err(RunFault { run, fault })),
            }
        }
        Ok(Ok(runs))
    }

    /// One run of a spec with seeded weights, seen by `observer`; the outcome, or where NaN or infinity arose.
    ///
    /// # Errors
    /// Wrong use as the core refuses it.
    pub fn observed(
        &self,
        spec: &Spec,
        run: u32,
        observer: &mut (dyn Observer + Send),
    ) -> Result<std::result::Result<Run, shatterscope::NonFinite>> {
        self.check(&Spec { runs: 1, ..spec.clone() })?;
        let work = multiply_adds(&spec.network(), &self.options(spec))?;
        let progress = Progress::new("host", work, self.quiet);
        self.pool()?.install(|| self.seeded(spec, run, Share::Operations, &progress, observer))
    }

    /// Draws the weights once where they may be kept, and runs.
    fn seeded(
        &self,
        spec: &Spec,
        run: u32,
        share: Share,
        progress: &Progress,
        observer: &mut dyn Observer,
    ) -> Result<std::result::Result<Run, shatterscope::NonFinite>> {
        float_mode::check()?;
        let network = spec.network();
        let seeded = spec.seeded(run).with_isa(self.isa);
        let vectors = spec.vectors(run);
        let input = vectors.as_deref().map_or(spec.grid().input(), Input::Points);
        if weights_len(&network)? <= self.keep_weights {
            let drawn = Drawn::draw(&network, &seeded)?;
            // A deviation so large that weights overflow: the run itself says at which layer, as on a device.
            if drawn.is_finite() {
                let stored = Source::Stored(&drawn.parameters);
                return execute(self.options(spec), (&network, input), stored, share, progress, observer);
            }
        }
        execute(self.options(spec), (&network, input), Source::Seeded(&seeded), share, progress, observer)
    }

    /// One run with given parameters, which are finite, on the grid.
    ///
    /// # Errors
    /// Several inputs; parameters of another network.
    pub fn stored(&self, spec: &Spec, drawn: &Drawn) -> Result<Outcome> {
        spec.one_input("a run with given weights")?;
        self.check(&Spec { runs: 1, ..spec.clone() })?;
        let (network, options) = (network_of(spec, drawn), self.options(spec));
        let progress = Progress::new("probe", multiply_adds(&network, &options)?, self.quiet);
        let (input, parameters) = (spec.grid().input(), Source::Stored(&drawn.parameters));
        let share = self.share(spec);
        let run = || execute(options, (&network, input), parameters, share, &progress, &mut ());
        let outcome = self.pool()?.install(run)?;
        Ok(outcome.map(|run| vec![run]).map_err(|fault| RunFault { run: 0, fault }))
    }

    /// Runs `work` on as many threads as this engine may take.
    ///
    /// # Errors
    /// Threads that cannot be started, or are in another floating-point mode.
    pub fn install<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        self.pool()?.install(|| float_mode::check().map(|()| work()))
    }

    fn pool(&self) -> Result<Arc<rayon::ThreadPool>> {
        pool(self.threads)
    }

    /// What the threads share of one run that nobody watches: points do not know each other but through a norm. The whole batch
    /// goes through together, whoever wants a slice of it.
    fn share(&self, spec: &Spec) -> Share {
        match (self.threads, spec.network().norm, self.options(spec).schedule) {
            (1, ..) => Share::Nothing,
            (_, Norm::None, Schedule::Blocks { .. }) => Share::Points,
            _ => Share::Operations,
        }
    }

    fn options(&self, spec: &Spec) -> RunOptions {
        // Without a norm a few hundred points at a time stay in the cache, however many there are.
        let own = match spec.network().norm {
            Norm::None => Schedule::Blocks { resident: 256 },
            _ => Schedule::WholeBatch,
        };
        RunOptions::new(spec.points)
            .with_derivative(spec.derivative.core())
            .with_statistics(spec.statistics.map(|mode| mode.core()).unwrap_or_default())
            .with_math(spec.math.core())
            .with_isa(self.isa)
            .with_schedule(self.schedule.unwrap_or(own))
    }
}

/// Multiply-adds of a run.
fn multiply_adds(network: &shatterscope::spec::Spec, options: &RunOptions) -> Result<u64> {
    Ok(Plan::family(network, options.want())?.run(options, 1)?.multiply_adds)
}

/// The network whose parameters come from a file: the spec's, with hidden biases where the file has them.
pub fn network_of(spec: &Spec, drawn: &Drawn) -> shatterscope::spec::Spec {
    shatterscope::spec::Spec { bias_std: if drawn.hidden_bias() { 1.0 } else { 0.0 }, ..spec.network() }
}
