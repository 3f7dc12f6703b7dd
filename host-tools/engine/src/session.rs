//! A network with memory of its own, on the desktop's threads.
use crate::{Aligned, Failure, Isa, OUT_OF_RANGE, Placed, Result, Threads};
use shatterscope::exec::{Loss, Model, Options, Targets, TrainState, fill_running};
use shatterscope::graph::{Builder, Node, Value};
use shatterscope::internals::kernel::Tiled;
use shatterscope::plan::{Plan, Want};
use shatterscope::train::{InitialWeights, Powers, Settings};
use shatterscope::{Buffer, Error};

/// A network, its memory, and the parameters that it has learnt.
///
/// It does what [`shatterscope::exec::Session`] does, with the same bits: memory is allocated here, threads share the work, and the fastest instructions
/// of the processor are used.
///
/// ```
/// use shatterscope::exec::{Model, Targets};
/// use shatterscope::graph::{Builder, Shape};
/// use shatterscope::plan::Want;
/// use shatterscope::train::{InitialWeights, Optimiser, Settings, Initializer};
/// use shatterscope_engine::Session;
///
/// let mut session = Session::build(Want::ParameterGradient, 4, |net: &mut Builder| {
///     let x = net.input(Shape::vector(1));
///     net.layer(1);
///     let x = net.dense(x, 8, true);
///     let x = net.relu(x);
///     net.layer(2);
///     net.dense(x, 1, true)
/// })?;
/// session.start(Settings::new(Optimiser::ADAM), InitialWeights::new(Initializer::He, 1))?;
/// let (inputs, targets) = ([-2.0, -1.0, 1.0, 2.0], [2.0, 1.0, 1.0, 2.0]);
/// for _ in 0..300 {
///     session.train_step(0.05, &inputs, Targets::Values(&targets))?;
/// }
/// let outputs = session.predict(&inputs)?;
/// assert!(outputs.iter().zip(targets).all(|(y, target)| (y - target).abs() < 0.2));
/// # Ok::<(), shatterscope_engine::Failure>(())
/// ```
pub struct Session {
    placed: Placed,
    batch: u32,
    isa: shatterscope::exec::Isa,
    threads: Threads,
    arena: Aligned,
    /// Parameters, running statistics, and what an optimiser remembers.
    memory: Vec<f32>,
    settings: Settings,
    seed: u64,
    progress: (u32, Powers),
}

impl Session {
    /// The network that `build` writes; the value that it returns is the output.
    ///
    /// # Errors
    /// Nodes that do not fit each other, with the node; more than 2^32 - 1 units or parameters; no memory.
    pub fn build(want: Want, batch: u32, build: impl Fn(&mut Builder) -> Value) -> Result<Self> {
        let mut room = 64;
        loop {
            let mut nodes = vec![Node::EMPTY; room];
            let mut builder = Builder::new(&mut nodes);
            let output = build(&mut builder);
            match builder.finish(&[output]).map(|graph| graph.len()) {
                Ok(len) => {
                    nodes.truncate(len);
                    return Self::of(Placed::of_nodes(nodes, want)?, batch);
                }
                Err(Error::TooShort { buffer: Buffer::Nodes, .. }) if room < 1 << 24 => room *= 4,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// A session for a graph that is placed. Parameters are zero until they are set.
    ///
    /// # Errors
    /// No memory.
    pub fn of(placed: Placed, batch: u32) -> Result<Self> {
        let isa = Isa::Auto.kernel()?;
        let plan = placed.plan()?;
        let settings = Settings::default();
        let mut memory = vec![0.0; TrainState::len(&plan, &settings)];
        fill_running(plan.graph(), &mut memory[plan.parameters_len as usize..]);
        Ok(Self {
            placed,
            batch,
            isa,
            threads: Threads::new(),
            arena: Aligned::default(),
            memory,
            settings,
            seed: 0,
            progress: (0, Powers::new()),
        })
    }

    /// The graph, its slots and the names of its nodes.
    pub fn placed(&self) -> &Placed {
        &self.placed
    }

    /// Draws parameters and begins a training.
    ///
    /// # Errors
    /// Settings out of their ranges; an initialisation that the network cannot have.
    pub fn start(&mut self, settings: Settings, init: InitialWeights) -> Result<()> {
        let plan = self.placed.plan()?;
        let mut memory = vec![0.0; TrainState::len(&plan, &settings)];
        let mut scratch = vec![0.0; init.scratch_len(plan.graph()) as usize];
        TrainState::new(&plan, settings, init, &mut memory, &mut scratch)?;
        (self.memory, self.settings, self.seed, self.progress) = (memory, settings, init.seed, (0, Powers::new()));
        Ok(())
    }

    /// Sets the parameters and running statistics to stored ones.
    ///
    /// # Errors
    /// Other lengths than the network has.
    pub fn set(&mut self, model: Model<'_>) -> Result<()> {
        let plan = self.placed.plan()?;
        for (buffer, need, have) in [
            (Buffer::Parameters, plan.parameters_len, model.parameters.len() as u64),
            (Buffer::Running, plan.running_len, model.running.len() as u64),
        ] {
            if need > have {
                return Err(Error::TooShort { buffer, need, have }.into());
            }
            if need < have {
                return Err(Failure::failed(format!("{have} elements of {buffer:?} for a network that has {need}")));
            }
        }
        let own = self.memory.iter_mut();
        own.zip(model.parameters.iter().chain(model.running)).for_each(|(own, x)| *own = *x);
        Ok(())
    }

    /// The parameters and running statistics.
    ///
    /// # Errors
    /// None for a network that was made here.
    pub fn model(&self) -> Result<Model<'_>> {
        let plan = self.placed.plan()?;
        let (parameters, rest) = self.memory.split_at(plan.parameters_len as usize);
        Ok(Model::new(parameters).with_running(&rest[..plan.running_len as usize]))
    }

    /// The outputs of any number of points, `[point][output]`.
    ///
    /// # Errors
    /// Inputs that are not whole points; NaN or infinity, with the node.
    pub fn predict(&mut self, inputs: &[f32]) -> Result<Vec<f32>> {
        let mut outputs = Vec::new();
        self.run(Work::Predict { inputs, outputs: &mut outputs })?;
        Ok(outputs)
    }

    /// The outputs of a batch, and the gradients of its inputs for a cotangent `[point][output]`, which is 1.0 everywhere without one.
    ///
    /// # Errors
    /// As [`Session::predict`]; more points than the batch; a session without gradients of inputs.
    pub fn input_gradient(&mut self, inputs: &[f32], cotangent: Option<&[f32]>) -> Result<(Vec<f32>, Vec<f32>)> {
        let (mut outputs, mut gradient) = (Vec::new(), Vec::new());
        self.run(Work::Gradient { inputs, cotangent, outputs: &mut outputs, gradient: &mut gradient })?;
        Ok((outputs, gradient))
    }

    /// One step of training on a batch.
    ///
    /// # Errors
    /// As [`shatterscope::exec::Session::train_step`].
    pub fn train_step(&mut self, rate: f32, inputs: &[f32], targets: Targets<'_>) -> Result<Loss> {
        let mut loss = None;
        self.run(Work::Step { rate, inputs, targets, loss: &mut loss })?;
        loss.ok_or_else(|| Failure::failed("a step without a loss"))
    }

    fn run(&mut self, work: Work<'_>) -> Result<()> {
        let Self { placed, batch, isa, threads, arena, memory, settings, seed, progress } = self;
        let job = Job {
            plan: &placed.plan()?,
            options: Options::new(*batch).with_isa(*isa),
            threads,
            arena,
            memory,
            settings: *settings,
            seed: *seed,
            progress,
            work,
        };
        isa.tiled(*batch, job).map_err(|error| match error {
            Stop::Core(error) => placed.failure(error, OUT_OF_RANGE),
            Stop::Here(failure) => failure,
        })?;
        threads.check()
    }
}

enum Work<'w> {
    Predict { inputs: &'w [f32], outputs: &'w mut Vec<f32> },
    Gradient { inputs: &'w [f32], cotangent: Option<&'w [f32]>, outputs: &'w mut Vec<f32>, gradient: &'w mut Vec<f32> },
    Step { rate: f32, inputs: &'w [f32], targets: Targets<'w>, loss: &'w mut Option<Loss> },
}

/// Why work stopped.
enum Stop {
    Core(Error),
    Here(Failure),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Core(error)
    }
}

struct Job<'j> {
    plan: &'j Plan<'j>,
    options: Options,
    threads: &'j Threads,
    arena: &'j mut Aligned,
    memory: &'j mut Vec<f32>,
    settings: Settings,
    seed: u64,
    progress: &'j mut (u32, Powers),
    work: Work<'j>,
}

impl Tiled for Job<'_> {
    type Output = std::result::Result<(), Stop>;
    const NARROW: bool = false;

    fn with<const R: usize, const T: usize>(self) -> std::result::Result<(), Stop> {
        let Self { plan, options, threads, arena, memory, settings, seed, progress, work } = self;
        // The scratch that makes passes fastest.
        let more = plan.scratch_best.saturating_sub(plan.scratch_len);
        let len = (plan.arena_len(options.batch, T as u32) as u64).saturating_add(more);
        if (arena.len() as u64) < len {
            *arena = Aligned::zeros(len).map_err(Stop::Here)?;
        }
        let mut session = shatterscope::exec::Session::<_, R, T>::with_tile(plan, threads, options, arena)?;
        let (inputs_of, outputs_of) = session.point_lens();
        let rows = |inputs: &[f32]| inputs.len().checked_div(inputs_of).unwrap_or(0) * outputs_of;
        let mut state = TrainState::resume(plan, settings, seed, *progress, memory)?;
        match work {
            Work::Predict { inputs, outputs } => {
                outputs.resize(rows(inputs), 0.0);
                session.predict(state.model(), inputs, outputs)?;
            }
            Work::Gradient { inputs, cotangent, outputs, gradient } => {
                outputs.resize(rows(inputs), 0.0);
                gradient.resize(inputs.len(), 0.0);
                session.input_gradient(state.model(), inputs, cotangent, outputs, gradient)?;
            }
            Work::Step { rate, inputs, targets, loss } => {
                *loss = Some(session.train_step(&mut state, rate, inputs, targets)?);
                *progress = state.progress();
            }
        }
        Ok(())
    }
}
