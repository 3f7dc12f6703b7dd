//! Runs the kernel on the desktop's threads: runs beside each other, or the tiles and units of one run.
mod isa;
mod threads;

pub use isa::Isa;
pub use threads::Threads;

use crate::progress::Progress;
use crate::spec::Spec;
use crate::weights::{Drawn, dense_layers, weights_len, with_stored};
use crate::{Failure, Result};
use rayon::prelude::*;
use shatterscope::contract::Digest;
use shatterscope::kernel;
use shatterscope::network::{
    Buffers, Executor, Input, Layer, Network, Norm, Observer, Options, Schedule, Serial, Stored, Weights, Workers,
};

/// How to compute; none of it changes a bit.
#[derive(Clone, Debug)]
pub struct Engine {
    /// Threads, at least 1.
    pub threads: usize,
    /// Kernel.
    pub isa: kernel::Isa,
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
            threads => threads.unwrap_or(available),
        };
        Ok(Self { threads, isa: isa.kernel()?, quiet, schedule: None, keep_weights: 64 << 20 })
    }
}

/// What one run gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// f at the points.
    pub outputs: Vec<f32>,
    /// df/dx at the points, `[point][input]`.
    pub gradient: Vec<f32>,
    /// Digest of the gradient.
    pub digest: Digest,
}

/// Which run ended without a result, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunFault {
    /// Run.
    pub run: u32,
    /// Pass and layer.
    pub fault: shatterscope::Fault,
}

/// The runs of a spec, in order, or the first that met NaN or infinity.
pub type Outcome = std::result::Result<Vec<Run>, RunFault>;

impl Engine {
    /// All runs of a spec with seeded weights.
    ///
    /// # Errors
    /// Wrong use as the core refuses it.
    pub fn runs(&self, spec: &Spec, what: &str) -> Result<Outcome> {
        let layers = spec.layers();
        let work = network_of(spec, &layers).plan(&self.options(spec), 1)?.multiply_adds;
        let progress = Progress::new(what, work.saturating_mul(spec.runs as u64), self.quiet);
        let one = |run: u32, workers_inside: bool| self.seeded(spec, run, workers_inside, &progress, &mut ());
        let results: Vec<Result<_>> = self.pool()?.install(|| {
            if spec.runs as usize >= self.threads {
                (0..spec.runs).into_par_iter().map(|run| one(run, false)).collect()
            } else {
                (0..spec.runs).map(|run| one(run, self.threads > 1)).collect()
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
        observer: &mut (impl Observer + Send),
    ) -> Result<std::result::Result<Run, shatterscope::Fault>> {
        let layers = spec.layers();
        let work = network_of(spec, &layers).plan(&self.options(spec), 1)?.multiply_adds;
        let progress = Progress::new("host", work, self.quiet);
        self.pool()?.install(|| self.seeded(spec, run, self.threads > 1, &progress, observer))
    }

    /// Draws the weights once where they may be kept, and runs.
    fn seeded(
        &self,
        spec: &Spec,
        run: u32,
        parallel: bool,
        progress: &Progress,
        observer: &mut impl Observer,
    ) -> Result<std::result::Result<Run, shatterscope::Fault>> {
        let layers = spec.layers();
        let network = network_of(spec, &layers);
        let seeded = spec.seeded(run).with_isa(self.isa);
        let vectors = spec.vectors(run);
        let input = vectors.as_deref().map_or(spec.grid().input(), Input::Points);
        if weights_len(&network) <= self.keep_weights {
            let drawn = Drawn::draw(&network, &seeded);
            let parameters = drawn.parameters();
            // A deviation so large that weights overflow: the run itself says at which layer, as on a device.
            if let Ok(stored) = Stored::new(&network, &parameters) {
                return self.dispatch(spec, (network, input), &stored, parallel, progress, observer);
            }
        }
        self.dispatch(spec, (network, input), &seeded, parallel, progress, observer)
    }

    /// One run with given parameters, on the grid.
    ///
    /// # Errors
    /// Several inputs; parameters that do not fit the network or are not finite.
    pub fn stored(&self, spec: &Spec, drawn: &Drawn) -> Result<Outcome> {
        spec.one_input("a run with given weights")?;
        let layers = layers_of(spec, drawn);
        let network = Network::Layers(&layers);
        let progress = Progress::new("probe", network.plan(&self.options(spec), 1)?.multiply_adds, self.quiet);
        let outcome = self.pool()?.install(|| {
            with_stored(&network, drawn, |stored| {
                self.dispatch(spec, (network, spec.grid().input()), stored, self.threads > 1, &progress, &mut ())
            })
        })?;
        Ok(outcome.map(|run| vec![run]).map_err(|fault| RunFault { run: 0, fault }))
    }

    /// Runs `work` on as many threads as this engine may take.
    ///
    /// # Errors
    /// Threads that cannot be started.
    pub fn install<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        Ok(self.pool()?.install(work))
    }

    fn pool(&self) -> Result<rayon::ThreadPool> {
        rayon::ThreadPoolBuilder::new()
            .num_threads(self.threads)
            .build()
            .map_err(|error| Failure::failed(format!("cannot start {} threads: {error}", self.threads)))
    }

    fn options(&self, spec: &Spec) -> Options {
        // Without a norm a few hundred points at a time stay in the cache, however many there are.
        let own = match spec.network().norm {
            Norm::None => Schedule::Blocks { resident: 256 },
            _ => Schedule::WholeBatch,
        };
        Options {
            derivative: spec.derivative.core(),
            statistics: spec.statistics.map(|mode| mode.core()).unwrap_or_default(),
            math: spec.math.core(),
            isa: self.isa,
            schedule: self.schedule.unwrap_or(own),
            ..Options::new(spec.points)
        }
    }

    /// The register tile that suits the kernel.
    fn dispatch<W: Weights>(
        &self,
        spec: &Spec,
        network: (Network, Input),
        weights: &W,
        parallel: bool,
        progress: &Progress,
        observer: &mut impl Observer,
    ) -> Result<std::result::Result<Run, shatterscope::Fault>> {
        let options = self.options(spec);
        macro_rules! with {
            ($workers:expr) => {
                match self.isa {
                    kernel::Isa::Portable => {
                        run::<W, _, _, 2, 16>(network, weights, $workers, options, progress, observer)
                    }
                    kernel::Isa::Sse2 => run::<W, _, _, 2, 16>(network, weights, $workers, options, progress, observer),
                    kernel::Isa::SoftFloat => {
                        run::<W, _, _, 1, 1>(network, weights, $workers, options, progress, observer)
                    }
                    kernel::Isa::Neon => run::<W, _, _, 4, 16>(network, weights, $workers, options, progress, observer),
                    kernel::Isa::Avx => run::<W, _, _, 5, 16>(network, weights, $workers, options, progress, observer),
                    kernel::Isa::Avx512 => {
                        run::<W, _, _, 8, 32>(network, weights, $workers, options, progress, observer)
                    }
                }
            };
        }
        if parallel { with!(&Threads) } else { with!(&Serial) }
    }
}

/// The network of a spec, whose `layers` are [`Spec::layers`].
fn network_of<'a>(spec: &Spec, layers: &'a Option<Vec<Layer>>) -> Network<'a> {
    layers.as_deref().map_or(Network::Family(spec.network()), Network::Layers)
}

/// The layers of a network whose parameters come from a file: the spec's, with hidden biases where the file has them.
pub fn layers_of(spec: &Spec, drawn: &Drawn) -> Vec<Layer> {
    let bias_std = if drawn.hidden_bias() { 1.0 } else { 0.0 };
    let network = Network::Family(shatterscope::network::Spec { bias_std, ..spec.network() });
    (0..network.len()).filter_map(|i| network.layer(i)).collect()
}

fn run<W: Weights, K: Workers, O: Observer, const R: usize, const T: usize>(
    (network, input): (Network, Input),
    weights: &W,
    workers: &K,
    options: Options,
    progress: &Progress,
    observer: &mut O,
) -> Result<std::result::Result<Run, shatterscope::Fault>> {
    /// A whole matrix is one panel up to this many elements (4 MB).
    const PANEL: u64 = 1 << 20;
    /// f32 elements of a line of the cache.
    const LINE: usize = 16;
    let plan = network.plan(&options, T as u32)?;
    let dense = dense_layers(&network);
    let matrix = dense.iter().map(|dense| dense.fan_in as u64 * dense.fan_out as u64).max().unwrap_or(1);
    let least = dense.iter().map(|dense| weights.panel_len(dense)).max().unwrap_or(1);
    let mut activations = vec![0.0; plan.activations_len as usize + LINE];
    let mut tape = vec![0; plan.tape_len as usize];
    let mut statistics = vec![0.0; plan.statistics_len as usize];
    let mut normalised = vec![0.0; plan.normalised_len as usize];
    let mut panel = vec![0.0; (matrix.min(PANEL) + least) as usize];
    let mut outputs = vec![0.0; plan.outputs_len as usize];
    let mut gradient = vec![0.0; plan.gradient_len as usize];
    // Registers as wide as a line of the cache load fastest from where a line begins.
    let first = activations.as_ptr().align_offset(4 * LINE);
    let buffers = Buffers {
        activations: activations.get_mut(first..).unwrap_or_default(),
        tape: &mut tape,
        statistics: &mut statistics,
        normalised: &mut normalised,
        panel: &mut panel,
    };
    let mut executor =
        Executor::<W, K, R, T>::new(network, weights, workers, input, options, buffers, &mut outputs, &mut gradient)?;
    let mut before = 0;
    loop {
        let step = executor.step_observed(1 << 26, observer);
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
