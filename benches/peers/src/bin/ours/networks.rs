//! The gradient of the paper's networks: by the core on buffers that stand ready, and by the desktop engine as a library.
use shatterscope::kernel::{Isa, Tiled};
use shatterscope::network::{
    Buffers, Executor, Input, Network, Options, Parameters, Seeded, Serial, Stored, Weights, Workers,
};
use shatterscope_host::engine::{self, Aligned, Engine, Threads};
use shatterscope_host::spec::{Norm, Overrides, Spec};
use shatterscope_host::weights::{Drawn, dense_layers};
use shatterscope_peers::{Contestant, Entry, POINTS, WIDTH, write};
use std::collections::HashMap;
use std::io;
use std::path::Path;

/// Everything on loan to a contestant lives as long as the program.
fn kept<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// The core with buffers of its own, one after the other or on the threads of a pool that stands ready.
struct Core<W: 'static> {
    network: Network<'static>,
    options: Options,
    input: Input<'static>,
    weights: W,
    pool: Option<rayon::ThreadPool>,
    activations: Aligned,
    tape: Vec<u8>,
    statistics: Vec<f32>,
    panel: Vec<f32>,
    outputs: Vec<f32>,
    gradient: Vec<f32>,
}

impl<W: Weights> Core<W> {
    fn new(spec: &Spec, isa: Isa, weights: W, threads: usize) -> io::Result<Self> {
        let network = Network::Family(spec.network());
        let options = Options { isa, ..Options::new(spec.points) };
        let plan = network.plan(&options, 32).map_err(|error| io::Error::other(format!("{error:?}")))?;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(io::Error::other)?;
        Ok(Self {
            network,
            options,
            input: spec.grid().input(),
            weights,
            pool: (threads > 1).then_some(pool),
            activations: Aligned::zeros(plan.activations_len).map_err(io::Error::other)?,
            tape: vec![0; plan.tape_len as usize],
            statistics: vec![0.0; plan.statistics_len as usize],
            panel: vec![0.0; WIDTH * WIDTH],
            outputs: vec![0.0; plan.outputs_len as usize],
            gradient: vec![0.0; plan.gradient_len as usize],
        })
    }

    fn with<K: Workers, const R: usize, const T: usize>(&mut self, workers: &K) {
        let buffers = Buffers {
            activations: &mut self.activations,
            tape: &mut self.tape,
            statistics: &mut self.statistics,
            normalised: &mut [],
            panel: &mut self.panel,
        };
        Executor::<_, _, R, T>::new(
            self.network,
            &self.weights,
            workers,
            self.input,
            self.options,
            buffers,
            &mut self.outputs,
            &mut self.gradient,
        )
        .and_then(|mut executor| executor.run())
        .expect("the networks run");
    }

    fn on<K: Workers>(&mut self, workers: &K) {
        let Options { isa, points, .. } = self.options;
        isa.tiled(points, On(self, workers));
    }
}

struct On<'a, W: Weights + 'static, K>(&'a mut Core<W>, &'a K);

impl<W: Weights, K: Workers> Tiled for On<'_, W, K> {
    type Output = ();

    fn with<const R: usize, const T: usize>(self) {
        self.0.with::<_, R, T>(self.1);
    }
}

impl<W: Weights + Send> Contestant for Core<W> {
    fn run(&mut self) {
        match self.pool.take() {
            Some(pool) => {
                pool.install(|| self.on(&Threads::new()));
                self.pool = Some(pool);
            }
            None => self.on(&Serial),
        }
    }

    fn result(&self) -> Vec<f32> {
        self.gradient.clone()
    }
}

/// The library that the command line is made of.
struct Library {
    engine: Engine,
    spec: Spec,
    /// None: drawn in each run.
    given: Option<&'static Drawn>,
    gradient: Vec<f32>,
}

impl Contestant for Library {
    fn run(&mut self) {
        let outcome = match self.given {
            Some(drawn) => self.engine.stored(&self.spec, drawn),
            None => self.engine.runs(&self.spec, ""),
        };
        let runs = outcome.expect("the networks run").expect("the networks are finite");
        self.gradient = runs.into_iter().next().expect("one run").gradient;
    }

    fn result(&self) -> Vec<f32> {
        self.gradient.clone()
    }
}

/// Writes the weights of each network, and enters core and engine.
pub fn entries(data: &Path, isa: Isa, references: &mut HashMap<String, Vec<f32>>) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for (name, depth, norm, what) in [
        ("centred-24", 24, Norm::Centre, "24 x 200, centred"),
        ("plain-24", 24, Norm::None, "24 x 200"),
        ("plain-50", 50, Norm::None, "50 x 200"),
    ] {
        let fields = Overrides {
            depth: Some(depth),
            width: Some(WIDTH as u32),
            points: Some(POINTS as u32),
            norm: Some(norm),
            runs: Some(1),
            ..Overrides::default()
        };
        let spec = fields.resolve().map_err(io::Error::other)?;
        let network = Network::Family(spec.network());
        let seeded = spec.seeded(0).with_isa(isa);
        let drawn = kept(Drawn::draw(&network, &seeded).map_err(io::Error::other)?);
        let all: Vec<f32> = drawn.layers.iter().flat_map(|(weight, bias)| weight.iter().chain(bias)).copied().collect();
        write(&data.join(format!("{name}.f32")), &all)?;
        write(&data.join("grid.f32"), &(0..spec.points).map(|i| spec.grid().point(i)).collect::<Vec<f32>>())?;
        let parameters: &Vec<Parameters> = kept(drawn.parameters());
        let stored = Stored::new(&network, parameters).map_err(|error| io::Error::other(format!("{error:?}")))?;
        let work = dense_layers(&network).iter().map(|d| 4 * u64::from(d.fan_in) * u64::from(d.fan_out)).sum::<u64>();
        for threads in [1, 2] {
            let engine =
                Engine { threads, ..Engine::new(Some(threads), engine::Isa::Auto, true).map_err(io::Error::other)? };
            let title = |weights: &str| {
                let plural = if threads == 1 { "one thread" } else { "two threads" };
                format!("gradient of {what} at {POINTS} points, weights {weights}, {plural}")
            };
            let library = |given| Library { engine: engine.clone(), spec: spec.clone(), given, gradient: Vec::new() };
            let task = |weights: &str| format!("{name}-{weights}-{threads}");
            for weights in ["given", "drawn"] {
                println!("task\t{}\t{}\t{}", task(weights), work * POINTS as u64, title(weights));
            }
            let given = task("given");
            let mut core = Core::new(&spec, isa, stored, threads)?;
            core.run();
            references.insert(given.clone(), core.result());
            entries.push(Entry::new(&given, "ours, core", core));
            entries.push(Entry::new(&given, "ours, engine", library(Some(drawn))));
            let drawn = task("drawn");
            entries.push(Entry::new(&drawn, "ours, core", Core::<Seeded>::new(&spec, isa, seeded, threads)?));
            entries.push(Entry::new(&drawn, "ours, engine", library(None)));
        }
    }
    Ok(entries)
}
