//! The gradient of the paper's networks: by the core on buffers that stand ready, and by the desktop engine as a library.
use shatterscope::exec::Isa;
use shatterscope::exec::{Buffers, Input, Run, Source};
use shatterscope::internals::kernel::Tiled;
use shatterscope::plan::{Plan, RunOptions};
use shatterscope::workers::{Serial, Workers};
use shatterscope_host::engine::{self, Aligned, Engine, Threads};
use shatterscope_host::spec::{Norm, Overrides, Spec};
use shatterscope_host::weights::Drawn;
use shatterscope_peers::{Contestant, Entry, POINTS, WIDTH, write};
use std::collections::HashMap;
use std::io;
use std::path::Path;

/// Everything on loan to a contestant lives as long as the program.
fn kept<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// The core with buffers of its own, one after the other or on the threads of a pool that stands ready.
struct Core {
    plan: &'static Plan<'static>,
    options: RunOptions,
    input: Input<'static>,
    source: Source<'static>,
    pool: Option<rayon::ThreadPool>,
    values: Aligned,
    tape: Vec<u8>,
    statistics: Vec<f32>,
    panel: Vec<f32>,
    outputs: Vec<f32>,
    gradient: Vec<f32>,
}

impl Core {
    fn new(spec: &Spec, isa: Isa, source: Source<'static>, threads: usize) -> io::Result<Self> {
        let refused = |error: shatterscope::Error| io::Error::other(format!("{error:?}"));
        let options = RunOptions::new(spec.points).with_isa(isa);
        let plan = kept(Plan::family(kept(spec.network()), options.want()).map_err(refused)?);
        let lengths = plan.run(&options, 32).map_err(refused)?;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(io::Error::other)?;
        Ok(Self {
            plan,
            options,
            input: spec.grid().input(),
            source,
            pool: (threads > 1).then_some(pool),
            values: Aligned::zeros(lengths.values_len).map_err(io::Error::other)?,
            tape: vec![0; lengths.tape_len as usize],
            statistics: vec![0.0; lengths.statistics_len as usize],
            panel: vec![0.0; WIDTH * WIDTH],
            outputs: vec![0.0; lengths.outputs_len as usize],
            gradient: vec![0.0; lengths.gradient_len as usize],
        })
    }

    fn with<K: Workers, const R: usize, const T: usize>(&mut self, workers: &K) {
        let buffers = Buffers {
            values: &mut self.values,
            tape: &mut self.tape,
            statistics: &mut self.statistics,
            scratch: &mut self.panel,
            gathered: &mut [],
        };
        let (outputs, gradient) = (&mut self.outputs, &mut self.gradient);
        Run::<_, R, T>::new(self.plan, self.source, workers, self.input, self.options, buffers, outputs, gradient)
            .and_then(|mut run| run.run())
            .expect("the networks run");
    }

    fn on<K: Workers>(&mut self, workers: &K) {
        let RunOptions { isa, points, .. } = self.options;
        isa.tiled(points, On(self, workers));
    }
}

struct On<'a, K>(&'a mut Core, &'a K);

impl<K: Workers> Tiled for On<'_, K> {
    type Output = ();

    fn with<const R: usize, const T: usize>(self) {
        self.0.with::<_, R, T>(self.1);
    }
}

impl Contestant for Core {
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
        let seeded = kept(spec.seeded(0).with_isa(isa));
        let drawn = kept(Drawn::draw(&spec.network(), seeded).map_err(io::Error::other)?);
        write(&data.join(format!("{name}.f32")), &drawn.parameters)?;
        write(&data.join("grid.f32"), &(0..spec.points).map(|i| spec.grid().point(i)).collect::<Vec<f32>>())?;
        let work = drawn.layers().map(|(_, weight, _)| 4 * weight.len() as u64).sum::<u64>();
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
            let mut core = Core::new(&spec, isa, Source::Stored(&drawn.parameters), threads)?;
            core.run();
            references.insert(given.clone(), core.result());
            entries.push(Entry::new(&given, "ours, core", core));
            entries.push(Entry::new(&given, "ours, engine", library(Some(drawn))));
            let (drawn, source) = (task("drawn"), Source::Seeded(seeded));
            entries.push(Entry::new(&drawn, "ours, core", Core::new(&spec, isa, source, threads)?));
            entries.push(Entry::new(&drawn, "ours, engine", library(None)));
        }
    }
    Ok(entries)
}
